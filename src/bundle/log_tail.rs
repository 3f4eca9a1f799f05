//! The end of a log, within a limit of bytes and without a line that is cut: half a secret has no
//! name beside it.

/// The end of a log.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LogTail {
    bytes: Vec<u8>,
    max_bytes: usize,
    /// Whether the beginning is missing.
    is_cut: bool,
}

impl LogTail {
    /// Keeps this number of bytes.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            ..Self::default()
        }
    }

    /// Appends bytes, and drops what is too much from the beginning.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > 2 * self.max_bytes {
            self.cut();
        }
    }

    /// Returns whole lines, and whether the beginning is missing.
    pub fn finish(mut self) -> (String, bool) {
        if self.bytes.len() > self.max_bytes {
            self.cut();
        }
        let whole = if self.is_cut {
            let newline = self.bytes.iter().position(|byte| *byte == b'\n');
            newline.map_or(self.bytes.len(), |newline| newline + 1)
        } else {
            0
        };
        let text = String::from_utf8_lossy(&self.bytes[whole..]).into_owned();
        (text, self.is_cut)
    }

    fn cut(&mut self) {
        let excess = self.bytes.len() - self.max_bytes;
        self.bytes.drain(..excess);
        self.is_cut = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(max: usize, text: &str, chunk: usize) -> (String, bool) {
        let mut tail = LogTail::new(max);
        for part in text.as_bytes().chunks(chunk) {
            tail.push(part);
        }
        tail.finish()
    }

    #[test]
    fn only_whole_lines_at_the_end_are_kept() {
        for chunk in [1, 3, 100] {
            let text = "first\nsecond\nthird\n";
            assert_eq!(tail(100, text, chunk), (text.to_owned(), false));
            assert_eq!(tail(10, text, chunk), ("third\n".to_owned(), true));
            assert_eq!(tail(3, "one long line", chunk), (String::new(), true));
        }
    }
}
