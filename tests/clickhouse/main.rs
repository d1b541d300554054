//! The ClickHouse source with the real engine, which runs in a Python process behind `front.py`.
//!
//! Needs a Python with `requirements.txt`, named by `AGNO_TOP_CLICKHOUSE_PYTHON`; without it the tests are skipped, and fail in CI.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking and prints why it is skipped")]

mod agno;
mod archive;
mod collector;
mod cost;
mod failures;
mod front;
#[path = "../agno/mod.rs"]
mod real;
mod tail;
#[path = "../sqlite/watch.rs"]
mod watch;

use std::path::Path;

use assert_cmd::Command;

/// Prepares the program without the user's settings.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("agno-top").unwrap();
    let empty_home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("empty-home");
    command.env_clear().env("HOME", &empty_home).env("XDG_CONFIG_HOME", &empty_home).env("XDG_STATE_HOME", &empty_home);
    command.args(arguments);
    command
}

/// Runs the program, which succeeds, and returns what it prints.
fn output(arguments: &[&str]) -> String {
    String::from_utf8(program(arguments).assert().success().get_output().stdout.clone()).unwrap()
}
