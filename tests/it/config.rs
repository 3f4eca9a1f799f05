//! Tests of configuration: a valid configuration, or every problem at once.

mod aws;
mod companion;
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

use castai_health_exporter::config::{Config, ConfigErrors, Flags};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/config")
}

fn load(flags: &Flags, variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    Config::load(flags, &|name| variables.get(name).map(OsString::from))
}

/// Returns the configuration for environment variables alone.
fn of_environment(variables: &[(&str, &str)]) -> Config {
    load(&Flags::default(), variables).expect("an environment never prevents a start")
}
