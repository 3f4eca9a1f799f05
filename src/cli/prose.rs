//! Text for terminals: prose is wrapped, commands are not.

use std::fmt;
use std::fmt::Write;

use crate::catalogue::{Remedy, Step};

/// Width of prose, in columns.
const MAX_COLUMNS: usize = 100;
/// Indentation of commands below the prose that introduces them.
const COMMAND_INDENT: &str = "  ";

/// Writes indented lines of bounded width.
pub(super) fn paragraph(out: &mut dyn Write, indent: &str, text: &str) -> fmt::Result {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty()
            && line.chars().count() + 1 + word.chars().count() > MAX_COLUMNS - indent.len()
        {
            writeln!(out, "{indent}{line}")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "{indent}{line}")
}

/// Writes a remedy after its title. Each command has a separate line, however long it is.
pub(super) fn remedy(
    out: &mut dyn Write,
    indent: &str,
    title: &str,
    remedy: &Remedy,
) -> fmt::Result {
    for (i, step) in remedy.steps().enumerate() {
        match step {
            Step::Prose(text) if i == 0 => paragraph(out, indent, &format!("{title}: {text}"))?,
            Step::Prose(text) => paragraph(out, indent, text)?,
            Step::Command(command) => command_line(out, indent, command)?,
        }
    }
    Ok(())
}

/// Writes a command on a separate line.
pub(super) fn command_line(out: &mut dyn Write, indent: &str, command: &str) -> fmt::Result {
    writeln!(out, "{indent}{COMMAND_INDENT}{command}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::RemedyValues;

    #[test]
    fn prose_is_wrapped_and_commands_are_not() {
        let command = format!("kubectl {}", "get pod ".repeat(30));
        let text = format!("{}\n$ {}\nThen wait.", "Look at it. ".repeat(20), command);
        let mut written = String::new();
        remedy(
            &mut written,
            "    ",
            "fix",
            &Remedy::new(text, &RemedyValues::default()),
        )
        .unwrap();
        let whole = format!("      {}", command.trim_end());
        assert!(written.lines().any(|line| line == whole), "{written}");
        let prose = written.lines().filter(|line| !line.contains("kubectl"));
        for line in prose {
            assert!(
                line.starts_with("    ") && line.len() <= MAX_COLUMNS,
                "{line}"
            );
        }
        assert!(written.starts_with("    fix: Look at it. "), "{written}");
    }
}
