//! Repeats some work, with a fault at the first call, then at the second, and so on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use swing_store::store::Error;
use tempfile::TempDir;

use super::plan::{self, Call, FAULTS, Fault, Happened, Planned, SHORT_READ};
use super::state::copy;

/// The number of calls to fail for each kind of fault, or `all`. By default, each sweep tries only some
/// kinds of faults, at one call each.
const SETTING: &str = "SWING_STORE_FAULTS";

/// Shifts the failing calls, unless all calls fail.
const SEED: &str = "SWING_STORE_FAULTS_SEED";

/// The extent of a sweep.
#[derive(Debug, Clone, Copy)]
enum Effort {
    /// One of this many kinds of faults, at one call.
    Little(usize),
    /// All kinds, at this many calls.
    Places(u64),
    /// All kinds at every call.
    All,
}

impl Effort {
    fn wanted() -> Effort {
        match std::env::var(SETTING) {
            Err(_) => Effort::Little(3),
            Ok(setting) if setting == "all" => Effort::All,
            Ok(setting) => Effort::Places(setting.parse().expect("a number of places, or all")),
        }
    }

    /// The distance between two failing calls, of `calls`.
    fn stride(self, calls: u64) -> u64 {
        match self {
            Effort::Little(_) => calls,
            Effort::Places(places) => calls / places.max(1),
            Effort::All => 1,
        }
        .max(1)
    }
}

/// Faults apply to the whole process, so tests run one at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// A directory in memory if possible, because nothing in it has to be durable.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    match tempfile::tempdir_in(memory) {
        Ok(directory) => directory,
        Err(_) => tempfile::tempdir().unwrap(),
    }
}

/// A sweep, and its outcomes.
pub struct Sweep<'a> {
    name: &'a str,
    scratch: TempDir,
    faults: Vec<Fault>,
    /// The number of occurrences of each error per fault.
    outcomes: BTreeMap<String, u64>,
    failed: u64,
    began: Instant,
    _alone: MutexGuard<'static, ()>,
}

/// One attempt.
pub struct Attempt<'a> {
    /// Its directory, a copy of the template.
    pub base: &'a Path,
    /// The fault.
    pub planned: Planned,
    /// A description for messages.
    pub what: String,
}

impl<'a> Sweep<'a> {
    /// Creates a sweep of the work `name`.
    pub fn new(name: &'a str) -> Sweep<'a> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        plan::disarm();
        super::vfs::install();
        let scratch = scratch();
        fs::create_dir(scratch.path().join("template")).unwrap();
        Sweep {
            name,
            scratch,
            faults: FAULTS.to_vec(),
            outcomes: BTreeMap::new(),
            failed: 0,
            began: Instant::now(),
            _alone: alone,
        }
    }

    /// Adds a kind of fault.
    pub fn with(mut self, fault: Fault) -> Sweep<'a> {
        self.faults.push(fault);
        self
    }

    /// The directory that each attempt starts with. Fill it first.
    pub fn template(&self) -> PathBuf {
        self.scratch.path().join("template")
    }

    /// Runs `work` with each fault at each call. `work` has to disarm the plan, check what is left, and
    /// return how it ended.
    pub fn run(mut self, work: impl Fn(&Attempt<'_>) -> Result<(), Error>) {
        let effort = Effort::wanted();
        let seed = std::env::var(SEED).map_or(0, |seed| seed.parse().expect("a number"));
        let salt: usize = self.name.bytes().map(usize::from).sum();
        for (index, fault) in self.faults.clone().into_iter().enumerate() {
            let turn = salt + index;
            if matches!(effort, Effort::Little(kinds) if !turn.is_multiple_of(kinds)) {
                continue;
            }
            let calls = self.attempt(&work, fault, 0, false).calls;
            let stride = effort.stride(calls);
            for lasting in [false, true] {
                let is_left_out = match effort {
                    Effort::Little(kinds) => (turn / kinds).is_multiple_of(2) == lasting,
                    _ => false,
                };
                if calls == 0 || is_left_out || (lasting && is_waited_for(fault)) {
                    continue;
                }
                // Varies the calls between faults.
                let mut at = 1 + (turn as u64 * 7 + self.failed).wrapping_add(seed) % stride;
                loop {
                    let happened = self.attempt(&work, fault, at, lasting);
                    if happened.failed == 0 {
                        break;
                    }
                    self.failed += 1;
                    at += stride;
                }
            }
            if matches!(effort, Effort::All) {
                let (failed, name) = (self.failed, fault.name);
                println!("{}: {failed} faults, last: {name}", self.name);
            }
        }
        println!(
            "{}: {} faults in {:.1?}",
            self.name,
            self.failed,
            self.began.elapsed()
        );
        for (outcome, count) in &self.outcomes {
            println!("  {count:6} {outcome}");
        }
    }

    fn attempt(
        &mut self,
        work: &impl Fn(&Attempt<'_>) -> Result<(), Error>,
        fault: Fault,
        at: u64,
        lasting: bool,
    ) -> Happened {
        let base = self.scratch.path().join("attempt");
        copy(&self.template(), &base);
        let planned = Planned { fault, at, lasting };
        let how = if lasting { " and all later ones" } else { "" };
        let what = format!("{}: {}, call {at}{how}", self.name, fault.name);
        let attempt = Attempt {
            base: &base,
            planned,
            what: what.clone(),
        };
        plan::arm(planned);
        let outcome = work(&attempt);
        plan::disarm();
        let happened = plan::happened();
        let said = match &outcome {
            Ok(()) => "no error".to_owned(),
            Err(error) => {
                check_clear(error, fault, &what);
                let base = base.to_string_lossy();
                format!(
                    "{}: {}",
                    error.code(),
                    error.to_string().replace(&*base, "BASE")
                )
            }
        };
        if happened.failed > 0 {
            *self
                .outcomes
                .entry(format!("{} -> {said}", fault.name))
                .or_default() += 1;
        } else {
            assert!(outcome.is_ok(), "{what}: without a fault: {said}");
        }
        fs::remove_dir_all(&base).unwrap();
        happened
    }
}

/// Whether SQLite waits for seconds if a fault lasts.
fn is_waited_for(fault: Fault) -> bool {
    fault.code == rusqlite::ffi::SQLITE_BUSY || fault.call == Call::ShmLock
}

/// Asserts that an error names its cause.
fn check_clear(error: &Error, fault: Fault, what: &str) {
    let is_clear = match error {
        // Zeros in place of pages.
        Error::Sqlite { code, .. } if fault == SHORT_READ && code.starts_with("SQLITE_CORRUPT") => {
            true
        }
        Error::Sqlite { code, .. } => [
            "IOERR", "FULL", "CANTOPEN", "BUSY", "NOMEM", "READONLY", "PROTOCOL",
        ]
        .iter()
        .any(|part| code.contains(part)),
        Error::Internal(_) => false,
        _ => true,
    };
    assert!(is_clear, "{what}: {error:?}");
}
