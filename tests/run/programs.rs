//! Programs without tracing: output, exit codes, signals, the listener, and what was set before.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long something may take that happens at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Returns `agno-top run FLAGS -- sh -c SCRIPT` in a directory without the user's settings.
pub(crate) fn command(directory: &Path, flags: &[&str], script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
    command.arg("run").args(flags).args(["--", "sh", "-c", script]).current_dir(directory);
    for name in ["ENDPOINT", "HEADERS", "PROTOCOL", "TRACES_ENDPOINT"] {
        command.env_remove(format!("OTEL_EXPORTER_OTLP_{name}"));
    }
    command.env("XDG_CONFIG_HOME", directory).env("XDG_STATE_HOME", directory).stdin(Stdio::null());
    command
}

pub(crate) fn run(directory: &Path, flags: &[&str], script: &str) -> Output {
    command(directory, flags, script).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until a file is there, as long as the program runs.
pub(crate) fn wait_for(path: &Path, program: &mut Child) -> String {
    let begun = Instant::now();
    loop {
        if let Ok(text) = std::fs::read_to_string(path)
            && text.ends_with('\n')
        {
            return text;
        }
        assert!(program.try_wait().unwrap().is_none() && begun.elapsed() < PATIENCE, "{} does not come", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a request and returns the status line.
pub(crate) fn post(address: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head =
        format!("POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n");
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

/// A request with one span, which fails if it has ended.
pub(crate) fn span(id: u64, has_ended: bool) -> String {
    let end = r#","endTimeUnixNano":"1790000001000000000","status":{"code":2,"message":"no <route> for ann@example.org"}"#;
    let (end, pending) = if has_ended { (end, "") } else { ("", r#",{"key":"agno_top.span.pending","value":{"boolValue":true}}"#) };
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{id:032x}","spanId":"{id:016x}","name":"Clerk.run",
        "startTimeUnixNano":"1790000000000000000"{end},"attributes":[{{"key":"openinference.span.kind","value":{{"stringValue":"AGENT"}}}}{pending}]
        }}]}}]}}]}}"#
    )
}

/// Joins the spans of two requests.
fn joined(one: &str, other: &str) -> String {
    let list = |request: &str| request.strip_prefix(r#"{"resourceSpans":["#).unwrap().strip_suffix("]}").unwrap().to_owned();
    format!(r#"{{"resourceSpans":[{},{}]}}"#, list(one), list(other))
}

/// Whether a request in either encoding holds the trace of a span.
fn holds(body: &[u8], id: u64) -> bool {
    let (text, bytes) = (format!("{id:032x}").into_bytes(), u128::from(id).to_be_bytes());
    body.windows(32).any(|part| part == text) || body.windows(16).any(|part| part == bytes)
}

/// Waits for the listener's address and header in the environment of a program that lives until it is told to end.
const TELLS: &str = r#"echo "$OTEL_EXPORTER_OTLP_ENDPOINT ${OTEL_EXPORTER_OTLP_HEADERS#authorization=Bearer%20}" > told; while [ ! -e end ]; do sleep 0.02; done"#;

/// Starts a program, has `f` send to its listener with the token, and returns the output.
pub(crate) fn with_listener(directory: &TempDir, flags: &[&str], endpoint: Option<&str>, f: impl FnOnce(&str, &str)) -> Output {
    let mut command = command(directory.path(), flags, TELLS);
    if let Some(endpoint) = endpoint {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b");
    }
    let mut program = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let told = wait_for(&directory.path().join("told"), &mut program);
    let (address, token) = told.trim().split_once(' ').unwrap();
    f(address, &format!("Authorization: Bearer {token}\r\n"));
    std::fs::write(directory.path().join("end"), "").unwrap();
    program.wait_with_output().unwrap()
}

#[test]
fn the_output_is_the_program_s_and_the_exit_code_too() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &[], "printf 'a\\033[31mb'; echo oops >&2; exit 7");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(7), "a\u{1b}[31mb"));
    let reason = "it started no Python or Node, and nothing else sent to OTEL_EXPORTER_OTLP_ENDPOINT";
    assert_eq!(text(&output.stderr), format!("oops\nagno-top: no traces: {reason}\n"));
    assert_eq!(run(directory.path(), &[], "kill -9 $$").status.code(), Some(128 + 9));
}

#[test]
fn a_program_that_does_not_start_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let run = |program: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
        command.args(["run", program]).current_dir(directory.path()).output().unwrap()
    };
    let output = run("./no-such-program");
    assert_eq!(output.status.code(), Some(127));
    assert_eq!(text(&output.stderr), "agno-top: can't run ./no-such-program: there is no such program\n");
    assert_eq!(run("/").status.code(), Some(126));
    std::fs::write(directory.path().join("text"), "").unwrap();
    let output = run("./text");
    assert_eq!(output.status.code(), Some(126));
    assert_eq!(text(&output.stderr), "agno-top: can't run ./text: it is not executable\n");
    let output = run("");
    assert_eq!(
        (output.status.code(), text(&output.stderr).as_str()),
        (Some(127), "agno-top: can't run \"\": the name of the program is empty\n")
    );
}

