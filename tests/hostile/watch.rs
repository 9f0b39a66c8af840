//! Whether what is done with an input stays within bounds.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The most memory that one input may take, in bytes. SQLite's own is not counted: its caches have bounds.
const MOST_BYTES: usize = 192 << 20;

/// The longest that one input may take. A busy machine takes its time, too.
const LONGEST: Duration = Duration::from_secs(10);

/// How much of an input is shown, in bytes: all of what is made from a seed.
const MOST_SHOWN: usize = 64 << 10;

/// Panics on any thread so far.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// One target at a time, so that memory is its own.
static TURN: Mutex<()> = Mutex::new(());

/// The input in work, if there is one, and since when.
type InWork = Option<(Instant, Vec<u8>)>;

/// Watches a target.
pub struct Watch {
    name: String,
    /// When the input in work was begun, and what it is.
    current: Arc<Mutex<InWork>>,
    _turn: MutexGuard<'static, ()>,
}

impl Watch {
    /// Waits for its turn.
    pub fn new(name: &str) -> Watch {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            before(info);
        }));
        let current: Arc<Mutex<InWork>> = Arc::default();
        end_what_hangs(name.to_owned(), &current);
        Watch {
            name: name.to_owned(),
            current,
            _turn: turn,
        }
    }

    /// Runs what is done with an input.
    pub fn look_at(&self, input: &[u8], work: impl FnOnce() + panic::UnwindSafe) {
        self.look_within(MOST_BYTES, input, work);
    }

    /// Runs what is done with an input, which may take so many bytes of memory.
    pub fn look_within(
        &self,
        most_bytes: usize,
        input: &[u8],
        work: impl FnOnce() + panic::UnwindSafe,
    ) {
        let panics = PANICS.load(Ordering::SeqCst);
        MEMORY.reset_peak_usage();
        let before = MEMORY.peak_usage();
        let begun = Instant::now();
        *self.current() = Some((begun, input.to_vec()));
        let outcome = panic::catch_unwind(work);
        *self.current() = None;
        let taken = MEMORY.peak_usage().saturating_sub(before);
        let problem = if outcome.is_err() || PANICS.load(Ordering::SeqCst) != panics {
            "a panic".to_owned()
        } else if taken > most_bytes {
            format!("{taken} bytes of memory")
        } else if begun.elapsed() > LONGEST {
            format!("{:?}", begun.elapsed())
        } else {
            return;
        };
        let shown = input[..input.len().min(MOST_SHOWN)].escape_ascii();
        panic!(
            "{}: {problem} for {} bytes: {shown}",
            self.name,
            input.len()
        );
    }

    fn current(&self) -> MutexGuard<'_, InWork> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the process, and says why, if an input takes far too long.
fn end_what_hangs(name: String, current: &Arc<Mutex<InWork>>) {
    let current = Arc::downgrade(current);
    std::thread::spawn(move || {
        while let Some(current) = current.upgrade() {
            let looked_at = current.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((begun, input)) = &*looked_at
                && begun.elapsed() > 6 * LONGEST
            {
                eprintln!("{name}: no end of {}", input.escape_ascii());
                std::process::exit(101);
            }
            drop(looked_at);
            drop(current);
            std::thread::sleep(Duration::from_millis(200));
        }
    });
}
