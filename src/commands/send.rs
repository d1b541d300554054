//! `agno-top send`: traces posted to another program's OTLP endpoint.

use std::io::{self, IsTerminal, Write};

use clap::Args;
use color_eyre::eyre::{Report, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::load::Snapshot;
use super::select::Selection;
use super::{Outcome, UsageError, print_message, spans, written};
use crate::config::{Config, parse_header};
use crate::format;
use crate::send::Sender;

/// What `send` is told.
#[derive(Clone, Default, PartialEq, Args)]
pub struct Send {
    /// The traces.
    #[command(flatten)]
    pub selection: Selection,

    /// OTLP/HTTP endpoint to send to: `http://localhost:6006` means `http://localhost:6006/v1/traces`
    #[arg(long, value_name = "URL")]
    pub to: String,

    /// Header of every request, as NAME=VALUE; can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_header)]
    pub header: Vec<(String, String)>,
}

/// Leaves out what may be secret.
impl std::fmt::Debug for Send {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Send").field("selection", &self.selection).finish_non_exhaustive()
    }
}

impl Send {
    /// Sends.
    pub fn run(&self, config: &Config) -> Result<Outcome, Report> {
        let mut sender = Sender::new(&self.to, &self.header).map_err(|error| UsageError(error.to_string()))?;
        let mut loaded = Snapshot::read(&self.selection.sources, self.selection.since.as_ref(), config)?;
        let mut traces = loaded.choose(&self.selection)?;
        if traces.is_empty() {
            return Ok(loaded.nothing(&self.selection));
        }
        // The oldest first, as they would have arrived.
        traces.reverse();
        let total = traces.iter().map(|&trace| u64::from(loaded.store.trace(trace).counts().spans)).sum();
        let progress = if io::stderr().is_terminal() { ProgressBar::new(total) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} spans, {per_sec}  {msg}") {
            progress.set_style(style);
        }
        let (mut missing, mut running) = (0, 0);
        let mut outcome = Ok(());
        for &trace in &traces {
            let take = |span: crate::export::Exported| {
                progress.inc(1);
                if span.record.end.is_none() {
                    running += 1;
                    return Ok(());
                }
                sender.push(span, |trouble| progress.set_message(format::safe(trouble).into_owned()))
            };
            match spans::each(&mut loaded, trace, take)? {
                Ok(without) => missing += without,
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        let outcome = outcome.and_then(|()| sender.finish(|trouble| progress.set_message(format::safe(trouble).into_owned())));
        progress.finish_and_clear();
        for (count, what) in [(missing, "without attributes, which could not be read"), (running, "left out, which had not ended")] {
            if count > 0 {
                print_message(&format!("{} {what}", format::plural(count, "span")));
            }
        }
        let sent = sender.sent();
        let line = format!("{} accepted {} of {}\n", sender.name(), format::count(sent.accepted), format::plural(total - running, "span"));
        let outcome_written = written(io::stdout().write_all(line.as_bytes()), Outcome::Done)?;
        if sent.rejected > 0 {
            print_message(&format!("{} rejected: {}", format::plural(sent.rejected, "span"), sent.reason));
        }
        match outcome {
            Err(error) => bail!("{}: {}", sender.name(), format::safe(&error.to_string())),
            Ok(()) if sent.rejected > 0 => bail!("not every span was accepted"),
            Ok(()) => Ok(outcome_written),
        }
    }
}
