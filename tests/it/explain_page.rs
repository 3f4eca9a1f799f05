//! The examples of docs/explain.md, which must be what the binary prints.

use std::io::Write as _;
use std::process::{Command, Stdio};

use test_support::committed::committed_file;

/// A paste in the page, and the beginning of its explanation.
#[derive(Debug)]
struct Example {
    title: String,
    paste: String,
    answer: String,
}

fn examples() -> Vec<Example> {
    let page = committed_file("docs/explain.md");
    page.split("\n## ")
        .skip(1)
        .map(|section| {
            let (title, text) = section.split_once('\n').unwrap();
            assert!(
                text.contains("castai-health-exporter explain -\n```"),
                "{title}"
            );
            let mut blocks = text
                .split("```text\n")
                .skip(1)
                .map(|block| block.split_once("```").unwrap().0.to_owned());
            let mut next = || blocks.next().unwrap_or_else(|| panic!("{title}"));
            Example {
                title: title.to_owned(),
                paste: next(),
                answer: next(),
            }
        })
        .collect()
}

fn explain(paste: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_castai-health-exporter"))
        .args(["explain", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(paste.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn examples_are_explained_as_documented() {
    let examples = examples();
    assert!(examples.len() >= 6, "{examples:?}");
    for example in examples {
        let answer = explain(&example.paste);
        let begins = answer.starts_with(&format!("{}\nMeaning: ", example.answer));
        assert!(begins, "{}:\n{answer}", example.title);
    }
}
