//! The SQLite source with real files and a writer in a process of its own, because SQLite's locks belong to processes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod discover;
mod lifecycle;
mod manners;
mod payloads;
mod reviews;
mod rows;
mod search;
mod tail;
mod watch;
mod writer;
