//! Data runs one way: what each module may name, and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules that each module may name, in reading order. What is not listed is forbidden.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("catalogue", &[]),
    ("verdict", &["catalogue"]),
    ("config", &["catalogue"]),
    ("classify", &["catalogue"]),
    ("probe", &["catalogue", "config", "verdict"]),
    (
        "aws",
        &["catalogue", "classify", "config", "probe", "verdict"],
    ),
    ("cluster", &["catalogue", "config", "probe", "verdict"]),
    ("cloud", &["catalogue", "config", "probe", "verdict"]),
    (
        "checks",
        &[
            "aws",
            "catalogue",
            "classify",
            "cloud",
            "cluster",
            "config",
            "probe",
            "verdict",
        ],
    ),
    ("board", &["catalogue", "verdict"]),
    ("scheduler", &["board", "catalogue", "checks", "verdict"]),
    ("exporter", &["catalogue", "config"]),
    ("metrics", &["board", "catalogue", "exporter", "verdict"]),
    ("status", &["board", "catalogue", "exporter", "verdict"]),
    ("log", &["board", "catalogue", "config", "verdict"]),
    ("server", &["catalogue", "config"]),
    ("generate", &["catalogue", "config"]),
    (
        "daemon",
        &[
            "board",
            "catalogue",
            "checks",
            "cluster",
            "config",
            "exporter",
            "generate",
            "log",
            "metrics",
            "probe",
            "scheduler",
            "server",
            "status",
        ],
    ),
    (
        "cli",
        &[
            "board",
            "catalogue",
            "checks",
            "classify",
            "config",
            "daemon",
            "exporter",
            "generate",
            "log",
            "scheduler",
            "status",
            "verdict",
        ],
    ),
];

/// Modules that live on the standard library alone.
const STD_ONLY: &[&str] = &["catalogue", "verdict", "board"];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All files of a module, with their text.
fn files(module: &str) -> Vec<(PathBuf, String)> {
    let mut found = vec![source().join(format!("{module}.rs"))];
    let mut folders = vec![source().join(module)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path)
            } else {
                found.push(path)
            }
        }
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    found
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// The first word behind each occurrence of a mark.
fn named<'a>(text: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(mark).skip(1).map(|rest| {
        rest.split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
            .unwrap_or_default()
    })
}

#[test]
fn each_module_names_only_what_is_below_it() {
    for (module, allowed) in MAY_NAME {
        for (path, text) in files(module) {
            for other in named(&text, "crate::").filter(|other| other != module) {
                assert!(
                    !other.is_empty(),
                    "{}: one import a line, so that this test can read it",
                    path.display()
                );
                assert!(
                    allowed.contains(&other),
                    "{} names crate::{other}, which is not below {module}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn every_module_has_its_place() {
    let library = fs::read_to_string(source().join("lib.rs")).unwrap();
    let declared: BTreeSet<_> = named(&library, "pub mod ").collect();
    let placed: BTreeSet<_> = MAY_NAME.iter().map(|(module, _)| *module).collect();
    assert_eq!(
        declared, placed,
        "add it to MAY_NAME and to ARCHITECTURE.md"
    );
    let architecture = fs::read_to_string(source().join("../ARCHITECTURE.md")).unwrap();
    for module in placed {
        assert!(
            architecture.contains(&format!("`{module}`")),
            "ARCHITECTURE.md does not speak of {module}"
        );
    }
}

#[test]
fn facts_need_nothing_but_the_standard_library() {
    for module in STD_ONLY {
        for (path, text) in files(module) {
            for line in text.lines().filter(|line| line.starts_with("use ")) {
                let std = ["use std::", "use crate::", "use super::"]
                    .iter()
                    .any(|start| line.starts_with(start));
                assert!(std, "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn only_the_command_line_prints() {
    for (module, _) in MAY_NAME.iter().filter(|(module, _)| *module != "cli") {
        for (path, text) in files(module) {
            for macro_name in ["println!", "eprintln!", "print!(", "dbg!"] {
                assert!(
                    !text.contains(macro_name),
                    "{} prints by {macro_name}",
                    path.display()
                );
            }
        }
    }
}
