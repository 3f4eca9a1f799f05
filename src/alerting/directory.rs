//! Brings a directory up to date with the generated files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use crate::alerting::file::GeneratedFile;

/// A difference between a directory and the generated files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FileChange {
    /// A file is missing or outdated.
    Write(GeneratedFile),
    /// A file was generated once and is not any more.
    Remove(String),
}

/// A file could not be read, written or removed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct DirectoryError {
    path: PathBuf,
    source: io::Error,
}

/// Returns the changes that bring a directory up to date.
///
/// Files in `folders` that start with one of `headers` and are no longer generated are removed.
pub fn changes(
    dir: &Path,
    files: Vec<GeneratedFile>,
    folders: &[&str],
    headers: &[&str],
) -> Result<Vec<FileChange>, DirectoryError> {
    let current: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut removed = Vec::new();
    for folder in folders {
        for name in with_header(&dir.join(folder), headers)? {
            let path = format!("{folder}/{name}");
            if !current.contains(path.as_str()) {
                removed.push(FileChange::Remove(path));
            }
        }
    }
    let outdated = |file: &GeneratedFile| {
        fs::read_to_string(dir.join(&file.path)).ok().as_deref() != Some(&file.contents)
    };
    let written = files.into_iter().filter(outdated).map(FileChange::Write);
    Ok(written.chain(removed).collect())
}

/// Reads a file below the directory.
pub fn read(dir: &Path, path: &str) -> Result<String, DirectoryError> {
    let path = dir.join(path);
    fs::read_to_string(&path).map_err(|source| DirectoryError { path, source })
}

impl FileChange {
    /// Applies the change to the directory.
    pub fn apply(&self, dir: &Path) -> Result<(), DirectoryError> {
        let (path, result) = match self {
            Self::Write(file) => {
                let path = dir.join(&file.path);
                let folder = path.parent().unwrap_or(dir);
                let result =
                    fs::create_dir_all(folder).and_then(|()| fs::write(&path, &file.contents));
                (path, result)
            }
            Self::Remove(path) => {
                let path = dir.join(path);
                let result = fs::remove_file(&path);
                (path, result)
            }
        };
        result.map_err(|source| DirectoryError { path, source })
    }
}

impl fmt::Display for FileChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(file) => f.write_str(&file.path),
            Self::Remove(path) => write!(f, "{path} (stale)"),
        }
    }
}

/// Returns the names of the generated files in a folder, sorted.
fn with_header(folder: &Path, headers: &[&str]) -> Result<Vec<String>, DirectoryError> {
    let failed = |source| DirectoryError {
        path: folder.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let is_generated = fs::read_to_string(entry.path())
            .is_ok_and(|text| headers.iter().any(|header| text.starts_with(header)));
        if is_generated {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
