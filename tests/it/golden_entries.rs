//! Golden files with one entry per test case: evidence of checks and problems of configurations.
//!
//! `UPDATE_GOLDEN=1 cargo test --test it` rewrites the entries of the tests that run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

/// Guards the files, because tests run in parallel.
static FILES: Mutex<()> = Mutex::new(());

/// Compares evidence with its entry; addresses, ports, durations and times may differ.
pub(crate) fn assert_evidence(name: &str, evidence: &str) {
    assert_entry("evidence.txt", name, &normalised(evidence));
}

/// Compares the problems of a configuration, one per line, with their entry.
pub(crate) fn assert_problems(name: &str, problems: &str) {
    assert_entry("problems.txt", name, problems);
}

fn assert_entry(file: &str, name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/golden")
        .join(file);
    let guard = FILES.lock().unwrap();
    let mut entries = parse(&fs::read_to_string(&path).unwrap_or_default());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        entries.insert(name.to_owned(), actual.trim_end().to_owned());
        fs::write(&path, format(&entries)).unwrap();
    }
    drop(guard);
    let expected = entries.get(name).map_or("", String::as_str);
    assert!(
        actual.trim_end() == expected,
        "{name} in tests/it/golden/{file} differs; UPDATE_GOLDEN=1 updates it:\n\
         expected: {expected}\nactual:   {actual}"
    );
}

/// Parses entries: a name at the start of a line, its text in the indented lines below.
fn parse(text: &str) -> BTreeMap<String, String> {
    let mut entries = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines() {
        match line.strip_prefix("  ") {
            Some(line) => {
                let entry: &mut String = entries.entry(name.clone()).or_default();
                if !entry.is_empty() {
                    entry.push('\n');
                }
                entry.push_str(line);
            }
            None => line.clone_into(&mut name),
        }
    }
    entries
}

fn format(entries: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (name, entry) in entries {
        writeln!(text, "{name}").unwrap();
        for line in entry.lines() {
            writeln!(text, "  {line}").unwrap();
        }
    }
    text
}

/// Replaces loopback addresses, ports, durations, times, key IDs, request IDs and temporary folders.
pub(crate) fn normalised(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let starts_word = !result.ends_with(|last: char| last.is_ascii_alphanumeric());
        if let Some(after) = rest.strip_prefix("/tmp/") {
            result.push_str("TMP/");
            rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.');
            rest = rest.strip_prefix('/').unwrap_or(rest);
        } else if let Some(after) = rest.strip_prefix("access key …") {
            result.push_str("access key …KEY");
            rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        } else if starts_word && rest.get(..36).is_some_and(is_random_uuid) {
            result.push_str("UUID");
            rest = &rest[36..];
        } else if is_unix_time(rest) && !result.ends_with(|last: char| last.is_ascii_digit()) {
            result.push_str("TIME");
            rest = &rest[10..];
        } else if starts_word && length_of_word(rest) >= 60 {
            result.push_str("ENCODED");
            rest = &rest[length_of_word(rest)..];
        } else if next.is_ascii_digit() && starts_word {
            let length = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-')))
                .unwrap_or(rest.len());
            let (token, after) = rest.split_at(length);
            let trimmed = token.trim_end_matches(['.', ':', '-']);
            rest = &rest[trimmed.len()..];
            let unit = [" s", " ms", " days ago", " bytes exceeds"]
                .iter()
                .any(|unit| after.starts_with(unit));
            let before_seconds = unit && trimmed == token;
            let is_port = result.ends_with(':') || result.ends_with("port ");
            result.push_str(&normalised_number(trimmed, before_seconds, is_port));
        } else {
            result.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    result
}

/// Whether the text starts with a number of ten digits.
fn is_unix_time(text: &str) -> bool {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    digits.unwrap_or(text.len()) == 10
        && !text[10..].starts_with(|next: char| next.is_ascii_alphabetic())
}

fn length_of_word(text: &str) -> usize {
    text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
        .unwrap_or(text.len())
}

/// Whether the text is a UUID of version 4.
fn is_random_uuid(text: &str) -> bool {
    text.char_indices().all(|(index, c)| match index {
        8 | 13 | 18 | 23 => c == '-',
        14 => c == '4',
        _ => c.is_ascii_hexdigit(),
    })
}

fn normalised_number(token: &str, before_seconds: bool, is_port: bool) -> String {
    let number = |text: &str| text.parse::<f64>().is_ok();
    let (host, port) = token.split_once(':').unwrap_or((token, ""));
    if token.len() >= 16 && token.contains('T') && token.ends_with('Z') {
        "TIME".to_owned()
    } else if host.matches('.').count() == 3 && (host.starts_with("127.") || port.len() > 4) {
        let separator = if port.is_empty() { "" } else { ":PORT" };
        let host = if host.starts_with("127.") {
            "LOOPBACK"
        } else {
            host
        };
        format!("{host}{separator}")
    } else if before_seconds && number(token)
        || token
            .strip_suffix("ms")
            .or(token.strip_suffix('s'))
            .is_some_and(number)
    {
        "N".to_owned() + token.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
    } else if is_port && token.len() == 5 && number(token) {
        "PORT".to_owned()
    } else {
        token.to_owned()
    }
}
