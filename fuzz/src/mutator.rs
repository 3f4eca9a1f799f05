//! Random changes to valid inputs, reproducible from a seed.

/// Words at which parsers branch.
const WORDS: &[&str] = &[
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    "\": ",
    "=",
    "<",
    ">",
    "</",
    "\n",
    "\r\n",
    "\t",
    "\u{1b}[31m",
    "é",
    "\u{feff}",
    "time=\"",
    "level=error",
    "msg=\"",
    "err=<",
    "status_code=",
    "body=",
    "HTTP/1.1 ",
    "lookup ",
    "EOF",
    "https://",
    "│ ",
    "\" | ",
    "]: ",
    "Normal",
    "Warning",
    "nodes are available: ",
    "StatusCode: ",
    "status code: ",
    "unexpected status",
    "message: ",
    "\"kind\":\"List\"",
    "\"items\":[",
    "-----BEGIN CERTIFICATE-----",
    "nameserver ",
    "18446744073709551616",
];
/// Most bytes of an input.
const MAX_BYTES: usize = 16 * 1024;
/// Most changes to one input.
const MAX_CHANGES: u64 = 8;

/// Generates inputs: a seed each, changed in a few places.
#[derive(Debug)]
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    state: u64,
}

impl Mutator {
    /// Returns a mutator of these inputs; the number determines everything that it generates.
    ///
    /// # Panics
    /// If there is no seed.
    pub fn new(seeds: Vec<Vec<u8>>, number: u64) -> Self {
        assert!(!seeds.is_empty(), "a target needs a seed");
        Self {
            seeds,
            state: number,
        }
    }

    /// Generates the next input.
    pub fn generate(&mut self) -> Vec<u8> {
        let seed = self.below(self.seeds.len());
        let mut input = self.seeds[seed].clone();
        for _ in 0..=self.next() % MAX_CHANGES {
            self.change(&mut input);
        }
        input.truncate(MAX_BYTES);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = (at + 1 + self.below(32)).min(input.len());
        match self.next() % 7 {
            0 => drop(input.drain(at.min(end)..end)),
            1 => {
                let repeated = input[at.min(end)..end].to_vec();
                input.splice(at..at, repeated);
            }
            2 => {
                let word = WORDS[self.below(WORDS.len())];
                input.splice(at..at, word.bytes());
            }
            3 => {
                let word = WORDS[self.below(WORDS.len())];
                input.splice(at.min(end)..end, word.bytes());
            }
            4 => {
                let other = self.below(self.seeds.len());
                let from = self.below(self.seeds[other].len() + 1);
                input.truncate(at);
                input.extend_from_slice(&self.seeds[other][from..]);
            }
            5 => input.truncate(at),
            _ => {
                let byte = self.next().to_le_bytes()[0];
                match input.get_mut(at) {
                    Some(old) => *old = byte,
                    None => input.push(byte),
                }
            }
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).expect("a length fits into 64 bits");
        usize::try_from(self.next() % limit).expect("it is below a length")
    }

    /// `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}
