//! Headers of plain-text log lines: dates, threads and a level before the message.

use super::level::{Level, level};

/// Most words before the level.
const MAX_HEADER_WORDS: usize = 9;

/// Returns the level in a line's header and the text behind it, as log4j, Python, zap's console
/// and logrus on a terminal write it.
///
/// A word counts as a level only behind a date, in brackets, in capitals, or before a colon: the
/// message itself may begin with "error".
pub(super) fn level_and_message(line: &str, dated: bool) -> Option<(Level, &str)> {
    if let Some(found) = terminal(line) {
        return Some(found);
    }
    let mut behind_date = dated;
    let mut rest = line;
    for _ in 0..MAX_HEADER_WORDS {
        rest = rest.trim_start_matches([' ', '\t', '|', '-']);
        let end = rest.find([' ', '\t']).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let name = word.trim_matches(['[', ']', '(', ')', '<', '>', ':', ',']);
        let level = level(name);
        if level != Level::Unknown {
            let in_capitals = name.bytes().all(|byte| byte.is_ascii_uppercase());
            let marked = word.starts_with(['[', '(', '<']) || word.ends_with(':');
            if behind_date || in_capitals || marked {
                return Some((
                    level,
                    behind.trim_start_matches([' ', '\t', ']', ':', '|', '-']),
                ));
            }
            return None;
        }
        if is_time(name) {
            behind_date = true;
        } else if let Some(found) = python(rest) {
            return Some(found);
        } else if word.starts_with('[') && !word.contains("://") {
            // The name of a thread or logger may contain spaces.
            let close = rest.find(']').filter(|at| *at < 80)?;
            rest = &rest[close + 1..];
            continue;
        } else if !(behind_date && matches!(name, "UTC" | "CORE" | "AM" | "PM" | "JMX")) {
            return None;
        }
        rest = behind;
    }
    None
}

/// Parses `ERRO[0007] message`.
fn terminal(line: &str) -> Option<(Level, &str)> {
    let (name, rest) = line.split_once('[').filter(|(name, _)| name.len() == 4)?;
    let level = match name {
        "TRAC" | "DEBU" | "INFO" => Level::Quiet,
        "WARN" => Level::Warning,
        "ERRO" | "FATA" | "PANI" => Level::Error,
        _ => return None,
    };
    let (stamp, message) = rest.split_once(']')?;
    let is_stamp = stamp.starts_with(|first: char| first.is_ascii_digit()) && stamp.len() < 40;
    is_stamp.then(|| (level, message.trim_start()))
}

/// Parses `ERROR:root:message`.
fn python(line: &str) -> Option<(Level, &str)> {
    let (name, rest) = line.split_once(':')?;
    let (logger, message) = rest.split_once(':')?;
    let is_header =
        name.bytes().all(|byte| byte.is_ascii_uppercase()) && !logger.contains([' ', '/']);
    let level = level(name);
    (is_header && level != Level::Unknown).then_some((level, message))
}

/// Returns whether a word consists of the digits of a date or time.
fn is_time(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit() || first == '+')
        && word.len() >= 5
        && word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"-:.,/TZ+".contains(&byte))
}
