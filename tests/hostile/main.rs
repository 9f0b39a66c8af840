//! Hostile input, the short run: thousands of inputs for each target, made from good ones, by a fixed seed.
//!
//! No panic, on whatever thread; nothing that takes longer than it may; no memory without bounds. libFuzzer
//! does the same for as long as it is let (`fuzz/README.md`).
//!
//! `HOSTILE_SEED` takes another seed, `HOSTILE_FACTOR` so many times as many inputs.

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

/// The most memory that a byte of a long text may take, in bytes.
const MOST_FOR_A_BYTE: usize = 96;

/// Texts that are easy to make long, and of which each byte could cost much memory.
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
fn long_texts_take_memory_in_proportion() {
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
