//! Tests of the commands and configurations in README.md and docs: each block is run, rendered or
//! parsed by the program that it is for, or says why not.

mod collectors;
mod commands;
mod configurations;
mod opentelemetry;

use std::collections::BTreeSet;

use crate::support::pages::{Test, blocks};

/// Blocks that `node` runs on a real node.
const ON_A_NODE: [&str; 9] = [
    "bundle in the companion",
    "bundle in the sidecar",
    "install",
    "check",
    "check in the cluster",
    "check unknown",
    "explain",
    "helm test",
    "sidecar",
];

#[test]
fn every_block_is_tested_or_says_why_not() {
    let mut named = BTreeSet::new();
    for block in blocks() {
        let place = format!("{}: {}", block.page, block.text);
        match block.test {
            Test::Named(name) => assert!(named.insert(name.clone()), "two blocks: {name}"),
            Test::Untested(reason) => assert!(reason.len() > 10, "{place}"),
            Test::Unmarked => panic!("unmarked block in {place}"),
        }
    }
    let tested = ON_A_NODE
        .iter()
        .chain(commands::ON_A_CLUSTER)
        .chain(configurations::TESTED)
        .map(|&name| name.to_owned());
    let values = named
        .iter()
        .filter(|name| name.starts_with(configurations::VALUES))
        .cloned();
    assert_eq!(named, tested.chain(values).collect());
}
