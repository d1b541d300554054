//! Parses the command line, loads the configuration, runs the subcommand. Exit codes: 0 found or ended by the user, 1 nothing found or failed,
//! 2 wrong usage, 3 a trace matched `list --fail-on`.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use agno_top::cli::{self, Command};
use agno_top::config::{Config, ConfigError};
use agno_top::{commands, log, panic_hook};
use color_eyre::eyre::Report;

fn main() -> ExitCode {
    let cli = cli::parse(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let config = match Config::load(cli.overrides()) {
        Ok(config) => config,
        Err(error) => return fail(&Report::new(error)),
    };
    if !matches!(cli.command, Some(Command::Completions { .. } | Command::Config | Command::Man { .. })) {
        // The program also runs without a log.
        let _ = log::init(config.log_level.into());
    }
    panic_hook::install();
    let result = catch_unwind(AssertUnwindSafe(|| commands::run(&cli, &config)));
    match (result, panic_hook::message()) {
        (Ok(Ok(outcome)), None) => ExitCode::from(outcome as u8),
        (Ok(Err(error)), _) => fail(&error),
        (_, message) => fail(&Report::msg(format!("internal error: {}", message.unwrap_or_default()))),
    }
}

/// Prints the error and returns its exit code.
fn fail(error: &Report) -> ExitCode {
    // Nothing can be done if standard error is closed.
    let _ = writeln!(std::io::stderr(), "agno-top: {error:#}");
    let is_usage = error.is::<commands::UsageError>() || error.is::<ConfigError>();
    ExitCode::from(if is_usage { 2 } else { 1 })
}
