//! The order of the modules, and what each of them may use.

mod references;
mod source_tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use crate::architecture::source_tree::{Edge, SourceTree, circles};

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// The modules in reading order, each with the modules below it that it may name.
const LAYERS: &[(&str, &[&str])] = &[
    ("catalogue", &[]),
    ("own_resources", &[]),
    ("redaction", &[]),
    ("report", &["catalogue", "redaction"]),
    ("config", &["catalogue", "own_resources", "redaction"]),
    ("classify", &["catalogue"]),
    (
        "net",
        &[
            "catalogue",
            "config",
            "own_resources",
            "redaction",
            "report",
        ],
    ),
    (
        "kube",
        &[
            "catalogue",
            "classify",
            "config",
            "net",
            "own_resources",
            "redaction",
            "report",
        ],
    ),
    (
        "aws",
        &[
            "catalogue",
            "classify",
            "config",
            "kube",
            "net",
            "redaction",
            "report",
        ],
    ),
    (
        "castai",
        &["catalogue", "classify", "config", "kube", "net", "report"],
    ),
    ("cloud", &["catalogue", "config", "net", "report"]),
    (
        "agent",
        &[
            "castai",
            "catalogue",
            "classify",
            "config",
            "kube",
            "net",
            "redaction",
            "report",
        ],
    ),
    (
        "checks",
        &[
            "agent",
            "aws",
            "castai",
            "catalogue",
            "classify",
            "cloud",
            "config",
            "kube",
            "net",
            "own_resources",
            "report",
        ],
    ),
    (
        "preflight",
        &[
            "aws",
            "catalogue",
            "checks",
            "classify",
            "config",
            "kube",
            "net",
            "redaction",
            "report",
        ],
    ),
    ("state", &["catalogue", "report"]),
    ("history", &["catalogue", "report", "state"]),
    ("scheduler", &["catalogue", "checks", "report", "state"]),
    (
        "doctor",
        &[
            "agent",
            "catalogue",
            "config",
            "kube",
            "net",
            "redaction",
            "report",
        ],
    ),
    ("exporter", &["catalogue", "config"]),
    (
        "bundle",
        &[
            "catalogue",
            "config",
            "doctor",
            "exporter",
            "kube",
            "net",
            "redaction",
            "report",
        ],
    ),
    ("diagnosis", &["catalogue", "config", "report", "state"]),
    (
        "kube_events",
        &[
            "catalogue",
            "config",
            "diagnosis",
            "exporter",
            "kube",
            "net",
            "redaction",
            "report",
            "state",
        ],
    ),
    (
        "metrics",
        &["catalogue", "diagnosis", "exporter", "report", "state"],
    ),
    (
        "status",
        &[
            "catalogue",
            "diagnosis",
            "doctor",
            "exporter",
            "history",
            "report",
            "state",
        ],
    ),
    (
        "pages",
        &[
            "catalogue",
            "config",
            "diagnosis",
            "doctor",
            "exporter",
            "history",
            "report",
            "state",
        ],
    ),
    (
        "log",
        &[
            "catalogue",
            "config",
            "diagnosis",
            "redaction",
            "report",
            "state",
        ],
    ),
    ("server", &["config"]),
    ("alerting", &["catalogue"]),
    (
        "daemon",
        &[
            "agent",
            "alerting",
            "catalogue",
            "checks",
            "config",
            "diagnosis",
            "doctor",
            "exporter",
            "history",
            "kube",
            "kube_events",
            "log",
            "metrics",
            "net",
            "pages",
            "scheduler",
            "server",
            "state",
            "status",
        ],
    ),
    (
        "cli",
        &[
            "alerting",
            "bundle",
            "catalogue",
            "checks",
            "classify",
            "config",
            "daemon",
            "diagnosis",
            "doctor",
            "exporter",
            "kube",
            "log",
            "net",
            "preflight",
            "redaction",
            "report",
            "scheduler",
            "state",
            "status",
        ],
    ),
];

/// Modules that use no crate but the standard library.
const STD_ONLY: [&str; 4] = ["catalogue", "history", "report", "state"];

/// The only module that writes to the terminal.
const PRINTS: &str = "cli";

/// Functions that open a file, whatever it is.
const OPENING_FUNCTIONS: [(&str, &str); 4] = [
    ("File", "open"),
    ("fs", "read"),
    ("fs", "read_to_string"),
    ("OpenOptions", "new"),
];

