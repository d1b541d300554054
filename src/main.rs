//! Parses the command line, runs, and tells by the exit code how it went: 0 found or ended by the user, 1 nothing found or failed,
//! 2 usage, 3 a trace matched what it must not.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use agno_top::{cli, commands, config, panic_hook};
use color_eyre::eyre::Report;

fn main() -> ExitCode {
    let cli = cli::parse(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let config = match config::load(&cli) {
        Ok(config) => config,
        Err(error) => return fail(&Report::new(error), 2),
    };
    panic_hook::install();
    let outcome = catch_unwind(AssertUnwindSafe(|| commands::run(&cli, &config)));
    match (outcome, panic_hook::message()) {
        (Ok(Ok(outcome)), None) => ExitCode::from(outcome.code()),
        (Ok(Err(error)), _) => fail(&error, if error.is::<commands::UsageError>() { 2 } else { 1 }),
        (_, message) => fail(&Report::msg(format!("internal error: {}", message.unwrap_or_default())), 1),
    }
}

/// Tells what went wrong once the terminal is a plain one again.
fn fail(error: &Report, code: u8) -> ExitCode {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "agno-top: {error:#}");
    ExitCode::from(code)
}
