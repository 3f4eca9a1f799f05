//! Tells the program which compiler and which commit it is built from, for which platform, and where
//! its runbooks are published.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=REVISION");
    let rustc = std::env::var_os("RUSTC").expect("cargo names the compiler");
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .expect("the compiler runs");
    let version = String::from_utf8_lossy(&version.stdout);
    let number = version.split_whitespace().nth(1).unwrap_or("unknown");
    println!("cargo::rustc-env=BUILD_RUSTVERSION={number}");
    println!("cargo::rustc-env=BUILD_PLATFORM={}", platform());
    let revision = std::env::var_os("REVISION")
        .filter(|revision| !revision.is_empty())
        .unwrap_or("unknown".into());
    println!("cargo::rustc-env=BUILD_REVISION={}", revision.display());
    let repository = std::env::var_os("CARGO_PKG_REPOSITORY").unwrap_or_default();
    let repository = repository.to_string_lossy();
    let runbooks = if repository.is_empty() {
        String::new()
    } else {
        format!(
            "{}/blob/main/alerts/runbooks",
            repository.trim_end_matches('/')
        )
    };
    println!("cargo::rustc-env=RUNBOOK_BASE={runbooks}");
}

/// Returns the platform in the words of container images and of Go, such as `linux/arm64`.
fn platform() -> String {
    let variable = |name| std::env::var_os(name).expect("cargo describes the target");
    let os = variable("CARGO_CFG_TARGET_OS");
    let os = match os.to_str() {
        Some("macos") => "darwin",
        known => known.unwrap_or("unknown"),
    };
    let arch = variable("CARGO_CFG_TARGET_ARCH");
    let arch = match arch.to_str() {
        Some("x86_64") => "amd64",
        Some("aarch64") => "arm64",
        known => known.unwrap_or("unknown"),
    };
    format!("{os}/{arch}")
}