/// The only modules that may call them: for regular files, files of the kernel, and output.
const OPENING_MODULES: [&str; 7] = [
    "config::regular_file",
    "net::resolve",
    "agent::pod_uptime",
    "scheduler::self_throttling",
    "metrics::process",
    "alerting::directory",
    "cli::bundle",
];

static EXPORTER: LazyLock<SourceTree> = LazyLock::new(|| parse("src/lib.rs"));

fn parse(root: &str) -> SourceTree {
    SourceTree::parse(&Path::new(REPOSITORY).join(root))
}

/// Names of the crates that the exporter depends on, as paths spell them.
fn dependencies() -> BTreeSet<String> {
    let manifest = fs::read_to_string(Path::new(REPOSITORY).join("Cargo.toml")).unwrap();
    let (_, section) = manifest.split_once("\n[dependencies]\n").unwrap();
    let (section, _) = section.split_once("\n[").unwrap();
    let names = section.lines().filter_map(|line| line.split_once(" ="));
    names.map(|(name, _)| name.replace('-', "_")).collect()
}

#[test]
fn each_module_names_only_modules_below_it() {
    let mut below = BTreeSet::new();
    for (module, allowed) in LAYERS {
        for other in *allowed {
            assert!(below.contains(other), "{other} is not below {module}");
        }
        below.insert(*module);
    }
    let allowed: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut violations = BTreeSet::new();
    for (path, module) in &EXPORTER.modules {
        let references = module.references.paths().into_iter();
        let others = references.filter(|to| !path.0.is_empty() && to[0] != path.top());
        for to in others.filter(|to| !allowed[path.top()].contains(&to[0].as_str())) {
            violations.insert(format!("{}: {}", module.file, to.join("::")));
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn no_import_circles_at_any_level() {
    let mut found = String::new();
    for edges in [EXPORTER.edges(), parse("xtask/src/main.rs").edges()] {
        for circle in circles(&edges) {
            found += &described(&circle);
        }
    }
    assert!(found.is_empty(), "import circles:{found}");
}

/// Lists the edges of a circle and the paths that cause them.
fn described(circle: &[&Edge]) -> String {
    let mut paths: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for edge in circle {
        let arrow = format!("{} -> {}", edge.from, edge.to);
        paths.entry(arrow).or_default().push(&edge.path);
    }
    let lines = paths.iter();
    let lines = lines.map(|(arrow, paths)| format!("\n  {arrow}: {}", paths.join(", ")));
    lines.collect::<String>() + "\n"
}

#[test]
fn every_module_has_a_layer_and_is_in_the_architecture_map() {
    let modules: BTreeSet<&str> = EXPORTER
        .modules
        .keys()
        .map(references::ModulePath::top)
        .filter(|top| !top.is_empty())
        .collect();
    let layers: BTreeSet<&str> = LAYERS.iter().map(|(module, _)| *module).collect();
    assert_eq!(modules, layers, "add the module to LAYERS");
    let architecture = fs::read_to_string(Path::new(REPOSITORY).join("ARCHITECTURE.md")).unwrap();
    let missing: Vec<&&str> = modules
        .iter()
        .filter(|module| !architecture.contains(&format!("`{module}`")))
        .collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md lacks {missing:?}");
}

#[test]
fn pure_modules_use_only_the_standard_library() {
    let dependencies = dependencies();
    assert!(dependencies.contains("tokio"), "{dependencies:?}");
    for (path, module) in &EXPORTER.modules {
        let outside = module.references.first_segments();
        let used: BTreeSet<&str> = outside
            .filter(|name| dependencies.contains(*name))
            .collect();
        assert!(
            used.is_empty() || !STD_ONLY.contains(&path.top()),
            "{} uses {used:?}",
            module.file
        );
    }
}

#[test]
fn only_the_command_line_prints() {
    let printing = ["print", "println", "eprint", "eprintln", "dbg"];
    for (path, module) in &EXPORTER.modules {
        let mut used = printing
            .iter()
            .filter(|name| module.references.macros.contains(**name));
        assert!(
            path.top() == PRINTS || used.next().is_none(),
            "{} prints",
            module.file
        );
    }
}

#[test]
fn only_regular_files_are_opened() {
    let opening = EXPORTER.modules.iter().filter(|(_, module)| {
        let names = |(owner, function): &(&str, &str)| {
            let references = &module.references;
            references.names_function(owner, function)
        };
        OPENING_FUNCTIONS.iter().any(names)
    });
    let opening: BTreeSet<String> = opening.map(|(path, _)| path.to_string()).collect();
    let allowed = OPENING_MODULES.map(str::to_owned);
    assert_eq!(opening, BTreeSet::from(allowed), "use config::regular_file");
}
