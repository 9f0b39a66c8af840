//! Writes the seed inputs of each target to `corpus/TARGET/`, and its dictionary to
//! `dictionaries/TARGET`.

use std::fs;
use std::path::Path;

use swing_store_fuzz::targets;

fn main() -> std::io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dictionaries = here.join("dictionaries");
    fs::create_dir_all(&dictionaries)?;
    for target in targets::TARGETS {
        let corpus = here.join("corpus").join(target.name);
        fs::create_dir_all(&corpus)?;
        for (index, seed) in (target.seeds)().iter().enumerate() {
            fs::write(corpus.join(format!("seed-{index}")), seed)?;
        }
        let words = target.words.iter().filter(|word| !word.is_empty());
        let lines: String = words.map(|word| format!("\"{}\"\n", quoted(word))).collect();
        // libFuzzer accepts no empty word.
        if !lines.is_empty() {
            fs::write(dictionaries.join(target.name), lines)?;
        }
    }
    Ok(())
}

/// A word in the form of libFuzzer's dictionaries.
fn quoted(word: &[u8]) -> String {
    word.iter().map(|byte| format!("\\x{byte:02X}")).collect()
}
