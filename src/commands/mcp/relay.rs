//! Calls that a running screen answers.

use std::path::PathBuf;
use std::time::Duration;

use rmcp::model::CallToolRequestParams;
use tokio::task::JoinSet;

use super::server::Question;

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
pub(super) struct Relays(JoinSet<Option<Relayed>>);

impl Relays {
    /// Passes a call on to the first of some screens that is there.
    pub(super) fn begin(&mut self, mut question: Question, screens: Vec<PathBuf>) {
        self.0.spawn(async move {
            let patience = PATIENCE + question.call.longest_wait();
            let answer = tokio::select! {
                answer = tokio::time::timeout(patience, ask_first(&screens, &question.request)) => answer,
                () = question.reply.closed() => return None,
            };
            let answer = answer.unwrap_or_else(|_| Some(Err("the screen does not answer: it may be stopped (Ctrl-Z)".to_owned())));
            Some(Relayed { question, answer })
        });
    }

    /// Waits for the next answer; forever if none is awaited. Cancel safe.
    pub(super) async fn next(&mut self) -> Relayed {
        loop {
            match self.0.join_next().await {
                Some(Ok(Some(relayed))) => return relayed,
                // The caller gave up.
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
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
async fn ask_first(screens: &[PathBuf], request: &CallToolRequestParams) -> Option<Result<String, String>> {
    #[cfg(unix)]
    for screen in screens {
        if let Some(connection) = super::socket::connect(screen).await {
            return Some(super::socket::ask(connection, request).await);
        }
    }
    #[cfg(not(unix))]
    let _ = (screens, request);
    None
}
