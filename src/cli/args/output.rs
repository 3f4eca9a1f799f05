//! The output format of commands that print text or JSON.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(in crate::cli) enum OutputFormat {
    /// Plain text.
    #[default]
    Text,
    /// JSON.
    Json,
}
