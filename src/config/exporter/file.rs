//! A YAML file validated against a table of keys; reports all structural errors at once.
//!
//! The meaning of values is not known here.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use serde_saphyr::Spanned;

use crate::config::config_error::{ConfigError, ConfigErrors};
use crate::config::did_you_mean::did_you_mean;
use crate::config::exporter::keys::{Key, Kind};
use crate::config::exporter::yaml::{YamlNode, parse};
use crate::config::regular_file;
use crate::config::sourced_value::{InvalidValue, SourcedValue};

/// Maximum size of a configuration file, in bytes.
const MAX_SIZE: u64 = 1 << 20;

/// Structural errors that are listed; further ones are counted.
const MAX_LISTED_ERRORS: usize = 100;

/// Replaces the key in errors about the whole file.
const WHOLE_FILE: &str = "(file)";

/// The values of a file, with known keys and correct types.
#[derive(Debug, Default)]
pub(crate) struct File {
    entries: Vec<FileEntry>,
}

#[derive(Debug)]
struct FileEntry {
    path: Vec<String>,
    values: Vec<SourcedValue>,
}

struct Walk<'a> {
    origin: &'a str,
    known: Vec<(Vec<&'static str>, Kind)>,
    file: File,
    problems: ConfigErrors,
    /// Errors beyond those listed.
    omitted: usize,
}

/// Reads the whole text of a regular file, bounded.
pub(crate) fn read_text(path: &Path) -> Result<String, InvalidValue> {
    regular_file::read(path, MAX_SIZE)
        .and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other))
        .map_err(|error| {
            InvalidValue::new(
                format!("{} cannot be read: {error}", path.display()),
                "a readable file of UTF-8 text, at most 1 MiB",
            )
        })
}

impl File {
    /// Parses a document and reports its structural errors.
    pub(crate) fn parse(origin: &str, text: &str, keys: &'static [Key]) -> (Self, ConfigErrors) {
        let known = keys
            .iter()
            .flat_map(|key| key.paths().into_iter().map(|path| (path, key.kind)))
            .collect();
        let mut walk = Walk {
            origin,
            known,
            file: Self::default(),
            problems: ConfigErrors::default(),
            omitted: 0,
        };
        match parse(text) {
            Ok(root) => walk.section(&mut Vec::new(), &root),
            Err((line, fault)) => {
                walk.wrong(line, "", format!("not YAML: {fault}"), "fix the syntax");
            }
        }
        if walk.omitted > 0 {
            walk.problems.0.push(ConfigError {
                origin: origin.to_owned(),
                line: None,
                key: WHOLE_FILE.to_owned(),
                what: format!("{} further errors are not listed", walk.omitted),
                right: "fix those listed first".to_owned(),
            });
        }
        (walk.file, walk.problems)
    }

    /// Returns the value of a key.
    pub(crate) fn one(&self, key: &str) -> Option<&SourcedValue> {
        self.many(key).and_then(<[SourcedValue]>::first)
    }

    /// Returns the values of a key that takes a list.
    pub(crate) fn many(&self, key: &str) -> Option<&[SourcedValue]> {
        let found = self
            .entries
            .iter()
            .find(|entry| entry.path.iter().map(String::as_str).eq(key.split('.')))?;
        Some(&found.values)
    }

    /// Returns all values in a section.
    pub(crate) fn within(&self, section: &str) -> impl Iterator<Item = &SourcedValue> {
        self.entries
            .iter()
            .filter(move |entry| entry.path.first().is_some_and(|name| name == section))
            .flat_map(|entry| &entry.values)
    }

    /// Returns the names in a section with free names, and their values.
    pub(crate) fn named(&self, section: &str) -> impl Iterator<Item = (&str, &SourcedValue)> {
        let depth = section.split('.').count();
        self.entries.iter().filter_map(move |entry| {
            let (name, path) = entry.path.split_last()?;
            let inside =
                path.len() == depth && path.iter().map(String::as_str).eq(section.split('.'));
            Some((name.as_str(), entry.values.first()?)).filter(|_| inside)
        })
    }
}

