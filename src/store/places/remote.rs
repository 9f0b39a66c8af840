//! Files in an object store, or on a web server.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use object_store::path::Path as ObjectPath;
use object_store::{
    Error as ObjectError, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    PutPayload,
};
use tempfile::SpooledTempFile;
use tokio::runtime::{Builder, Runtime};

use super::connect;
use super::reason::{Class, Reason};
use super::url::Url;
use crate::store::error::{Error, Result};
use crate::store::log;
use crate::store::tasks::monitor::Monitor;

/// How often a waiting request checks whether the task was aborted.
const POLL: Duration = Duration::from_millis(50);

/// How often a file is fetched whose transfer breaks off.
const FETCHES: u32 = 3;

/// The pause before a file is fetched again, which doubles each time.
const PAUSE: Duration = Duration::from_millis(200);

/// How many files in a row may fail to be fetched until the place itself counts as failing.
const MAX_FAILURES: u32 = 3;

/// The size of a part of a file that is not in memory.
const PART_BYTES: usize = 8 << 20;

/// How long the removal of the parts of an unfinished upload may take.
const CLEANUP: Duration = Duration::from_secs(5);

/// A prefix in an object store, or a directory of a web server.
///
/// Several threads can use it. Its requests are repeated if they fail for a reason that may pass.
pub struct Remote {
    store: Arc<dyn ObjectStore>,
    /// The path before the names of files.
    prefix: String,
    url: Url,
    text: String,
    /// How many files in a row could not be fetched.
    failures: AtomicU32,
    /// Only absent while this is dropped.
    runtime: Option<Runtime>,
}

/// What came of fetching a file.
enum Fetched {
    File(File),
    /// There is no such file.
    Nothing,
    /// The server denies access, as some do to missing files.
    Denied(Error),
}

/// Why a file could not be fetched.
enum FetchFailure {
    /// The request failed, after several attempts.
    Request(ObjectError),
    /// The transfer broke off.
    Transfer(ObjectError),
    /// The file has another size than the server said.
    Size,
    /// The file is larger than the limit.
    TooLong,
    /// The temporary file could not be written.
    Writing(io::Error),
}

