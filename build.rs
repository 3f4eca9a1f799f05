//! Tells the program which compiler and which commit it is built from, and where its runbooks are
//! published.

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
