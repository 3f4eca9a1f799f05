//! Code blocks of README.md and of the pages in docs.

use std::fs;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Marks before a block: the name under which a test finds it, or why there is no test.
const TESTED: &str = "<!-- tested: ";
const UNTESTED: &str = "<!-- not tested: ";
const MARK_END: &str = " -->";

/// A code block.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) page: String,
    pub(crate) language: String,
    pub(crate) text: String,
    pub(crate) test: Test,
}

/// The mark before a block.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Test {
    Named(String),
    Untested(String),
    Unmarked,
}

/// Returns all blocks with a language.
pub(crate) fn blocks() -> Vec<Block> {
    let mut pages = vec![Path::new(ROOT).join("README.md")];
    for entry in fs::read_dir(Path::new(ROOT).join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages.iter().flat_map(|page| of(page)).collect()
}

/// Returns the text of the only block with this name.
pub(crate) fn block(name: &str) -> String {
    let named = Test::Named(name.to_owned());
    let mut found = blocks().into_iter().filter(|block| block.test == named);
    let block = found
        .next()
        .unwrap_or_else(|| panic!("no page has {TESTED}{name}{MARK_END}"));
    assert!(found.next().is_none(), "two blocks are named {name}");
    block.text
}

fn of(path: &Path) -> Vec<Block> {
    let page = path.file_name().unwrap().to_str().unwrap();
    let markdown = fs::read_to_string(path).unwrap();
    let mut blocks = Vec::new();
    let mut test = Test::Unmarked;
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        let mark = |start: &str| Some(line.strip_prefix(start)?.strip_suffix(MARK_END)?.to_owned());
        if let Some(name) = mark(TESTED) {
            test = Test::Named(name);
        } else if let Some(reason) = mark(UNTESTED) {
            test = Test::Untested(reason);
        } else if let Some(language) = line.trim_start().strip_prefix("```") {
            let inside = lines.by_ref().take_while(|line| line.trim() != "```");
            blocks.push(Block {
                page: page.to_owned(),
                language: language.to_owned(),
                text: inside.flat_map(|line| [line, "\n"]).collect(),
                test: std::mem::replace(&mut test, Test::Unmarked),
            });
        } else {
            test = Test::Unmarked;
        }
    }
    blocks.retain(|block| !["", "text"].contains(&block.language.as_str()));
    blocks
}
