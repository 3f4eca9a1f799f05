//! The archive. Nothing gets into it except through [`Archive::add`], which redacts.
//!
//! The format is zip: every desktop opens it with a double click.

use std::collections::BTreeSet;
use std::io::{Cursor, Write};

use serde_json::{Map, Value};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::bundle::archive_path::ArchivePath;
use crate::bundle::limits::{MAX_CONTENT_BYTES, MAX_FILE_BYTES, TOO_DEEP};
use crate::bundle::manifest::{LeftOut, ManifestFile, Reason};
use crate::redaction::{Shareable, shareable, shareable_value};

/// Deepest nesting of a JSON document that is kept.
const MAX_DEPTH: usize = 64;

/// The content of a file.
#[derive(Clone, Debug)]
pub enum Content {
    /// Plain text or HTML.
    Text(String),
    /// A JSON document. Its texts and numbers are redacted one by one, also by their names.
    Json(Value),
    /// Objects that are reduced already. Their fields do not say what their texts are: the `key` of
    /// a reference is a name.
    Objects(Vec<Value>),
}

/// A file that was collected and has yet to be redacted.
#[derive(Clone, Debug)]
pub struct CollectedFile {
    /// Its path.
    pub path: ArchivePath,
    /// Its content in a few words.
    pub what: String,
    /// The content.
    pub content: Content,
    /// The part that is missing.
    pub truncated: Option<String>,
}

/// The archive could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the archive: {0}")]
pub struct ArchiveError(#[from] zip::result::ZipError);

/// An archive that is being written.
#[derive(Debug)]
pub struct Archive {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    /// The folder that contains everything.
    root: ArchivePath,
    modified: DateTime,
    bytes: usize,
    /// Paths in lower case: some systems do not distinguish them.
    paths: BTreeSet<String>,
    /// The files so far.
    pub files: Vec<ManifestFile>,
    /// Files that did not fit.
    pub left_out: Vec<LeftOut>,
}

impl Content {
    /// Parses a document of another program; what is not JSON is text.
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).map_or_else(|_| Self::Text(text.to_owned()), Self::Json)
    }
}

impl CollectedFile {
    /// Returns a complete file.
    pub fn new(path: &[&str], what: impl Into<String>, content: Content) -> Self {
        Self::at(ArchivePath::new(path), what, content)
    }

    /// Returns a complete file at a path.
    pub fn at(path: ArchivePath, what: impl Into<String>, content: Content) -> Self {
        Self {
            path,
            what: what.into(),
            content,
            truncated: None,
        }
    }
}

impl Archive {
    /// Starts an archive with all files in one folder.
    pub fn new(root: &str, at: jiff::Timestamp) -> Self {
        Self {
            zip: ZipWriter::new(Cursor::new(Vec::new())),
            root: ArchivePath::new(&[root]),
            modified: zip_time(at),
            bytes: 0,
            paths: BTreeSet::new(),
            files: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// Redacts a file and adds it, if it fits.
    ///
    /// # Errors
    /// If the archive cannot be written.
    pub fn add(&mut self, file: CollectedFile) -> Result<(), ArchiveError> {
        let redacted = Redacted::new(file.content);
        let Some((text, cut)) = redacted.within(MAX_FILE_BYTES) else {
            let detail = format!("it is larger than {MAX_FILE_BYTES} bytes");
            self.leave_out(&file.path, &file.what, detail);
            return Ok(());
        };
        if self.bytes + text.len() > MAX_CONTENT_BYTES {
            let detail = format!("the archive holds at most {MAX_CONTENT_BYTES} bytes");
            self.leave_out(&file.path, &file.what, detail);
            return Ok(());
        }
        let path = self.unused(&file.path);
        self.write(&path, &text)?;
        let truncated = file.truncated.into_iter().chain(cut).collect::<Vec<_>>();
        self.files.push(ManifestFile {
            path: path.to_string(),
            what: shareable(&file.what).text,
            bytes: text.len(),
            redactions: redacted.replacements,
            truncated: (!truncated.is_empty()).then(|| truncated.join("; ")),
        });
        Ok(())
    }

    /// Redacts and adds the documents that describe the archive, and returns its bytes.
    ///
    /// # Errors
    /// If the archive cannot be written.
    pub fn finish(mut self, documents: Vec<(&str, Content)>) -> Result<Vec<u8>, ArchiveError> {
        for (name, content) in documents {
            let redacted = Redacted::new(content);
            self.write(&ArchivePath::new(&[name]), &redacted.text)?;
        }
        Ok(self.zip.finish()?.into_inner())
    }

    fn write(&mut self, path: &ArchivePath, text: &str) -> Result<(), ArchiveError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(self.modified)
            .unix_permissions(0o644);
        self.zip
            .start_file(format!("{}/{path}", self.root), options)?;
        self.zip
            .write_all(text.as_bytes())
            .map_err(|error| ArchiveError(error.into()))?;
        self.bytes += text.len();
        Ok(())
    }

    fn unused(&mut self, path: &ArchivePath) -> ArchivePath {
        let mut candidate = path.clone();
        let mut number = 2;
        while !self.paths.insert(candidate.as_str().to_ascii_lowercase()) {
            candidate = path.numbered(number);
            number += 1;
        }
        candidate
    }

    fn leave_out(&mut self, path: &ArchivePath, what: &str, detail: String) {
        let what = format!("{path} ({what})");
        self.left_out
            .push(LeftOut::new(what, Reason::OverLimit, detail));
    }
}

/// Content without secrets.
struct Redacted {
    text: String,
    /// JSON that is cut is not JSON any more.
    is_json: bool,
    replacements: usize,
}

impl Redacted {
    fn new(content: Content) -> Self {
        match content {
            Content::Text(text) => {
                let shareable = shareable(&text);
                Self {
                    text: shareable.text,
                    is_json: false,
                    replacements: shareable.replacements,
                }
            }
            Content::Json(value) => Self::json(value, &shareable_value),
            Content::Objects(objects) => Self::json(objects.into(), &|_name, text| shareable(text)),
        }
    }

