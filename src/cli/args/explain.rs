//! Arguments of `explain`.

use crate::cli::args::output::OutputFormat;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ExplainArgs {
    /// Check, failure mode, alert or error message, or `-` to read lines from standard input.
    #[arg(value_name = "CHECK|MODE|ALERT|TEXT|-")]
    pub(in crate::cli) subject: String,
    /// Output format.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t)]
    pub(in crate::cli) output: OutputFormat,
}
