//! `agno-top mcp`: a server of the Model Context Protocol on standard input and output, for agents that ask about traces.
//!
//! The server only reads, and takes no path, URL or source from its client. Answers are bounded and say what they left out and which call
//! gets it. Texts from traces are redacted and marked as data.

mod answers;
mod calls;
mod live;
mod protocol;
mod span_text;

use std::sync::Arc;
use std::time::Duration;

use eyre::{Report, bail};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::open::{self, Listener, OpenOptions};
use super::{Outcome, UsageError, ignore_broken_pipe};
use crate::cli::McpArgs;
use crate::config::Config;
use crate::export::Redaction;
use crate::panic_hook;
use crate::sources::ReadLimits;
use calls::Call;
use live::Live;
use protocol::Message;

/// Updates that may wait.
const CAPACITY: usize = 64;

/// Calls that may wait for an answer.
const MAX_CALLS: usize = 64;

/// Where the answer to a call goes.
struct Reply {
    /// The id of the request.
    id: Value,
    answers: UnboundedSender<(Value, Result<String, String>)>,
}

impl Reply {
    /// Sends the answer; an error is text for the client.
    fn send(self, answer: Result<String, String>) {
        // Without a receiver the server is ending.
        let _ = self.answers.send((self.id, answer));
    }
}

/// A call with the place for its answer.
type Question = (Call, Reply);

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
    let mut live = Live::new(hub, store, redactor);
    let outcome = runtime.block_on(serve(&mut live));
    open::stop(live.into_hub());
    outcome
}

async fn serve(live: &mut Live) -> Result<Outcome, Report> {
    let (sender, mut answers) = unbounded_channel();
    let mut lines = protocol::lines();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let (mut waiting, mut has_begun, mut has_ended) = (0_usize, false, false);
    // After the end of the input, what was asked before is still answered.
    while !has_ended || waiting > 0 {
        let answer = tokio::select! {
            message = panic_hook::happened() => bail!(message),
            Some((id, answer)) = answers.recv() => {
                waiting = waiting.saturating_sub(1);
                Some(protocol::answer(&id, answer))
            }
            received = lines.recv(), if !has_ended => {
                let Some(text) = received else {
                    has_ended = true;
                    waiting -= live.end_waits().min(waiting);
                    continue;
                };
                has_begun = true;
                match protocol::parse(text.as_deref(), calls::tools) {
                    Message::Call { id, .. } if waiting == MAX_CALLS => {
                        Some(protocol::answer(&id, Err(format!("{MAX_CALLS} calls wait for answers: call again later"))))
                    }
                    Message::Call { id, tool, arguments } => match Call::parse(&tool, arguments) {
                        Ok(call) => {
                            waiting += 1;
                            live.ask((call, Reply { id, answers: sender.clone() }));
                            None
                        }
                        Err(reason) => Some(protocol::answer(&id, Err(reason))),
                    },
                    Message::Cancel { id } => {
                        waiting -= live.cancel(&id).min(waiting);
                        None
                    }
                    Message::Answer(answer) => Some(answer),
                    Message::Nothing => None,
                }
            }
            update = live.recv() => {
                live.update(update);
                None
            }
            _ = tick.tick() => {
                live.tick();
                None
            }
        };
        if let Some(Err(error)) = answer.map(|answer| protocol::write(&answer)) {
            return ignore_broken_pipe(Err(error), Outcome::Done);
        }
    }
    if !has_begun {
        bail!("no client began a session: agno-top mcp is started by an agent, which asks on standard input");
    }
    Ok(Outcome::Done)
}
