//! A path in the archive that is safe on every system, whatever names it is made of.

use std::fmt;

use crate::redaction::shareable;

/// Longest part of a path, in bytes.
const MAX_PART_BYTES: usize = 100;
/// Names of devices, which Windows does not accept as file names with any extension.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "com", "lpt"];

/// A relative path without special parts.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ArchivePath(String);

impl ArchivePath {
    /// Joins the parts. Each one becomes a single file or folder name without secrets.
    pub fn new(parts: &[&str]) -> Self {
        let parts: Vec<String> = parts.iter().map(|part| file_name(part)).collect();
        Self(parts.join("/"))
    }

    /// Returns the path with a number before its extension, for a second file of that name.
    #[must_use]
    pub fn numbered(&self, number: usize) -> Self {
        let name = self.0.rfind('/').map_or(0, |slash| slash + 1);
        let dot = self.0[name..]
            .rfind('.')
            .map_or(self.0.len(), |dot| name + dot);
        Self(format!("{}-{number}{}", &self.0[..dot], &self.0[dot..]))
    }

    /// Returns the path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ArchivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn file_name(part: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut name: String = shareable(part)
        .text
        .chars()
        .map(|c| if is_safe(c) { c } else { '_' })
        .take(MAX_PART_BYTES)
        .collect();
    let is_hidden_or_special = name.is_empty() || name.starts_with('.') || name.ends_with('.');
    let stem = name.split('.').next().unwrap_or_default();
    let device = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    if is_hidden_or_special || DEVICES.contains(&device.to_ascii_lowercase().as_str()) {
        name = format!("_{}_", name.trim_matches('.'));
    }
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    #[test]
    fn foreign_names_cannot_leave_the_archive() {
        for (parts, path) in [
            (
                &["logs", "agent-1", "agent.log"][..],
                "logs/agent-1/agent.log",
            ),
            (&["logs", "../../etc/passwd"], "logs/.._.._etc_passwd"),
            (&["..", "x"], "__/x"),
            (&["a", "", "."], "a/__/__"),
            (&["/etc/shadow"], "_etc_shadow"),
            (&["c:\\windows"], "c__windows"),
            (&["nul.log"], "_nul.log_"),
            (&["COM1"], "_COM1_"),
        ] {
            let made = ArchivePath::new(parts);
            let safe = made
                .as_str()
                .split('/')
                .all(|part| !part.is_empty() && part != "..");
            assert!(safe, "{made}");
            if !path.contains("..") {
                assert_eq!(made.as_str(), path);
            }
        }
    }

    #[test]
    fn second_file_of_a_name_is_numbered_before_its_extension() {
        let path = ArchivePath::new(&["logs", "a.b", "agent"]);
        assert_eq!(path.numbered(2).as_str(), "logs/a.b/agent-2");
        let path = ArchivePath::new(&["logs", "agent.log"]);
        assert_eq!(path.numbered(2).as_str(), "logs/agent-2.log");
    }

    proptest! {
        #[test]
        fn every_part_is_one_plain_name(part in any::<String>()) {
            let path = ArchivePath::new(&["logs", &part]);
            let name = path.as_str().strip_prefix("logs/").unwrap();
            prop_assert!(!name.is_empty() && !name.contains(['/', '\\', ':']) && !name.starts_with('.'));
        }
    }
}
