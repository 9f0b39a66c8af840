//! Reads a database file into the system's page cache, ahead of work that reads most of it in random
//! order.
//!
//! The items of a span lie on pages all over the file, because a chain writes the items of all vats
//! in turn. Reading such pages one by one from a disk takes many times as long as reading the whole
//! file from its start to its end.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Reads a file ahead, until it is dropped.
pub(crate) struct ReadAhead {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ReadAhead {
    /// Starts to read a file that this library has open as a database. Does nothing if the file does
    /// not fit into the available memory, or if the system cannot do it.
    pub(crate) fn start(file: &Path) -> ReadAhead {
        let stop = Arc::<AtomicBool>::default();
        ReadAhead {
            thread: system::start(file, stop.clone()),
            stop,
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The thread's code does not panic.
            drop(thread.join());
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs::{self, File};
    use std::num::NonZeroU64;
    use std::os::unix::fs::FileExt;

    use rustix::fs::{Advice, fadvise};

    use super::*;
    use crate::store::fs::open_files;

    /// How many bytes are requested at a time. The system reads them with few requests to the disk.
    const STEP: NonZeroU64 = NonZeroU64::new(2 << 20).unwrap();

    pub(super) fn start(path: &Path, stop: Arc<AtomicBool>) -> Option<JoinHandle<()>> {
        let file = open_files::keep_open(path)?;
        let bytes = file.metadata().ok()?.len();
        if !fits(
            bytes,
            available(&fs::read_to_string("/proc/meminfo").ok()?)?,
        ) {
            return None;
        }
        let read = move || {
            read_all(&file, bytes, &stop);
            drop(file);
            open_files::forget();
        };
        let thread = thread::Builder::new().name("swing-store".into());
        thread.spawn(read).ok()
    }

    /// Requests one step while the disk reads the one before. If all were requested at once, a commit
    /// would wait until the disk has read the whole file: 0.2 s in a compaction of 389 MB.
    fn read_all(file: &File, bytes: u64, stop: &AtomicBool) {
        let mut at = 0;
        // This is only advice, so a failure ends it.
        while at < bytes
            && !stop.load(Ordering::Relaxed)
            && fadvise(file, at, Some(STEP), Advice::WillNeed).is_ok()
            && (at == 0 || file.read_at(&mut [0], at - 1).is_ok())
        {
            at += STEP.get();
        }
    }

    /// Whether a file of this size fits in half of the available memory.
    pub(super) fn fits(bytes: u64, available: u64) -> bool {
        bytes <= available / 2
    }

    /// The memory that programs can get without swapping, in bytes, from `/proc/meminfo`.
    pub(super) fn available(meminfo: &str) -> Option<u64> {
        let line = meminfo
            .lines()
            .find_map(|line| line.strip_prefix("MemAvailable:"))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        kib.checked_mul(1024)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::*;

    pub(super) fn start(_file: &Path, _stop: Arc<AtomicBool>) -> Option<JoinHandle<()>> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::system::{available, fits};

    #[test]
    fn a_file_is_read_if_half_of_the_available_memory_holds_it() {
        let meminfo = "MemTotal:       24000 kB\nMemAvailable:    2000 kB\nBuffers: 1 kB\n";
        assert_eq!(available(meminfo), Some(2_048_000));
        for unknown in ["", "MemAvailable: 2000", "MemAvailable: x kB"] {
            assert_eq!(available(unknown), None);
        }
        assert!(fits(1_024_000, 2_048_000));
        assert!(!fits(1_024_001, 2_048_000));
    }
}
