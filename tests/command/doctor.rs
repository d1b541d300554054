//! `agno-top doctor` and `agno-top demo --once`.

use std::net::TcpListener;

use serde_json::Value;

use super::{Program, fixture};

/// Returns the checks of a run, by their names.
fn checks(program: &Program, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let mut command = program.command(&[&["doctor", "--json"], arguments].concat());
    // No Python, no tmux, and a locale.
    command.env("PATH", program.path("none")).env_remove("VIRTUAL_ENV").env_remove("TMUX").env("LANG", "C.UTF-8").env_remove("LC_ALL");
    let output = command.output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn find<'a>(checks: &'a [Value], name: &str) -> &'a Value {
    checks.iter().find(|check| check["check"] == name).unwrap()
}

#[test]
fn doctor_finds_no_trouble_where_there_is_none() {
    let (code, found) = checks(&Program::new(), &["traces.db"]);
    assert_eq!(code, Some(0), "{found:?}");
    let source = find(&found, "source");
    assert_eq!(source["state"], "ok");
    assert!(source["text"].as_str().unwrap().contains("traces.db: 75 spans, the newest of "), "{source}");
    assert!(source["text"].as_str().unwrap().starts_with('/'), "the path is absolute: {source}");
    assert_eq!(find(&found, "clock")["state"], "ok");
    assert_eq!(find(&found, "python")["state"], "note");
    assert!(find(&found, "settings")["fix"].as_str().unwrap().contains("config --init"));
}

#[test]
fn doctor_names_each_trouble_and_what_mends_it() {
    let program = Program::new();
    let (code, found) = checks(&program, &["nope.db"]);
    let source = find(&found, "source");
    assert_eq!((code, &source["state"]), (Some(1), &"trouble".into()), "{found:?}");
    assert!(source["text"].as_str().unwrap().contains("nope.db: does not exist yet") && source["fix"].is_string(), "{source}");
    std::fs::write(program.path("text.db"), "not a database, though long enough to be one".repeat(40)).unwrap();
    let (code, found) = checks(&program, &["text.db"]);
    assert_eq!(code, Some(1));
    assert!(find(&found, "source")["text"].as_str().unwrap().contains("is not an SQLite database"));
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let (code, found) = checks(&program, &["--http", &address, "traces.db"]);
    assert_eq!(code, Some(1));
    assert!(find(&found, "otlp")["text"].as_str().unwrap().contains(&format!("another program listens on {address}")));
    let text = String::from_utf8(program.run(&["doctor", "nope.db"]).stdout).unwrap();
    assert!(text.lines().any(|line| line.starts_with("✗ source")) && text.contains("→ "), "{text}");
}

#[test]
fn doctor_reads_files_too() {
    let path = fixture("usage/audio-tokens.jsonl");
    let (code, found) = checks(&Program::empty(), &[path.to_str().unwrap()]);
    assert_eq!((code, &find(&found, "source")["state"]), (Some(0), &"ok".into()), "{found:?}");
}

#[test]
fn demo_once_prints_a_frame_of_the_wanted_size() {
    let program = Program::empty();
    let text = program.text(&["demo", "--once"]);
    assert_eq!(text.lines().count(), 36);
    assert!(text.lines().all(|line| agno_top::format::width(line) <= 120), "{text}");
    for shown in ["agno-top  ● demo", "Refund Agent", "Code Reviewer", "payment gateway", "Demo, 1 of 7"] {
        assert!(text.contains(shown), "{shown} is not in\n{text}");
    }
    let mut command = program.command(&["demo", "--once", "--ascii"]);
    let output = command.env("COLUMNS", "80").env("LINES", "24").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), text.lines().count()), (Some(0), 24));
    assert!(text.lines().all(|line| agno_top::format::width(line) <= 80), "{text}");
}

#[cfg(unix)]
#[test]
fn doctor_tells_which_screens_answer_and_whom() {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let program = Program::new();
    let runtime = program.path("runtime");
    let folder = runtime.join("agno-top");
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).unwrap();
    let socket = |is_on: &str| {
        let mut command = program.command(&["doctor", "--json", "traces.db"]);
        command.env("PATH", program.path("none")).env("XDG_RUNTIME_DIR", &runtime).env("AGNO_TOP_SOCKET", is_on);
        let output = command.output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        find(&lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>(), "socket").clone()
    };
    let none = socket("true");
    assert!(none["state"] == "ok" && none["text"].as_str().unwrap().ends_with("which only this user may enter"), "{none}");
    let path = folder.join("here-1.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let one = socket("true");
    assert!(one["state"] == "ok" && one["text"].as_str().unwrap().starts_with("1 open screen answers"), "{one}");
    assert!(one["text"].as_str().unwrap().ends_with(path.to_str().unwrap()), "{one}");
    // A screen that was killed left its file.
    drop(listener);
    assert!(socket("true")["text"].as_str().unwrap().starts_with("no screen is open"));
    assert_eq!(socket("false")["state"], "note");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let entered = socket("true");
    assert!(entered["state"] == "trouble" && entered["text"].as_str().unwrap().contains("others can enter"), "{entered}");
}
