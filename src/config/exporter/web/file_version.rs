//! Detects changed files.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Inode, length and modification time of a set of files.
///
/// A mounted Secret is replaced by switching a symbolic link: the inode changes even if the time
/// does not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileVersion(Vec<Option<FileStamp>>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct FileStamp {
    device: u64,
    number: u64,
    length: u64,
    modified: (i64, i64),
}

impl FileVersion {
    /// Returns the current version of these files.
    pub fn of(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let mark = |path: PathBuf| {
            let meta = std::fs::metadata(path).ok()?;
            let modified = (meta.mtime(), meta.mtime_nsec());
            Some(FileStamp {
                device: meta.dev(),
                number: meta.ino(),
                length: meta.len(),
                modified,
            })
        };
        Self(files.into_iter().map(mark).collect())
    }
}
