//! Doing something again and again, with the first call failing, then the second, and so on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use swing_store::store::Error;
use tempfile::TempDir;

use super::plan::{self, Call, FAULTS, Fault, Happened, Planned, SHORT_READ};
use super::state::copy;

/// How many places to try for each kind of fault, or `all`. Without it, some kinds of faults are
/// tried in one place each, others for other work.
const SETTING: &str = "SWING_STORE_FAULTS";

/// Shifts the places that are tried, where these are not all.
const SEED: &str = "SWING_STORE_FAULTS_SEED";

/// How much is tried.
#[derive(Debug, Clone, Copy)]
enum Effort {
    /// One of so many kinds of faults, in one place.
    Little(usize),
    /// All kinds, in so many places.
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

    /// How many calls lie between two that fail, of so many.
    fn stride(self, calls: u64) -> u64 {
        match self {
            Effort::Little(_) => calls,
            Effort::Places(places) => calls / places.max(1),
            Effort::All => 1,
        }
        .max(1)
    }
}

/// Faults are the whole process's, so one test at a time makes any.
static ALONE: Mutex<()> = Mutex::new(());

/// A directory that is in memory where that is possible, since nothing in it need last.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    match tempfile::tempdir_in(memory) {
        Ok(directory) => directory,
        Err(_) => tempfile::tempdir().unwrap(),
    }
}

/// What is tried, with what came of it.
pub struct Sweep<'a> {
    name: &'a str,
    scratch: TempDir,
    faults: Vec<Fault>,
    /// How often which error came of which fault.
    outcomes: BTreeMap<String, u64>,
    failed: u64,
    began: Instant,
    _alone: MutexGuard<'static, ()>,
}

/// One attempt.
pub struct Attempt<'a> {
    /// A directory of its own, a copy of the template.
    pub base: &'a Path,
    /// What fails.
    pub planned: Planned,
    /// For messages.
    pub what: String,
}

impl<'a> Sweep<'a> {
    /// A sweep of work called `name`.
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

    /// As the sweep is, and with another kind of fault.
    pub fn with(mut self, fault: Fault) -> Sweep<'a> {
        self.faults.push(fault);
        self
    }

    /// What each attempt begins with; to be filled before.
    pub fn template(&self) -> PathBuf {
        self.scratch.path().join("template")
    }

    /// Has `work` done with each fault at each place. It says how it ended, having disarmed the plan
    /// and looked at what it left.
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
                // Not always the same places.
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
        let how = match lasting {
            true => " and all later ones",
            false => "",
        };
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

/// Whether a fault that lasts is what SQLite waits for, for seconds.
fn is_waited_for(fault: Fault) -> bool {
    fault.code == rusqlite::ffi::SQLITE_BUSY || fault.call == Call::ShmLock
}

/// Fails for errors that do not say what is the matter.
fn check_clear(error: &Error, fault: Fault, what: &str) {
    let is_clear = match error {
        // Zeros in the place of pages.
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
