//! Texts of a table about a failure: the problem, the first step of the fix, and its section of the
//! runbooks.
//!
//! Metrics have no texts, so a table copies the labels of a failure into separate columns and
//! replaces their values with the texts.

use crate::alerting::dashboards::panel::Panel;
use crate::catalogue::alert::{documented_as, for_mode, modes_of};
use crate::catalogue::{CheckId, FailureMode, Remedy, Step, anchor, first_sentence, remedy};

/// Columns with texts, which [`with_texts`] fills.
pub(super) const PROBLEM: &str = "problem";
pub(super) const FIX: &str = "fix";
/// The page of the runbooks and the section in it. It is hidden; links refer to it.
const PAGE: &str = "page";
/// Mode of the row that a table has without any exporter.
pub(super) const NO_EXPORTER: &str = "not_scraped";

/// Returns a query for failures by mode with the label that becomes the problem.
pub(super) fn with_problem(failures: &str) -> String {
    format!("label_join({failures}, \"{PROBLEM}\", \"\", \"mode\")")
}

/// Returns a query for failures by check and mode with all labels that become texts.
pub(super) fn with_texts(failures: &str) -> String {
    let problem = with_problem(failures);
    let fix = format!("label_join({problem}, \"{FIX}\", \" \", \"check\", \"mode\")");
    format!("label_join({fix}, \"{PAGE}\", \" \", \"check\", \"mode\")")
}

impl Panel {
    /// Shows the problem of each failure.
    pub(super) fn problem_column(self) -> Self {
        let modes = FailureMode::ALL.iter().map(|mode| {
            let meaning = first_sentence(mode.entry().meaning);
            (mode.label().to_owned(), plain(meaning))
        });
        let absent = "Prometheus scrapes no exporter of this cluster.".to_owned();
        let texts = modes.chain([(NO_EXPORTER.to_owned(), absent)]);
        self.column_texts(PROBLEM, texts)
    }

    /// Shows the first step of the fix of each failure.
    pub(super) fn fix_column(self) -> Self {
        let fixes = pairs().map(|(check, mode)| {
            let fix = first_step(&remedy(check, mode));
            (format!("{check} {mode}"), fix)
        });
        let absent = (
            format!("exporter {NO_EXPORTER}"),
            "Check that the exporter runs and that Prometheus discovers it.".to_owned(),
        );
        self.column_texts(FIX, fixes.chain([absent]))
    }

    /// Links the problem of each failure to its section of the runbooks. Without a base URL the
    /// link is left out, because a relative one would lead into Grafana.
    pub(super) fn section_link(self, base: &str) -> Self {
        if base.is_empty() {
            return self.hidden_column(PAGE);
        }
        let pages = pairs().filter_map(|(check, mode)| {
            let (of, documented) = documented_as(check, mode);
            let alert = for_mode(of, documented)?;
            let page = format!("{}.md#{}", alert.name, anchor(of, documented));
            Some((format!("{check} {mode}"), page))
        });
        let absent = (
            format!("exporter {NO_EXPORTER}"),
            "CastaiHealthExporterAbsent.md".to_owned(),
        );
        self.column_texts(PAGE, pages.chain([absent]))
            .hidden_column(PAGE)
            .column_link(
                PROBLEM,
                "Runbook",
                &format!("{base}/${{__data.fields.{PAGE}}}"),
            )
    }
}

/// Returns every check with each mode that it can show.
fn pairs() -> impl Iterator<Item = (CheckId, FailureMode)> {
    CheckId::ALL
        .iter()
        .flat_map(|check| modes_of(*check).map(move |mode| (*check, mode)))
}

/// Returns the first sentence of a remedy. Its command is in the runbook, where it can be copied.
fn first_step(remedy: &Remedy) -> String {
    let prose = remedy.steps().find_map(|step| match step {
        Step::Prose(prose) => Some(plain(first_sentence(prose))),
        Step::Command(_) => None,
    });
    let prose = prose.unwrap_or_default();
    match prose.strip_suffix(':') {
        Some(introduction) => format!("{introduction}."),
        None => prose,
    }
}

/// Returns a text without the backticks of Markdown.
fn plain(text: &str) -> String {
    text.replace('`', "")
}
