//! `agno-top completions` and `agno-top man`, both from the definition of the command line.

use std::io::{self, Write};

use eyre::Report;

use super::UsageError;
use crate::cli;

/// Prints the completion script for a shell.
pub(super) fn print_completions(shell: clap_complete::Shell) -> io::Result<()> {
    // The generator panics if a write fails, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::command_for_completions(), "agno-top", &mut script);
    io::stdout().write_all(&script)
}

/// Prints the manual page of the program or of a subcommand.
pub(super) fn print_page(subcommand: Option<&str>) -> Result<(), Report> {
    let mut program = cli::command();
    program.build();
    if let Some(name) = subcommand {
        program = program.find_subcommand(name).cloned().ok_or_else(|| UsageError(format!("unknown subcommand {name:?}")))?;
    }
    Ok(io::stdout().write_all(cli::manual_page(program)?.as_bytes())?)
}
