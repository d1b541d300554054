//! The subcommands: the screen, and those that need no terminal.
//!
//! Each subcommand has a file with its `run` function. They share how sources are opened (`open`), how traces are read and selected
//! (`snapshot`), and how lines are printed (`json`, `output`, `table`). Results go to standard output, messages to standard error.

mod archive;
mod check;
mod compact;
mod compare;
mod contexts;
mod demo;
mod doctor;
mod excerpt;
mod export;
mod find;
mod first;
mod gate;
mod json;
mod list;
mod logs;
mod manual;
mod mcp;
mod metrics;
mod misses;
mod old_traces;
mod open;
mod output;
mod progress;
mod prune;
mod restore;
mod run;
mod screen;
mod send;
mod setup;
mod show;
mod show_file;
mod snapshot;
mod sort;
mod spans;
mod stats;
mod table;
mod tail;
mod why;

use std::io::{self, Write};
use std::path::Path;

use eyre::{Report, eyre};

use crate::cli::{Cli, Command};
use crate::config::{self, Config};

/// How a command ended that did not fail, with its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It found what the user asked for, or the user ended it.
    Done,
    /// There was nothing to find, or a source was left out that could not be read.
    Missing,
    /// A trace matched `--fail-on`, or all together `--fail-on-total`.
    Matched,
    /// A program that it ran ended with this exit code.
    Exited(u8),
}

impl Outcome {
    /// Returns the exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Missing => 1,
            Self::Matched => 3,
            Self::Exited(code) => code,
        }
    }
}

/// Wrong usage that the definition of the command line can't detect: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Runs the subcommand. The exit code of an error is 2 if it is a [`UsageError`] or a [`ConfigError`](crate::config::ConfigError), else 1.
pub fn run(cli: &Cli, config: &Config) -> Result<Outcome, Report> {
    check::check(config)?;
    let Some(command) = &cli.command else {
        check::check_words(&cli.sources)?;
        return screen::run(config, false);
    };
    match command {
        Command::Demo { once: true } => demo::print_once(config),
        Command::Demo { once: false } => screen::run(config, true),
        Command::Run(args) => run::run(args, config),
        Command::List(args) => list::run(args, config),
        Command::Search(args) => list::run(&args.to_list(), config),
        Command::Show(args) => show::run(args, config),
        Command::Why(args) => why::run(args, config),
        Command::Compare(args) => compare::run(args, config),
        Command::Stats(args) => stats::run(args, config),
        Command::Logs(args) => {
            check::check_words(&args.sources)?;
            logs::run(args, config)
        }
        Command::Metrics(args) => {
            check::check_words(&args.sources)?;
            metrics::run(args, config)
        }
        Command::Tail(args) => {
            check::check_words(&args.sources)?;
            tail::run(args, config)
        }
        Command::Export(args) => export::run(args, config),
        Command::Send(args) => send::run(args, config),
        Command::Mcp(args) => {
            check::check_words(&args.sources)?;
            mcp::run(args, config)
        }
        Command::Archive(args) => archive::run(args, config),
        Command::Prune(args) => prune::run(args, config),
        Command::Restore(args) => restore::run(args, config),
        Command::Doctor(args) => {
            check::check_words(&args.sources)?;
            doctor::run(args, config)
        }
        Command::Setup(args) => setup::run(args, config),
        Command::Skill => ignore_broken_pipe(io::stdout().write_all(SKILL.as_bytes()), Outcome::Done),
        Command::PythonSetup => ignore_broken_pipe(io::stdout().write_all(crate::run::SETUP_MODULE.as_bytes()), Outcome::Done),
        Command::Completions { shell } => ignore_broken_pipe(manual::print_completions(*shell), Outcome::Done),
        Command::Config { init: true } => init_config(cli.options.file.as_deref().or(config.path())),
        Command::Config { init: false } => ignore_broken_pipe(io::stdout().write_all(config.effective().as_bytes()), Outcome::Done),
        Command::Man { command } => ignore_broken_pipe(manual::print_page(command.as_deref()), Outcome::Done),
    }
}

/// What tells a coding agent how to ask traces.
const SKILL: &str = include_str!("../assets/skill.md");

/// Writes a configuration file for the user to edit.
fn init_config(path: Option<&Path>) -> Result<Outcome, Report> {
    let path = path.ok_or_else(|| eyre!("there is no home directory; name a file with --config PATH"))?;
    config::init(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => eyre!("{} exists already and is left as it is", path.display()),
        _ => Report::new(error).wrap_err(format!("can't write {}", path.display())),
    })?;
    ignore_broken_pipe(writeln!(io::stdout(), "wrote {}", crate::format::safe(&path.display().to_string())), Outcome::Done)
}

/// Prints a message to standard error.
fn print_message(text: &str) {
    // Nothing can be done if standard error is closed.
    let _ = writeln!(io::stderr(), "agno-top: {}", crate::format::safe(text));
}

/// Whether the reader of standard output is gone.
fn is_stdout_closed() -> bool {
    #[cfg(unix)]
    {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let out = io::stdout();
        let mut fds = [PollFd::new(&out, PollFlags::empty())];
        let no_wait = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&no_wait)).is_ok() && fds[0].revents().intersects(PollFlags::ERR)
    }
    #[cfg(not(unix))]
    false
}

/// Returns `outcome` if everything was written. A reader that closes the pipe early is no failure.
fn ignore_broken_pipe(result: Result<(), impl Into<Report>>, outcome: Outcome) -> Result<Outcome, Report> {
    let is_broken_pipe = |error: &Report| error.downcast_ref().map(io::Error::kind) == Some(io::ErrorKind::BrokenPipe);
    match result.map_err(Into::into) {
        Err(error) if !is_broken_pipe(&error) => Err(error),
        _ => Ok(outcome),
    }
}
