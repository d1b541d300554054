//! Listening for OTLP, from the outside: requests over real sockets, and what the rest of the program is told.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test ends where it cannot go on")]

mod bad_input;
mod both;
mod grpc;
mod http;
mod listener;
mod manners;
mod peers;
#[path = "../agno/mod.rs"]
mod real;
mod record;
mod search;
mod spans;

const FIXTURE: &[u8] = include_bytes!("../fixtures/agno-3.1.10.otlp.pb");