#[test]
fn nothing_runs_if_the_test_cases_cannot_be_written() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("folder")).unwrap();
    for path in ["folder", "missing/cases.xml"] {
        let output = run(directory.path(), &["--junit", path], "touch ran");
        assert!(!output.status.success() && text(&output.stderr).contains(&format!("can't write {path}")), "{}", text(&output.stderr));
        assert!(!directory.path().join("ran").exists(), "{path}");
    }
    assert_eq!(std::fs::read_dir(directory.path().join("folder")).unwrap().count(), 0, "nothing is left");
}

#[test]
fn only_requests_with_the_token_are_taken_and_a_match_decides_about_the_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let output = with_listener(&directory, &["--fail-on", "error", "--junit", "cases.xml"], None, |address, token| {
        assert!(address.starts_with("http://127.0.0.1:"), "{address}");
        assert!(post(address, "", &span(1, true)).contains(" 401 "));
        assert!(post(address, "Authorization: Bearer 0\r\n", &span(1, true)).contains(" 401 "));
        assert!(post(address, token, &span(2, true)).contains(" 200 "));
    });
    assert_eq!(output.status.code(), Some(3));
    let messages = "agno-top: 1 trace, 1 failed\nagno-top: --fail-on matches Clerk (00000000)\n";
    assert_eq!(text(&output.stderr), messages);
    let cases = std::fs::read_to_string(directory.path().join("cases.xml")).unwrap();
    assert!(cases.contains(r#"tests="1" failures="1""#), "{cases}");
    assert!(cases.contains("no &lt;route&gt; for [redacted]; it matches --fail-on error"), "{cases}");
}

#[test]
fn an_endpoint_that_was_set_before_gets_everything_but_what_is_only_for_the_screen() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for stream in collector.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
            let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).unwrap();
            reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").unwrap();
            if sender.send((head, body)).is_err() {
                return;
            }
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let output = with_listener(&directory, &["--record", "spans.db"], Some(&endpoint), |address, token| {
        let process = format!("{token}Agno-Top-Process: ff\r\n");
        // A span that is open, one of a provider that exports by itself, one that nobody else exports, and one of the program's exporter.
        for (headers, body) in [
            (process.clone(), span(1, false)),
            (process.clone(), span(2, true)),
            (format!("{process}Agno-Top-Forward: yes\r\n"), span(3, true)),
            (token.to_owned(), span(4, true)),
            // A collector between them passes on both kinds, and who sent them is lost.
            (token.to_owned(), span(5, false)),
            (token.to_owned(), joined(&span(6, false), &span(7, true))),
        ] {
            assert!(post(address, &headers, &body).contains(" 200 "));
        }
    });
    let told = text(&output.stderr);
    assert!(told.starts_with("agno-top: 7 traces, 4 failed, "), "{told}");
    let received: Vec<(String, Vec<u8>)> = requests.try_iter().collect();
    assert!(received.iter().all(|(head, _)| head.contains("x-key: a b")), "{received:?}");
    let ids: Vec<Vec<u64>> = received.iter().map(|(_, body)| (1..8).filter(|id| holds(body, *id)).collect()).collect();
    assert_eq!(ids, [vec![3], vec![4], vec![7]], "{received:?}");
    let connection = rusqlite::Connection::open(directory.path().join("spans.db")).unwrap();
    let recorded: i64 = connection.query_row("SELECT count(*) FROM agno_spans", [], |row| row.get(0)).unwrap();
    assert_eq!(recorded, 5, "those that ended, and the one whose process is known to have ended first");
}

#[test]
fn an_endpoint_that_takes_something_else_stays_and_that_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = command(directory.path(), &[], "echo $OTEL_EXPORTER_OTLP_ENDPOINT");
    let output = command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317").output().unwrap();
    assert_eq!(text(&output.stdout), "http://127.0.0.1:4317\n");
    assert!(text(&output.stderr).contains("takes gRPC"), "{}", text(&output.stderr));
}

#[test]
fn a_condition_without_a_trace_to_judge_fails() {
    let directory = tempfile::tempdir().unwrap();
    let ended = run(directory.path(), &["--fail-on", "error"], "true");
    assert_eq!(ended.status.code(), Some(1));
    assert!(text(&ended.stderr).ends_with("--fail-on had no trace to judge\n"), "{}", text(&ended.stderr));
    assert_eq!(run(directory.path(), &["--fail-on", "error"], "exit 4").status.code(), Some(4), "the program tells more");
}
