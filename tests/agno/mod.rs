//! Agno for the tests that need it: a Python environment and a model server.

#![allow(dead_code, reason = "each test uses the part that it needs")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking and speaks to whoever runs it")]

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A process that is killed on drop.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the value of an environment variable. Without it the test is skipped, and fails in CI.
pub(crate) fn named(variable: &str) -> Option<OsString> {
    let path = std::env::var_os(variable).filter(|path| !path.is_empty());
    if path.is_none() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI needs {variable}: see .ci/run");
        eprintln!("skipped: {variable} is not set (see CONTRIBUTING.md)");
    }
    path
}

/// Returns a Python with the packages of `requirements.txt`.
pub(crate) fn python() -> Option<OsString> {
    named("AGNO_TOP_AGNO_PYTHON")
}

/// Starts the model server. Returns it and its address.
pub(crate) fn models(python: &OsStr) -> (Process, String) {
    models_with(python, &[])
}

/// Starts the model server with more arguments.
pub(crate) fn models_with(python: &OsStr, arguments: &[&OsStr]) -> (Process, String) {
    start_models(python, Path::new("tests/agno/script.json"), arguments)
}

/// Starts the model server with another script.
pub(crate) fn models_with_script(python: &OsStr, script: &Path) -> (Process, String) {
    start_models(python, script, &[])
}

/// Starts the model server with another script and more arguments.
pub(crate) fn models_with_own_script(python: &OsStr, script: &Path, arguments: &[&OsStr]) -> (Process, String) {
    start_models(python, script, arguments)
}

fn start_models(python: &OsStr, script: &Path, arguments: &[&OsStr]) -> (Process, String) {
    let mut server = Command::new(python);
    server.arg("tests/agno/model_server.py").arg(script).args(arguments).stdout(Stdio::piped());
    let mut process = Process(server.spawn().unwrap());
    let mut port = String::new();
    BufReader::new(process.0.stdout.as_mut().unwrap()).read_line(&mut port).unwrap();
    (process, format!("http://127.0.0.1:{}", port.trim()))
}
