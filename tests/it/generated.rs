//! The committed files that are derived from the catalogue.

use std::fs;
use std::path::Path;

use castai_health_exporter::catalogue::alerts::{explaining, modes_of};
use castai_health_exporter::catalogue::{Check, runbook_url};
use castai_health_exporter::generate::{
    FOLDERS, HEADER, README, RUNBOOKS, YAML_HEADER, files, readme,
};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; `make generate` writes it", path.display()))
}

#[test]
fn the_committed_files_are_what_generate_writes() {
    for file in files(&read(README)) {
        assert!(
            read(&file.path) == file.contents,
            "{} is old: `make generate`",
            file.path
        );
    }
}

#[test]
fn no_generated_page_is_left_over() {
    let written: Vec<String> = files("").into_iter().map(|file| file.path).collect();
    for folder in FOLDERS {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
            .expect("`make generate` writes it");
        for entry in entries {
            let path = format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy());
            let generated = [HEADER, YAML_HEADER]
                .iter()
                .any(|header| read(&path).starts_with(header));
            assert!(
                !generated || written.contains(&path),
                "{path} is stale: `make generate`"
            );
        }
    }
}

#[test]
fn the_readme_holds_every_table() {
    let readme = read(README);
    for table in readme::TABLES {
        assert!(
            readme.contains(&format!("<!-- generated: {table} -->\n| ")),
            "{table}"
        );
    }
}

#[test]
fn the_address_of_every_check_and_mode_leads_to_its_section() {
    let mut sections = 0;
    for check in Check::ALL {
        for mode in modes_of(*check) {
            let alert = explaining(*check, mode)
                .unwrap_or_else(|| panic!("nothing explains {check} {mode}"));
            let address =
                runbook_url(RUNBOOKS, *check, mode).expect("what has an alert has an address");
            let (page, anchor) = address.split_once('#').expect("an anchor");
            assert_eq!(page, format!("{RUNBOOKS}/{}.md", alert.name));
            let sought = format!("<a id=\"{anchor}\"></a>");
            assert_eq!(read(page).matches(&sought).count(), 1, "{address}");
            sections += 1;
        }
    }
    assert!(sections > 50, "{sections}");
}

#[test]
fn a_page_has_the_four_sections_in_their_order() {
    for file in files("")
        .iter()
        .filter(|file| file.path.starts_with(RUNBOOKS) && file.path.contains("Castai"))
    {
        let titles: Vec<&str> = file
            .contents
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .collect();
        assert_eq!(
            titles,
            ["Meaning", "Impact", "Diagnosis", "Mitigation"],
            "{}",
            file.path
        );
    }
}
