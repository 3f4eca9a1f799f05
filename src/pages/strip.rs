//! The history of a check as a strip: colour and height say which status held when.
//!
//! All strips of a page show the same time: the shortest of [`SPANS`] that holds the history.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use maud::{Markup, html};

use crate::history::{CheckHistory, HistorySnapshot, RETENTION};
use crate::pages::text::counted;
use crate::pages::time_text::moment;
use crate::pages::tone::{Tone, status_word};

/// Number of slots. A slot shows the most urgent status in it, so that the shortest failure is
/// visible.
const SLOTS: u32 = 144;
/// The times that strips can show, so that a young history is not a dot in an empty day.
const SPANS: [(Duration, &str); 3] = [
    (Duration::from_hours(1), "1 hour"),
    (Duration::from_hours(6), "6 hours"),
    (RETENTION, "24 hours"),
];
/// Height of the strip in its own units.
const HEIGHT: u32 = 16;

/// The time that all strips of a page show.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeSpan {
    end: SystemTime,
    length: Duration,
    pub(super) name: &'static str,
}

impl TimeSpan {
    /// Returns the time up to now that shows the whole history.
    pub(super) fn of(history: &HistorySnapshot, now: SystemTime) -> Self {
        let age = now.duration_since(history.began).unwrap_or_default();
        let (length, name) = SPANS
            .into_iter()
            .find(|(length, _)| age <= *length)
            .unwrap_or(SPANS[SPANS.len() - 1]);
        Self {
            end: now,
            length,
            name,
        }
    }

    /// Returns the slot of a moment; those before this time are in the first.
    fn slot(&self, at: SystemTime) -> usize {
        let age = self.end.duration_since(at).unwrap_or_default();
        let behind = age.as_secs() / (self.length / SLOTS).as_secs();
        let last = u64::from(SLOTS - 1);
        usize::try_from(last.saturating_sub(behind)).expect("a slot is a small number")
    }
}

/// Renders the strip of a check.
pub(super) fn strip(history: Option<&CheckHistory>, span: TimeSpan) -> Markup {
    let slots = history.map_or([None; SLOTS as usize], |history| slots(history, span));
    html! {
        svg.strip viewBox={ "0 0 " (SLOTS) " " (HEIGHT) } preserveAspectRatio="none" role="img"
            aria-label=(description(history)) {
            @for tone in Tone::ALL {
                @let path = path(&slots, *tone);
                @if !path.is_empty() { path class=(tone.class()) d=(path) {} }
            }
        }
    }
}

/// Describes the strip for those who do not see it.
fn description(history: Option<&CheckHistory>) -> String {
    let Some(last) = history.and_then(|of| of.changes().next_back()) else {
        return "no history".to_owned();
    };
    let changes = history.map_or(0, |of| of.changes().len() - 1);
    format!(
        "{} since {}, {} in 24 hours",
        status_word(last.status),
        moment(last.at),
        counted(changes, "change")
    )
}

/// Returns the most urgent tone of each slot; `None` before the history begins.
fn slots(history: &CheckHistory, span: TimeSpan) -> [Option<Tone>; SLOTS as usize] {
    let mut slots = [None; SLOTS as usize];
    let mut changes = history.changes().peekable();
    while let Some(change) = changes.next() {
        let tone = Tone::of_status(change.status);
        let end = changes.peek().map_or(span.end, |next| next.at);
        for slot in &mut slots[span.slot(change.at)..=span.slot(end)] {
            *slot = (*slot).max(Some(tone));
        }
    }
    slots
}

/// Returns the outline of all slots with a tone.
fn path(slots: &[Option<Tone>], tone: Tone) -> String {
    let height = match tone {
        Tone::Failing => HEIGHT,
        Tone::Warning => 11,
        Tone::Info | Tone::Ok => 6,
        Tone::Unknown => 3,
        Tone::Off => 1,
    };
    let mut path = String::new();
    let mut at = 0;
    for run in slots.chunk_by(|one, next| one == next) {
        if run[0] == Some(tone) {
            let (width, top) = (run.len(), HEIGHT - height);
            let _ = write!(path, "M{at} {top}h{width}v{height}h-{width}z");
        }
        at += run.len();
    }
    path
}
