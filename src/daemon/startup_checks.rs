//! Checks at startup: the files that a configuration names exist and are usable.

use std::io;
use std::io::Read;
use std::path::Path;

use crate::config::sourced_value::InvalidValue;
use crate::config::{ApiserverLocation, Config, ConfigErrors, NamedFile, Purpose, regular_file};
use crate::kube::kubeconfig;

/// Returns the problems with the named files of these purposes. Runs no exec plugin of a
/// kubeconfig.
pub async fn problems(config: &Config, purposes: &[Purpose]) -> ConfigErrors {
    let mut problems = ConfigErrors::default();
    for named in config
        .named_files
        .iter()
        .filter(|named| purposes.contains(&named.purpose))
    {
        if let Err(wrong) = validate(config, named).await {
            problems.0.push(named.written.problem(wrong));
        }
    }
    problems
}

async fn validate(config: &Config, named: &NamedFile) -> Result<(), InvalidValue> {
    match named.purpose {
        Purpose::Kubeconfig => {
            let context = match &config.apiserver {
                ApiserverLocation::Kubeconfig { context, .. } => context.as_deref(),
                ApiserverLocation::InCluster(_)
                | ApiserverLocation::Invalid(_)
                | ApiserverLocation::Absent => None,
            };
            let loaded = kubeconfig::load(std::slice::from_ref(&named.path), context).await;
            loaded.map(drop).map_err(|why| {
                let what = format!("{}: {why}", named.path.display());
                InvalidValue::new(what, "give a kubeconfig that kubectl can use")
            })
        }
        Purpose::ServiceAccount => ["token", "ca.crt"]
            .iter()
            .try_for_each(|name| readable(&named.path.join(name))),
        Purpose::Names => readable(&named.path),
    }
}

fn readable(path: &Path) -> Result<(), InvalidValue> {
    let read = || -> io::Result<usize> { regular_file::open(path)?.read(&mut [0]) };
    let wrong = |error| {
        InvalidValue::new(
            format!("{}: {error}", path.display()),
            "give a path that exists and is readable",
        )
    };
    read().map(drop).map_err(wrong)
}
