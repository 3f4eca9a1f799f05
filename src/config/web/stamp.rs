//! What tells that files must be read again.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Which files stood under some paths, how long they were and when they last changed.
///
/// A mounted Secret is replaced by turning a link elsewhere: then the file's number changes, whatever its time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stamp(Vec<Option<Mark>>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Mark {
    device: u64,
    number: u64,
    length: u64,
    modified: (i64, i64),
}

impl Stamp {
    /// The state of these files now.
    pub fn of(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let mark = |path: PathBuf| {
            let meta = std::fs::metadata(path).ok()?;
            let modified = (meta.mtime(), meta.mtime_nsec());
            Some(Mark {
                device: meta.dev(),
                number: meta.ino(),
                length: meta.len(),
                modified,
            })
        };
        Self(files.into_iter().map(mark).collect())
    }
}
