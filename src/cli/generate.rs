//! `generate`: writes the derived files, or says which differ.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::cli::output::print;
use crate::cli::{Exit, args, usage};
use crate::generate::rules::Settings;
use crate::generate::{COMMITTED, FOLDERS, HEADER, README, YAML_HEADER, files_with};

pub(super) fn run(options: &args::Generate) -> Exit {
    match differences(options) {
        Err((path, error)) => usage(&format!("{}: {error}", path.display())),
        Ok(differences) if options.check => {
            print(&differences.iter().map(Difference::line).collect::<String>());
            if differences.is_empty() {
                Exit::Fine
            } else {
                Exit::Failing
            }
        }
        Ok(differences) => match differences
            .iter()
            .try_for_each(|difference| difference.mend(&options.dir))
        {
            Ok(()) => {
                print(&differences.iter().map(Difference::line).collect::<String>());
                Exit::Fine
            }
            Err(error) => usage(&format!("{}: {error}", options.dir.display())),
        },
    }
}

enum Difference {
    /// A file that is missing or holds something else, and what it should hold.
    Changed(String, String),
    /// A generated file that nothing generates any more.
    Stale(String),
}

impl Difference {
    fn line(&self) -> String {
        match self {
            Self::Changed(path, _) => format!("{path}\n"),
            Self::Stale(path) => format!("{path} (stale)\n"),
        }
    }

    fn mend(&self, dir: &Path) -> io::Result<()> {
        match self {
            Self::Changed(path, contents) => {
                let path = dir.join(path);
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::write(path, contents)
            }
            Self::Stale(path) => fs::remove_file(dir.join(path)),
        }
    }
}

fn differences(options: &args::Generate) -> Result<Vec<Difference>, (PathBuf, io::Error)> {
    let dir = &options.dir;
    let readme = dir.join(README);
    // Outside the repository there is no text to fill in.
    let readme = match fs::read_to_string(&readme) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        other => Some(other.map_err(|error| (readme, error))?),
    };
    let runbook_base = options
        .runbook_base_url
        .as_deref()
        .unwrap_or(COMMITTED.runbook_base)
        .trim_end_matches('/');
    let mut files = files_with(
        readme.as_deref().unwrap_or_default(),
        &Settings {
            runbook_base,
            ..COMMITTED
        },
    );
    files.retain(|file| readme.is_some() || file.path != README);
    let stale = FOLDERS
        .iter()
        .flat_map(|folder| {
            generated(&dir.join(folder))
                .into_iter()
                .map(move |name| format!("{folder}/{name}"))
        })
        .filter(|path| files.iter().all(|file| file.path != *path))
        .map(Difference::Stale)
        .collect::<Vec<_>>();
    let differs = |path: &str, contents: &str| {
        fs::read_to_string(dir.join(path)).ok().as_deref() != Some(contents)
    };
    Ok(files
        .into_iter()
        .filter(|file| differs(&file.path, &file.contents))
        .map(|file| Difference::Changed(file.path, file.contents))
        .chain(stale)
        .collect())
}

/// The files of a folder that were generated.
fn generated(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let has_header = |path: &Path| {
        fs::read_to_string(path)
            .is_ok_and(|text| text.starts_with(HEADER) || text.starts_with(YAML_HEADER))
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| has_header(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
