//! What the program does when it is called: the screen, or one of the subcommands that need no terminal.
//!
//! A subcommand is a file here: its arguments, and `run`. They share how sources are opened ([`sources`]), how traces are read and
//! chosen ([`select`], [`load`]), and how lines are written (`json`, `look`, `table`). What they find goes to standard output,
//! what a person must know besides to standard error.

mod config;
pub mod export;
mod json;
pub mod list;
pub mod load;
mod manual;
mod output;
mod screen;
pub mod select;
pub mod send;
pub mod show;
pub mod sources;
mod spans;
pub mod stats;
mod table;
pub mod tail;

use std::io::{self, Write};

use color_eyre::eyre::Report;

use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::log;

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It found what was asked for, or was ended by the user.
    Done,
    /// There was nothing to find.
    Nothing,
    /// A trace matched what it must not (`list --fail-on`).
    Matched,
}

impl Outcome {
    /// The exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Nothing => 1,
            Self::Matched => 3,
        }
    }
}

/// Wrong usage, which the definition of the command line can't tell: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Does what the command line says. `Err` is for the person and exit code 1, or 2 if it is [`Usage`].
pub fn run(cli: &Cli, config: &Config) -> Result<Outcome, Report> {
    match &cli.command {
        None | Some(Command::Demo) => return screen::run(cli, config),
        Some(Command::Completions { shell }) => return Ok(written(manual::completions(*shell), Outcome::Done)?),
        Some(Command::Config) => return Ok(written(config::run(cli)?, Outcome::Done)?),
        Some(Command::Man { command }) => return Ok(written(manual::page(command.as_deref())?, Outcome::Done)?),
        Some(_) => {}
    }
    // Without a log the program runs as well.
    let _ = log::start(config.log_level);
    match &cli.command {
        Some(Command::List(list)) => list.run(config),
        Some(Command::Show(show)) => show.run(config),
        Some(Command::Stats(stats)) => stats.run(config),
        Some(Command::Tail(tail)) => tail.run(config),
        Some(Command::Export(export)) => export.run(config),
        Some(Command::Send(send)) => send.run(config),
        None | Some(Command::Demo | Command::Config | Command::Completions { .. } | Command::Man { .. }) => Ok(Outcome::Done),
    }
}

/// A line for the person, beside what is written to standard output.
pub fn print_message(text: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "agno-top: {}", crate::format::safe(text));
}

/// Whether nobody will ever read what is written to standard output.
#[must_use]
pub fn stdout_closed() -> bool {
    #[cfg(unix)]
    {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let out = io::stdout();
        let mut ends = [PollFd::new(&out, PollFlags::empty())];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut ends, Some(&at_once)).is_ok() && ends[0].revents().intersects(PollFlags::ERR)
    }
    #[cfg(not(unix))]
    false
}

/// `outcome` once everything is written. Who reads may have read enough: that is no failure.
pub fn written(result: io::Result<()>, outcome: Outcome) -> io::Result<Outcome> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(outcome),
    }
}