impl Walk<'_> {
    fn section(&mut self, path: &mut Vec<String>, node: &Spanned<YamlNode>) {
        let entries = match &node.value {
            YamlNode::Null => return,
            YamlNode::Map(entries) => entries,
            other => {
                let what = format!("is {}, not a section", other.kind());
                let right = format!("write the keys beneath it: {}", self.names(path).join(", "));
                self.wrong(line(node), &path.join("."), what, right);
                return;
            }
        };
        let mut first_lines = HashMap::with_capacity(entries.len());
        for (name, value) in entries {
            path.push(name.value.clone());
            let first_line = first_lines.get(name.value.as_str()).copied();
            if let Some(first_line) = first_line {
                let what = format!("is defined twice, first on line {first_line}");
                self.wrong(line(name), &path.join("."), what, "remove one of them");
            } else if let Some(kind) = self.kind(path) {
                self.leaf(path, kind, value, line(value).or(line(name)));
            } else if self.is_section(path) {
                self.section(path, value);
            } else {
                self.unknown(path, line(name));
            }
            if first_line.is_none() {
                first_lines.insert(name.value.as_str(), name.referenced.line());
            }
            path.pop();
        }
    }

    fn leaf(&mut self, path: &[String], kind: Kind, node: &Spanned<YamlNode>, line: Option<u64>) {
        let items = match (&node.value, kind) {
            (YamlNode::List(items), Kind::Texts) if !items.is_empty() => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let key = path.join(".");
        let mut values = Vec::new();
        for item in items {
            let line = self::line(item).or(line);
            match text_of(&item.value, kind) {
                Ok(value) => values.push(SourcedValue {
                    origin: self.origin.to_owned(),
                    line,
                    key: key.clone(),
                    value,
                }),
                Err(wrong) => self.wrong(line, &key, wrong.what, wrong.right),
            }
        }
        // A partial list would mean something else.
        if values.len() == items.len() {
            self.file.entries.push(FileEntry {
                path: path.to_vec(),
                values,
            });
        }
    }

    fn unknown(&mut self, path: &[String], line: Option<u64>) {
        // Finding a similar name is too expensive for an error that is not listed.
        if self.problems.0.len() >= MAX_LISTED_ERRORS {
            self.omitted += 1;
            return;
        }
        let (name, section) = path.split_last().expect("write the name of a key");
        let siblings = self.names(section);
        let elsewhere = self
            .known
            .iter()
            .find(|(known, _)| known.last() == Some(&name.as_str()));
        let right = match (did_you_mean(name, &siblings), elsewhere) {
            (Some(near), _) => {
                let whole: Vec<_> = section.iter().map(String::as_str).chain([near]).collect();
                format!("did you mean {}?", whole.join("."))
            }
            (None, Some((known, _))) => format!("did you mean {}?", known.join(".")),
            (None, None) => format!("valid keys here: {}", siblings.join(", ")),
        };
        self.wrong(line, &path.join("."), "unknown key", right);
    }

    fn wrong(
        &mut self,
        line: Option<u64>,
        key: &str,
        what: impl Into<String>,
        right: impl Into<String>,
    ) {
        if self.problems.0.len() >= MAX_LISTED_ERRORS {
            self.omitted += 1;
            return;
        }
        let key = if key.is_empty() { WHOLE_FILE } else { key };
        let problem = ConfigError {
            origin: self.origin.to_owned(),
            line,
            key: key.to_owned(),
            what: what.into(),
            right: right.into(),
        };
        self.problems.0.push(problem);
    }

    fn kind(&self, path: &[String]) -> Option<Kind> {
        let found = self
            .known
            .iter()
            .find(|(known, _)| known.len() == path.len() && begins(known, path));
        found.map(|(_, kind)| *kind)
    }

    fn is_section(&self, path: &[String]) -> bool {
        self.known
            .iter()
            .any(|(known, _)| known.len() > path.len() && begins(known, path))
    }

    fn names(&self, section: &[String]) -> Vec<&'static str> {
        let mut names = Vec::new();
        for (known, _) in &self.known {
            if known.len() > section.len()
                && begins(known, section)
                && !names.contains(&known[section.len()])
            {
                names.push(known[section.len()]);
            }
        }
        names
    }
}

/// Returns whether a known path begins with this one.
fn begins(known: &[&str], path: &[String]) -> bool {
    known
        .iter()
        .zip(path)
        .all(|(known, name)| *known == "<name>" || known == name)
}

fn line<T>(node: &Spanned<T>) -> Option<u64> {
    Some(node.referenced.line()).filter(|line| *line > 0)
}

/// Returns a scalar as text if it has the right type; errors do not show it, since it may be a
/// secret.
fn text_of(node: &YamlNode, kind: Kind) -> Result<String, InvalidValue> {
    let right = format!("write {}", article(kind));
    match (node, kind) {
        (YamlNode::Null, _) => Err(InvalidValue::new(
            "has no value",
            format!("{right}, or leave the key out"),
        )),
        (YamlNode::Switch(value), Kind::Switch | Kind::Scalar) => Ok(value.to_string()),
        (YamlNode::Number(value), Kind::Number | Kind::Scalar)
        | (YamlNode::Text(value), Kind::Text | Kind::Scalar | Kind::Texts | Kind::Duration) => {
            Ok(value.clone())
        }
        // `0` is a duration; a number without a unit gets an error that says so.
        (YamlNode::Number(value), Kind::Duration) => Ok(value.clone()),
        (YamlNode::Number(_) | YamlNode::Switch(_), Kind::Text | Kind::Texts) => {
            Err(InvalidValue::new(
                format!("is {}, not a string", node.kind()),
                "write it in quotes",
            ))
        }
        _ => Err(InvalidValue::new(
            format!("is {}, not {}", node.kind(), article(kind)),
            right,
        )),
    }
}

fn article(kind: Kind) -> &'static str {
    match kind {
        Kind::Switch => "true or false",
        Kind::Text | Kind::Scalar => "a text",
        Kind::Number => "an integer",
        Kind::Duration => "a duration such as 15s",
        Kind::Texts => "a string or a list of strings",
    }
}
