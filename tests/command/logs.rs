//! `agno-top logs`.

use super::{Program, errors};

/// Log records of two programs; the last one states no severity and no time but when it was observed.
const FILE: &str = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"app"}}]},"scopeLogs":[{"scope":{"name":"s"},"logRecords":[
{"timeUnixNano":"1795330802000000000","severityNumber":13,"severityText":"WARN","body":{"stringValue":"disk is nearly full\u001b[2J"},"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"},
{"timeUnixNano":"1795330801000000000","severityNumber":9,"body":{"kvlistValue":{"values":[{"key":"step","value":{"intValue":"3"}}]}},"attributes":[{"key":"user","value":{"stringValue":"ann"}}]},
{"timeUnixNano":"1795330803000000000","severityNumber":17,"body":{"stringValue":"no route to host"}}]}]}]}
{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"codex_exec"}}]},"scopeLogs":[{"logRecords":[
{"timeUnixNano":"0","observedTimeUnixNano":"1795330804000000000","eventName":"event a.rs:1","traceId":"12","attributes":[{"key":"event.name","value":{"stringValue":"codex.startup_phase"}},{"key":"conversation.id","value":{"stringValue":"c"}}]}]}]}]}
"#;

fn program() -> Program {
    let program = Program::empty();
    std::fs::write(program.path("l.jsonl"), FILE).unwrap();
    program
}

#[test]
fn records_are_printed_by_time_and_safely() {
    let text = program().text(&["logs", "l.jsonl"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[1].contains("info") && lines[1].contains(r#"{"step":3} user=ann"#), "{text}");
    assert!(lines[2].contains("warn") && lines[2].contains("disk is nearly full") && !text.contains('\u{1b}'), "{text}");
    assert!(lines[4].contains("codex.startup_phase") && lines[4].contains('–'), "{text}");
    assert_eq!(program().text(&["logs", "l.jsonl", "--limit", "1"]).lines().count(), 2);
}

#[test]
fn json_has_all_that_is_known_of_a_record() {
    let records = program().objects(&["logs", "l.jsonl", "--json"]);
    let [info, warn, .., last] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((info["body"]["step"].as_i64(), info["attributes"]["user"].as_str()), (Some(3), Some("ann")));
    assert_eq!((warn["trace_id"].as_str(), warn["level"].as_str()), (Some("0af7651916cd43dd8448eb211c80319c"), Some("warn")));
    assert_eq!(warn["body"].as_str(), Some("disk is nearly full\u{1b}[2J"), "JSON escapes it");
    assert_eq!(last["time"].as_str(), Some("2026-11-22T07:00:04.000000000Z"), "when it was observed");
    assert!(last["severity"].is_null() && last["trace_id"].is_null(), "an id of a wrong length is none");
}

#[test]
fn the_filter_chooses_records_by_level_event_body_and_more() {
    let program = program();
    let count =
        |filter: &str| program.run(&["logs", "l.jsonl", "--json", "--filter", filter]).stdout.split(|byte| *byte == b'\n').count() - 1;
    for (filter, expected) in [
        ("level:>=warn", 2),
        ("level:warn", 1),
        ("level:<warn", 1),
        ("level:info|error", 2),
        ("-level:>=warn", 2),
        ("event:startup", 1),
        ("log:\"no route\"", 1),
        ("log:/^disk/", 1),
        ("route", 1),
        ("service:app", 3),
        ("attr.user:ann", 1),
        ("session:c", 1),
        ("trace:0af7", 1),
        ("since:2026-11-22T07:00:03Z", 2),
        ("text:nearly", 1),
    ] {
        assert_eq!(count(filter), expected, "{filter}");
    }
    let output = program.run(&["logs", "l.jsonl", "--filter", "level:loud"]);
    assert!(output.status.code() == Some(2) && errors(&output).contains("trace, debug, info, warn, error, fatal"), "{}", errors(&output));
    let output = program.run(&["logs", "l.jsonl", "--filter", "route cost:>1"]);
    assert!(errors(&output).contains("part of the filter is about spans only"), "{}", errors(&output));
    let none = program.run(&["logs", "l.jsonl", "--filter", "nothing"]);
    assert_eq!((none.status.code(), errors(&none).as_str()), (Some(1), "agno-top: no matching log records in l.jsonl\n"));
}

#[test]
fn other_commands_say_that_a_file_holds_logs() {
    let output = program().run(&["list", "l.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("no traces in l.jsonl, but logs: agno-top logs shows them"), "{}", errors(&output));
}

/// Records with a secret in every text, an address, and numbers that JSON has no form for.
const SECRETS: &str = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"app"}},{"key":"db.password","value":{"stringValue":"hunter2"}}]},"scopeLogs":[{"scope":{"name":"s for ann@example.org"},"logRecords":[
{"timeUnixNano":"1795330801000000000","observedTimeUnixNano":"1795330801000000005","severityNumber":17,"severityText":"ERR ann@example.org","eventName":"mail ann@example.org","flags":1,"droppedAttributesCount":2,"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","body":{"kvlistValue":{"values":[{"key":"to","value":{"stringValue":"ann@example.org"}},{"key":"ratio","value":{"doubleValue":"NaN"}}]}},"attributes":[{"key":"api_key","value":{"stringValue":"hunter2"}},{"key":"client","value":{"stringValue":"192.168.17.4"}},{"key":"nothing","value":{}},{"key":"rest","value":{"arrayValue":{"values":[{"doubleValue":"-Infinity"},{"bytesValue":"AP8="}]}}}]},
{"observedTimeUnixNano":"1795330804000000000","traceId":"12"}]}]}]}
"#;

