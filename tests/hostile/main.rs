//! A short fuzzing run: thousands of inputs per target, mutated from valid ones, with a fixed seed.
//!
//! No input may cause a panic on any thread, exceed the time limit, or use unbounded memory. libFuzzer runs
//! the same targets without a time limit (`fuzz/README.md`).
//!
//! `HOSTILE_SEED` sets another seed, `HOSTILE_FACTOR` multiplies the number of inputs.

mod mutate;
mod targets;
mod watch;

use std::env;

use mutate::Mutator;
use targets::TARGETS;
use watch::Watch;

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

fn run(name: &str) {
    let target = targets::target(name);
    let seed = number("HOSTILE_SEED", 20_240_229);
    let rounds = u64::from(target.rounds) * number("HOSTILE_FACTOR", 1);
    let seeds = (target.seeds)();
    let watch = Watch::new(name);
    for seed in &seeds {
        watch.look_at(seed, || (target.run)(seed));
    }
    let mut mutator = Mutator::new(seed, seeds, target.words);
    for _ in 0..rounds {
        let input = mutator.next();
        watch.look_at(&input, || (target.run)(&input));
    }
}

/// The maximum memory per byte of a long text, in bytes.
const MOST_FOR_A_BYTE: usize = 96;

/// Long texts whose parsed form could need much memory per byte.
fn long_texts() -> Vec<Vec<u8>> {
    const COUNT: usize = 1 << 17;
    let repeat = |text: &str, times: usize| text.as_bytes().repeat(times);
    vec![
        repeat("[", 2 * COUNT),
        [repeat("[", COUNT), repeat("]", COUNT)].concat(),
        repeat("{\"\":", COUNT / 2),
        [repeat("[", 1), repeat("[],", COUNT), repeat("{}]", 1)].concat(),
        [repeat("[", 1), repeat("{},", COUNT), repeat("{}]", 1)].concat(),
        [repeat("{\"a\":", 1), repeat("[\"\",", COUNT / 4)].concat(),
        [
            repeat("{", 1),
            repeat("\"a\":0,", COUNT),
            repeat("\"a\":0}", 1),
        ]
        .concat(),
    ]
}

#[test]
fn long_texts_need_proportional_memory() {
    for name in ["json", "records", "manifest", "data", "b0", "b1_map"] {
        let target = targets::target(name);
        let watch = Watch::new(name);
        for text in long_texts() {
            watch.look_within(MOST_FOR_A_BYTE * text.len(), &text, || (target.run)(&text));
        }
    }
}

#[test]
fn each_target_has_a_test() {
    let tests = include_str!("main.rs");
    for target in TARGETS {
        assert!(
            tests.contains(&format!("run(\"{}\")", target.name)),
            "{}",
            target.name
        );
    }
}

#[test]
fn json() {
    run("json");
}

#[test]
fn names() {
    run("names");
}

#[test]
fn records() {
    run("records");
}

#[test]
fn span() {
    run("span");
}

#[test]
fn snapshot() {
    run("snapshot");
}

#[test]
fn b0() {
    run("b0");
}

#[test]
fn b1_zip() {
    run("b1_zip");
}

#[test]
fn b1_map() {
    run("b1_map");
}

#[test]
fn data() {
    run("data");
}

#[test]
fn manifest() {
    run("manifest");
}

#[test]
fn archive() {
    run("archive");
}

#[test]
fn pages() {
    run("pages");
}

#[test]
fn rows() {
    run("rows");
}

#[test]
fn wal() {
    run("wal");
}
