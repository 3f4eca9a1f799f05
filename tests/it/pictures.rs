//! The pictures of the dashboards in docs/.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};
use test_support::dashboards::{dashboards, expressions, panels};

#[test]
fn readme_shows_a_healthy_and_a_broken_cluster() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    for path in ["docs/healthy.png", "docs/broken.png"] {
        let shown = readme
            .split_once(&format!("]({path})"))
            .and_then(|(before, _)| before.rsplit_once("!["));
        let (_, alternative) = shown.unwrap_or_else(|| panic!("README.md does not show {path}"));
        assert!(
            alternative.len() > 20 && !alternative.contains('\n'),
            "{path}: {alternative}"
        );
        let picture = fs::read(root.join(path))
            .unwrap_or_else(|error| panic!("{path}: {error}; run `make pictures`"));
        assert!(
            picture.starts_with(b"\x89PNG\r\n\x1a\n"),
            "{path} is not a PNG"
        );
        let side = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().unwrap());
        assert!(
            (1_200..2_000).contains(&side(16)) && (800..4_000).contains(&side(20)),
            "{path}"
        );
        assert!(
            (50_000..400_000).contains(&picture.len()),
            "{path}: {} bytes",
            picture.len()
        );
    }
}

#[test]
fn pictures_show_the_current_panels() {
    let shown = include_str!("../pictures/shown.json");
    let shown: BTreeMap<String, Value> = serde_json::from_str(shown).unwrap();
    assert_eq!(
        shown.keys().collect::<Vec<_>>(),
        ["broken", "fleet", "healthy"]
    );
    for (picture, shown) in shown {
        let path = format!("dashboards/{}.json", shown["dashboard"].as_str().unwrap());
        let (_, dashboard) = dashboards()
            .into_iter()
            .find(|(of, _)| *of == path)
            .unwrap_or_else(|| panic!("{path} does not exist"));
        let current: Vec<String> = panels(&dashboard)
            .into_iter()
            .filter(|panel| panel["type"] != "row")
            .map(described)
            .collect();
        let pictured: Vec<&str> = shown["panels"]
            .as_array()
            .unwrap()
            .iter()
            .map(|panel| panel.as_str().unwrap())
            .collect();
        assert!(pictured.len() > 5, "{picture}");
        assert_eq!(
            pictured,
            current[..pictured.len()],
            "docs/{picture}.png is outdated; run `make pictures`"
        );
    }
}

/// Returns type, title and a digest of the queries of a panel, as `make pictures` records them.
fn described(panel: &Value) -> String {
    let digest = Sha256::digest(expressions(panel).join("\n"));
    let start = digest.iter().take(6);
    let start = start.fold(0, |number, byte| (number << 8) | u64::from(*byte));
    let text = |key: &str| panel[key].as_str().unwrap();
    format!("{} {} {start:012x}", text("type"), text("title"))
}
