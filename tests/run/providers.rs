//! Real Agno: whoever sets up tracing, in whatever way, each span comes once, and the program's own receiver gets all of them, too.

use std::path::Path;
use std::process::{Command, Output};

use rusqlite::Connection;

use crate::real::{models, python};

/// The spans of the question: a run, three calls of the model, three of tools.
pub(crate) const QUESTION: &str = "two tools";
const SPANS: i64 = 7;

pub(crate) fn run(directory: &Path, python: &std::ffi::OsStr, arguments: &[&str]) -> Output {
    run_program(directory, python, "program.py", arguments)
}

/// Runs a program of this folder, and records into `seen.db`.
pub(crate) fn run_program(directory: &Path, python: &std::ffi::OsStr, program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
    command.args(["run", "--record", "seen.db", "--"]).arg(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run").join(program)).args(arguments);
    command.current_dir(directory).env("XDG_CONFIG_HOME", directory).env("XDG_STATE_HOME", directory).output().unwrap()
}

/// Returns the spans in a database, their input tokens, and their ids in order.
pub(crate) fn stored(path: &Path) -> (i64, i64, String) {
    let connection = Connection::open(path).unwrap();
    let tokens = "json_extract(attributes, '$.\"llm.token_count.prompt\"')";
    let sql = format!("SELECT count(*), sum({tokens}), group_concat(span_id) FROM (SELECT * FROM agno_spans ORDER BY span_id)");
    connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
}

#[test]
fn every_way_to_set_up_tracing_gives_each_span_once_here_and_there() {
    let Some(python) = python() else { return };
    let (_server, address) = models(&python);
    let mut seen_tokens = None;
    for (mode, own) in [("plain", 0), ("setup_tracing", 0), ("global", SPANS), ("explicit", SPANS), ("hidden", 0), ("unasked", 0)] {
        let directory = tempfile::tempdir().unwrap();
        let output = run(directory.path(), &python, &[mode, &address, QUESTION, "own.db"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{mode}: {told}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(&format!("{own} own spans")), "{mode}");
        assert!(told.starts_with("agno-top: 1 trace, ") && told.lines().count() == 1, "{mode}: {told}");
        let (spans, tokens, ids) = stored(&directory.path().join("seen.db"));
        assert_eq!(spans, SPANS, "{mode}");
        assert_eq!(*seen_tokens.get_or_insert(tokens), tokens, "{mode}");
        if mode == "setup_tracing" {
            assert_eq!(stored(&directory.path().join("own.db")), (spans, tokens, ids));
        }
        let connection = Connection::open(directory.path().join("seen.db")).unwrap();
        let sql = "SELECT count(*) FROM agno_spans WHERE attributes LIKE '%two tools%'";
        let with_input: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(with_input > 0, mode != "hidden", "{mode}");
    }
}

#[test]
fn a_client_of_a_model_is_traced_but_not_below_a_run_that_reports_the_same_call() {
    let Some(python) = python() else { return };
    let (_server, address) = models(&python);
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &python, &["client", &address, QUESTION]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && told.starts_with("agno-top: 2 traces, "), "{told}");
    assert_eq!(stored(&directory.path().join("seen.db")).0, SPANS + 1);
}

#[test]
fn spans_of_threads_and_forks_come_however_the_process_ends() {
    let Some(python) = python() else { return };
    let (_server, address) = models(&python);
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &python, &["ends", &address, QUESTION]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(5), "{told}");
    assert!(told.starts_with("agno-top: 4 traces, ") && !told.contains("cut"), "{told}");
    let connection = Connection::open(directory.path().join("seen.db")).unwrap();
    let mut statement = connection.prepare("SELECT name FROM agno_spans WHERE parent_span_id IS NULL ORDER BY name").unwrap();
    let names: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(names, ["Clerk.run", "Fork.run", "Process.run", "Thread.run"]);
}

#[test]
fn a_program_that_seeds_its_random_numbers_has_other_ids_each_time() {
    let Some(python) = python() else { return };
    let (_server, address) = models(&python);
    let ids = [(); 2].map(|()| {
        let directory = tempfile::tempdir().unwrap();
        assert!(run(directory.path(), &python, &["seeded", &address, QUESTION]).status.success());
        stored(&directory.path().join("seen.db")).2
    });
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn a_python_without_the_instrumentation_runs_and_is_told_the_command() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    // A package of the same name, without anything that traces it.
    std::fs::write(directory.path().join("agno.py"), "").unwrap();
    std::fs::write(directory.path().join("openinference.py"), "").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
    command.args(["run", "--"]).arg(&python).args(["-c", "import agno; print('ran')"]);
    let output = command.current_dir(directory.path()).env("XDG_CONFIG_HOME", directory.path()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ran\n");
    assert!(told.contains("Agno is not traced") && told.contains("install openinference-instrumentation-agno"), "{told}");
}

#[test]
fn the_user_s_own_start_module_runs_first_and_may_fail() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let run = |module: &str| {
        std::fs::write(directory.path().join("sitecustomize.py"), module).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
        let code =
            "import sys, sitecustomize; print(getattr(sitecustomize, 'mine', 0), 'agno_top_tracing' in sys.modules, 'agno' in sys.modules)";
        command.args(["run", "--"]).arg(&python).args(["-c", code]).env("PYTHONPATH", directory.path());
        let output = command.env("XDG_CONFIG_HOME", directory.path()).output().unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(run("mine = 7").0, "7 True False\n", "nothing is imported early");
    let (_, told) = run("raise RuntimeError('broken')");
    assert!(told.contains("Error in sitecustomize"), "as Python says alone: {told}");
}
