//! The PostgreSQL source with a real server, which the tests start from the installed programs.
//!
//! Without PostgreSQL on this machine the tests are skipped, and fail in CI.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod agno;
mod archive;
mod cost;
mod excerpt;
mod failures;
mod lifecycle;
mod manners;
mod partitions;
mod payloads;
#[path = "../agno/mod.rs"]
mod real;
mod reviews;
mod rows;
mod search;
mod server;
mod tail;
mod tls;
mod views;
#[path = "../sqlite/watch.rs"]
mod watch;
mod writer;
