//! The MySQL source with a real MariaDB server, which the tests start from the installed programs.
//!
//! Without MariaDB on this machine the tests are skipped, and fail in CI.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod agno;
mod follow;
#[path = "../agno/mod.rs"]
mod real;
mod server;
#[path = "../sqlite/watch.rs"]
mod watch;
