//! Parses the command line, loads the configuration, runs the subcommand. Exit codes: 0 found or ended by the user, 1 nothing found or failed,
//! 2 wrong usage, 3 a trace matched `--fail-on`; of `run` else that of the program.

use std::error::Error;
use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use agno_top::cli::{self, Command};
use agno_top::config::{Config, ConfigError};
use agno_top::{commands, format, log, panic_hook, run, version};
use clap::error::ErrorKind;
use eyre::{EyreHandler, Report};

fn main() -> ExitCode {
    // Fails if a hook is there, which only this line sets.
    let _ = eyre::set_hook(Box::new(|_| Box::new(WithoutBacktrace)));
    if let Some((message, code)) = run::become_program(&std::env::args_os().collect::<Vec<_>>()) {
        return print(&format!("agno-top: {message}\n"), code.into());
    }
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return print(&error.to_string(), error.exit_code()),
        Err(asked) if asked.kind() == ErrorKind::DisplayVersion => {
            // Nothing can be done if standard output is closed.
            let _ = std::io::stdout().write_all(version::text().as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(help) => help.exit(),
    };
    let config = match Config::load(cli.overrides()) {
        Ok(config) => config,
        Err(error) => return fail(&Report::new(error)),
    };
    if !matches!(cli.command, Some(Command::Completions { .. } | Command::PythonSetup | Command::Config { .. } | Command::Man { .. })) {
        // The program also runs without a log.
        let _ = log::init(config.log_level.into());
    }
    panic_hook::install();
    if let Some(warning) = cli::exposed_password(std::env::args_os().filter_map(|argument| argument.into_string().ok())) {
        print(&format!("agno-top: {warning}\n"), 0);
    }
    match (commands::run(&cli, &config), panic_hook::message()) {
        (Ok(outcome), None) => ExitCode::from(outcome.code()),
        (Err(error), _) => fail(&error),
        (Ok(_), Some(message)) => fail(&Report::msg(message)),
    }
}

/// Takes no backtrace of an error: packaged programs have no tables to unwind the stack by, of which libunwind would complain.
struct WithoutBacktrace;

impl EyreHandler for WithoutBacktrace {
    fn debug(&self, error: &(dyn Error + 'static), to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.display(error, to)
    }
}

/// Prints the error and returns its exit code.
fn fail(error: &Report) -> ExitCode {
    let is_usage = error.is::<commands::UsageError>() || error.is::<ConfigError>();
    print(&format!("agno-top: {error:#}\n"), if is_usage { 2 } else { 1 })
}

/// Prints a message, which may quote text from outside, and returns the exit code.
fn print(message: &str, code: i32) -> ExitCode {
    // Nothing can be done if standard error is closed.
    let _ = std::io::stderr().write_all(format::safe_lines(message).as_bytes());
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
