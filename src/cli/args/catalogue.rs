//! Arguments of `catalogue`.

use crate::cli::args::output::OutputFormat;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CatalogueArgs {
    /// Output format.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t)]
    pub(in crate::cli) output: OutputFormat,
}
