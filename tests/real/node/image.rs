//! Tests of the container image as it is pushed to the registry.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

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

/// An OCI archive with an image, or with an index of images for several architectures.
struct Archive(PathBuf);

impl Archive {
    /// Reads a file of the archive.
    fn member(&self, path: &str) -> Vec<u8> {
        let mut tar = Command::new("tar");
        let output = tar.arg("-xOf").arg(&self.0).arg(path).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{path}: {complaint}");
        output.stdout
    }

    fn blob(&self, reference: &Value) -> Vec<u8> {
        let digest = reference["digest"].as_str().unwrap();
        self.member(&format!("blobs/{}", digest.replace(':', "/")))
    }

    fn json(&self, reference: &Value) -> Value {
        serde_json::from_slice(&self.blob(reference)).unwrap()
    }

    /// Returns the manifest and the configuration of each image, sorted by architecture.
    fn images(&self) -> Vec<(Value, Value)> {
        let index: Value = serde_json::from_slice(&self.member("index.json")).unwrap();
        let first = self.json(&index["manifests"][0]);
        let manifests = if let Some(references) = first["manifests"].as_array() {
            let read = |reference: &Value| {
                let manifest = self.json(reference);
                let architecture = &self.json(&manifest["config"])["architecture"];
                assert_eq!(architecture, &reference["platform"]["architecture"]);
                manifest
            };
            references.iter().map(read).collect()
        } else {
            vec![first]
        };
        let manifests = manifests.into_iter();
        let mut images: Vec<(Value, Value)> = manifests
            .map(|manifest| (manifest.clone(), self.json(&manifest["config"])))
            .collect();
        images.sort_by_key(|(_, config)| config["architecture"].as_str().map(str::to_owned));
        images
    }

    /// Returns the files in the layers of an image, with the total of their sizes.
    fn files(&self, manifest: &Value) -> (Vec<String>, u64) {
        let mut files = Vec::new();
        let mut size = 0;
        for layer in manifest["layers"].as_array().unwrap() {
            let path = tempfile::NamedTempFile::new().unwrap();
            fs::write(path.path(), self.blob(layer)).unwrap();
            let mut tar = Command::new("tar");
            let listed = tar.arg("-tvf").arg(path.path()).output().unwrap();
            let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
            for line in listed.lines().filter(|line| line.starts_with('-')) {
                let words: Vec<&str> = line.split_whitespace().collect();
                size += words[2].parse::<u64>().unwrap();
                files.push((*words.last().unwrap()).to_owned());
            }
        }
        files.sort();
        (files, size)
    }
}

/// Asserts what every image of ours has, whatever its architecture.
fn assert_common(image: &Value) {
    assert_eq!(image["os"], "linux");
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
}

#[test]
#[ignore = "needs the image: make test-node"]
fn image_contains_only_the_binary_and_ca_certificates() {
    let archive = Archive(archive());
    let images = archive.images();
    assert!(!images.is_empty());
    for (manifest, image) in images {
        assert_common(&image);
        let (files, size) = archive.files(&manifest);
        let wanted = [
            "castai-health-exporter",
            "etc/ssl/certs/ca-certificates.crt",
        ];
        assert_eq!(files, wanted);
        let layers = manifest["layers"].as_array().unwrap().iter();
        let compressed: u64 = layers.map(|layer| layer["size"].as_u64().unwrap()).sum();
        let architecture = &image["architecture"];
        println!("the image for {architecture} holds {size} bytes, {compressed} compressed");
        assert!(
            size <= MAX_IMAGE_BYTES,
            "{architecture}: {size} bytes are more than {MAX_IMAGE_BYTES}"
        );
    }
}

#[test]
#[ignore = "needs buildah as root: make test-node"]
fn archive_for_several_architectures_has_an_image_for_each() {
    let dir = tempfile::TempDir::new().unwrap();
    let programs = ["amd64", "arm64"].map(|architecture| {
        let path = dir.path().join(architecture);
        fs::write(&path, architecture).unwrap();
        format!("{architecture}={}", path.display())
    });
    let build = || {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/build-image");
        let cache = tempfile::TempDir::new_in(dir.path()).unwrap().keep();
        let built = Command::new(script)
            .arg("local.test/several:1")
            .args(&programs)
            .env("XDG_CACHE_HOME", cache)
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{complaint}");
        let path = String::from_utf8(built.stdout).unwrap();
        Archive(PathBuf::from(path.trim()))
    };
    let [one, other] = [build(), build()];
    let images = one.images();
    let architectures = images.iter().map(|(_, image)| &image["architecture"]);
    assert!(architectures.eq(["amd64", "arm64"]), "{images:?}");
    for (_, image) in &images {
        assert_common(image);
    }
    // The digests of manifests cover all their bytes.
    assert_eq!(one.member("index.json"), other.member("index.json"));
}
