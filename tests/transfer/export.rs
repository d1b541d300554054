//! The command `export`.

use predicates::prelude::*;

use super::{database, fixture, program, read};

#[test]
fn an_exported_file_reads_back_unchanged() {
    let directory = tempfile::tempdir().unwrap();
    let database = database(directory.path()).display().to_string();
    let write = |source: &str, name: &str, format: &str| {
        let path = directory.path().join(name);
        let path_text = path.display().to_string();
        program(&["export", source, "-o", &path_text, "--format", format])
            .assert()
            .success()
            .stdout("")
            .stderr(predicate::str::contains(format!("of 11 traces as {format} to {path_text}")));
        path
    };
    for source in [database, fixture("agno-3.1.10.otlp.pb")] {
        let otlp = read(&write(&source, "a.json", "otlp"));
        assert_eq!(otlp.len(), 75, "{source}");
        assert!(otlp.iter().all(|span| !span.payload.attributes.is_empty()));
        assert_eq!(read(&write(&source, "a.pb", "otlp-proto")), otlp);
        assert_eq!(read(&write(&source, "a.jsonl", "jsonl")), otlp);
        // Export from the export, and replace an existing file.
        assert_eq!(read(&write(directory.path().join("a.pb").to_str().unwrap(), "a.json", "otlp")), otlp);
    }
}

#[test]
fn all_text_formats_can_be_written_to_standard_output() {
    let directory = tempfile::tempdir().unwrap();
    let database = database(directory.path()).display().to_string();
    let written = |arguments: &[&str]| {
        let output = program(&[&["export", &database], arguments].concat()).assert().success().stderr("").get_output().stdout.clone();
        String::from_utf8(output).unwrap()
    };
    let lines = written(&["--format", "jsonl"]);
    assert_eq!(lines.lines().count(), 75);
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["span_id"].as_str().unwrap().len(), 16);
    assert!(first["attributes"].as_object().unwrap().contains_key("openinference.span.kind"), "{first}");
    assert_eq!(written(&["--format", "csv"]).lines().count(), 76);
    assert_eq!(written(&["--format", "agno"]).lines().count(), 11);
    let failed = written(&["--format", "markdown", "--filter", "status:error", "--limit", "1", "--max-chars", "600"]);
    assert!(failed.starts_with("# ") && failed.contains("ERROR") && failed.contains("cut") && failed.chars().count() <= 600, "{failed}");
}

#[test]
fn errors_are_reported() {
    let directory = tempfile::tempdir().unwrap();
    let database = database(directory.path()).display().to_string();
    let failed = |arguments: &[&str], code: i32, message: &str| {
        program(&[&["export", &database], arguments].concat()).assert().code(code).stdout("").stderr(predicate::str::contains(message));
    };
    failed(&["-o", "no/such/folder/a.json"], 1, "can't write no/such/folder/a.json");
    failed(&["--format", "xml"], 2, "unknown format \"xml\"; use one of otlp, otlp-proto");
    failed(&["--format", "json"], 2, "in JSON are otlp (one object), jsonl (one per span) and agno (one per trace)");
    failed(&["2.83s"], 2, "2.83s is no file and no beginning of a trace id");
    failed(&["zzzz"], 2, "zzzz is no file and no beginning of a trace id, which are hex digits, or last");
    failed(&["--max-chars", "5"], 2, "--max-chars is for --format markdown");
    failed(&["--filter", "agent:nobody"], 1, "traces.db matches; the newest began 2026-11-22 ");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file remains");
}

#[test]
fn an_export_never_replaces_its_source() {
    let directory = tempfile::tempdir().unwrap();
    let path = database(directory.path());
    let before = std::fs::read(&path).unwrap();
    std::fs::hard_link(&path, directory.path().join("other.json")).unwrap();
    let run = |arguments: &[&str]| {
        let mut program = program(&[&["export"], arguments].concat());
        let refused = predicate::str::contains("is one of the sources; export to another file");
        program.current_dir(directory.path()).assert().code(1).stdout("").stderr(refused);
    };
    run(&["traces.db", "-o", "traces.db"]);
    run(&["traces.db", "-o", "./traces.db", "--format", "jsonl"]);
    run(&["nothing.db", path.to_str().unwrap(), "-o", "traces.db"]);
    // Found in the working directory.
    run(&["-o", "traces.db"]);
    #[cfg(unix)]
    {
        run(&["traces.db", "-o", "other.json"]);
        std::os::unix::fs::symlink("traces.db", directory.path().join("link.db")).unwrap();
        run(&["link.db", "-o", "traces.db"]);
        run(&["traces.db", "-o", "link.db"]);
    }
    assert!(std::fs::read(&path).unwrap() == before, "the source is unchanged");
}

#[test]
fn secrets_are_removed_with_redact_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.jsonl");
    let line = r#"{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331","name":"a","start":"2026-11-22T05:59:04Z","end":"2026-11-22T05:59:05Z","attributes":{"input.value":"mail ann@example.org about ORD-17"}}"#;
    std::fs::write(&path, format!("{line}\n")).unwrap();
    let settings = directory.path().join("config.toml");
    std::fs::write(&settings, "redact_patterns = [\"ORD-[0-9]+\"]\n").unwrap();
    let path = path.display().to_string();
    let arguments = ["export", &path, "--format", "jsonl", "--config", settings.to_str().unwrap()];
    program(&arguments).assert().success().stdout(predicate::str::contains("mail ann@example.org about ORD-17"));
    program(&[&arguments[..], &["--redact"]].concat())
        .assert()
        .success()
        .stdout(predicate::str::contains("mail [redacted] about [redacted]").and(predicate::str::contains("ann@").not()));
}

