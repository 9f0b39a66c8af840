#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (swing_store_fuzz::targets::target("manifest").run)(input));
