#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

const ENDPOINT: &str = "http://127.0.0.1:4318";

const AGENTS: [AgentName; 6] =
    [AgentName::Claude, AgentName::Codex, AgentName::Gemini, AgentName::Qwen, AgentName::Opencode, AgentName::Copilot];

fn home() -> (tempfile::TempDir, Environment) {
    let home = tempfile::tempdir().unwrap();
    let environment = Environment { home: home.path().to_owned(), ..Environment::default() };
    (home, environment)
}

/// Writes the agent's file and returns what its edit makes of it.
fn edited(agent: AgentName, content: bool, before: &str) -> Result<String, SetupError> {
    let (_home, environment) = home();
    let plan = plan(agent, ENDPOINT, content, &environment);
    let file = plan.file.clone().unwrap();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, before).unwrap();
    plan.edit().map(|edit| edit.unwrap().after)
}

#[test]
fn only_what_is_missing_is_added_and_comments_stay() {
    let before = "// mine\n{\n    \"model\": \"opus\", // the large one\n    \"env\": {\n        \"A\": \"1\" /* keep */,\n    }\n}\n";
    let after = edited(AgentName::Claude, false, before).unwrap();
    for kept in ["// mine\n", "    \"model\": \"opus\", // the large one\n", "        \"A\": \"1\" /* keep */,\n"] {
        assert!(after.contains(kept), "{after}");
    }
    assert!(after.contains("\n        \"OTEL_EXPORTER_OTLP_ENDPOINT\": \"http://127.0.0.1:4318\"\n    }\n}\n"), "{after}");
    assert_eq!(edited(AgentName::Claude, false, &after).unwrap(), after, "twice is once");
    let removed = changed_lines(before, &after).iter().filter(|line| line.starts_with('-')).count();
    assert_eq!(removed, 0, "{after}");
}

#[test]
fn objects_on_one_line_and_empty_ones_are_filled() {
    for (before, expected) in [
        ("", "{\n  \"telemetry\": {\n"),
        ("{}", "{\n  \"telemetry\": {\n"),
        ("{\"a\": 1}", "{\"a\": 1, \"telemetry\": {"),
        ("{\r\n\t\"a\": 1 // x\r\n}", "{\r\n\t\"a\": 1, // x\r\n\t\"telemetry\": {\r\n\t\t\"enabled\": true"),
        ("\u{feff}{\"telemetry\": {\"enabled\": false}}", "\u{feff}{\"telemetry\": {\"enabled\": true, \"target\""),
    ] {
        let after = edited(AgentName::Gemini, false, before).unwrap();
        assert!(after.starts_with(expected), "{after}");
        let json: Value = match after.strip_prefix('\u{feff}').unwrap_or(&after) {
            text if text.contains("// x") => serde_json::from_str(&text.replace("// x", "")).unwrap(),
            text => serde_json::from_str(text).unwrap(),
        };
        let expected = json!({ "enabled": true, "target": "local", "otlpEndpoint": ENDPOINT, "otlpProtocol": "http", "logPrompts": false });
        assert_eq!(json["telemetry"], expected);
    }
}

#[test]
fn toml_keeps_its_comments() {
    let before = "# mine\nmodel = \"gpt\" # large\n\n[otel] # here\nenvironment = \"dev\" # x\nexporter = \"none\" # off\n\n[tui]\n";
    let after = edited(AgentName::Codex, true, before).unwrap();
    for kept in ["# mine\nmodel = \"gpt\" # large\n", "[otel] # here\nenvironment = \"dev\" # x\n", "\"binary\" } } # off\n", "[tui]\n"] {
        assert!(after.contains(kept), "{after}");
    }
    let parsed: toml::Table = after.parse().unwrap();
    assert_eq!(parsed["otel"]["trace_exporter"]["otlp-http"]["endpoint"].as_str(), Some("http://127.0.0.1:4318/v1/traces"));
    assert_eq!(parsed["otel"]["log_user_prompt"].as_bool(), Some(true));
    assert_eq!(edited(AgentName::Codex, true, &after).unwrap(), after);
}

