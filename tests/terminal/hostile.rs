//! The bytes that reach the terminal when every text of a trace holds control sequences.

use serde_json::{Value, json};

use super::*;

/// Begins with a word that is shown; then a notification, attributes of text that no theme uses, the same by 8-bit controls, a device control
/// string, and characters that turn or hide text.
const TEXT: &str = "visible\u{1b}]777;notify;x\u{7}\u{1b}[5;8m\u{9b}5;8m\u{9d}777;x\u{9c}\u{1b}P1x\u{1b}\\\u{202e}\u{200b}\u{8}\r\n\tend";

/// What of it must not be written.
const CONTROLS: [&str; 9] = ["\u{1b}]777", "[5;8m", "\u{1b}P", "\u{9b}", "\u{9c}", "\u{9d}", "\u{202e}", "\u{200b}", "\u{7}"];

/// A span whose texts are all hostile.
fn span(id: u8, parent: u8, attributes: &[(&str, &str)]) -> Value {
    let attribute = |(key, value): &(&str, &str)| json!({"key": key, "value": {"stringValue": value}});
    let hostile = [(TEXT, TEXT), ("session.id", TEXT), ("user.id", TEXT), ("input.value", TEXT), ("output.value", TEXT)];
    json!({
        "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": format!("{id:016x}"),
        "parentSpanId": if parent == 0 { String::new() } else { format!("{parent:016x}") },
        "name": TEXT, "startTimeUnixNano": format!("17900000000000000{id:02}"), "endTimeUnixNano": "1790000001000000000",
        "attributes": hostile.iter().chain(attributes).map(attribute).collect::<Vec<_>>(),
        "events": [{"name": TEXT, "timeUnixNano": "1790000000500000000", "attributes": [attribute(&(TEXT, TEXT))]}],
        "status": {"code": 2, "message": TEXT},
    })
}

#[test]
fn no_control_sequence_of_a_trace_reaches_the_terminal() {
    let spans = [
        span(1, 0, &[("openinference.span.kind", "AGENT"), ("agent.name", TEXT)]),
        span(2, 1, &[("openinference.span.kind", "LLM"), ("llm.model_name", TEXT), ("llm.provider", TEXT)]),
        span(3, 1, &[("openinference.span.kind", "TOOL"), ("tool.name", TEXT), ("tool.parameters", TEXT)]),
    ];
    let resource =
        json!({"attributes": [{"key": "service.name", "value": {"stringValue": TEXT}}, {"key": TEXT, "value": {"stringValue": TEXT}}]});
    let log = json!({"timeUnixNano": "1790000000500000000", "severityText": TEXT, "severityNumber": 17, "eventName": TEXT,
        "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "0000000000000001", "body": {"stringValue": TEXT}});
    let spans = json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": TEXT}, "spans": spans}]}]});
    let logs = json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": {"name": TEXT}, "logRecords": [log]}]}]});
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("visible\u{1b}]777;notify;x\u{1b}[5;8m.jsonl");
    std::fs::write(&file, format!("{spans}\n{logs}\n")).expect("a file");

    let mut program = Program::start(&["--no-otlp", file.to_str().expect("a path of plain text")], &[]);
    program.wait_for("1 trace");
    for view in ["7", "6", "5", "4", "3", "2", "1"] {
        let before = program.screen.screen().contents();
        program.press(view);
        program.wait("the next view", |screen| screen.contents() != before && screen.contents().contains("visible"));
    }
    program.press("\r");
    program.wait_for("Overview");
    for tab in 1..9 {
        // The input and the output are equal; only the mark of the tab moves.
        let before = program.screen.screen().contents_formatted();
        program.press("]");
        program.wait(&format!("tab {tab}"), |screen| screen.contents_formatted() != before);
    }
    // A key that follows Escape too soon is another key.
    program.press("\u{1b}");
    program.wait("the traces", |screen| !screen.contents().contains("esc back"));
    for (key, title) in [("L", "Sources · esc closes"), ("x", "Export "), (":", "Actions · "), ("/", "Examples")] {
        program.press(key);
        program.wait_for(title);
        program.press("\u{1b}");
        program.wait("the closed window", |screen| !screen.contents().contains(title));
    }
    program.signal("TERM");
    while let Ok(bytes) = program.output.recv_timeout(TIMEOUT) {
        program.process(&bytes);
    }
    let written = String::from_utf8_lossy(&program.written).into_owned();
    for control in CONTROLS {
        assert!(!written.contains(control), "{control:?} reaches the terminal");
    }
    assert_eq!(program.wait_for_exit().0, 0);
}
