//! The MySQL source with a real MariaDB server, which the tests start from the installed programs.
//!
//! Without MariaDB on this machine the tests are skipped, and fail in CI.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod agno;
mod archive;
mod follow;
#[path = "../postgres/server.rs"]
#[allow(dead_code, reason = "one test needs a database")]
mod postgres;
#[path = "../agno/mod.rs"]
mod real;
mod server;
#[path = "../sqlite/watch.rs"]
mod watch;
#[path = "../postgres/writer.rs"]
#[allow(dead_code, reason = "the server of PostgreSQL needs it")]
mod writer;