#[test]
fn another_endpoint_or_exporter_is_never_replaced() {
    for (agent, before, said) in [
        (
            AgentName::Claude,
            r#"{"env":{"OTEL_EXPORTER_OTLP_ENDPOINT":"https://me:secret@o.example:4318/x?key=secret"}}"#,
            "--forward https://o.example:4318/x ",
        ),
        (
            AgentName::Claude,
            r#"{"env":{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT":"http://127.0.0.1:43180/v1/logs"}}"#,
            "http://127.0.0.1:43180/v1/logs",
        ),
        (AgentName::Claude, r#"{"env":{"OTEL_METRICS_EXPORTER":"prometheus"}}"#, "already exports to prometheus"),
        (AgentName::Gemini, r#"{"telemetry":{"otlpEndpoint":"http://other:4317"}}"#, "already sends to http://other:4317"),
        (
            AgentName::Codex,
            "[otel]\nexporter = { otlp-grpc = { endpoint = \"https://c.example\" } }\n",
            "already sends to https://c.example",
        ),
        (AgentName::Codex, "[otel]\nmetrics_exporter = \"statsig\"\n", "already exports to statsig"),
    ] {
        let error = edited(agent, false, before).unwrap_err().to_string();
        assert!(error.contains(said) && !error.contains("secret"), "{error}");
    }
    let same = r#"{"env":{"OTEL_EXPORTER_OTLP_ENDPOINT":"http://localhost:4318/","OTEL_LOGS_EXPORTER":"console,otlp"}}"#;
    let after = edited(AgentName::Claude, false, same).unwrap();
    assert!(after.contains("http://localhost:4318/") && after.contains("console,otlp"), "{after}");
}

#[test]
fn what_cannot_be_parsed_is_left_alone() {
    for (agent, before) in [
        (AgentName::Claude, "{\"a\": 1"),
        (AgentName::Claude, "{\"a\": 1} x"),
        (AgentName::Claude, "[1]"),
        (AgentName::Claude, "{\"a\": 1, \"a\": 2}"),
        (AgentName::Claude, "{\"a\": /* 1}"),
        (AgentName::Claude, "{\"env\": 5}"),
        (AgentName::Gemini, "{\"telemetry\": true}"),
        (AgentName::Codex, "otel = 5"),
        (AgentName::Codex, "[otel"),
    ] {
        let error = edited(agent, false, before).unwrap_err();
        assert!(matches!(error, SetupError::Invalid(..)), "{before}: {error}");
    }
    let deep = "[".repeat(100_000);
    assert!(edited(AgentName::Qwen, false, &format!("{{\"a\": {deep}")).is_err());
}

#[test]
fn prompts_and_contents_are_turned_on_only_on_request() {
    let (_home, environment) = home();
    let words = ["PROMPT", "CONTENT", "DETAILS", "RESPONSES", "openTelemetry", "log_user_prompt", "\"traces\""];
    for agent in AGENTS {
        let text = plan(agent, ENDPOINT, false, &environment).text();
        assert!(!words.iter().any(|word| text.contains(word)) && !text.contains("\"logPrompts\": true"), "{agent:?}: {text}");
        let with = plan(agent, ENDPOINT, true, &environment);
        assert!(with.text() != text || agent == AgentName::Copilot, "{agent:?}");
    }
    // What the user chose stays.
    let after = edited(AgentName::Qwen, false, "{\"telemetry\": {\"logPrompts\": true}}").unwrap();
    assert!(after.contains("\"logPrompts\": true"));
}

#[test]
fn a_file_is_written_at_once_behind_links_with_its_mode_and_a_copy() {
    let (home, environment) = home();
    let plan = plan(AgentName::Claude, ENDPOINT, false, &environment);
    let file = plan.file.clone().unwrap();
    // A new file in a new folder.
    assert_eq!(write(&file, &plan.edit().unwrap().unwrap()).unwrap(), None);
    let first = std::fs::read_to_string(&file).unwrap();
    assert!(plan.edit().unwrap().is_some_and(|edit| edit.before == edit.after && edit.before == first));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let real = home.path().join("dotfiles.json");
        std::fs::write(&real, "{}\n").unwrap();
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(&real, &file).unwrap();
        let edit = plan.edit().unwrap().unwrap();
        let copy = write(&file, &edit).unwrap().unwrap();
        assert_eq!((std::fs::read_to_string(&copy).unwrap().as_str(), std::fs::read_to_string(&real).unwrap()), ("{}\n", first));
        assert!(file.symlink_metadata().unwrap().is_symlink());
        assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        // A second copy leaves the first alone.
        std::fs::write(&real, "{ }\n").unwrap();
        assert_ne!(write(&file, &plan.edit().unwrap().unwrap()).unwrap().unwrap(), copy);
        assert_eq!(std::fs::read_to_string(&copy).unwrap(), "{}\n");
        std::fs::remove_file(&real).unwrap();
        assert!(write(&file, &edit).unwrap_err().to_string().contains("link to a file that does not exist"));
    }
}

#[test]
fn a_file_that_changed_meanwhile_is_left_alone() {
    let (_home, environment) = home();
    let plan = plan(AgentName::Gemini, ENDPOINT, false, &environment);
    let file = plan.file.clone().unwrap();
    let edit = plan.edit().unwrap().unwrap();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "{\"new\": 1}").unwrap();
    assert!(matches!(write(&file, &edit), Err(WriteError::Changed(_))));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{\"new\": 1}");
    assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "no copy is left");
}

#[test]
fn a_change_lists_the_lines_that_differ() {
    assert_eq!(changed_lines("a\nb\nc\nd\n", "a\nx\nc\ny\nd\n"), ["- b", "+ x", "+ y"]);
    assert_eq!(changed_lines("", "a\n"), ["+ a"]);
    assert!(changed_lines("a\n", "a\n").is_empty());
}
