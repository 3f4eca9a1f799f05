//! `version`: prints version, commit, compiler and platform.

use serde_json::json;

use crate::cli::args::output::OutputFormat;
use crate::cli::args::version::VersionArgs;
use crate::cli::args::{LONG_VERSION, PROGRAM};
use crate::cli::exit::Exit;
use crate::cli::output::print;
use crate::exporter::{PLATFORM, REVISION, RUSTVERSION, VERSION};

pub(super) fn run(options: &VersionArgs) -> Exit {
    print(&match options.output {
        OutputFormat::Text => format!("{PROGRAM} {LONG_VERSION}\n"),
        OutputFormat::Json => format!(
            "{:#}\n",
            json!({
                "version": VERSION, "revision": REVISION, "rustc": RUSTVERSION, "platform": PLATFORM,
            })
        ),
    });
    Exit::Success
}
