//! Fuzz targets: each passes an input to parsers of foreign bytes, which must accept any.
//!
//! libFuzzer runs them for as long as wanted (`make fuzz`), `tests/mutated_seeds.rs` for a moment.
//! A new target is a row in [`TARGETS`] and a folder with its name in `corpus`.

mod mutator;
mod seeds;
mod targets;

pub use mutator::Mutator;
pub use seeds::seeds;

/// A set of parsers that read the same kind of input.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name, as on the command line and in `corpus`.
    pub name: &'static str,
    /// Passes an input to the parsers.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "line",
        run: targets::line,
    },
    Target {
        name: "paste",
        run: targets::paste,
    },
    Target {
        name: "http_answer",
        run: targets::http_answer,
    },
    Target {
        name: "watch_stream",
        run: targets::watch_stream,
    },
    Target {
        name: "kube_object",
        run: targets::kube_object,
    },
    Target {
        name: "web_config",
        run: targets::web_config,
    },
    Target {
        name: "resolv_conf",
        run: targets::resolv_conf,
    },
    Target {
        name: "certificate",
        run: targets::certificate,
    },
    Target {
        name: "verdict_document",
        run: targets::verdict_document,
    },
    Target {
        name: "manifest",
        run: targets::manifest,
    },
];

/// Returns the target with a name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}
