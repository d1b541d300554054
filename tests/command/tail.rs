//! `tail`: spans as they end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::Value;

use super::{Program, fixture};

/// A running `tail`.
struct Tail {
    child: Child,
    lines: Option<BufReader<ChildStdout>>,
}

impl Tail {
    fn start(program: &Program, arguments: &[&str]) -> Self {
        let mut child = program.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = child.stdout.take().map(BufReader::new);
        Self { child, lines }
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.as_mut().unwrap().read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("not an object: {line:?}"))
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Inserts a copy of a span with another id.
fn write_span(program: &Program, name: &str) {
    let database = rusqlite::Connection::open(program.path("traces.db")).unwrap();
    database
        .execute(
            "INSERT INTO agno_spans SELECT 'feedfeedfeedfeed', trace_id, NULL, ?1, span_kind, status_code, status_message,
             '2027-01-01T00:00:00+00:00', '2027-01-01T00:00:01+00:00', 1000, attributes, created_at FROM agno_spans LIMIT 1",
            [name],
        )
        .unwrap();
}

#[test]
fn tail_ends_when_its_reader_closes_the_pipe_and_nothing_is_written() {
    let program = Program::new();
    let mut tail = Tail::start(&program, &["tail", "--json", "--since", "2026-01-01", "traces.db"]);
    for _ in 0..75 {
        tail.next();
    }
    tail.lines = None;
    assert_eq!(tail.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_new_span_is_printed_at_once() {
    let program = Program::new();
    let mut tail = Tail::start(&program, &["tail", "--json", "--since", "2026-01-01", "--limit", "76", "traces.db"]);
    for _ in 0..75 {
        assert_ne!(tail.next()["span_id"], "feedfeedfeedfeed");
    }
    write_span(&program, "fresh");
    let span = tail.next();
    assert_eq!((&span["span_id"], &span["name"], &span["duration_ms"]), (&"feedfeedfeedfeed".into(), &"fresh".into(), &1000.0.into()));
    assert_eq!(tail.child.wait().unwrap().code(), Some(0), "the limit ends it");
}

/// Makes a database with spans that end now by a clock that is so many hours behind, in one transaction, and gives it its name at once.
fn make_database(program: &Program, name: &str, ids: std::ops::Range<u64>, hours: i64) {
    let path = program.path("made.db");
    let mut database = rusqlite::Connection::open(&path).unwrap();
    let transaction = database.transaction().unwrap();
    transaction
        .execute_batch(
            "CREATE TABLE agno_spans (span_id TEXT PRIMARY KEY, trace_id, parent_span_id, name, span_kind, status_code, status_message,
             start_time, end_time, duration_ms, attributes, created_at)",
        )
        .unwrap();
    let now = (chrono::Utc::now() - chrono::TimeDelta::hours(hours)).to_rfc3339();
    for id in ids {
        let row = (format!("{id:016x}"), format!("{id:032x}"), &now);
        let sql = "INSERT INTO agno_spans VALUES (?1, ?2, NULL, 'n', 'INTERNAL', 'OK', NULL, ?3, ?3, 0, '{}', ?3)";
        transaction.execute(sql, row).unwrap();
    }
    transaction.commit().unwrap();
    database.close().unwrap();
    std::fs::rename(path, program.path(name)).unwrap();
}

#[test]
fn every_span_of_a_database_that_appears_or_is_replaced_is_printed_once() {
    for hours in [0, 2] {
        appears_and_is_replaced(hours);
    }
}

fn appears_and_is_replaced(hours: i64) {
    let program = Program::empty();
    let mut tail = Tail::start(&program, &["tail", "--json", "--limit", "3020", "new.db"]);
    let mut waiting = BufReader::new(tail.child.stderr.take().unwrap());
    let mut line = String::new();
    waiting.read_line(&mut line).unwrap();
    assert!(line.contains("does not exist yet"), "{line}");
    make_database(&program, "new.db", 1..3001, hours);
    let mut ids: Vec<String> = (0..3000).map(|_| tail.next()["span_id"].as_str().unwrap().to_owned()).collect();
    // The first ten are in the new file, too.
    make_database(&program, "new.db", 2991..3021, hours);
    ids.extend((0..20).map(|_| tail.next()["span_id"].as_str().unwrap().to_owned()));
    ids.sort_unstable();
    let expected: Vec<String> = (1..3021).map(|id| format!("{id:016x}")).collect();
    assert!(ids == expected, "{} of {}", ids.len(), expected.len());
    assert_eq!(tail.child.wait().unwrap().code(), Some(0), "the limit ends it");
}

/// Spans that ended long before the start are old, also if the file they are in comes back.
#[test]
fn no_old_span_of_a_database_that_comes_back_is_printed() {
    let program = Program::new();
    let hour_ago = (chrono::Utc::now() - chrono::TimeDelta::hours(1)).to_rfc3339();
    let database = rusqlite::Connection::open(program.path("traces.db")).unwrap();
    database.execute("UPDATE agno_spans SET end_time = ?1, created_at = ?1", [&hour_ago]).unwrap();
    database.close().map_err(|(_, error)| error).unwrap();
    // The span of a file that is read once is printed when the database was read, too.
    let span = r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"first","startTimeUnixNano":"1","endTimeUnixNano":"2"}"#;
    let request = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#);
    std::fs::write(program.path("once.json"), request).unwrap();
    let mut tail = Tail::start(&program, &["tail", "--json", "--limit", "2", "traces.db", "once.json"]);
    let mut messages = BufReader::new(tail.child.stderr.take().unwrap());
    assert_eq!(tail.next()["name"], "first");
    std::fs::rename(program.path("traces.db"), program.path("moved.db")).unwrap();
    let mut line = String::new();
    messages.read_line(&mut line).unwrap();
    assert!(line.contains("was deleted"), "{line}");
    std::fs::rename(program.path("moved.db"), program.path("traces.db")).unwrap();
    write_span(&program, "second");
    assert_eq!(tail.next()["name"], "second");
}

#[test]
fn a_filter_selects_spans_and_searches_payloads() {
    let program = Program::new();
    let lines = |filter: &str, limit: &str| {
        program.objects(&["tail", "--json", "--since", "2026-01-01", "--filter", filter, "--limit", limit, "traces.db"])
    };
    assert!(lines("kind:tool", "16").iter().all(|span| span["kind"] == "tool"));
    let failed = lines("kind:tool text:\"payment gateway\"", "1");
    assert_eq!(failed[0]["tool"], "refund_order");
}

#[test]
fn a_json_file_is_printed_once_and_a_file_of_lines_is_followed() {
    let program = Program::empty();
    let requests = std::fs::read_to_string(fixture("vercel-ai-5.jsonl")).unwrap();
    let first = requests.lines().next().unwrap();
    std::fs::write(program.path("whole.json"), first).unwrap();
    let spans = program.objects(&["tail", "--json", "whole.json"]);
    let counted: u64 = program.objects(&["list", "--json", "whole.json"]).iter().map(|trace| trace["spans"].as_u64().unwrap()).sum();
    assert_eq!(spans.len() as u64, counted);
    assert_eq!(program.run(&["tail", "--filter", "agent:nobody", "whole.json"]).status.code(), Some(1));

    let path = program.path("lines.jsonl");
    std::fs::write(&path, &requests).unwrap();
    let counted: u64 = program.objects(&["list", "--json", "lines.jsonl"]).iter().map(|trace| trace["spans"].as_u64().unwrap()).sum();
    let mut tail = Tail::start(&program, &["tail", "--json", "--since", "2026-01-01", "lines.jsonl"]);
    for _ in 0..counted {
        tail.next();
    }
    let fresh = first.replace("26de9a35ac1b8f06", "feedfeedfeedfeed");
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(format!("{fresh}\n").as_bytes()).unwrap();
    assert_eq!(tail.next()["span_id"], "feedfeedfeedfeed", "a span that arrives again is not printed again");
}

/// Posts a request recorded from Agno.
fn post(address: SocketAddr) {
    let body = std::fs::read(fixture("agno-3.1.10.otlp.pb")).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[cfg(unix)]
#[test]
fn no_sender_waits_for_a_tail_that_is_stopped() {
    use std::os::unix::process::CommandExt;
    let program = Program::empty();
    // In a process group of its own, as a shell starts it.
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_agno-top"));
    command
        .args(["tail", "--json", "--http", "127.0.0.1:0"])
        .current_dir(program.path("."))
        .env("HOME", program.path("."))
        .process_group(0);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut messages = BufReader::new(child.stderr.take().unwrap());
    let mut tail = Tail { lines: child.stdout.take().map(BufReader::new), child };
    let mut line = String::new();
    while !line.contains("listening for OTLP on ") {
        line.clear();
        assert!(messages.read_line(&mut line).unwrap() > 0, "it does not listen");
    }
    let address: SocketAddr = line.trim_end().rsplit(' ').next().unwrap().parse().unwrap();
    let pid = tail.child.id().to_string();
    let signal = |name: &str| assert!(std::process::Command::new("kill").args([name, pid.as_str()]).status().unwrap().success());
    for _ in 0..2 {
        post(address);
        signal("-TSTP");
        while !is_stopped(&pid) {
            assert_eq!(tail.child.try_wait().unwrap(), None, "it ended instead");
            std::thread::yield_now();
        }
        let error = TcpStream::connect(address).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        signal("-CONT");
        while TcpStream::connect(address).is_err() {
            assert_eq!(tail.child.try_wait().unwrap(), None, "it ended instead");
            std::thread::yield_now();
        }
    }
    tail.next();
}

/// Whether a process is stopped by a signal.
#[cfg(unix)]
fn is_stopped(pid: &str) -> bool {
    let output = std::process::Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
    output.stdout.starts_with(b"T")
}

#[cfg(unix)]
#[test]
fn otlp_spans_are_printed_once_and_an_interrupt_ends_tail() {
    let program = Program::empty();
    let mut tail = Tail::start(&program, &["tail", "--json", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    let mut messages = BufReader::new(tail.child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening for OTLP on ") {
        line.clear();
        assert!(messages.read_line(&mut line).unwrap() > 0, "it does not listen");
    }
    let address = line.trim_end().rsplit(' ').next().unwrap().parse().unwrap();
    post(address);
    post(address);
    let first = tail.next();
    assert!(first["end"].is_string() && first["trace_id"].is_string());
    let pid = tail.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut rest = String::new();
    tail.lines.as_mut().unwrap().read_to_string(&mut rest).unwrap();
    assert_eq!(tail.child.wait().unwrap().code(), Some(0));
    let mut ids: Vec<String> =
        rest.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["span_id"].as_str().unwrap().to_owned()).collect();
    ids.push(first["span_id"].as_str().unwrap().to_owned());
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "a span that is sent twice is printed once");
}

#[test]
fn beside_a_source_only_the_requested_ports_are_opened() {
    let program = Program::new();
    let ports = |flags: &[&str]| {
        let mut tail = Tail::start(&program, &[&["tail", "traces.db"], flags].concat());
        let mut line = String::new();
        BufReader::new(tail.child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let addresses = line.trim_end().strip_prefix("agno-top: listening for OTLP on ").unwrap_or_else(|| panic!("{line}")).to_owned();
        let ports = addresses.split(" and ").map(|address| address.parse::<SocketAddr>().unwrap().port());
        ports.collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!(ports(&["--http", "0"]), 1);
    assert_eq!(ports(&["--grpc", "0"]), 1);
    assert_eq!(ports(&["--otlp", "--http", "0", "--grpc", "0"]), 2);
}

#[test]
fn tail_ends_when_its_reader_closes_the_pipe() {
    let program = Program::new();
    let mut tail = Tail::start(&program, &["tail", "--json", "--since", "2026-01-01", "traces.db"]);
    tail.next();
    drop(tail.lines.take());
    while tail.child.try_wait().unwrap().is_none() {
        let database = rusqlite::Connection::open(program.path("traces.db")).unwrap();
        let copy = "INSERT INTO agno_spans SELECT lower(hex(randomblob(8))), trace_id, NULL, name, span_kind, status_code, status_message,
             start_time, end_time, duration_ms, attributes, created_at FROM agno_spans LIMIT 1";
        database.execute(copy, []).unwrap();
    }
    assert_eq!(tail.child.wait().unwrap().code(), Some(0));
}
