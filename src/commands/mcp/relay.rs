//! Calls that a running screen answers.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio::task::{AbortHandle, JoinSet};

use super::calls::Call;
use super::replies::Question;

/// How long a screen may take to answer, beside what the call itself waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// A call that was passed on.
pub(super) struct Relayed {
    pub(super) question: Question,
    /// The answer; `None` if no screen was there.
    pub(super) answer: Option<Result<String, String>>,
}

/// The calls that wait for a screen.
#[derive(Default)]
pub(super) struct Relays {
    calls: JoinSet<Relayed>,
    /// Of each call its client, its id, whether it waits for a trace, and how to end it.
    open: Vec<(u64, Value, bool, AbortHandle)>,
}

impl Relays {
    /// Passes a call on to the first of some screens that is there.
    pub(super) fn begin(&mut self, question: Question, screens: Vec<PathBuf>) {
        let (client, id) = question.reply.key();
        let waits = matches!(question.call, Call::WaitFor { .. });
        let handle = self.calls.spawn(async move {
            let patience = PATIENCE + question.call.longest_wait();
            let answer = match tokio::time::timeout(patience, ask_first(&screens, &question.parameters)).await {
                Ok(answer) => answer,
                Err(_) => Some(Err("the screen does not answer: it may be stopped (Ctrl-Z)".to_owned())),
            };
            Relayed { question, answer }
        });
        self.open.push((client, id, waits, handle));
    }

    /// Waits for the next answer; forever if none is awaited. Cancel safe.
    pub(super) async fn next(&mut self) -> Relayed {
        loop {
            match self.calls.join_next().await {
                Some(Ok(relayed)) => {
                    self.open.retain(|(.., handle)| !handle.is_finished());
                    return relayed;
                }
                // It was cancelled.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Ends the call that a client has cancelled.
    pub(super) fn cancel(&mut self, client: u64, id: &Value) {
        self.end(|open| open.0 == client && open.1 == *id);
    }

    /// Ends the calls that wait for traces.
    pub(super) fn end_waits(&mut self) {
        self.end(|open| open.2);
    }

    fn end(&mut self, is_ended: impl Fn(&(u64, Value, bool, AbortHandle)) -> bool) {
        self.open.retain(|open| {
            let is_ended = is_ended(open);
            if is_ended {
                open.3.abort();
            }
            !is_ended
        });
    }
}

/// Returns the sockets of running screens, the best first: those of this folder, then the newest.
#[cfg(unix)]
pub(super) fn screens(only_here: bool) -> Vec<PathBuf> {
    super::socket::screens(only_here)
}

/// Returns the sockets of running screens: none on this system.
#[cfg(not(unix))]
pub(super) fn screens(_: bool) -> Vec<PathBuf> {
    Vec::new()
}

/// Asks the first screen that is there; `None` if none is.
async fn ask_first(screens: &[PathBuf], parameters: &Value) -> Option<Result<String, String>> {
    #[cfg(unix)]
    for screen in screens {
        if let Some(connection) = super::socket::connect(screen).await {
            return Some(super::socket::ask(&connection, parameters).await);
        }
    }
    #[cfg(not(unix))]
    let _ = (screens, parameters);
    None
}
