//! Approvals, evaluations and the records of runs that a real Agno keeps beside its traces in a SQLite file.
//!
//! Needs a Python with `tests/agno/requirements.txt`, named by `AGNO_TOP_AGNO_PYTHON`; without it the test is skipped, and fails in CI.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "agno/mod.rs"]
mod real;

use std::path::Path;

#[test]
fn what_agno_keeps_beside_its_traces_is_shown_with_the_runs() {
    let Some(python) = real::python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("agno.db");
    let (_server, address) = real::models_with_script(&python, Path::new("tests/agno/beside.json"));
    let done = std::process::Command::new(&python).arg("tests/agno/beside.py").arg(&database).arg(address).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    real::check_reviews(database.to_str().unwrap());
}
