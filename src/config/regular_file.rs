//! Opens and reads regular files only.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::own_resources;

/// Opens a regular file.
///
/// Opening a FIFO would block, and a device such as `/dev/zero` has no end.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    open_sized(path).map(|(file, _)| file)
}

/// Opens a regular file, and returns its size in bytes.
fn open_sized(path: &Path) -> io::Result<(File, u64)> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let file = File::open(path).inspect_err(own_resources::note)?;
    Ok((file, metadata.len()))
}

/// Reads a regular file; fails if it is larger than `max_bytes`.
pub(crate) fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let bytes = read_start(path, max_bytes + 1)?;
    if bytes.len() as u64 > max_bytes {
        return Err(io::Error::other(format!("larger than {max_bytes} bytes")));
    }
    Ok(bytes)
}

/// Reads a regular file, or only its first `max_bytes`.
pub(crate) fn read_start(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let (file, size) = open_sized(path)?;
    // Room for the whole file and the end: two system calls read it, where an empty vector needs ten.
    let capacity = size.min(max_bytes) + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(capacity).unwrap_or_default());
    file.take(max_bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_of_a_file_is_read_whatever_size_it_claims() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, "0123456789").unwrap();
        assert_eq!(read_start(&path, 4).unwrap(), b"0123");
        assert_eq!(read_start(&path, 10).unwrap(), b"0123456789");
        assert!(read(&path, 9).is_err() && read(&path, 10).is_ok());
        // The kernel writes these files while they are read, and says that they are empty.
        let status = read_start(Path::new("/proc/self/status"), 1 << 20).unwrap();
        assert!(status.starts_with(b"Name:"));
        assert!(read_start(directory.path(), 1).is_err());
    }
}
