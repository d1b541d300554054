//! Text in traces can't control the terminal.

use serde_json::json;

use super::Program;

const HOSTILE: &str = "evil\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{202e}gnihtemos\u{200b}\r\nagno-top: forged";

/// Returns a directory with a file of one trace in which every text is hostile.
fn program() -> Program {
    let program = Program::empty();
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let span = json!({
        "traceId": "0123456789abcdef0123456789abcdef", "spanId": "0123456789abcdef", "name": HOSTILE,
        "startTimeUnixNano": "1795330235000000000", "endTimeUnixNano": "1795330236000000000",
        "status": {"code": 2, "message": HOSTILE},
        "attributes": [text("openinference.span.kind", "AGENT"), text("agent.name", HOSTILE), text("session.id", HOSTILE),
            text("user.id", HOSTILE), text("input.value", HOSTILE), text(HOSTILE, HOSTILE)],
        "events": [{"name": HOSTILE, "timeUnixNano": "1795330235500000000", "attributes": [text("exception.message", HOSTILE)]}],
    });
    let file = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    std::fs::write(program.path("evil.json"), file.to_string()).unwrap();
    program
}

fn is_plain(text: &str) -> bool {
    !text.contains(|c: char| {
        (c.is_control() && c != '\n') || ('\u{200b}'..='\u{200f}').contains(&c) || ('\u{202a}'..='\u{202e}').contains(&c)
    })
}

#[test]
fn no_command_prints_control_characters() {
    let program = program();
    for arguments in [
        &["list", "evil.json"][..],
        &["list", "--json", "evil.json"],
        &["list", "--fail-on", "agent:nobody", "evil.json"],
        &["show", "0", "evil.json"],
        &["show", "0", "--json", "--payload", "evil.json"],
        &["stats", "evil.json"],
        &["stats", "--by", "session", "evil.json"],
        &["stats", "--by", "error", "--json", "evil.json"],
        &["tail", "evil.json"],
        &["tail", "--json", "evil.json"],
    ] {
        let text = program.text(arguments);
        assert!(text.contains("evil"), "{arguments:?}: {text:?}");
        assert!(is_plain(&text), "{arguments:?}: {text:?}");
        assert!(!text.lines().any(|line| line.starts_with("agno-top: forged")), "{arguments:?}: {text:?}");
    }
}

#[test]
fn json_keeps_the_text() {
    let program = program();
    let [trace] = program.objects(&["show", "0", "--json", "--payload", "evil.json"]).try_into().unwrap();
    let span = &trace["spans"][0];
    assert_eq!((&span["name"], &span["attributes"][HOSTILE]), (&json!(HOSTILE), &json!(HOSTILE)));
    assert_eq!(
        span["events"][0],
        json!({"name": HOSTILE, "time": "2026-11-22T06:50:35.500Z", "attributes": {"exception.message": HOSTILE}})
    );
}

#[test]
fn names_in_a_message_are_safe() {
    let program = program();
    let second = std::fs::read_to_string(program.path("evil.json"))
        .unwrap()
        .replace("0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcd00");
    std::fs::write(program.path("two.json"), second).unwrap();
    let output = program.run(&["show", "0123", "evil.json", "two.json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(is_plain(&super::errors(&output)), "{:?}", super::errors(&output));
}
