//! A small store and its export, which the targets damage. Created once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sha2::{Digest, Sha256, Sha512};
use swing_store::store::bundle_check::encode_base64;
use swing_store::store::directory::{ExportOptions, export_to_directory};
use swing_store::store::{
    ArtifactMode, Compressor, Location, Monitor, NewBundle, OpenOptions, Store, StoreOptions,
    file_in_directory,
};
use tempfile::TempDir;

use super::zip::zip;

pub const MODES: [ArtifactMode; 4] = [
    ArtifactMode::Operational,
    ArtifactMode::Replay,
    ArtifactMode::Archival,
    ArtifactMode::Debug,
];

/// The artifact mode that a byte selects.
pub fn mode_of(byte: u8) -> ArtifactMode {
    MODES[usize::from(byte) % MODES.len()]
}

/// A compartment map of two modules, one of which imports the other.
pub const MAP: &str = r#"{"tags":[],"entry":{"compartment":"a","module":"./i.js"},"compartments":{"a":{"name":"p","label":"p","location":"a","modules":{"./i.js":{"location":"i.js","parser":"pre-mjs-json"},"./j.json":{"location":"j.json","parser":"json"},"k":{"compartment":"a","module":"./j.json"}}}}}"#;

/// The first module, compiled.
pub const MODULE: &str = r#"{"imports":["./j.json","k"],"exports":[],"reexports":[],"__syncModuleProgram__":"()=>{}","__liveExportMap__":{},"__fixedExportMap__":{},"__reexportMap__":{}}"#;

/// The files of a bundle whose map has this text.
pub fn archive(map: &[u8], modules: &[&[u8]]) -> Vec<u8> {
    const NAMES: [&[u8]; 3] = [b"a/i.js", b"a/j.json", b"a/../x"];
    let mut members: Vec<(&[u8], &[u8])> = vec![(b"compartment-map.json", map)];
    members.extend(NAMES.into_iter().zip(modules.iter().copied()));
    zip(&members)
}

/// The ID of a bundle whose map has this text.
pub fn b1_id(map: &[u8]) -> String {
    format!("b1-{}", hex(&Sha512::digest(map)))
}

/// The ID of a script with this text.
pub fn b0_id(text: &[u8]) -> String {
    format!("b0-{}", hex(&Sha256::digest(text)))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub const SCRIPT: &str = r#"{"moduleFormat":"nestedEvaluate","source":"() => 1","sourceMap":"//"}"#;

/// A directory for files, in memory if possible.
pub fn temporary() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    made.expect("a directory")
}

/// The store, and its export.
pub struct Scene {
    /// The store's file.
    pub file: Vec<u8>,
    /// The file of a store with only records of its history.
    pub pruned_file: Vec<u8>,
    /// The export's files: manifest, data, and artifacts by their names.
    pub export: Vec<(String, Vec<u8>)>,
}

impl Scene {
    /// The contents of one of the export's files.
    pub fn exported(&self, name: &str) -> &[u8] {
        let found = self.export.iter().find(|(found, _)| found == name);
        &found.unwrap_or_else(|| panic!("{name} is not exported")).1
    }

    /// The first artifact of a kind.
    pub fn first_of(&self, kind: &str) -> (&str, &[u8]) {
        let found = self.export.iter().find(|(name, _)| name.starts_with(kind));
        let (name, bytes) = found.unwrap_or_else(|| panic!("no {kind} is exported"));
        (name, bytes)
    }

    /// Writes the store's file to a directory.
    pub fn put_store(&self, directory: &Path) {
        put(directory, &self.file);
    }

    /// Writes the file of the store without historical contents.
    pub fn put_pruned_store(&self, directory: &Path) {
        put(directory, &self.pruned_file);
    }

    /// Writes the export to a directory.
    pub fn put_export(&self, directory: &Path) {
        fs::create_dir_all(directory).expect("a directory for the export");
        for (name, bytes) in &self.export {
            fs::write(directory.join(name), bytes).expect("a file of the export");
        }
    }
}

/// Writes a store's file to a directory, without a WAL.
pub fn put(directory: &Path, file: &[u8]) {
    fs::create_dir_all(directory).expect("a directory for the store");
    let path = file_in_directory(directory);
    for behind in ["-wal", "-shm", "-journal"] {
        drop(fs::remove_file(format!("{}{behind}", path.display())));
    }
    fs::write(path, file).expect("a store's file");
}

/// The one scene.
pub fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(make)
}

