//! `agno-top setup`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use super::{Program, errors};

fn command(program: &Program, arguments: &[&str]) -> Command {
    let mut command = program.command(arguments);
    command
        .env("HOME", program.path(""))
        .env_remove("CLAUDE_CONFIG_DIR")
        .env_remove("CODEX_HOME")
        .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT");
    command
}

fn run(program: &Program, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = assert_cmd::Command::from_std(command(program, arguments)).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), errors(&output))
}

#[test]
fn settings_are_printed_for_every_agent() {
    let program = Program::empty();
    for (agent, parts) in [
        ("claude", &[".claude/settings.json", "\"CLAUDE_CODE_ENHANCED_TELEMETRY_BETA\": \"1\"", "\"http://127.0.0.1:4318\""][..]),
        ("codex", &[".codex/config.toml", "trace_exporter = { otlp-http = { endpoint = \"http://127.0.0.1:4318/v1/traces\""]),
        ("gemini", &[".gemini/settings.json", "\"otlpProtocol\": \"http\"", "\"logPrompts\": false"]),
        ("qwen", &[".qwen/settings.json", "\"otlpEndpoint\": \"http://127.0.0.1:4318\""]),
        ("opencode", &["export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318\n"]),
        ("copilot", &["export COPILOT_OTEL_ENABLED=true\n"]),
    ] {
        let (code, text, messages) = run(&program, &["setup", agent, "--no-wait"]);
        assert_eq!((code, messages.as_str()), (Some(0), ""), "{agent}");
        assert!(parts.iter().all(|part| text.contains(part)), "{agent}: {text}");
    }
    let (_, text, _) = run(&program, &["setup", "claude", "--no-wait", "--http", "0.0.0.0:9", "--content"]);
    assert!(text.contains("\"http://127.0.0.1:9\"") && text.contains("OTEL_LOG_USER_PROMPTS"), "{text}");
    assert!(text.contains("(or run agno-top setup claude --content --write)"), "{text}");
    let (code, _, messages) = run(&program, &["setup", "langchain"]);
    assert_eq!((code, messages.contains("OTEL_EXPORTER_OTLP_ENDPOINT")), (Some(2), true), "{messages}");
    let (code, _, messages) = run(&program, &["setup"]);
    assert!(code == Some(2) && messages.contains("<claude|codex|gemini|qwen|opencode|copilot|mcp>"), "{messages}");
}

#[test]
fn a_file_is_changed_only_after_an_answer() {
    let program = Program::empty();
    let file = program.path(".codex/config.toml");
    std::fs::create_dir(program.path(".codex")).unwrap();
    std::fs::write(&file, "model = \"x\" # mine\n").unwrap();
    let (code, _, messages) = run(&program, &["setup", "codex", "--write", "--no-wait"]);
    assert_eq!(code, Some(2), "{messages}");
    assert!(messages.contains("+ [otel]\n") && messages.contains("add --yes"), "{messages}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "model = \"x\" # mine\n");
    let (code, _, messages) = run(&program, &["setup", "codex", "--write", "--yes", "--no-wait"]);
    assert!(code == Some(0) && messages.contains("config.toml.before-agno-top"), "{messages}");
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("model = \"x\" # mine\n\n[otel]\n"));
    let (code, _, messages) = run(&program, &["setup", "codex", "--write", "--no-wait"]);
    assert!(code == Some(0) && messages.contains("has these settings already"), "{messages}");
    let (_, text, _) = run(&program, &["setup", "codex", "--no-wait"]);
    assert!(text.contains("config.toml has these settings already:\n") && !text.contains("Add to"), "{text}");
    std::fs::write(&file, "[otel]\nexporter = { otlp-http = { endpoint = \"http://me:secret@elsewhere/\" } }\n").unwrap();
    let (code, _, messages) = run(&program, &["setup", "codex", "--write", "--yes", "--no-wait"]);
    assert!(code == Some(1) && messages.contains("--forward http://elsewhere/") && !messages.contains("secret"), "{messages}");
    assert_eq!(run(&program, &["setup", "copilot", "--write", "--no-wait"]).0, Some(2));
}

