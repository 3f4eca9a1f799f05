//! Files of the repository.

use std::path::Path;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A committed file.
pub struct Committed {
    /// Path in the repository.
    pub path: String,
    pub contents: String,
}

/// Reads every file of a folder of the repository, sorted by path.
pub fn committed(folder: &str) -> Vec<Committed> {
    let check_specs = std::fs::read_dir(Path::new(REPOSITORY).join(folder))
        .unwrap_or_else(|error| panic!("{folder}: {error}; run `cargo xtask generate`"));
    let mut files: Vec<Committed> = check_specs
        .map(|entry| {
            let entry = entry.unwrap();
            Committed {
                path: format!("{folder}/{}", entry.file_name().to_str().unwrap()),
                contents: std::fs::read_to_string(entry.path()).unwrap(),
            }
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Reads one file of the repository.
pub fn committed_file(path: &str) -> String {
    std::fs::read_to_string(Path::new(REPOSITORY).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}; run `cargo xtask generate`"))
}
