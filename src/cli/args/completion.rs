//! Arguments of `completion`.

use clap::ValueEnum;
use clap_complete::Shell;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CompletionArgs {
    /// The shell.
    #[arg(value_name = "SHELL", value_enum)]
    pub(in crate::cli) shell: CompletionShell,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(in crate::cli) enum CompletionShell {
    /// bash, with the package bash-completion.
    #[value(help = "source <(castai-health-exporter completion bash)")]
    Bash,
    /// zsh, with compinit.
    #[value(
        help = "castai-health-exporter completion zsh > \"${fpath[1]}/_castai-health-exporter\""
    )]
    Zsh,
    /// fish.
    #[value(help = "castai-health-exporter completion fish | source")]
    Fish,
}

impl From<CompletionShell> for Shell {
    fn from(shell: CompletionShell) -> Self {
        match shell {
            CompletionShell::Bash => Self::Bash,
            CompletionShell::Zsh => Self::Zsh,
            CompletionShell::Fish => Self::Fish,
        }
    }
}
