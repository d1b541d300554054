//! What clients ask, and where the answers go.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::calls::{self, Call};
use super::protocol::{self, Message};

/// Something that a client asks of a desk.
pub(super) enum Asked {
    /// A call of a tool.
    Call(Question),
    /// The client gave up waiting for the answer to a call.
    Cancel { client: u64, id: Value },
    /// The client says nothing more.
    End { client: u64 },
}

/// A call with the place for its answer.
pub(super) struct Question {
    pub(super) call: Call,
    /// The parameters of the request as they came.
    pub(super) parameters: Value,
    /// Whether a screen was asked, which did not know the trace either.
    pub(super) is_relayed: bool,
    pub(super) reply: Reply,
}

/// Where the answer to a call goes. Dropped without an answer, it was cancelled.
pub(super) struct Reply {
    client: u64,
    /// The id of the request.
    id: Value,
    answers: Answers,
}

impl Reply {
    /// Sends the answer; an error is text for the client.
    pub(super) fn send(self, answer: Result<String, String>) {
        self.answers.send(protocol::answer(&self.id, answer));
    }

    /// Returns the number of the client.
    pub(super) fn client(&self) -> u64 {
        self.client
    }

    /// Returns the number of the client, and the id of the request.
    pub(super) fn key(&self) -> (u64, Value) {
        (self.client, self.id.clone())
    }

    /// Whether it is the answer to this request.
    pub(super) fn is(&self, client: u64, id: &Value) -> bool {
        self.client == client && self.id == *id
    }
}

/// Where answers go.
#[derive(Clone)]
enum Answers {
    /// Each on its own.
    Single(UnboundedSender<Value>),
    /// Together, when the last call of a batch is answered or cancelled.
    Batch(Arc<Batch>),
}

impl Answers {
    fn send(&self, message: Value) {
        match self {
            // Without a receiver the client is gone.
            Self::Single(answers) => drop(answers.send(message)),
            Self::Batch(batch) => batch.messages.lock().unwrap_or_else(PoisonError::into_inner).push(message),
        }
    }
}

/// The answers to a batch of requests.
struct Batch {
    messages: Mutex<Vec<Value>>,
    answers: UnboundedSender<Value>,
}

impl Drop for Batch {
    fn drop(&mut self) {
        let messages = std::mem::take(self.messages.get_mut().unwrap_or_else(PoisonError::into_inner));
        if !messages.is_empty() {
            let _ = self.answers.send(Value::Array(messages));
        }
    }
}

/// Reads a line of a client; `None` is one that was too long. What needs no trace is answered at once.
pub(super) fn read(line: Option<&str>, client: u64, sender: &UnboundedSender<Value>) -> Vec<Asked> {
    let (messages, is_batch) = protocol::parse(line, calls::tools);
    let answers = if is_batch {
        Answers::Batch(Arc::new(Batch { messages: Mutex::default(), answers: sender.clone() }))
    } else {
        Answers::Single(sender.clone())
    };
    let mut asked = Vec::new();
    for message in messages {
        match message {
            Message::Call { id, tool, arguments } => {
                let reply = Reply { client, id, answers: answers.clone() };
                let parameters = json!({"name": tool, "arguments": arguments});
                match Call::parse(&tool, arguments) {
                    Ok(call) => asked.push(Asked::Call(Question { call, parameters, is_relayed: false, reply })),
                    Err(reason) => reply.send(Err(reason)),
                }
            }
            Message::Cancel { id } => asked.push(Asked::Cancel { client, id }),
            Message::Answer(answer) => answers.send(answer),
            Message::Nothing => {}
        }
    }
    asked
}
