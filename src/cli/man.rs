//! `man`: prints the man page of the program or of one command, as roff.

use clap::{Command, CommandFactory as _};

use crate::cli::args::man::ManArgs;
use crate::cli::args::{Args, LONG_VERSION, PROGRAM};
use crate::cli::exit::Exit;
use crate::cli::output::print;
use crate::config::did_you_mean::did_you_mean;

pub(super) fn run(options: &ManArgs) -> Exit {
    let mut program = Args::command();
    program.build();
    let Some(page) = page_of(&program, options.command.as_deref()) else {
        let name = options.command.as_deref().unwrap_or_default();
        let commands: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
        let hint = did_you_mean(name, &commands).map_or_else(
            || format!("one of {}", commands.join(", ")),
            |near| format!("did you mean {near}?"),
        );
        return Exit::usage(&format!("unknown command {name}: {hint}"));
    };
    let mut roff = Vec::new();
    page.render(&mut roff).expect("writing to memory succeeds");
    print(&String::from_utf8_lossy(&roff));
    Exit::Success
}

/// Returns the page of a command; without a name, that of the program.
fn page_of(program: &Command, name: Option<&str>) -> Option<clap_mangen::Man> {
    let command = match name {
        None => program.clone(),
        Some(name) => program.find_subcommand(name)?.clone(),
    };
    // `castai-health-exporter-check`, as man pages of subcommands are named.
    let title = command.get_display_name().map(str::to_owned);
    let page = clap_mangen::Man::new(command).source(format!("{PROGRAM} {LONG_VERSION}"));
    Some(match title {
        Some(title) => page.title(title),
        None => page,
    })
}
