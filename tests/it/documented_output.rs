//! Sample output in the documentation, which must be what the program prints.

use std::process::Stdio;

use lab::Fault;
use test_support::committed::committed_file;
use test_support::exporter::program;
use test_support::lab_cluster::LabCluster;
use tokio::process::Command;

use crate::golden_entries::normalised;

/// A line in place of those that are left out.
const LEFT_OUT: &str = "…";

/// Asserts that a page shows this output in its first block that contains a text. The page has
/// other names than the lab, so lines are wrapped elsewhere: words are compared. Addresses, ports,
/// durations and times may differ.
pub(crate) fn assert_shown(page: &str, contains: &str, output: &str, names: &[(String, &str)]) {
    let text = committed_file(page);
    let blocks = text.split("\n```").skip(1).step_by(2);
    let mut blocks = blocks.map(|block| block.split_once('\n').unwrap().1);
    let block = blocks.find(|block| block.contains(contains));
    let block = block.unwrap_or_else(|| panic!("{page} has no block with {contains}"));
    let output = names
        .iter()
        .fold(output.to_owned(), |output, (lab, shown)| {
            output.replace(lab, shown)
        });
    let output = words(&output);
    let mut rest = output.as_str();
    let lines: Vec<&str> = block
        .lines()
        .filter(|line| !line.starts_with("$ "))
        .collect();
    for part in lines.split(|line| line.trim() == LEFT_OUT) {
        let part = words(&part.join("\n"));
        let (_, after) = rest
            .split_once(&part)
            .unwrap_or_else(|| panic!("{page} shows:\n{part}\nbut the program prints:\n{rest}"));
        rest = after;
    }
    assert_eq!(rest.trim(), "", "{page} lacks the end of the output");
}

/// Returns the words without what differs from run to run.
fn words(text: &str) -> String {
    // The skew of the clocks is measured.
    let lines = text.lines().filter(|line| !line.starts_with("√ clock: "));
    let lines = lines.collect::<Vec<_>>().join("\n");
    let words: Vec<&str> = lines.split_whitespace().collect();
    normalised(&words.join(" "))
}

#[tokio::test]
async fn readme_shows_what_check_prints() {
    let lab = LabCluster::start();
    lab.api.set(Fault::TlsHang).await;
    let file = lab.mounted("exporter.yaml");
    std::fs::write(&file, &lab.file).unwrap();
    let output = Command::new(program())
        .args(["check", "--config.file"])
        .arg(&file)
        .env_clear()
        .envs(&lab.env)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let names = [
        (lab.api.addr().to_string(), "10.96.0.1:443"),
        (lab.api.addr().ip().to_string(), "10.96.0.1"),
        (lab.castai.addr().ip().to_string(), "104.18.7.50"),
        ("api.cast.lab".to_owned(), "api.cast.ai"),
        ("1.5s".to_owned(), "15s"),
    ];
    let output = String::from_utf8(output.stdout).unwrap();
    assert_shown(
        "README.md",
        "castai-health-exporter check\n",
        &output,
        &names,
    );
}
