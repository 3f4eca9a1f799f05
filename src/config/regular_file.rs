//! Opens and reads regular files only.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::own_resources;

/// Opens a regular file.
///
/// Opening a FIFO would block, and a device such as `/dev/zero` has no end.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    File::open(path).inspect_err(own_resources::note)
}

/// Reads a regular file; fails if it is larger than `max_bytes`.
pub(crate) fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        return Err(io::Error::other(format!("larger than {max_bytes} bytes")));
    }
    Ok(bytes)
}