impl Remote {
    /// Makes the client of a place. Makes no request.
    ///
    /// # Errors
    /// [`Error::BadArgument`] if the settings in the environment are invalid; [`Error::Io`] if no
    /// thread can be started.
    pub(super) fn connect(url: &Url) -> Result<Remote> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("swing-store")
            .enable_all()
            .build()
            .map_err(|error| Error::io("starting a thread", &error))?;
        let text = url.text();
        let invalid = |reason: String, advice: &str| {
            Error::BadArgument(format!("{text} cannot be used: {reason}. {advice}"))
        };
        let store = connect::connect(url).map_err(|error| {
            let reason = Reason::of(&error);
            let advice = reason.advice(url);
            invalid(reason.text, advice)
        })?;
        // The URL of a web server's client has the path already.
        let prefix = if url.scheme.is_read_only() {
            String::new()
        } else {
            let path = ObjectPath::from_url_path(&url.path)
                .map_err(|_| invalid("its path is invalid".into(), "Check the URL"))?;
            path.to_string()
        };
        Ok(Remote {
            store,
            prefix,
            url: url.clone(),
            text,
            failures: AtomicU32::new(0),
            runtime: Some(runtime),
        })
    }

    /// The URL, which contains no secret.
    pub(crate) fn url(&self) -> &str {
        &self.text
    }

    /// Fails if files can't be added.
    ///
    /// # Errors
    /// [`Error::BadArgument`].
    pub(crate) fn require_writable(&self) -> Result<()> {
        if self.url.scheme.is_read_only() {
            return Err(Error::BadArgument(format!(
                "{} can only be read, because web servers take no files. Use a directory, or a URL that \
                 begins with s3://, gs:// or az://",
                self.text
            )));
        }
        Ok(())
    }

    /// Whether a file exists. False also if the server does not tell, which the server of a bucket
    /// does if files can't be listed.
    ///
    /// # Errors
    /// [`Error::Remote`]; [`Error::Aborted`].
    pub(crate) fn has(&self, file: &str, monitor: &Monitor) -> Result<bool> {
        log::debug!("places", "looking for a file", file = file);
        let path = self.path(file)?;
        match self.wait(monitor, self.store.head(&path))? {
            Ok(_) => Ok(true),
            Err(error) => {
                let reason = Reason::of(&error);
                match reason.class {
                    Class::NoFile | Class::Denied => Ok(false),
                    _ => Err(self.failed("looking for", file, &reason)),
                }
            }
        }
    }

    /// Fetches a file of at most `limit` bytes into a temporary file in `directory`, which has no
    /// name. `None` if the place does not have it.
    ///
    /// # Errors
    /// [`Error::Remote`]; [`Error::RemoteFile`] if only this file can't be had; [`Error::Io`];
    /// [`Error::Aborted`].
    pub(crate) fn fetch(
        &self,
        file: &str,
        directory: &Path,
        limit: u64,
        monitor: &Monitor,
    ) -> Result<Option<File>> {
        match self.try_fetch(file, directory, limit, monitor)? {
            Fetched::File(found) => Ok(Some(found)),
            Fetched::Nothing => Ok(None),
            Fetched::Denied(error) => Err(error),
        }
    }

    /// Fetches the first file that the place has, of files with limits of their sizes. Returns its index,
    /// and the file, as [`Remote::fetch`].
    ///
    /// # Errors
    /// As [`Remote::fetch`].
    pub(crate) fn fetch_first(
        &self,
        files: &[(&str, u64)],
        directory: &Path,
        monitor: &Monitor,
    ) -> Result<Option<(usize, File)>> {
        let mut denied = None;
        for (index, (file, limit)) in files.iter().enumerate() {
            match self.try_fetch(file, directory, *limit, monitor)? {
                Fetched::File(found) => return Ok(Some((index, found))),
                Fetched::Nothing => {}
                // It may be missing, so the next one is tried.
                Fetched::Denied(error) => {
                    denied.get_or_insert(error);
                }
            }
        }
        denied.map_or(Ok(None), Err)
    }

    fn try_fetch(
        &self,
        file: &str,
        directory: &Path,
        limit: u64,
        monitor: &Monitor,
    ) -> Result<Fetched> {
        log::debug!("places", "fetching a file", file = file);
        let path = self.path(file)?;
        let mut pause = PAUSE;
        let mut attempts = 1;
        loop {
            let mut to =
                tempfile::tempfile_in(directory).map_err(|error| writing(directory, &error))?;
            let outcome = self.wait(monitor, self.transfer(&path, &mut to, limit))?;
            let again = match outcome {
                Ok(()) => {
                    self.failures.store(0, Ordering::Relaxed);
                    to.rewind().map_err(|error| writing(directory, &error))?;
                    return Ok(Fetched::File(to));
                }
                Err(FetchFailure::Writing(error)) => return Err(writing(directory, &error)),
                Err(FetchFailure::TooLong) => {
                    return Err(self.unusable(
                        file,
                        &format!("it is larger than {limit} bytes"),
                        "Check the file there. `swing-store repopulate --max-artifact-bytes` takes larger ones",
                    ));
                }
                Err(FetchFailure::Request(error)) => {
                    return self.refused(file, &Reason::of(&error));
                }
                Err(FetchFailure::Transfer(error)) => Reason::of(&error).text,
                Err(FetchFailure::Size) => "the file was cut off".into(),
            };
            if attempts == FETCHES {
                return Err(self.unusable(
                    file,
                    &format!("{again}, {attempts} times"),
                    "Check the network and the file there, and repeat the command",
                ));
            }
            log::warning!(
                "places",
                "fetching a file again",
                file = file,
                reason = again,
                attempt = attempts
            );
            monitor.tell(|| format!("fetching {file} again: {again}"));
            self.wait(monitor, async { tokio::time::sleep(pause).await })?;
            attempts += 1;
            pause *= 2;
        }
    }

    /// What a failed request for a file means.
    fn refused(&self, file: &str, reason: &Reason) -> Result<Fetched> {
        match reason.class {
            Class::NoFile => {
                self.failures.store(0, Ordering::Relaxed);
                Ok(Fetched::Nothing)
            }
            Class::Denied => {
                let advice = self.advice_on_denial();
                Ok(Fetched::Denied(self.unusable(file, &reason.text, advice)))
            }
            Class::Other if self.failures.fetch_add(1, Ordering::Relaxed) + 1 < MAX_FAILURES => {
                Err(self.unusable(file, &reason.text, reason.advice(&self.url)))
            }
            _ => Err(self.failed("fetching", file, reason)),
        }
    }

    /// What to do about a file to which access is denied.
    fn advice_on_denial(&self) -> &'static str {
        if self.url.scheme.is_read_only() {
            "It may be missing, or the server may not permit to read it"
        } else {
            "It may be missing: if these credentials may not list the files of the bucket (s3:ListBucket), \
             the server does not say so. Otherwise, permit to read it"
        }
    }

    /// Fetches a file once.
    async fn transfer(
        &self,
        path: &ObjectPath,
        to: &mut File,
        limit: u64,
    ) -> std::result::Result<(), FetchFailure> {
        let found = self.store.get(path).await.map_err(FetchFailure::Request)?;
        let size = found.meta.size;
        if size > limit {
            return Err(FetchFailure::TooLong);
        }
        let mut chunks = found.into_stream();
        let mut bytes = 0;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(FetchFailure::Transfer)?;
            bytes += chunk.len() as u64;
            if bytes > size {
                return Err(FetchFailure::Size);
            }
            to.write_all(&chunk).map_err(FetchFailure::Writing)?;
        }
        if bytes == size {
            Ok(())
        } else {
            Err(FetchFailure::Size)
        }
    }

    /// Uploads a file. With `replace`, replaces an existing file; otherwise returns false if there is
    /// one. Another process sees the complete file or none.
    ///
    /// If the place can't add a file on condition that it is absent, or if the file is large, two
    /// processes that upload it at the same time both succeed.
    ///
    /// # Errors
    /// [`Error::Remote`]; [`Error::Io`]; [`Error::Aborted`].
    pub(crate) fn put(
        &self,
        file: &str,
        mut contents: SpooledTempFile,
        replace: bool,
        monitor: &Monitor,
    ) -> Result<bool> {
        log::debug!("places", "uploading a file", file = file);
        let path = self.path(file)?;
        let reading = |error: &io::Error| Error::io("reading a temporary file", error);
        contents.rewind().map_err(|error| reading(&error))?;
        if contents.is_rolled() {
            return self.put_parts(file, &path, contents, monitor);
        }
        let mut bytes = Vec::new();
        contents
            .read_to_end(&mut bytes)
            .map_err(|error| reading(&error))?;
        let payload = PutPayload::from(bytes);
        let mut mode = if replace {
            PutMode::Overwrite
        } else {
            PutMode::Create
        };
        loop {
            let options = PutOptions::from(mode.clone());
            let put = self.store.put_opts(&path, payload.clone(), options);
            let Err(error) = self.wait(monitor, put)? else {
                return Ok(true);
            };
            let reason = Reason::of(&error);
            match (reason.class, &mode) {
                (Class::Exists, PutMode::Create) => return Ok(false),
                // The file was absent a moment ago. Another one has the same contents.
                (Class::NotSupported, PutMode::Create) => mode = PutMode::Overwrite,
                _ => return Err(self.failed("uploading", file, &reason)),
            }
        }
    }

    fn put_parts(
        &self,
        file: &str,
        path: &ObjectPath,
        mut contents: SpooledTempFile,
        monitor: &Monitor,
    ) -> Result<bool> {
        let failed = |error: &ObjectError| self.failed("uploading", file, &Reason::of(error));
        let upload = self.wait(monitor, self.store.put_multipart(path))?;
        let mut upload = upload.map_err(|error| failed(&error))?;
        let mut send = || {
            loop {
                let mut part = Vec::with_capacity(PART_BYTES);
                (&mut contents)
                    .take(PART_BYTES as u64)
                    .read_to_end(&mut part)
                    .map_err(|error| Error::io("reading a temporary file", &error))?;
                if part.is_empty() {
                    break;
                }
                self.wait(monitor, upload.put_part(part.into()))?
                    .map_err(|error| failed(&error))?;
            }
            self.wait(monitor, upload.complete())?
                .map_err(|error| failed(&error))
        };
        match send() {
            Ok(_) => Ok(true),
            Err(error) => {
                // Parts that stay cost money. If they can't be removed, the first error counts.
                let cleanup = async { tokio::time::timeout(CLEANUP, upload.abort()).await };
                drop(self.runtime()?.block_on(cleanup));
                Err(error)
            }
        }
    }

    /// Waits for a request. Fails as soon as the task is aborted.
    fn wait<T>(&self, monitor: &Monitor, request: impl Future<Output = T>) -> Result<T> {
        self.runtime()?.block_on(async {
            let mut request = pin!(request);
            let mut checks = tokio::time::interval(POLL);
            loop {
                tokio::select! {
                    biased;
                    _ = checks.tick() => monitor.check()?,
                    outcome = &mut request => return Ok(outcome),
                }
            }
        })
    }

    fn runtime(&self) -> Result<&Runtime> {
        let runtime = self.runtime.as_ref();
        runtime.ok_or_else(|| Error::Internal("the threads of a place have ended".into()))
    }

    fn path(&self, file: &str) -> Result<ObjectPath> {
        let path = if self.prefix.is_empty() {
            ObjectPath::parse(file)
        } else {
            ObjectPath::parse(format!("{}/{file}", self.prefix))
        };
        path.map_err(|_| {
            self.unusable(
                file,
                "no file there can have this name",
                "Leave the artifact out",
            )
        })
    }

    /// The error of a place.
    fn failed(&self, doing: &str, file: &str, reason: &Reason) -> Error {
        log::warning!(
            "places",
            "a request failed",
            doing = doing,
            file = file,
            reason = reason.text
        );
        Error::Remote {
            doing: format!("{doing} {}/{file}", self.text),
            reason: reason.text.clone(),
            advice: reason.advice(&self.url).to_owned(),
        }
    }

    /// The error of one file.
    fn unusable(&self, file: &str, reason: &str, advice: &str) -> Error {
        Error::RemoteFile {
            file: format!("{}/{file}", self.text),
            reason: reason.to_owned(),
            advice: advice.to_owned(),
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        // The search for a server's address may take long, and JavaScript's thread may drop this.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn writing(directory: &Path, error: &io::Error) -> Error {
    let doing = format!("writing a temporary file in {}", directory.display());
    Error::io(doing, error)
}
