//! The subcommands: output, messages and exit codes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod codes;
mod compare;
mod context;
mod doctor;
mod excerpt;
mod failures;
mod fields;
mod hostile;
mod logs;
mod metrics;
mod parts;
mod pictures;
mod secrets;
mod setup;
mod sums;
mod tail;
mod text;
mod usage;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

/// 75 spans in 11 traces, three of them with errors.
const AGNO: &str = "agno-3.1.10.sqlite";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The program in a temporary directory, with its own configuration.
struct Program {
    directory: tempfile::TempDir,
}

impl Program {
    /// Creates a directory in which `traces.db` is a database that Agno wrote.
    fn new() -> Self {
        let program = Self::empty();
        std::fs::copy(fixture(AGNO), program.path("traces.db")).unwrap();
        program
    }

    /// Creates an empty directory.
    fn empty() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_agno-top"));
        command.args(arguments).current_dir(self.directory.path());
        command.env("XDG_STATE_HOME", self.path("state")).env("XDG_CONFIG_HOME", self.path("config"));
        command.env("TZ", "UTC").env_remove("DATABASE_URL").env_remove("NO_COLOR");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        assert_cmd::Command::from_std(self.command(arguments)).output().unwrap()
    }

    /// Returns standard output. Asserts exit code 0 and no messages.
    fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", errors(&output));
        assert_eq!(errors(&output), "", "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns the objects that it writes, one per line.
    fn objects(&self, arguments: &[&str]) -> Vec<Value> {
        self.text(arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn names(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}
