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

/// Has `context.py` write into a SQLite database and others, with a script that makes a cache miss some calls. Returns `false` without a Python for it.
pub(crate) fn write_contexts(sqlite: &Path, others: &[&str]) -> bool {
    let Some(python) = python() else { return false };
    let call = |at: usize| serde_json::json!({"call": [["look_up", {"name": format!("Ada {at}")}]]});
    let turns = [call(0), call(1), call(2), serde_json::json!({"say": "A mathematician."})];
    let chat = serde_json::json!([{"say": "She wrote the first program. ".repeat(20)}]);
    let script = serde_json::json!([{"when": "Claude", "turns": turns}, {"when": "Chat", "turns": chat}]);
    let path = sqlite.with_extension("script.json");
    std::fs::write(&path, script.to_string()).unwrap();
    let (_models, address) = models_with_own_script(&python, &path, &[OsStr::new("--prefix-cache")]);
    let others = others.iter().flat_map(|other| ["--also", other]);
    let done = Command::new(&python).arg("tests/agno/context.py").arg(sqlite).arg(address).args(others).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    true
}

/// Questions about contexts and answers of models, of which every source gives the same answers, and whether some trace matches.
pub(crate) const ABOUT_CONTEXTS: [(&[&str], bool); 11] = [
    (&["list", "--json", "--filter", "miss:yes"], true),
    (&["list", "--json", "--filter", "miss:no agent:Chat"], true),
    (&["list", "--json", "--filter", "cached:>50%"], true),
    (&["list", "--json", "--filter", "cached:<50%"], true),
    (&["list", "--json", "--filter", "context:>1%"], true),
    (&["list", "--json", "--filter", "finish:tool|length"], false),
    (&["list", "--json", "--filter", "ttft:>1h"], false),
    (&["stats", "--json", "--misses", "--by", "agent"], true),
    (&["stats", "--json", "--misses", "--by", "hour"], true),
    (&["stats", "--json", "--misses", "--by", "prefix"], true),
    (&["show", "--json", "last"], true),
];

/// Runs the program. Returns what it prints.
fn printed(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
    command.args(arguments).env("XDG_CONFIG_HOME", "/nonexistent").env("XDG_STATE_HOME", std::env::temp_dir());
    let done = command.output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// Checks what a database that `beside.py` has written states of the run of the counter and of its session, which holds nothing but that run.
pub(crate) fn check_stored(source: &str, flags: &[&str], trace: &serde_json::Value) {
    let shown = printed(&[&["show", "--json", trace["trace_id"].as_str().unwrap(), source], flags].concat());
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let is_counter = |span: &&serde_json::Value| span["agent"] == "Counter" && !span["stored_run"].is_null();
    let counter = shown["spans"].as_array().unwrap().iter().find(is_counter).unwrap();
    for name in ["input_tokens", "output_tokens"] {
        let stored = ["stored_run", "stored_session"].map(|record| &counter[record][name]);
        assert!(stored[0].as_u64() > Some(0) && stored == [&trace[name]; 2], "{name}: {counter}");
    }
}

/// Runs the program on a database that `beside.py` has written, and checks what it says of approvals, evaluations and stored runs.
pub(crate) fn check_reviews(source: &str) {
    let run = |arguments: &[&str]| printed(&[arguments, &[source]].concat());
    let list = |arguments: &[&str]| -> Vec<serde_json::Value> {
        let output = run(&[&["list", "--json"], arguments].concat());
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let traces = list(&[]);
    let of = |agent: &str| traces.iter().filter(|trace| trace["agent"] == agent).collect::<Vec<_>>();
    let clerks = of("Clerk");
    let approvals: Vec<_> = clerks.iter().map(|trace| &trace["approvals"][0]).collect();
    assert_eq!(
        (&approvals[0]["status"], &approvals[0]["waits"], &approvals[0]["tool"]),
        (&"pending".into(), &true.into(), &"delete_order".into())
    );
    let arguments: serde_json::Value = serde_json::from_str(approvals[0]["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments, serde_json::json!({"order": 7, "reason": "twice"}));
    assert_eq!((&approvals[1]["status"], &approvals[1]["answered_by"]), (&"rejected".into(), &"ada".into()));
    // Each iteration is judged, and the run that was judged when it ended; the judges' own runs are not.
    let scores = |agent: &str| of(agent).iter().map(|trace| trace["scores"][0]["score"].as_f64()).collect::<Vec<_>>();
    assert_eq!((scores("Counter"), scores("Greeter")), (vec![Some(4.0); 2], vec![Some(9.0)]));
    assert_eq!(traces.iter().filter(|trace| !trace["scores"].as_array().unwrap().is_empty()).count(), 3);
    let filtered = |filter: &str| list(&["--filter", filter]).len();
    assert_eq!(["score.accuracy:<5", "score.style:>=9", "score>8", "approval:pending"].map(filtered), [2, 1, 1, 1]);
    // A part of the database tells the same.
    assert_eq!(list(&["--limit", "100"]), traces);
    let id = clerks[0]["trace_id"].as_str().unwrap();
    let shown: serde_json::Value = serde_json::from_str(&run(&["show", "--json", id])).unwrap();
    let stored = &shown["spans"][0]["stored_run"];
    for name in ["input_tokens", "output_tokens"] {
        assert!(stored[name].as_u64() > Some(0) && stored[name] == clerks[0][name], "{name}: {stored}");
    }
    check_stored(source, &[], of("Counter")[0]);
    assert!(run(&["list"]).contains("waits for you"));
}
