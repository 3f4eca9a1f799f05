//! A support bundle, unpacked: every file by its path below the one folder.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use serde_json::Value;

/// The files of an archive.
pub struct Unpacked {
    pub files: BTreeMap<String, String>,
}

impl Unpacked {
    pub fn read(archive: &[u8]) -> Self {
        let mut zip = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
        let mut files = BTreeMap::new();
        for at in 0..zip.len() {
            let mut file = zip.by_index(at).unwrap();
            let name = file.name().unwrap().into_owned();
            let (root, path) = name.split_once('/').unwrap();
            assert!(root.starts_with("castai-health-"), "{root}");
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(
                files.insert(path.to_owned(), text),
                None,
                "two files of one name"
            );
        }
        Self { files }
    }

    pub fn text(&self, path: &str) -> &str {
        let files = self.files.keys();
        self.files
            .get(path)
            .unwrap_or_else(|| panic!("{path} is not among {:?}", files.collect::<Vec<_>>()))
    }

    pub fn json(&self, path: &str) -> Value {
        serde_json::from_str(self.text(path)).unwrap()
    }
}
