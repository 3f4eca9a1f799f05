//! Tests of the scripts with which the release workflow builds what it publishes.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::helm::Helm;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs a script of the repository and returns its output, or its error output.
fn script(name: &str, arguments: &[&str], path: Option<&Path>) -> Result<String, String> {
    let mut command = Command::new(Path::new(ROOT).join("scripts").join(name));
    command.args(arguments);
    if let Some(path) = path {
        let rest = std::env::var_os("PATH").unwrap();
        command.env("PATH", format!("{}:{}", path.display(), rest.display()));
    }
    let ran = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if ran.status.success() {
        Ok(text(ran.stdout))
    } else {
        Err(text(ran.stderr))
    }
}

#[test]
fn release_needs_the_tag_of_the_version_a_registry_and_a_repository() {
    let printed = script("release-metadata", &[], None).unwrap();
    assert!(
        printed.contains(&format!("version={VERSION}\n")),
        "{printed}"
    );
    let error = script("release-metadata", &["v9.9.9"], None).unwrap_err();
    assert!(error.contains("is not v"), "{error}");
    let tagged = script("release-metadata", &[&format!("v{VERSION}")], None);
    let set = |key: &str| !printed.contains(&format!("\n{key}=\n"));
    assert_eq!(
        tagged.is_ok(),
        set("registry") && set("repository"),
        "{tagged:?}"
    );
}

#[test]
fn release_notes_are_a_section_of_the_changelog() {
    let notes = script("release-notes", &["Unreleased"], None).unwrap();
    assert!(
        notes.contains("### Added") && !notes.contains("\n## ["),
        "{notes}"
    );
    assert!(script("release-notes", &["9.9.9"], None).is_err());
}

#[test]
fn package_has_chart_archives_krew_manifest_and_checksums() {
    let dir = TempDir::new().unwrap();
    std::os::unix::fs::symlink(Helm::latest().program(), dir.path().join("helm")).unwrap();
    let program = dir.path().join("program");
    fs::write(&program, "a program").unwrap();
    let folders = ["one", "two"].map(|name| dir.path().join(name));
    for folder in &folders {
        let programs = ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin"]
            .map(|target| format!("{target}={}", program.display()));
        let arguments = [folder.to_str().unwrap(), &programs[0], &programs[1]];
        script("build-package", &arguments, Some(dir.path())).unwrap();
    }
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let archive = |target: &str| format!("castai-health-exporter-{VERSION}-{target}.tar.gz");
    let mut wanted = vec![
        "SHA256SUMS".to_owned(),
        format!("castai-health-exporter-{VERSION}.tgz"),
        archive("aarch64-apple-darwin"),
        archive("x86_64-unknown-linux-gnu"),
        "castai-health.yaml".to_owned(),
        "sbom.cyclonedx.json".to_owned(),
    ];
    wanted.sort();
    assert_eq!(names(&folders[0]), wanted);
    let checked = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(&folders[0])
        .output()
        .unwrap();
    assert!(checked.status.success());
    // Archives are reproducible.
    for target in ["aarch64-apple-darwin", "x86_64-unknown-linux-gnu"] {
        let [one, other] =
            [0, 1].map(|at: usize| fs::read(folders[at].join(archive(target))).unwrap());
        assert!(one == other, "{target}");
    }
    let krew = fs::read_to_string(folders[0].join("castai-health.yaml")).unwrap();
    let krew: Value = serde_saphyr::from_str(&krew).unwrap();
    let sums = fs::read_to_string(folders[0].join("SHA256SUMS")).unwrap();
    for (at, target, os) in [
        (0, "x86_64-unknown-linux-gnu", "linux"),
        (1, "aarch64-apple-darwin", "darwin"),
    ] {
        let platform = &krew["spec"]["platforms"][at];
        assert_eq!(platform["selector"]["matchLabels"]["os"], os);
        let sum = platform["sha256"].as_str().unwrap();
        assert!(
            sums.contains(&format!("{sum}  {}\n", archive(target))),
            "{sums}"
        );
    }
}

#[test]
fn bill_of_materials_lists_linked_crates_only() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("sbom.json");
    script("build-sbom", &[file.to_str().unwrap()], None).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let bom: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(bom["bomFormat"], "CycloneDX");
    assert_eq!(bom["metadata"]["component"]["version"], VERSION);
    let components = bom["components"].as_array().unwrap();
    let named = |name: &str| components.iter().find(|one| one["name"] == name);
    for linked in ["rustls", "ring", "tokio", "hyper"] {
        let component = named(linked).unwrap_or_else(|| panic!("{linked} is missing"));
        assert_eq!(component["hashes"][0]["alg"], "SHA-256", "{linked}");
        assert!(component["licenses"][0].is_object(), "{linked}");
    }
    for unlinked in ["proptest", "rcgen", "syn", "serde_derive"] {
        assert!(named(unlinked).is_none(), "{unlinked}");
    }
    script("build-sbom", &[file.to_str().unwrap()], None).unwrap();
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        text,
        "it is reproducible"
    );
}
