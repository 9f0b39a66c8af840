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
