//! Completions and the manual page, from the definition of the command line.

use std::io::{self, Write};

use super::UsageError;
use crate::cli;

/// Writes the script for a shell to standard output.
pub(super) fn completions(shell: clap_complete::Shell) -> io::Result<()> {
    // The generator takes a failed write for a reason to panic, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::validate_options(), "agno-top", &mut script);
    io::stdout().write_all(&script)
}

/// Writes the manual page of the program, or of one of its subcommands, to standard output. `Err` if there is no such subcommand.
pub(super) fn page(subcommand: Option<&str>) -> Result<io::Result<()>, UsageError> {
    let mut program = cli::command();
    program.build();
    let page = match subcommand {
        None => clap_mangen::Man::new(program),
        Some(name) => {
            let known = program.find_subcommand(name).cloned();
            clap_mangen::Man::new(known.ok_or_else(|| UsageError(format!("there is no subcommand {name:?}")))?)
        }
    };
    let mut text = Vec::new();
    Ok(page.render(&mut text).and_then(|()| io::stdout().write_all(&text)))
}
