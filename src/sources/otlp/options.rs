//! The options of the listener.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::sources::sqlite::Tables;

/// The default address for OTLP over gRPC.
pub const GRPC: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4317);

/// The default address for OTLP over HTTP.
pub const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4318);

/// The default size limit of a request in bytes.
pub const MAX_BODY: usize = 16 << 20;

/// The default memory in bytes for log records that belong to a span.
pub const MAX_EVENT_BYTES: usize = 32 << 20;

/// The limits of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// The number of connections. More are closed at once.
    pub connections: u32,
    /// The time limit for a request's head, and for an idle connection.
    pub idle_timeout: Duration,
    /// The time limit for a request's body.
    pub body_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { connections: 256, idle_timeout: Duration::from_secs(60), body_timeout: Duration::from_secs(30) }
    }
}

/// The options of the listener.
#[derive(Clone, PartialEq, Eq)]
pub struct Options {
    /// The address for gRPC, if any. Each address accepts both protocols.
    pub grpc: Option<SocketAddr>,
    /// The address for HTTP, if any.
    pub http: Option<SocketAddr>,
    /// Whether to fail if no address can be bound, rather than to try again.
    pub needs_address: bool,
    /// The bearer token that every request must have (`Authorization: Bearer …`).
    pub token: Option<String>,
    /// The allowed origins of web pages; `*` allows all.
    pub origins: Vec<String>,
    /// The size limit of a request in bytes, compressed and decompressed. At most 1 GiB.
    pub max_body: usize,
    /// The memory in bytes for log records that belong to a span.
    pub max_event_bytes: usize,
    /// The SQLite file that spans are recorded into with Agno's schema, and the names of its tables.
    pub record: Option<(PathBuf, Tables)>,
    /// OTLP/HTTP endpoints that every accepted request is forwarded to.
    pub forward: Vec<String>,
    /// Names and values of headers for these endpoints.
    pub forward_headers: Vec<(String, String)>,
    /// Further such endpoints, each with headers of its own.
    pub forward_to: Vec<(String, Vec<(String, String)>)>,
    /// The limits of connections. Only tests change them.
    pub limits: ConnectionLimits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            grpc: Some(GRPC),
            http: Some(HTTP),
            needs_address: false,
            token: None,
            origins: Vec::new(),
            max_body: MAX_BODY,
            max_event_bytes: MAX_EVENT_BYTES,
            record: None,
            forward: Vec::new(),
            forward_headers: Vec::new(),
            forward_to: Vec::new(),
            limits: ConnectionLimits::default(),
        }
    }
}
