//! Seeds: the committed corpus, and the classifier's cases.

use std::path::Path;
use std::{fs, io};

use serde_json::Value;

use crate::Target;

/// Returns the seeds of a target.
pub fn seeds(target: Target) -> io::Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases = folder.join("../tests/it/classify/cases");
    let mut seeds = match target.name {
        "line" => texts(&cases)?,
        "paste" => files(&cases.join("pastes"))?,
        _ => Vec::new(),
    };
    let corpus = folder.join("corpus").join(target.name);
    if corpus.exists() {
        seeds.extend(files(&corpus)?);
    }
    Ok(seeds)
}

fn files(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut paths: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    paths.sort();
    paths.iter().map(fs::read).collect()
}

/// Returns the texts of the cases.
fn texts(cases: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(cases)? {
        let path = entry?.path();
        if path
            .extension()
            .is_none_or(|extension| extension != "jsonl")
        {
            continue;
        }
        for line in fs::read_to_string(&path)?.lines() {
            let case: Value = serde_json::from_str(line)?;
            let text = case["text"].as_str().unwrap_or_default();
            texts.push(text.as_bytes().to_vec());
        }
    }
    texts.sort();
    Ok(texts)
}
