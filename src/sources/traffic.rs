//! The counters and the addresses of a listener, as the screen shows them.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::model::PayloadMemory;

/// The traffic of a listener since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Accepted spans.
    pub spans: u64,
    /// Spans rejected in accepted requests, for example for an invalid id.
    pub rejected_spans: u64,
    /// Requests that the sender may retry, because the program was overloaded.
    pub deferred: u64,
    /// Requests that are final errors: not OTLP, too large, or without the token.
    pub refused: u64,
    /// Why the last of them was refused.
    pub refusal: Option<String>,
    /// Whether senders must send a token.
    pub has_token: bool,
    /// Why the last request for spans was put off, until one is accepted.
    pub failure: Option<String>,
    /// Connections that were closed at once, because all of too many were busy.
    pub turned_away: u64,
    /// Accepted log records.
    pub logs: u64,
    /// Data points of metrics, with rejected ones.
    pub metrics: u64,
    /// Data points whose values make no sense.
    pub rejected_points: u64,
    /// Payloads in memory, in bytes.
    pub retained_bytes: u64,
    /// The memory that they take.
    pub memory: PayloadMemory,
    /// The file that everything is recorded into, if any.
    pub recording: Option<PathBuf>,
    /// The endpoints that requests are forwarded to, in the configured order.
    pub forwards: Vec<Forwarding>,
    /// The bound addresses, then those that can't be bound.
    pub ports: Vec<Port>,
}

/// A configured address of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The address.
    pub address: SocketAddr,
    /// The address for other machines, where `address` stands for every address of this machine.
    pub reachable: Option<SocketAddr>,
    /// A warning for the user: other machines can reach the address.
    pub warning: Option<String>,
    /// Why the address can't be bound.
    pub error: Option<PortError>,
}

/// Why an address can't be bound. The listener tries again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PortError {
    /// Whether another program uses the address.
    pub is_in_use: bool,
    /// The message for the user: the address, the cause and the remedy.
    pub message: String,
    /// The flag that sets another address.
    pub flag: &'static str,
}

/// The state of forwarding to one endpoint. The counters count requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarding {
    /// The endpoint, without credentials.
    pub url: String,
    /// Requests that the endpoint accepted.
    pub sent: u64,
    /// Requests in the queue.
    pub waiting: u64,
    /// Requests that failed for good, or did not fit into the queue.
    pub dropped: u64,
    /// The error of the last attempt, until one succeeds.
    pub error: Option<String>,
}
