//! The command line as a program of its own.
#![cfg(all(feature = "cli", unix))]

use std::process::Command;

use swing_store::store::{Location, OpenOptions, Store, StoreOptions, file_in_directory};

#[test]
fn a_limit_of_file_sizes_is_an_error_and_no_silent_end() {
    let base = tempfile::tempdir().unwrap();
    let location = Location::File(file_in_directory(base.path()));
    let options = StoreOptions::default();
    let mut store = Store::open(location, &OpenOptions::default(), false, options).unwrap();
    store.kernel_set(b"key", &vec![b'x'; 1_000_000]).unwrap();
    store.commit().unwrap();
    store.close().unwrap();
    let to = base.path().join("export");
    // Enough for the WAL-index, in units of 512 or 1024 bytes.
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