fn text(program: &Program, arguments: &[&str]) -> String {
    String::from_utf8(program.run(arguments).stdout).unwrap()
}

#[test]
fn secrets_are_hidden_on_request_wherever_they_stand() {
    let program = program();
    std::fs::write(program.path("s.jsonl"), SECRETS).unwrap();
    for form in [&["--json"][..], &[], &["--format", "otlp"], &["--format", "otlp-proto"]] {
        let print = |option: &[&str]| {
            let output = program.run(&[&["logs", "s.jsonl", "--filter", "ann@example.org"], form, option].concat()).stdout;
            String::from_utf8_lossy(&output).into_owned()
        };
        let (plain, secrets, personal) = (print(&[]), print(&["--redact"]), print(&["--redact-personal"]));
        assert!(plain.contains("ann@example.org") && plain.contains("hunter2") && plain.contains("192.168.17.4"), "{plain}");
        for hidden in ["ann@example.org", "hunter2"] {
            assert!(!secrets.contains(hidden) && !personal.contains(hidden), "{form:?}: {secrets}{personal}");
        }
        assert!(secrets.contains("[redacted]") && secrets.contains("192.168.17.4") && secrets.contains("app"), "{form:?}: {secrets}");
        assert!(!personal.contains("192.168.17.4"), "{form:?}: {personal}");
    }
}

#[test]
fn records_are_written_as_otlp_and_read_again_unchanged() {
    let program = program();
    std::fs::write(program.path("s.jsonl"), SECRETS).unwrap();
    for source in ["l.jsonl", "s.jsonl"] {
        let expected = text(&program, &["logs", source, "--json"]).replace(source, "FILE");
        for (format, name) in [("otlp", "again.jsonl"), ("otlp-proto", "again.pb")] {
            let output = program.run(&["logs", source, "--format", format]).stdout;
            std::fs::write(program.path(name), &output).unwrap();
            assert_eq!(text(&program, &["logs", name, "--json"]).replace(name, "FILE"), expected, "{format}");
            assert_eq!(program.run(&["logs", name, "--format", format]).stdout, output, "{format}: again");
        }
    }
    let written = text(&program, &["logs", "s.jsonl", "--format", "otlp"]);
    for kept in
        [r#""flags":1"#, r#""droppedAttributesCount":2"#, r#""NaN""#, r#""-Infinity""#, r#""observedTimeUnixNano":"1795330801000000005""#]
    {
        assert!(written.contains(kept), "{kept}: {written}");
    }
}
