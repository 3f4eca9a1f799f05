//! What can be told of a configuration before anything is examined: whether the files that it names are there and usable.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;

use crate::config::written::Wrong;
use crate::config::{Apiserver, Config, NamedFile, Problems, Purpose};
use crate::kube::kubeconfig;

/// What is wrong with the named files of these purposes. A plugin of a kubeconfig is not run.
pub async fn problems(config: &Config, purposes: &[Purpose]) -> Problems {
    let mut problems = Problems::default();
    for named in config
        .named_files
        .iter()
        .filter(|named| purposes.contains(&named.purpose))
    {
        if let Err(wrong) = look(config, named).await {
            problems.0.push(named.written.problem(wrong));
        }
    }
    problems
}

async fn look(config: &Config, named: &NamedFile) -> Result<(), Wrong> {
    match named.purpose {
        Purpose::Kubeconfig => {
            let context = match &config.apiserver {
                Apiserver::Kubeconfig { context, .. } => context.as_deref(),
                Apiserver::InCluster(_) | Apiserver::Invalid(_) | Apiserver::Absent => None,
            };
            let usable = kubeconfig::usable(&named.path, context).await;
            usable
                .map(drop)
                .map_err(|why| Wrong::new(why, "name a kubeconfig that kubectl can use"))
        }
        Purpose::ServiceAccount => ["token", "ca.crt"]
            .iter()
            .try_for_each(|name| readable(&named.path.join(name))),
        Purpose::Names => readable(&named.path),
    }
}

fn readable(path: &Path) -> Result<(), Wrong> {
    let read = || -> io::Result<usize> { File::open(path)?.read(&mut [0]) };
    let wrong = |error| {
        Wrong::new(
            format!("{}: {error}", path.display()),
            "name what exists and may be read",
        )
    };
    read().map(drop).map_err(wrong)
}
