//! The command line, called within this process.
#![cfg(feature = "cli")]

use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use swing_store::cli::{Interrupt, Streams, run};
use swing_store::store::{Location, OpenOptions, Store, StoreOptions, file_in_directory};

/// A writer to memory.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer that fails with the given kind of error.
struct Broken(ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn call_with(
    arguments: &[&str],
    stdout: Box<dyn Write + Send>,
    interrupt: Interrupt,
) -> (u8, String) {
    let stderr = Paper::default();
    let streams = Streams {
        stdout,
        stderr: Box::new(stderr.clone()),
        stdout_is_terminal: false,
        stderr_is_terminal: false,
    };
    let arguments = ["swing-store"].iter().chain(arguments).map(OsString::from);
    let code = run(arguments, streams, Arc::new(interrupt));
    (code, stderr.text())
}

/// Runs a command line. Returns its exit code, stdout and stderr.
fn call(arguments: &[&str]) -> (u8, String, String) {
    let stdout = Paper::default();
    let (code, stderr) = call_with(arguments, Box::new(stdout.clone()), Interrupt::default());
    (code, stdout.text(), stderr)
}

fn make_store(directory: &Path) {
    let location = Location::File(file_in_directory(directory));
    let options = StoreOptions::default();
    let mut store = Store::open(location, &OpenOptions::default(), false, options).unwrap();
    store.kernel_set(b"key", b"value").unwrap();
    store.host_set(b"host.height", b"7").unwrap();
    store.init_transcript(b"v1").unwrap();
    store.add_item(b"v1", b"item").unwrap();
    store.rollover(b"v1", false).unwrap();
    store.commit().unwrap();
    store.close().unwrap();
}

#[test]
fn help_succeeds_and_a_wrong_option_fails() {
    let (code, stdout, stderr) = call(&["--help"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("Exit codes"), "{stdout}");
    assert!(!stdout.contains('\u{1b}'), "no colors in a pipe");
    let (code, stdout, stderr) = call(&["mistake"]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.starts_with("error: "), "{stderr}");
    let (code, stdout, _) = call(&["mistake", "--json"]);
    assert_eq!(code, 2);
    assert!(stdout.starts_with("{\n  \"error\": {\n"), "{stdout}");
}

#[test]
fn a_store_is_exported_and_imported() {
    let base = tempfile::tempdir().unwrap();
    let [store, export, to, archive] = ["store", "export", "to", "archive"].map(|name| {
        let path = base.path().join(name);
        if name != "export" {
            std::fs::create_dir(&path).unwrap();
        }
        path.into_os_string().into_string().unwrap()
    });
    make_store(Path::new(&store));
    let exporting = [
        "export",
        "--state-dir",
        &store,
        "--export-dir",
        &export,
        "--artifact-mode",
        "archival",
        "--export-data-mode",
        "all",
    ];
    let (code, stdout, stderr) = call(&exporting);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(
        stdout.starts_with("Exported block 7 in mode archival to "),
        "{stdout}"
    );
    let (code, _, stderr) = call(&exporting);
    assert_eq!(code, 3);
    assert!(
        stderr.starts_with("error: there is an export already"),
        "{stderr}"
    );

    let importing = ["import", "--state-dir", &to, "--export-dir", &export];
    let (code, stdout, stderr) = call(&[&importing[..], &["--json", "--verbose"]].concat());
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("\"blockHeight\": 7,\n"), "{stdout}");
    assert!(stderr.contains("importing transcript.v1.0.1\n"), "{stderr}");
    let (code, _, stderr) = call(&["archive", "--state-dir", &to, "--archive-dir", &archive]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(Path::new(&archive).join("transcript.v1.0.1.gz").exists());
}

#[test]
fn an_interrupted_command_says_so() {
    let base = tempfile::tempdir().unwrap();
    make_store(base.path());
    let store = base.path().to_str().unwrap();
    let to = base.path().join("to");
    let interrupt = Interrupt::default();
    interrupt.raise();
    let arguments = [
        "archive",
        "--state-dir",
        store,
        "--archive-dir",
        to.to_str().unwrap(),
    ];
    let (code, stderr) = call_with(&arguments, Box::new(io::sink()), interrupt);
    assert_eq!((code, stderr.as_str()), (130, "error: interrupted\n"));
    assert!(!to.exists());
}

#[test]
fn a_closed_pipe_succeeds_and_a_full_disk_fails() {
    for (kind, expected) in [(ErrorKind::BrokenPipe, 0), (ErrorKind::StorageFull, 3)] {
        let arguments = ["completions", "bash"];
        let (code, stderr) = call_with(&arguments, Box::new(Broken(kind)), Interrupt::default());
        assert_eq!(code, expected);
        assert_eq!(stderr.is_empty(), expected == 0, "{stderr}");
    }
}
