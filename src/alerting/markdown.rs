//! Remedies as Markdown: prose in paragraphs, commands in blocks.

use crate::catalogue::{Remedy, Step};

/// Returns a remedy as Markdown after a bold title; `command` completes each command.
pub(super) fn remedy(title: &str, remedy: &Remedy, command: impl Fn(&str) -> String) -> String {
    let mut markdown = format!("**{title}:** ");
    let mut in_block = false;
    for (i, step) in remedy.steps().enumerate() {
        match step {
            Step::Prose(text) => {
                if in_block {
                    markdown.push_str("```\n\n");
                    in_block = false;
                } else if i > 0 {
                    markdown.push_str("\n\n");
                }
                markdown.push_str(text);
            }
            Step::Command(text) => {
                if !in_block {
                    markdown.push_str("\n\n```sh\n");
                    in_block = true;
                }
                markdown.push_str(&command(text));
                markdown.push('\n');
            }
        }
    }
    if in_block {
        markdown.push_str("```");
    }
    markdown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::RemedyValues;

    #[test]
    fn commands_are_blocks_between_paragraphs() {
        let fix = Remedy::new(
            "Look:\n$ kubectl get pod\n$ kubectl top pod\nWait.\nThen stop:\n$ kill 1",
            &RemedyValues::default(),
        );
        assert_eq!(
            remedy("Fix", &fix, |command| format!("x {command}")),
            "**Fix:** Look:\n\n```sh\nx kubectl get pod\nx kubectl top pod\n```\n\nWait.\n\n\
             Then stop:\n\n```sh\nx kill 1\n```"
        );
    }
}
