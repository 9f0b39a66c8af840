//! The command line as a separate program.
#![cfg(all(feature = "cli", unix))]

use std::process::Command;

use swing_store::store::{Location, OpenOptions, Store, StoreOptions, file_in_directory};

#[test]
fn a_file_size_limit_is_an_error_instead_of_a_silent_end() {
    let base = tempfile::tempdir().unwrap();
    let location = Location::File(file_in_directory(base.path()));
    let options = StoreOptions::default();
    let mut store = Store::open(location, &OpenOptions::default(), false, options).unwrap();
    store.kernel_set(b"key", &vec![b'x'; 1_000_000]).unwrap();
    store.commit().unwrap();
    store.close().unwrap();
    let place = tempfile::tempdir().unwrap();
    let to = place.path().join("export");
    // Enough for the WAL index, in units of 512 or 1024 bytes.
    let limited = "ulimit -f 200 && exec \"$@\"";
    let ended = Command::new("sh")
        .args([
            "-c",
            limited,
            "sh",
            env!("CARGO_BIN_EXE_swing-store"),
            "export",
        ])
        .args([
            "--export-data-mode".as_ref(),
            "all".as_ref(),
            "--state-dir".as_ref(),
            base.path().as_os_str(),
            "--export-dir".as_ref(),
            to.as_os_str(),
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{said}");
    assert!(said.contains("File too large"), "{said}");
    assert!(!to.exists());
}

/// The masks of the signals that the program ignores and handles, once it handles Ctrl-C. A shell runs
/// `before`, and then starts the program.
#[cfg(target_os = "linux")]
fn signals(before: &str) -> (u64, u64) {
    use std::io::Write;
    use std::time::{Duration, Instant};

    const CTRL_C: u64 = 1 << 1;
    // A full pipe keeps the program from ending.
    let (_reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[0; 1 << 16]).unwrap();
    let mut program = Command::new("sh")
        .args(["-c", &format!("{before} exec \"$@\""), "sh"])
        .args([env!("CARGO_BIN_EXE_swing-store"), "completions", "bash"])
        .stdout(writer)
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", program.id());
    let mask = |name: &str| {
        let status = std::fs::read_to_string(&status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        u64::from_str_radix(line.unwrap().trim(), 16).unwrap()
    };
    let until = Instant::now() + Duration::from_secs(20);
    while mask("SigCgt:") & CTRL_C == 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(2));
    }
    // It sets up the other signals at the same time.
    std::thread::sleep(Duration::from_millis(300));
    let masks = (mask("SigIgn:"), mask("SigCgt:"));
    program.kill().unwrap();
    program.wait().unwrap();
    masks
}

#[cfg(target_os = "linux")]
#[test]
fn nohup_is_respected() {
    const HANGUP: u64 = 1;
    let own = std::fs::read_to_string("/proc/self/status").unwrap();
    let inherited = own
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .map(|mask| u64::from_str_radix(mask.trim(), 16).unwrap())
        .unwrap();
    // The tests themselves may run under nohup.
    if inherited & HANGUP == 0 {
        let (ignored, handled) = signals("");
        assert_eq!((ignored & HANGUP, handled & HANGUP), (0, HANGUP));
    }
    let (ignored, handled) = signals("trap '' HUP;");
    assert_eq!((ignored & HANGUP, handled & HANGUP), (HANGUP, 0));
}
