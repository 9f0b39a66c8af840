//! Mutates inputs.

/// Makes inputs from valid ones, deterministically for each seed.
pub struct Mutator {
    state: u64,
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static [u8]],
}

impl Mutator {
    pub fn new(seed: u64, seeds: Vec<Vec<u8>>, words: &'static [&'static [u8]]) -> Mutator {
        Mutator {
            state: seed,
            seeds,
            words,
        }
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if there is none.
    fn below(&mut self, bound: usize) -> usize {
        (self.random() % (bound.max(1) as u64)) as usize
    }

    /// A range of a text. Short ranges are more likely.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = (length - start).min(1 << self.below(12));
        start..start + self.below(most + 1)
    }

    /// The next input.
    pub fn next(&mut self) -> Vec<u8> {
        let index = self.below(self.seeds.len());
        let mut input = self.seeds[index].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut input);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        match self.below(10) {
            0 | 1 if at < input.len() => input[at] ^= 1 << self.below(8),
            2 if at < input.len() => input[at] = self.random() as u8,
            3 => {
                let range = self.range(input.len());
                input.drain(range);
            }
            4 => {
                let range = self.range(input.len());
                let piece = input[range].to_vec();
                input.splice(at..at, piece);
            }
            5 => {
                let other = self.below(self.seeds.len());
                let range = self.range(self.seeds[other].len());
                let piece = self.seeds[other][range].to_vec();
                input.splice(at..at, piece);
            }
            6 => {
                let pieces = (0..=self.below(6)).map(|_| self.random().to_le_bytes());
                let pieces: Vec<u8> = pieces.flatten().collect();
                input.splice(at..at, pieces);
            }
            7 => input.truncate(at),
            _ if !self.words.is_empty() => {
                let word = self.words[self.below(self.words.len())];
                // Replaces an equally long range, a short one, or none.
                let replaced = [word.len(), self.below(8), 0][self.below(3)];
                let end = input.len().min(at + replaced);
                input.splice(at..end, word.iter().copied());
            }
            _ => input.push(self.random() as u8),
        }
    }
}
