//! Arguments of `man`.

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ManArgs {
    /// Print the page of this command [default: the page of the program].
    #[arg(value_name = "COMMAND")]
    pub(in crate::cli) command: Option<String>,
}
