//! The tone of a status or severity: a colour, a shape and a word, so that none is the only sign.

use maud::{Markup, html};

use crate::catalogue::{Severity, Status};

/// The tones, from calm to urgent.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Tone {
    /// Does not apply, or does not run.
    Off,
    /// Works.
    Ok,
    /// No result.
    Unknown,
    /// A failure that does not concern the agent.
    Info,
    /// Needs attention.
    Warning,
    /// Broken.
    Failing,
}

/// A shape on a square of 20 units, and the glyph on it.
struct Shape {
    outline: &'static str,
    glyph: &'static str,
    /// Colour in a browser's tab, which knows neither of the two themes.
    tab_colour: &'static str,
}

impl Tone {
    /// All tones.
    pub(super) const ALL: &'static [Self] = &[
        Self::Off,
        Self::Ok,
        Self::Unknown,
        Self::Info,
        Self::Warning,
        Self::Failing,
    ];

    /// Returns the tone of a check; `None` is a check that does not run.
    pub(super) const fn of_status(status: Option<Status>) -> Self {
        match status {
            Some(Status::Ok) => Self::Ok,
            Some(Status::Warning) => Self::Warning,
            Some(Status::Failing) => Self::Failing,
            Some(Status::Unknown) => Self::Unknown,
            Some(Status::NotApplicable) | None => Self::Off,
        }
    }

    /// Returns the tone of a root cause.
    pub(super) const fn of_severity(severity: Severity) -> Self {
        match severity {
            Severity::Critical => Self::Failing,
            Severity::Warning => Self::Warning,
            Severity::Info | Severity::None => Self::Info,
        }
    }

    /// Returns the name of the CSS class and of the shape.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Failing => "failing",
        }
    }

    const fn shape(self) -> Shape {
        let (outline, glyph, tab_colour) = match self {
            Self::Off => ("M10 4a6 6 0 1 1 0 12a6 6 0 1 1 0-12z", "M7 10h6", "6b7280"),
            Self::Ok => (
                "M10 1a9 9 0 1 1 0 18a9 9 0 1 1 0-18z",
                "M5.8 10.4l2.9 2.9l5.6-6.2",
                "00796b",
            ),
            Self::Unknown => (
                "M10 .6L19.4 10L10 19.4L.6 10z",
                "M7.9 8.2a2.2 2.2 0 1 1 3.2 1.9q-1.1.6-1.1 1.6M10 14v.1",
                "6d5bb0",
            ),
            Self::Info => ("M2 2h16v16H2z", "M10 9v5M10 6v.1", "2563c9"),
            Self::Warning => ("M10 1L19.6 18.6H.4z", "M10 7.5v5M10 15.4v.1", "b86e00"),
            Self::Failing => (
                "M6.2 1h7.6L19 6.2v7.6L13.8 19H6.2L1 13.8V6.2z",
                "M6.7 6.7l6.6 6.6M13.3 6.7l-6.6 6.6",
                "c62828",
            ),
        };
        Shape {
            outline,
            glyph,
            tab_colour,
        }
    }

    /// Returns the shape; the text beside it says the same.
    pub(super) fn icon(self) -> Markup {
        html! {
            svg class={ "icon " (self.class()) } aria-hidden="true" {
                use href={ "#i-" (self.class()) } {}
            }
        }
    }

    /// Returns the icon of the browser's tab.
    pub(super) fn tab_icon(self) -> String {
        let Shape {
            outline,
            glyph,
            tab_colour,
        } = self.shape();
        format!(
            "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 20'%3E\
             %3Cpath fill='%23{tab_colour}' d='{outline}'/%3E\
             %3Cpath fill='none' stroke='%23fff' stroke-width='2' d='{glyph}'/%3E%3C/svg%3E"
        )
    }
}

/// Returns the shapes that [`Tone::icon`] refers to, once per page.
pub(super) fn shapes() -> Markup {
    html! {
        svg class="shapes" aria-hidden="true" {
            @for tone in Tone::ALL {
                @let shape = tone.shape();
                symbol id={ "i-" (tone.class()) } viewBox="0 0 20 20" {
                    path d=(shape.outline) {}
                    path class="glyph" d=(shape.glyph) {}
                }
            }
        }
    }
}

/// Returns a status in words.
pub(super) const fn status_word(status: Option<Status>) -> &'static str {
    match status {
        Some(Status::Ok) => "ok",
        Some(Status::Warning) => "warning",
        Some(Status::Failing) => "failing",
        Some(Status::Unknown) => "unknown",
        Some(Status::NotApplicable) => "not applicable",
        None => "not running",
    }
}

/// Returns the verdict on an agent with this root cause, without a full stop.
pub(super) const fn verdict(severity: Severity, intermittent: bool) -> &'static str {
    match severity {
        Severity::Critical if intermittent => "The agent cannot work reliably",
        Severity::Critical => "The agent cannot work",
        Severity::Warning | Severity::Info | Severity::None => "The agent is degraded",
    }
}
