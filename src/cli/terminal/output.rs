//! Direct writes to the process's stdout and stderr.
//!
//! A pipe or terminal may be in non-blocking mode, which Node.js sets, and which all processes with the
//! pipe share. So a write waits until the pipe has room.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::thread;
use std::time::Duration;

/// The size of stdout's buffer.
const BUFFER_BYTES: usize = 64 << 10;

/// How long to wait for room: first briefly, then longer.
const FIRST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// The output streams.
pub struct Streams {
    /// Results.
    pub stdout: Box<dyn Write + Send>,
    /// Progress, notes and errors.
    pub stderr: Box<dyn Write + Send>,
    /// Whether stdout is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether stderr is a terminal.
    pub stderr_is_terminal: bool,
}

impl Streams {
    /// The streams of this process.
    pub fn of_process() -> Streams {
        Streams {
            stdout: stdout(),
            stderr: stderr(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
        }
    }
}

/// Stdout, buffered. If it is closed, output is discarded.
pub(crate) fn stdout() -> Box<dyn Write + Send> {
    if is_console(&io::stdout()) {
        return Box::new(BufWriter::with_capacity(BUFFER_BYTES, io::stdout()));
    }
    match duplicate(&io::stdout()) {
        Ok(file) => Box::new(BufWriter::with_capacity(BUFFER_BYTES, Patient(file))),
        Err(_) => Box::new(io::sink()),
    }
}

/// Stderr, unbuffered.
pub(crate) fn stderr() -> Box<dyn Write + Send> {
    if is_console(&io::stderr()) {
        return Box::new(io::stderr());
    }
    match duplicate(&io::stderr()) {
        Ok(file) => Box::new(Patient(file)),
        Err(_) => Box::new(io::sink()),
    }
}

/// Whether a stream is a Windows console, which decodes bytes by its code page. The standard library
/// writes text to it.
fn is_console(stream: &impl IsTerminal) -> bool {
    cfg!(windows) && stream.is_terminal()
}

/// A duplicate of the stream, without the standard library's buffer.
#[cfg(unix)]
fn duplicate(stream: &impl std::os::fd::AsFd) -> io::Result<File> {
    stream.as_fd().try_clone_to_owned().map(File::from)
}

/// A duplicate of the stream, without the standard library's buffer.
#[cfg(windows)]
fn duplicate(stream: &impl std::os::windows::io::AsHandle) -> io::Result<File> {
    stream.as_handle().try_clone_to_owned().map(File::from)
}

/// A writer that waits while the inner writer would block.
struct Patient<W>(W);

impl<W: Write> Write for Patient<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accepts a few bytes, and otherwise would block.
    #[derive(Default)]
    struct Fickle {
        taken: Vec<u8>,
        asked: usize,
    }

    impl Write for Fickle {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.asked += 1;
            if !self.asked.is_multiple_of(3) {
                return Err(ErrorKind::WouldBlock.into());
            }
            let length = bytes.len().min(1000);
            self.taken.extend_from_slice(&bytes[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn everything_is_written_in_the_end() {
        let text: Vec<u8> = (0..5000).map(|at| (at % 251) as u8).collect();
        let mut patient = Patient(Fickle::default());
        patient.write_all(&text).unwrap();
        assert_eq!(patient.0.taken, text);
    }

    #[cfg(unix)]
    #[test]
    fn a_slow_reader_gets_all_of_it_through_a_non_blocking_stream() {
        use std::io::Read;
        use std::os::unix::net::UnixStream;

        let (writer, mut reader) = UnixStream::pair().unwrap();
        writer.set_nonblocking(true).unwrap();
        let text: Vec<u8> = (0..4_000_000u32).map(|at| (at % 251) as u8).collect();
        let expected = text.clone();
        let writing = thread::spawn(move || {
            let mut writer = BufWriter::with_capacity(BUFFER_BYTES, Patient(writer));
            text.chunks(777)
                .try_for_each(|piece| writer.write_all(piece))
                .and_then(|()| writer.flush())
        });
        let mut found = Vec::new();
        let mut piece = vec![0; 100_000];
        loop {
            thread::sleep(Duration::from_millis(1));
            match reader.read(&mut piece).unwrap() {
                0 => break,
                length => found.extend_from_slice(&piece[..length]),
            }
        }
        writing.join().unwrap().unwrap();
        assert!(found == expected);
    }

    #[cfg(unix)]
    #[test]
    fn a_reader_that_is_gone_ends_the_writing() {
        let (writer, reader) = std::os::unix::net::UnixStream::pair().unwrap();
        drop(reader);
        let error = Patient(writer).write_all(b"text").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}
