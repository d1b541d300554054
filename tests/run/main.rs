//! `agno-top run`: the program runs as it would alone, and what it does is known exactly.
//!
//! What concerns Agno needs a Python with `tests/agno/requirements.txt`, named by `AGNO_TOP_AGNO_PYTHON`; without it these tests are skipped,
//! and fail in CI.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../agno/mod.rs"]
mod real;

mod ends;
mod frameworks;
mod killed;
mod launchers;
mod live;
mod misfits;
mod node;
mod programs;
mod providers;
