//! `agno-top mcp`: a server of the Model Context Protocol on standard input and output, for agents that ask about traces.
//!
//! The server only reads, and takes no path, URL or source from its client. Answers are bounded and say what they left out and which call
//! gets it. Texts from traces are redacted and marked as data.

mod answers;
mod calls;
mod live;
mod protocol;
mod span_text;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use eyre::{Report, bail};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::Instant;

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

/// Where the answer to a call goes. Dropped without an answer, it was cancelled.
struct Reply {
    /// The id of the request.
    id: Value,
    answers: Answers,
}

impl Reply {
    /// Sends the answer; an error is text for the client.
    fn send(self, answer: Result<String, String>) {
        self.answers.send(protocol::answer(&self.id, answer));
    }
}

/// Where answers go.
#[derive(Clone)]
enum Answers {
    /// Each on its own.
    Single(UnboundedSender<Value>),
    /// Together, when the last call of a batch is answered or cancelled.
    Batch(Rc<Batch>),
}

impl Answers {
    fn send(&self, message: Value) {
        match self {
            // Without a receiver the server is ending.
            Self::Single(answers) => drop(answers.send(message)),
            Self::Batch(batch) => batch.messages.borrow_mut().push(message),
        }
    }
}

/// The answers to a batch of requests.
struct Batch {
    messages: RefCell<Vec<Value>>,
    answers: UnboundedSender<Value>,
}

impl Drop for Batch {
    fn drop(&mut self) {
        let messages = self.messages.take();
        if !messages.is_empty() {
            let _ = self.answers.send(Value::Array(messages));
        }
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
    let (mut has_begun, mut has_ended) = (false, false);
    // After the end of the input, what was asked before is still answered.
    while !has_ended || live.waiting() > 0 || !answers.is_empty() {
        let deadline = live.deadline();
        let answer = tokio::select! {
            biased;
            message = panic_hook::happened() => bail!(message),
            Some(answer) = answers.recv() => Some(answer),
            received = lines.recv(), if !has_ended => {
                match received {
                    None => {
                        has_ended = true;
                        live.end_waits();
                    }
                    Some(text) => {
                        has_begun = true;
                        receive(live, text.as_deref(), &sender);
                    }
                }
                None
            }
            update = live.recv() => {
                live.update(update);
                None
            }
            () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                live.end_overdue();
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

/// Takes a line of the client.
fn receive(live: &mut Live, text: Option<&str>, sender: &UnboundedSender<Value>) {
    let (messages, is_batch) = protocol::parse(text, calls::tools);
    let answers = if is_batch {
        Answers::Batch(Rc::new(Batch { messages: RefCell::default(), answers: sender.clone() }))
    } else {
        Answers::Single(sender.clone())
    };
    for message in messages {
        match message {
            Message::Call { id, tool, arguments } => {
                let reply = Reply { id, answers: answers.clone() };
                match Call::parse(&tool, arguments) {
                    _ if live.waiting() >= MAX_CALLS => reply.send(Err(format!("{MAX_CALLS} calls wait for answers: call again later"))),
                    Ok(call) => live.ask((call, reply)),
                    Err(reason) => reply.send(Err(reason)),
                }
            }
            Message::Cancel { id } => live.cancel(&id),
            Message::Answer(answer) => answers.send(answer),
            Message::Nothing => {}
        }
    }
}