/// Opens a store to write to it.
pub fn open(directory: &Path) -> swing_store::store::Result<Store> {
    let location = Location::File(file_in_directory(directory));
    let options = StoreOptions {
        keep_snapshots: true,
        ..StoreOptions::default()
    };
    Store::open(location, &OpenOptions::default(), false, options)
}

fn make() -> Scene {
    let base = temporary();
    let [directory, export] = ["store", "export"].map(|name| base.path().join(name));
    fs::create_dir(&directory).expect("a directory for the store");
    let mut store = open(&directory).expect("a store");
    fill(&mut store).expect("what the store is made of");
    store.close().expect("an end");
    let options = ExportOptions {
        mode: Some(ArtifactMode::Debug),
        with_data: true,
        block_height: None,
        ..ExportOptions::default()
    };
    export_to_directory(&directory, &export, &options, &Monitor::default()).expect("an export");
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(&export)
        .expect("the export")
        .map(|entry| {
            let entry = entry.expect("a file of the export");
            let name = entry.file_name().into_string().expect("a name");
            (name, fs::read(entry.path()).expect("its contents"))
        })
        .collect();
    files.sort();
    let file = fs::read(file_in_directory(&directory)).expect("the store's file");
    prune(&file_in_directory(&directory));
    let pruned_file = fs::read(file_in_directory(&directory)).expect("the pruned store's file");
    Scene {
        file,
        pruned_file,
        export: files,
    }
}

/// Takes all contents away, and leaves the records.
fn prune(file: &PathBuf) {
    let sqlite = rusqlite::Connection::open(file).expect("the store's file");
    let sql = "DELETE FROM transcriptItems; UPDATE snapshots SET compressedSnapshot = NULL;
               UPDATE bundles SET bundle = NULL; VACUUM";
    sqlite.execute_batch(sql).expect("the store to be pruned");
}

fn fill(store: &mut Store) -> swing_store::store::Result<()> {
    store.start_crank()?;
    for (key, value) in [
        (&b"vat.names"[..], &b"[\"bootstrap\"]"[..]),
        (b"vat.dynamicIDs", b"[\"v1\",\"v2\"]"),
        (
            b"v1.options",
            b"{\"workerOptions\":{\"type\":\"local\"},\"name\":\"one\"}",
        ),
        (b"v1.source", b"{\"bundleID\":\"b0-00\"}"),
        (b"local.x", b"1"),
        (b"\xED\xA0\x80", b"\xF0\x9F\x98\x80"),
    ] {
        store.kernel_set(key, value)?;
    }
    store.host_set(b"host.height", b"7")?;
    for vat_id in [&b"v1"[..], b"v2"] {
        store.init_transcript(vat_id)?;
        for span in 0..3_i64 {
            let start = format!(
                r#"{{"d":["initialize-worker",{{"source":{{"bundleID":"b0-00"}}}}],"sc":[],"r":{{"status":"ok"}},"n":{span}}}"#
            );
            store.add_item(vat_id, start.as_bytes())?;
            store.add_item(
                vat_id,
                br#"{"d":["message","o+0",{"methargs":{"body":"x","slots":[]}}],"sc":[]}"#,
            )?;
            store.add_item(
                vat_id,
                br#"{"d":["save-snapshot"],"sc":[],"r":{"status":"ok","snapshotID":"00"}}"#,
            )?;
            let mut compressor = Compressor::default();
            compressor.add(format!("image {span} ").repeat(700).as_bytes())?;
            store.save_snapshot(vat_id, span * 3 + 2, &compressor.finish()?)?;
            store.rollover(vat_id, span == 1)?;
        }
    }
    store.stop_using_last_snapshot(b"v2")?;
    store.stop_using_transcript(b"v2")?;
    let archive = archive(MAP.as_bytes(), &[MODULE.as_bytes(), b"{}"]);
    let id = b1_id(MAP.as_bytes());
    store.add_bundle(
        id.as_bytes(),
        &NewBundle {
            module_format: Some("endoZipBase64".into()),
            archive: Some(encode_base64(&archive).into_bytes()),
            archive_hash: Some(id[3..].to_owned()),
            ..NewBundle::default()
        },
    )?;
    store.add_bundle(
        b0_id(SCRIPT.as_bytes()).as_bytes(),
        &NewBundle {
            module_format: Some("nestedEvaluate".into()),
            json: SCRIPT.as_bytes().to_vec(),
            ..NewBundle::default()
        },
    )?;
    store.emit_crank_hashes()?;
    store.end_crank()?;
    store.finish_crank();
    store.commit()?;
    Ok(())
}
