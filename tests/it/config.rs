//! What was written becomes what is true, or every problem with it at once.

mod aws;
mod elsewhere;
mod endpoints;
mod environment;
mod files;
mod properties;
mod providers;
mod proxies;
mod web;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use castai_health_exporter::config::{Config, Flags, Problems};

/// The folder with the files of these tests.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/config")
}

/// Loads a configuration from flags and variables.
fn load(flags: &Flags, variables: &[(&str, &str)]) -> Result<Config, Problems> {
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    Config::load(flags, &|name| variables.get(name).map(OsString::from))
}

/// The configuration of an environment alone.
fn of_environment(variables: &[(&str, &str)]) -> Config {
    load(&Flags::default(), variables).expect("an environment fails nothing")
}
