//! Tests of the container image as it is pushed to the registry.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Variable with the OCI archive that `scripts/build-image` creates.
const ARCHIVE_VARIABLE: &str = "IMAGE_TEST_ARCHIVE";
/// Name of the image in the archive.
pub(super) const IMAGE_NAME: &str = "local.test/castai-health-exporter";
/// Fourteen megabytes for the program, plus the CA certificates.
const MAX_IMAGE_BYTES: u64 = 14_000_000 + 400_000;

pub(super) fn archive() -> PathBuf {
    let path = env::var_os(ARCHIVE_VARIABLE)
        .map(PathBuf::from)
        .filter(|path| path.is_file());
    path.unwrap_or_else(|| panic!("{ARCHIVE_VARIABLE} is not an image; run `make test-node`"))
}

/// Reads a file of the archive.
fn member(path: &str) -> Vec<u8> {
    let output = Command::new("tar")
        .arg("-xOf")
        .arg(archive())
        .arg(path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{path}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn blob(reference: &Value) -> Vec<u8> {
    member(&format!(
        "blobs/{}",
        reference["digest"].as_str().unwrap().replace(':', "/")
    ))
}

#[test]
#[ignore = "needs the image: make test-node"]
fn image_contains_only_the_binary_and_ca_certificates() {
    let json = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap();
    let index = json(member("index.json"));
    let manifest = json(blob(&index["manifests"][0]));
    let image = json(blob(&manifest["config"]));
    let config = &image["config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(
        config["Entrypoint"],
        serde_json::json!(["/castai-health-exporter"])
    );
    assert!(config["ExposedPorts"].get("9878/tcp").is_some(), "{config}");
    for label in ["title", "description", "version", "revision"] {
        let value = config["Labels"][format!("org.opencontainers.image.{label}")]
            .as_str()
            .unwrap();
        assert!(
            !value.is_empty() && value != "unknown",
            "{label} is {value}"
        );
    }
    let layers = manifest["layers"].as_array().unwrap();
    let compressed: u64 = layers
        .iter()
        .map(|layer| layer["size"].as_u64().unwrap())
        .sum();
    let mut files = Vec::new();
    let mut size = 0;
    for layer in layers {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), blob(layer)).unwrap();
        let listed = Command::new("tar")
            .arg("-tvf")
            .arg(path.path())
            .output()
            .unwrap();
        for line in String::from_utf8_lossy(&listed.stdout)
            .lines()
            .filter(|line| line.starts_with('-'))
        {
            let words: Vec<&str> = line.split_whitespace().collect();
            size += words[2].parse::<u64>().unwrap();
            files.push((*words.last().unwrap()).to_owned());
        }
    }
    files.sort();
    assert_eq!(
        files,
        [
            "castai-health-exporter",
            "etc/ssl/certs/ca-certificates.crt"
        ]
    );
    println!("the image holds {size} bytes, {compressed} compressed");
    assert!(
        size <= MAX_IMAGE_BYTES,
        "the image has {size} bytes, more than {MAX_IMAGE_BYTES}"
    );
}

#[test]
#[ignore = "needs buildah as root: make test-node"]
fn archive_for_several_architectures_has_an_image_for_each() {
    let dir = tempfile::TempDir::new().unwrap();
    let programs = ["amd64", "arm64"].map(|architecture| {
        let path = dir.path().join(architecture);
        std::fs::write(&path, architecture).unwrap();
        format!("{architecture}={}", path.display())
    });
    let built = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/build-image"))
        .arg("local.test/several:1")
        .args(&programs)
        .env("XDG_CACHE_HOME", dir.path())
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let archive = PathBuf::from(String::from_utf8(built.stdout).unwrap().trim());
    let member = |path: &str| -> Value {
        let read = Command::new("tar")
            .arg("-xOf")
            .arg(&archive)
            .arg(path)
            .output();
        serde_json::from_slice(&read.unwrap().stdout).unwrap()
    };
    let blob = |reference: &Value| {
        let digest = reference["digest"].as_str().unwrap().replace(':', "/");
        member(&format!("blobs/{digest}"))
    };
    let index = blob(&member("index.json")["manifests"][0]);
    let mut platforms = Vec::new();
    for manifest in index["manifests"].as_array().unwrap() {
        let image = blob(&blob(manifest)["config"]);
        assert_eq!(image["architecture"], manifest["platform"]["architecture"]);
        assert_eq!(image["config"]["User"], "65532:65532");
        platforms.push(image["architecture"].as_str().unwrap().to_owned());
    }
    platforms.sort();
    assert_eq!(platforms, ["amd64", "arm64"]);
}
