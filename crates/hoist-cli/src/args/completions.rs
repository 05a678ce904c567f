use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// Print what a shell needs to complete hoist's options
///
/// As in: hoist completions bash > ~/.local/share/bash-completion/completions/hoist
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "bash|zsh|fish|elvish|powershell", hide_possible_values = true)]
    pub(super) shell: Shell,
}

/// Write the manual pages into a folder
///
/// As in: hoist man /usr/local/share/man/man1
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Where the pages go; made where it is missing
    #[arg(value_name = "DIR")]
    pub(super) folder: PathBuf,
}
