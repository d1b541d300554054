//! The OTLP listener as a whole: requests over real sockets, and the updates that it sends.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test fails by panicking")]

mod bad_input;
mod both;
mod grpc;
mod http;
mod limits;
mod listener;
mod logs;
mod metrics;
mod peers;
#[path = "../agno/mod.rs"]
mod real;
mod record;
mod recorded;
mod search;
mod spans;

const FIXTURE: &[u8] = include_bytes!("../fixtures/agno-3.1.10.otlp.pb");
