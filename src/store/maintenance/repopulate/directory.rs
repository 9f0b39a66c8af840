//! Takes artifacts from a directory: an export, an archive, or files with the artifacts' names.

use std::io::{BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::options::RepopulateOptions;
use super::repopulation::Repopulation;
use super::report::Repopulated;
use crate::store::error::{Error, Result};
use crate::store::fs::open;
use crate::store::tasks::limits::limits;
use crate::store::tasks::monitor::Monitor;
use crate::store::tasks::parallel;
use crate::store::transfer::directory::{ArtifactSource, sources};

/// Restores pruned contents of the store in `store` from artifacts in the directory `from`.
///
/// The directory is an export, whose manifest only provides the list of artifacts; an archive, with
/// a file `NAME.gz` per artifact; or contains files with the artifacts' names.
///
/// # Errors
/// The errors of [`Repopulation::open`]; [`Error::Directory`] for an invalid manifest; [`Error::Io`]
/// for an unreadable directory. An unreadable file is only rejected.
pub fn repopulate_from_directory(
    from: &Path,
    store: &Path,
    options: RepopulateOptions,
    monitor: &Monitor,
) -> Result<Repopulated> {
    let mut done = Repopulated::default();
    repopulate_from_directory_into(from, store, options, monitor, &mut done)?;
    Ok(done)
}

/// Like [`repopulate_from_directory`], but also reports what was done before an error, in `done`.
/// That work is committed.
///
/// # Errors
/// The errors of [`repopulate_from_directory`].
pub fn repopulate_from_directory_into(
    from: &Path,
    store: &Path,
    options: RepopulateOptions,
    monitor: &Monitor,
    done: &mut Repopulated,
) -> Result<()> {
    let found = sources(from)?;
    let repopulation = Repopulation::open(store, options, monitor)?;
    monitor.set_total(found.len());
    let outcome = parallel::run(
        found.len(),
        |index| take(&repopulation, &found[index], monitor),
        || Ok(()),
    );
    match outcome.and_then(|()| repopulation.finish(monitor)) {
        Ok(all) => {
            *done = all;
            Ok(())
        }
        Err(error) => {
            *done = repopulation.partial_report();
            Err(error)
        }
    }
}

/// Adds one artifact to the store.
fn take(repopulation: &Repopulation, source: &ArtifactSource, monitor: &Monitor) -> Result<()> {
    let path = match &source.file {
        Ok(path) => path,
        Err(error) => {
            repopulation.refuse(&source.name, error, monitor);
            return Ok(());
        }
    };
    let Some(mut incoming) = repopulation.begin(&source.name, monitor)? else {
        return Ok(());
    };
    let mut chunk = vec![0; limits().chunk_bytes.max(1)];
    let mut file = None;
    loop {
        let length = match read(&mut file, path, source.is_gzip, &mut chunk) {
            Ok(0) => return repopulation.end(incoming, monitor),
            Ok(length) => length,
            Err(error) => {
                repopulation.refuse(&source.name, &error, monitor);
                return Ok(());
            }
        };
        if let Err(error) = incoming.add(&chunk[..length]) {
            return repopulation.give_up(incoming, error, monitor);
        }
        monitor.count(length)?;
    }
}

/// Reads the next bytes of a file. The first call opens it.
fn read(
    file: &mut Option<Box<dyn Read>>,
    path: &Path,
    is_gzip: bool,
    chunk: &mut [u8],
) -> Result<usize> {
    let failed = |error: &std::io::Error| match error.raw_os_error() {
        None if is_gzip => {
            Error::BadGzip(format!("{} is not a gzip file: {error}", path.display()))
        }
        _ => Error::io(format!("reading {}", path.display()), error),
    };
    let reader = match file {
        Some(reader) => reader,
        None => {
            let opened = open::open(path).map_err(|error| failed(&error))?;
            file.insert(if is_gzip {
                Box::new(MultiGzDecoder::new(BufReader::new(opened)))
            } else {
                Box::new(opened)
            })
        }
    };
    loop {
        match reader.read(chunk) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            outcome => return outcome.map_err(|error| failed(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Fails with each of these errors, and then returns a byte.
    struct Failing(Vec<io::Error>);

    impl Read for Failing {
        fn read(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
            match self.0.pop() {
                Some(error) => Err(error),
                None => {
                    chunk[0] = b'x';
                    Ok(1)
                }
            }
        }
    }

    #[test]
    fn an_interrupted_read_is_repeated() {
        let outcome = |errors: Vec<io::Error>, is_gzip| {
            let mut file: Option<Box<dyn Read>> = Some(Box::new(Failing(errors)));
            read(&mut file, Path::new("file"), is_gzip, &mut [0; 2])
        };
        let interrupted = || io::Error::from(io::ErrorKind::Interrupted);
        assert_eq!(outcome(vec![], false).unwrap(), 1);
        assert_eq!(
            outcome(vec![interrupted(), interrupted()], false).unwrap(),
            1
        );
        // An error of the system, and one of a decoder.
        let of_system = || io::Error::from_raw_os_error(5);
        let of_decoder = || io::Error::other("malformed");
        for (error, is_gzip, is_about_gzip) in [
            (of_system(), false, false),
            (of_system(), true, false),
            (of_decoder(), false, false),
            (of_decoder(), true, true),
        ] {
            let error = outcome(vec![error], is_gzip).unwrap_err();
            assert_eq!(matches!(error, Error::BadGzip(_)), is_about_gzip, "{error}");
            assert_eq!(matches!(error, Error::Io { .. }), !is_about_gzip, "{error}");
        }
    }
}
