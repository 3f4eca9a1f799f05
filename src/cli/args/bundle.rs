//! Arguments of `bundle`.

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::args::check::duration;
use crate::cli::args::configuration::ConfigurationFlags;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct BundleArgs {
    /// Archive to write, or `-` for standard output [default: castai-health-NAMESPACE-TIME.zip].
    #[arg(long, short, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Lines of each log.
    #[arg(long, value_name = "NUMBER", default_value_t = 5000)]
    pub(in crate::cli) log_lines: usize,
    /// Time for the whole collection (90s, 5m).
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration)]
    pub(in crate::cli) timeout: Duration,
    #[command(flatten)]
    pub(in crate::cli) configuration: ConfigurationFlags,
}
