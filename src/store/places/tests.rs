//! Tests of a web server's files. Object stores need settings in the environment: JavaScript tests them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Place, Remote};
use crate::store::error::Error;
use crate::store::tasks::monitor::Monitor;

/// A server on the loopback.
struct Server {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Server {
    /// Starts a server that calls `answer` with each connection, the path, and the number of requests
    /// before. It ends with the test process.
    fn start(answer: impl Fn(&mut TcpStream, &str, usize) + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/a", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let count = requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let Some(Ok(first)) = lines.next() else {
                    continue;
                };
                let path = first.split(' ').nth(1).unwrap().to_owned();
                while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
                let before = count.fetch_add(1, Ordering::Relaxed);
                answer(&mut stream, &path, before);
            }
        });
        Server { url, requests }
    }

    fn remote(&self) -> Arc<Remote> {
        match Place::parse(Path::new(&self.url)).unwrap() {
            Place::Remote(remote) => remote,
            Place::Directory(_) => panic!("{}", self.url),
        }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

fn respond(stream: &mut TcpStream, status: &str, length: usize, body: &[u8]) {
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    // The client may have gone.
    drop(
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body)),
    );
}

/// Fetches a file, and returns its contents.
fn fetch(remote: &Remote, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let directory = tempfile::tempdir().unwrap();
    let found = remote.fetch("f", directory.path(), limit, &Monitor::default())?;
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    Ok(found.map(|mut file| {
        let mut contents = Vec::new();
        file.read_to_end(&mut contents).unwrap();
        contents
    }))
}

#[test]
fn a_file_is_fetched() {
    let server = Server::start(|stream, path, _| {
        assert_eq!(path, "/a/f");
        respond(stream, "200 OK", 5, b"hello");
    });
    let remote = server.remote();
    assert_eq!(fetch(&remote, 5).unwrap().unwrap(), b"hello");
    assert_eq!(remote.url(), server.url);
    assert_eq!(server.requests(), 1);
    let refused = remote.require_writable().unwrap_err().to_string();
    assert!(refused.contains("can only be read"), "{refused}");
}

#[test]
fn a_missing_file_is_not_an_error() {
    for status in ["404 Not Found", "410 Gone"] {
        let server = Server::start(move |stream, _, _| respond(stream, status, 2, b"no"));
        assert!(fetch(&server.remote(), 9).unwrap().is_none());
        assert_eq!(server.requests(), 1);
    }
}

#[test]
fn a_file_larger_than_the_limit_is_refused() {
    let server = Server::start(|stream, _, _| respond(stream, "200 OK", 5, b"hello"));
    let error = fetch(&server.remote(), 4).unwrap_err();
    assert!(matches!(error, Error::RemoteFile { .. }));
    assert!(error.to_string().contains("larger than 4 bytes"), "{error}");
}

#[test]
fn a_file_that_was_cut_off_is_fetched_again() {
    let server = Server::start(|stream, _, before| {
        let body: &[u8] = if before < 2 { b"he" } else { b"hello" };
        respond(stream, "200 OK", 5, body);
    });
    assert_eq!(fetch(&server.remote(), 9).unwrap().unwrap(), b"hello");
    assert_eq!(server.requests(), 3);

    let server = Server::start(|stream, _, _| respond(stream, "200 OK", 5, b"he"));
    let error = fetch(&server.remote(), 9).unwrap_err();
    assert!(matches!(error, Error::RemoteFile { .. }), "{error}");
    assert!(error.to_string().contains("3 times"), "{error}");
    assert_eq!(server.requests(), 3);
}

#[test]
fn a_request_is_repeated_if_the_server_is_busy() {
    let server = Server::start(|stream, _, before| {
        if before < 2 {
            respond(stream, "503 Busy", 4, b"busy");
        } else {
            respond(stream, "200 OK", 5, b"hello");
        }
    });
    assert_eq!(fetch(&server.remote(), 9).unwrap().unwrap(), b"hello");
}

#[test]
fn a_refusal_concerns_the_file_and_repeats_no_secret() {
    let server = Server::start(|stream, _, _| {
        let body = b"<Code>AccessDenied</Code><Key>secret</Key>";
        respond(stream, "403 Forbidden", body.len(), body);
    });
    let error = fetch(&server.remote(), 9).unwrap_err();
    assert!(matches!(error, Error::RemoteFile { .. }), "{error}");
    assert_eq!(error.code(), "ERR_SWING_STORE_REMOTE");
    let message = error.to_string();
    assert!(
        message.contains("the server denies access (AccessDenied)"),
        "{message}"
    );
    assert!(!message.contains("secret"), "{message}");
}

#[test]
fn a_place_without_bucket_fails() {
    let server = Server::start(|stream, _, _| {
        let body = b"<Code>NoSuchBucket</Code>";
        respond(stream, "404 Not Found", body.len(), body);
    });
    let error = fetch(&server.remote(), 9).unwrap_err();
    assert!(matches!(error, Error::Remote { .. }), "{error}");
    assert!(error.to_string().contains("(NoSuchBucket)"), "{error}");
}

#[test]
fn a_place_fails_after_several_files_failed_in_a_row() {
    let server = Server::start(|stream, _, before| match before {
        1 => respond(stream, "200 OK", 5, b"hello"),
        3 => respond(stream, "404 Not Found", 0, b""),
        // A failure that is not repeated.
        _ => respond(stream, "400 Bad Request", 6, b"secret"),
    });
    let remote = server.remote();
    let outcomes: Vec<&str> = (0..7)
        .map(|_| match fetch(&remote, 9) {
            Ok(Some(_)) => "fetched",
            Ok(None) => "missing",
            Err(Error::RemoteFile { .. }) => "file",
            Err(error) => {
                let message = error.to_string();
                assert!(message.contains("HTTP status 400"), "{message}");
                assert!(!message.contains("secret"), "{message}");
                "place"
            }
        })
        .collect();
    let expected = [
        "file", "fetched", "file", "missing", "file", "file", "place",
    ];
    assert_eq!(outcomes, expected);
}

#[test]
fn a_waiting_request_is_aborted() {
    let server = Server::start(|_, _, _| thread::sleep(Duration::from_secs(5)));
    let remote = server.remote();
    let monitor = Arc::new(Monitor::default());
    let aborted = monitor.clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        aborted.abort();
    });
    let directory = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let outcome = remote.fetch("f", directory.path(), 9, &monitor);
    assert!(matches!(outcome, Err(Error::Aborted)));
    assert!(begin.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a", listener.local_addr().unwrap());
    drop(listener);
    let Place::Remote(remote) = Place::parse(Path::new(&url)).unwrap() else {
        panic!("{url}");
    };
    let message = fetch(&remote, 9).unwrap_err().to_string();
    assert!(message.starts_with(&format!("{url}/f")), "{message}");
    assert!(message.contains("the connection failed"), "{message}");
}

#[test]
fn a_temporary_file_needs_a_directory() {
    let server = Server::start(|stream, _, _| respond(stream, "200 OK", 5, b"hello"));
    let outcome = server
        .remote()
        .fetch("f", Path::new("/nowhere/at/all"), 9, &Monitor::default());
    let error = outcome.unwrap_err();
    assert_eq!(error.code(), "ENOENT");
}
