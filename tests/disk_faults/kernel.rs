//! A kernel that runs blocks, and the state of its store after each.

use std::fs;
use std::path::Path;

use swing_store::store::{
    Bindings, Compressor, Error, Location, NewBundle, OpenOptions, Result, Sha256, Store,
    StoreOptions, file_in_directory,
};

/// The number of blocks.
pub const BLOCKS: u64 = 5;

const VATS: [&[u8]; 2] = [b"v1", b"v2"];

pub fn open(directory: &Path) -> Result<Store> {
    fs::create_dir_all(directory).unwrap();
    let options = StoreOptions {
        keep_snapshots: true,
        ..StoreOptions::default()
    };
    let location = Location::File(file_in_directory(directory));
    Store::open(location, &OpenOptions::default(), false, options)
}

/// The last block that was committed.
pub fn height(store: &Store) -> Result<u64> {
    let height = store.kv_get(b"host.height")?.unwrap_or_default();
    Ok(String::from_utf8(height).unwrap().parse().unwrap_or(0))
}

fn image(height: u64) -> Vec<u8> {
    (0..20_000)
        .map(|at: u64| ((at * (height + at)) >> 7) as u8)
        .collect()
}

fn bundle(height: u64) -> (Vec<u8>, NewBundle) {
    let json = format!(
        "{{\"moduleFormat\":\"nestedEvaluate\",\"source\":\"block {height}\",\"sourceMap\":\"\"}}"
    );
    let id = format!("b0-{}", Sha256::of(json.as_bytes()));
    let bundle = NewBundle {
        module_format: Some("nestedEvaluate".into()),
        quoted_format: "\"nestedEvaluate\"".into(),
        json: json.into_bytes(),
        ..NewBundle::default()
    };
    (id.into_bytes(), bundle)
}

/// How a kernel handles errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// It stops at the first error, like real kernels.
    Stops,
    /// It ignores errors.
    Ignores,
}

impl Care {
    fn minds<T>(self, outcome: Result<T>) -> Result<Option<T>> {
        match (self, outcome) {
            (_, Ok(value)) => Ok(Some(value)),
            (Care::Stops, Err(error)) => Err(error),
            (Care::Ignores, Err(_)) => Ok(None),
        }
    }
}

fn crank(store: &mut Store, height: u64, vat: usize, care: Care) -> Result<()> {
    let vat_id = VATS[vat];
    care.minds(store.start_crank())?;
    care.minds(store.establish_crank_savepoint(b"start"))?;
    for key in 0..6 {
        let name = format!("key.{vat}.{key}");
        let value = format!("{height}.{}", "x".repeat(700 * key));
        care.minds(store.kernel_set(name.as_bytes(), value.as_bytes()))?;
    }
    let (old, new) = (height - 1, height);
    care.minds(store.kernel_delete(format!("once.{old}.{vat}").as_bytes()))?;
    care.minds(store.kernel_set(format!("once.{new}.{vat}").as_bytes(), b"yes"))?;
    for item in 0..4 {
        let item = format!("block {height}, item {item}");
        care.minds(store.add_item(vat_id, item.as_bytes()))?;
    }
    care.minds(store.establish_crank_savepoint(b"later"))?;
    care.minds(store.kernel_set(b"aborted", "y".repeat(3000).as_bytes()))?;
    care.minds(store.add_item(vat_id, b"aborted"))?;
    if height.is_multiple_of(2) {
        // A read flushes the buffered writes to SQL.
        care.minds(store.kv_get_next_key(b"key"))?;
        care.minds(store.read_span(vat_id, None))?;
    }
    care.minds(store.rollback_crank(b"later"))?;
    care.minds(store.kernel_set(b"aborts", height.to_string().as_bytes()))?;
    care.minds(store.emit_crank_hashes())?;
    if care.minds(store.end_crank())?.is_some() {
        store.finish_crank();
    }
    Ok(())
}

/// Runs a block without its commit.
fn run_block(store: &mut Store, height: u64, care: Care) -> Result<()> {
    if height == 1 {
        for vat_id in VATS {
            care.minds(store.init_transcript(vat_id))?;
        }
    }
    for vat in 0..VATS.len() {
        crank(store, height, vat, care)?;
    }
    let vat_id = VATS[usize::from(height.is_multiple_of(2))];
    if let Some(span) = care.minds(store.get_current_span_bounds(vat_id))? {
        let mut compressor = Compressor::default();
        compressor.add(&image(height))?;
        let image = compressor.finish()?;
        care.minds(store.save_snapshot(vat_id, span.end_pos, &image))?;
        let is_upgrade = height == 4;
        if is_upgrade {
            care.minds(store.stop_using_last_snapshot(vat_id))?;
        }
        care.minds(store.rollover(vat_id, is_upgrade))?;
    }
    let (id, bundle) = bundle(height);
    care.minds(store.add_bundle(&id, &bundle))?;
    care.minds(store.host_set(b"host.height", height.to_string().as_bytes()))?;
    Ok(())
}

/// The point at which a kernel failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Opening,
    Block(u64),
    Commit(u64),
}

/// Runs the remaining blocks up to a height.
pub fn run_to(store: &mut Store, last: u64) -> std::result::Result<(), (At, Error)> {
    let first = height(store).map_err(|error| (At::Opening, error))? + 1;
    for height in first..=last {
        run_block(store, height, Care::Stops).map_err(|error| (At::Block(height), error))?;
        commit(store).map_err(|error| (At::Commit(height), error))?;
    }
    Ok(())
}

/// Runs blocks regardless of errors, and commits.
pub fn run_carelessly(store: &mut Store) -> Result<()> {
    let first = height(store).unwrap_or(0) + 1;
    for height in first..=BLOCKS {
        run_block(store, height, Care::Ignores)?;
        drop(commit(store));
    }
    Ok(())
}

pub fn commit(store: &mut Store) -> Result<()> {
    store.prepare_commit()?;
    store.commit()
}

/// Rolls back to the last commit, like a tool.
pub fn abandon_block(store: &Store) -> Result<()> {
    let mut db = store.database().lock();
    let id = db.prepare_statement(b"ROLLBACK")?;
    let none = Bindings {
        positional: Vec::new(),
        named: None,
    };
    let done = db.run_statement(id, &none);
    db.drop_statement(id);
    done.map(drop)
}

/// Makes SQLite write and checkpoint within transactions.
pub fn with_small_cache(store: &Store) -> Result<()> {
    let db = store.database().lock();
    db.execute("PRAGMA cache_size=5; PRAGMA wal_autocheckpoint=10")
}