    fn json(value: Value, redact: Redact<'_>) -> Self {
        let mut replacements = 0;
        let value = redacted_json("", value, 0, redact, &mut replacements);
        Self {
            text: format!("{value:#}\n"),
            is_json: true,
            replacements,
        }
    }

    /// Returns the text within a limit, and what is missing; `None` if it cannot be cut.
    fn within(&self, limit: usize) -> Option<(String, Option<String>)> {
        if self.text.len() <= limit {
            return Some((self.text.clone(), None));
        }
        if self.is_json {
            return None;
        }
        let end = self.text.floor_char_boundary(limit);
        let cut = format!("cut after {end} of {} bytes", self.text.len());
        Some((self.text[..end].to_owned(), Some(cut)))
    }
}

/// Redacts a text with a name.
type Redact<'a> = &'a dyn Fn(&str, &str) -> Shareable;

/// Redacts every text of a document, and numbers that are identifiers or named like a secret.
fn redacted_json(
    name: &str,
    value: Value,
    depth: usize,
    redact: Redact<'_>,
    replacements: &mut usize,
) -> Value {
    if depth > MAX_DEPTH {
        return TOO_DEEP.into();
    }
    match value {
        Value::Null | Value::Bool(_) => value,
        Value::Number(number) => {
            let clean = redact(name, &number.to_string());
            *replacements += clean.replacements;
            if clean.replacements == 0 {
                number.into()
            } else {
                clean.text.into()
            }
        }
        Value::String(text) => {
            let clean = redact(name, &text);
            *replacements += clean.replacements;
            clean.text.into()
        }
        Value::Array(values) => values
            .into_iter()
            .map(|value| redacted_json(name, value, depth + 1, redact, replacements))
            .collect(),
        Value::Object(fields) => {
            let mut kept = Map::new();
            for (key, value) in fields {
                let value = redacted_json(&key, value, depth + 1, redact, replacements);
                kept.insert(shareable(&key).text, value);
            }
            kept.into()
        }
    }
}

fn zip_time(at: jiff::Timestamp) -> DateTime {
    let utc = at.to_zoned(jiff::tz::TimeZone::UTC);
    let byte = |number: i8| u8::try_from(number).unwrap_or_default();
    DateTime::from_date_and_time(
        u16::try_from(utc.year()).unwrap_or_default(),
        byte(utc.month()),
        byte(utc.day()),
        byte(utc.hour()),
        byte(utc.minute()),
        byte(utc.second()),
    )
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use serde_json::json;

    use super::*;

    fn unpacked(bytes: Vec<u8>) -> Vec<(String, String)> {
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        (0..zip.len())
            .map(|at| {
                let mut file = zip.by_index(at).unwrap();
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                (file.name().unwrap().into_owned(), text)
            })
            .collect()
    }

    fn archive() -> Archive {
        Archive::new("bundle", jiff::Timestamp::UNIX_EPOCH)
    }

    fn text(path: &[&str], text: &str) -> CollectedFile {
        CollectedFile::new(path, "a text", Content::Text(text.to_owned()))
    }

    #[test]
    fn everything_is_redacted_on_its_way_in() {
        let mut archive = archive();
        archive.add(text(&["a.txt"], "password=hunter2\n")).unwrap();
        let json = json!({
            "password": "hunter2", "account": 123_456_789_012_u64,
            "line": "password=hunter2", "token=hunter22": 1, "token": 12_345_678,
        });
        archive
            .add(CollectedFile::new(
                &["a.json"],
                "a document",
                Content::Json(json),
            ))
            .unwrap();
        assert_eq!(archive.files[0].redactions, 1);
        assert!(archive.files[1].redactions >= 4);
        let page = Content::Text("token=hunter2".to_owned());
        for (name, text) in unpacked(archive.finish(vec![("index.html", page)]).unwrap()) {
            assert!(
                !text.contains("hunter2") && !text.contains("12345678"),
                "{name}: {text}"
            );
            assert!(name.starts_with("bundle/"), "{name}");
            if std::path::Path::new(&name)
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                serde_json::from_str::<Value>(&text).unwrap();
            }
        }
    }

    #[test]
    fn equal_names_are_numbered() {
        let mut archive = archive();
        for path in ["a.txt", "A.txt", "a.txt"] {
            archive.add(text(&[path], "x")).unwrap();
        }
        let names: Vec<&str> = archive
            .files
            .iter()
            .map(|file| file.path.as_str())
            .collect();
        assert_eq!(names, ["a.txt", "A-2.txt", "a-3.txt"]);
    }

    #[test]
    fn files_and_archive_are_bounded() {
        let mut archive = archive();
        let long = "word ".repeat(MAX_FILE_BYTES / 5 + 1);
        archive.add(text(&["long.txt"], &long)).unwrap();
        assert_eq!(archive.files[0].bytes, MAX_FILE_BYTES);
        assert!(archive.files[0].truncated.is_some());
        let json = Content::Json(json!([long]));
        archive
            .add(CollectedFile::new(&["long.json"], "", json))
            .unwrap();
        assert_eq!(archive.left_out[0].reason, Reason::OverLimit);
        archive.bytes = MAX_CONTENT_BYTES;
        archive.add(text(&["next.txt"], "x")).unwrap();
        assert_eq!((archive.left_out.len(), archive.files.len()), (2, 1));
    }
}
