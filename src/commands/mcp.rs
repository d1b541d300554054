//! `agno-top mcp`: a server of the Model Context Protocol on standard input and output, for agents that ask about traces.
//!
//! The server only reads, and takes no path, URL or source from its client. Answers are bounded and say what they left out and which call
//! gets it. Texts from traces are redacted and marked as data. A running screen answers the same calls on a socket, so that an agent can ask
//! what its user looks at.

mod answers;
mod calls;
mod desk;
mod find;
mod live;
mod relay;
#[cfg(unix)]
mod served;
mod server;
#[cfg(unix)]
mod socket;
mod span_text;
mod transport;
mod view_text;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use eyre::{Report, bail};
use tokio::io::{stdin, stdout};
use tokio::sync::mpsc::channel;
use tokio::time::Instant;

use super::open::{self, Listener, OpenOptions};
use super::{Outcome, UsageError};
use crate::cli::McpArgs;
use crate::config::Config;
use crate::export::Redaction;
use crate::panic_hook;
use crate::sources::ReadLimits;
use live::Live;
#[cfg(unix)]
pub(super) use served::serve;
#[cfg(unix)]
pub(super) use socket::listening;

/// Updates that may wait.
const CAPACITY: usize = 64;

/// The most bytes of a message on standard input.
const MAX_MESSAGE: usize = 1 << 20;

/// Calls that may wait to be taken.
const MAX_QUESTIONS: usize = 16;

/// What a call of `current_view` is told without a screen.
const NO_SCREEN: &str = "no screen of agno-top is open: its user starts it with agno-top in a terminal; find_traces needs none";

/// Serves until the client closes standard input.
pub(super) fn run(args: &McpArgs, config: &Config) -> Result<Outcome, Report> {
    let redaction = if args.no_redact { Redaction::Off } else { Redaction::Secrets };
    let redactor = redaction.redactor(&config.redact_patterns).map_err(|message| Report::new(UsageError(message)))?;
    let named = if args.sources.is_empty() { &config.sources } else { &args.sources };
    let limits = ReadLimits::of(config.max_spans.get().into());
    let options = OpenOptions { limits, numbers_only: false, capacity: CAPACITY, listener: Listener::Off };
    let hub = open::open(&open::paths(named, config), config, options)?.hub;
    let (prices, result) = config.load_prices();
    result.map_err(UsageError)?;
    let mut store = open::store(config);
    store.set_prices(Arc::new(prices));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut live = Live::new(hub, store, redactor, named.is_empty());
    let outcome = runtime.block_on(serve_stdin(&mut live));
    // A thread may still read standard input.
    runtime.shutdown_background();
    open::stop(live.into_hub());
    outcome
}

async fn serve_stdin(live: &mut Live) -> Result<Outcome, Report> {
    let (sender, mut questions) = channel(MAX_QUESTIONS);
    let mut serving = pin!(server::serve(stdin(), stdout(), MAX_MESSAGE, sender));
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        let deadline = live.deadline();
        tokio::select! {
            biased;
            message = panic_hook::happened() => bail!(message),
            has_begun = &mut serving => {
                if !has_begun {
                    bail!("no client began a session: agno-top mcp is started by an agent, which asks on standard input");
                }
                return Ok(Outcome::Done);
            }
            Some(question) = questions.recv() => live.ask(question),
            event = live.next() => live.handle(event),
            () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => live.end_overdue(),
            _ = tick.tick() => live.tick(),
        }
    }
}