#[test]
fn the_first_record_ends_the_wait() {
    let program = Program::empty();
    let arguments = ["setup", "gemini", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"];
    let mut child = command(&program, &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split(" on ").nth(1).unwrap().split([',', ' ']).next().unwrap();
    let body = r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"gemini-cli"}}]},"scopeMetrics":[{"metrics":[{"name":"n","gauge":{"dataPoints":[{"asInt":"1"}]}}]}]}]}"#;
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("POST /v1/metrics HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(
        text.ends_with("The first record has come: 1 point of metrics of gemini-cli. It works; agno-top shows what follows.\n"),
        "{text}"
    );
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_agent_is_told_to_ask_after_an_answer_and_with_absolute_paths() {
    let program = Program::empty();
    let (code, text, messages) = run(&program, &["setup", "mcp", "--agent", "cursor", "a.db", "postgres://me@localhost/agno"]);
    assert_eq!((code, messages.as_str()), (Some(0), ""), "{text}");
    let path = program.directory.path().canonicalize().unwrap().join("a.db");
    assert!(text.contains("(or run agno-top setup mcp --agent cursor a.db postgres://me@localhost/agno --write)"), "{text}");
    assert!(text.contains(&format!("[\"mcp\",\"{}\",\"postgres://me@localhost/agno\"]", path.display())), "{text}");
    let (_, text, _) = run(&program, &["setup", "mcp", "--agent", "cursor", "my traces.db", "mysql://me@h/d?sslmode=require&x=it's"]);
    let words = r"'my traces.db' 'mysql://me@h/d?sslmode=require&x=it'\''s' --write)";
    assert!(text.contains(words), "{text}");
    let file = program.path(".codex/config.toml");
    let (code, _, messages) = run(&program, &["setup", "mcp", "--agent", "codex", "--write"]);
    assert!(code == Some(2) && messages.contains("+ [mcp_servers.agno-top]") && !file.exists(), "{messages}");
    let (code, _, messages) = run(&program, &["setup", "mcp", "--agent", "codex", "--write", "--yes"]);
    assert!(code == Some(0) && std::fs::read_to_string(&file).unwrap().contains("args = [\"mcp\"]"), "{messages}");
    for (arguments, message) in [
        (&["setup", "mcp"][..], "needs --agent"),
        (&["setup", "mcp", "--agent", "codex", "--content"], "--content is not for"),
        (&["setup", "claude", "a.db"], "are for setup mcp"),
        (
            &["setup", "mcp", "--agent", "codex", "postgres://me:secret@localhost/agno"],
            "would be written into the agent's file; use ~/.pgpass, ",
        ),
        (&["setup", "mcp", "--agent", "codex", "mysql+pymysql://me:secret@localhost/agno"], "; use MYSQL_PWD instead"),
    ] {
        let (code, text, messages) = run(&program, arguments);
        assert!(code == Some(2) && messages.contains(message) && text.is_empty(), "{arguments:?}: {messages}");
    }
}

#[test]
fn the_skill_is_a_skill_file_with_commands_that_exist() {
    let program = Program::new();
    let skill = program.text(&["skill"]);
    assert!(skill.starts_with("---\nname: agno-top\ndescription: "), "{skill}");
    let commands: Vec<&str> = skill.lines().filter_map(|line| line.strip_prefix("   agno-top ")).collect();
    assert!(commands.len() >= 7, "{commands:?}");
    for command in commands {
        let words: Vec<&str> = command.split(' ').chain(["traces.db"]).collect();
        let code = program.run(&words).status.code();
        // Of an hour ago, nothing is there.
        assert!(code == Some(0) || (code == Some(1) && command.contains("--since")), "{command}: {code:?}");
    }
}