/// A turn told by log events, one call of it told by a span, and records that belong to it, to its session, and to neither.
pub(super) const TURN: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"coder"}}]},"scopeSpans":[{"spans":[
{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"other","startTimeUnixNano":"1795330802000000000","endTimeUnixNano":"1795330803000000000","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}}]}]}]}]}
{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"coder"}}]},"scopeLogs":[{"scope":{"name":"s"},"logRecords":[
{"timeUnixNano":"1795330801000000000","attributes":[{"key":"event.name","value":{"stringValue":"coder.user_prompt"}},{"key":"session.id","value":{"stringValue":"c"}},{"key":"prompt","value":{"stringValue":"mail ann@example.org"}}]},
{"timeUnixNano":"1795330803000000000","severityNumber":13,"body":{"stringValue":"slow down"},"attributes":[{"key":"session.id","value":{"stringValue":"c"}}]},
{"timeUnixNano":"1795330804000000000","attributes":[{"key":"event.name","value":{"stringValue":"coder.api_response"}},{"key":"session.id","value":{"stringValue":"c"}},{"key":"model","value":{"stringValue":"m"}},{"key":"input_token_count","value":{"intValue":"10"}},{"key":"output_token_count","value":{"intValue":"2"}},{"key":"duration_ms","value":{"intValue":"500"}}]},
{"timeUnixNano":"1795330804000000000","body":{"stringValue":"of no turn"}},
{"timeUnixNano":"1795330802500000000","body":{"stringValue":"of the other trace"},"traceId":"0af7651916cd43dd8448eb211c80319c"}]}]}]}
"#;

#[test]
fn otlp_json_holds_the_log_records_of_the_traces_and_reads_back_unchanged() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::write(path("turn.jsonl"), TURN).unwrap();
    let output = |arguments: &[&str]| String::from_utf8(program(arguments).assert().success().get_output().stdout.clone()).unwrap();
    let bodies = |source: &str| -> Vec<String> {
        let lines = output(&["logs", source, "--json"]);
        let records = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        records.map(|record| format!("{} {} {}", record["time"], record["body"], record["attributes"])).collect()
    };
    let spans = |source: &str| output(&["export", source, "--format", "jsonl"]).lines().map(str::to_owned).collect::<Vec<_>>();
    let all = spans(&path("turn.jsonl"));
    assert_eq!(all.len(), 3, "the turn, its call and the other: {all:?}");

    program(&["export", &path("turn.jsonl"), "-o", &path("all.json")]).assert().success();
    assert_eq!(std::fs::read_to_string(path("all.json")).unwrap().lines().count(), 1, "one document");
    let kept = bodies(&path("all.json"));
    assert_eq!(kept, bodies(&path("turn.jsonl")).into_iter().filter(|record| !record.contains("of no turn")).collect::<Vec<_>>());
    assert_eq!(kept.len(), 4);
    let parsed = |lines: Vec<String>| -> Vec<serde_json::Value> {
        let without_source = |line: String| {
            let mut span: serde_json::Value = serde_json::from_str(&line).unwrap();
            span.as_object_mut().unwrap().remove("source");
            span
        };
        lines.into_iter().map(without_source).collect()
    };
    assert_eq!(parsed(spans(&path("all.json"))), parsed(all), "no call is told twice");

    program(&["export", &path("turn.jsonl"), "0af7", "-o", &path("one.json")]).assert().success();
    let one = bodies(&path("one.json"));
    assert!(one.len() == 1 && one[0].contains("of the other trace"), "{one:?}");

    let redacted = output(&["export", &path("turn.jsonl"), "--redact"]);
    assert!(redacted.contains("slow down") && redacted.contains("mail [redacted]") && !redacted.contains("ann@example.org"), "{redacted}");

    program(&["export", &path("turn.jsonl"), "--format", "otlp-proto", "-o", &path("all.pb")])
        .assert()
        .success()
        .stderr(predicate::str::contains("4 log records left out; --format otlp holds them"));
}

#[test]
fn turns_told_by_logs_and_spans_are_the_same_after_an_export() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    for (corpus, bodies) in [
        ("claude-code", ["0001.traces.pb", "0002.logs.pb"].as_slice()),
        ("claude-code-logs-only", &["0001.logs.pb"]),
        ("qwen-code", &["0001.logs.json", "0002.logs.json", "0003.logs.json", "0004.traces.json"]),
    ] {
        let read = |body: &&str| {
            let mut bytes = std::fs::read(fixture(&format!("coding/{corpus}/{body}"))).unwrap();
            if body.contains(".json") {
                bytes.push(b'\n');
            }
            bytes
        };
        let source = path(if bodies[0].contains(".pb") { "source.pb" } else { "source.jsonl" });
        std::fs::write(&source, bodies.iter().flat_map(read).collect::<Vec<u8>>()).unwrap();
        program(&["export", &source, "-o", &path("again.json")]).assert().success();
        let stats = |source: &str| program(&["stats", source, "--json"]).assert().success().get_output().stdout.clone();
        let (before, after) = (stats(&source), stats(&path("again.json")));
        assert!(!before.is_empty() && before == after, "{corpus}: {}{}", String::from_utf8_lossy(&before), String::from_utf8_lossy(&after));
        let logs = String::from_utf8(program(&["logs", &path("again.json")]).assert().success().get_output().stdout.clone()).unwrap();
        assert!(logs.contains("user_prompt"), "{corpus}: {logs}");
    }
}
