//! Metric families in text format 0.0.4.

use prometheus::TextEncoder;
use prometheus::proto::MetricFamily;

/// Size of the text with ten API-server targets, rounded up.
const TYPICAL_BYTES: usize = 64 * 1024;

/// Encodes families one by one, and frees each before the next is built: all of them together take
/// several times the memory of the text.
#[derive(Debug)]
pub(super) struct TextWriter {
    text: String,
}

impl TextWriter {
    pub(super) fn new() -> Self {
        Self {
            text: String::with_capacity(TYPICAL_BYTES),
        }
    }

    /// Writes a family, unless it has no series.
    pub(super) fn write(&mut self, family: MetricFamily) {
        if family.get_metric().is_empty() {
            return;
        }
        TextEncoder::new()
            .encode_utf8(&[family], &mut self.text)
            .expect("every family has a name, a series and a valid type");
    }

    pub(super) fn write_all(&mut self, families: impl IntoIterator<Item = MetricFamily>) {
        for family in families {
            self.write(family);
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}
