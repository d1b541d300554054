//! Real coding agents with a stand-in for their model: the prompt shows while the first call runs, and calls, tokens and cost are right.
//!
//! `AGNO_TOP_CODING_AGENTS` names a directory with node modules (`npm install --prefix DIR @anthropic-ai/claude-code @openai/codex`); without
//! it the tests are skipped. Nothing leaves the machine.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking and speaks to the user who runs it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use agno_top::logs::LogStore;
use agno_top::model::price::Prices;
use agno_top::model::{SourceId, Value, time};
use agno_top::sources::{Update, UpdateSender, log_content, otlp};
use agno_top::store::{By, Limits, Store};
use tokio::sync::mpsc::Receiver;

/// How long an agent may take for anything.
const TIMEOUT: Duration = Duration::from_secs(90);

const PROMPT: &str = "Say hello with the shell.";

/// What the answers of the stand-in for the model wait for.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
    /// The tool that the model calls, with its arguments, instead of the shell.
    tool: Option<(&'static str, &'static str)>,
    /// What the model was sent.
    requests: Mutex<Vec<String>>,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    /// Returns how often the model was called. Some versions of Claude Code also ask for a title.
    fn calls(&self) -> u32 {
        self.requests.lock().unwrap().len() as u32
    }

    fn wait(&self) {
        let _ = self.opened.wait_timeout_while(self.is_open.lock().unwrap(), TIMEOUT, |is_open| !*is_open).unwrap();
    }
}

/// Starts a stand-in for the model: it answers a prompt with a call of the shell, and the result of that with a text.
fn start_model(gate: Arc<Gate>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let gate = gate.clone();
            std::thread::spawn(move || answer(stream, &gate));
        }
    });
    address
}

fn answer(mut stream: TcpStream, gate: &Gate) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let events = match path.split('?').next()? {
        // Without tools it is asked for a title.
        path if path.ends_with("/messages") => anthropic(body.contains("\"tool_result\"") || !body.contains("\"tools\":[{"), gate.tool),
        path if path.ends_with("/responses") => openai(body.contains("\"function_call_output\""), gate.tool),
        _ => {
            return stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").ok();
        }
    };
    gate.requests.lock().unwrap().push(body);
    gate.wait();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n").ok()?;
    for event in events {
        let name = event["type"].as_str()?;
        stream.write_all(format!("event: {name}\ndata: {event}\n\n").as_bytes()).ok()?;
    }
    Some(())
}

/// Five fresh tokens, 100 from the cache, 20 into it, 7 out.
fn anthropic(has_result: bool, tool: Option<(&str, &str)>) -> Vec<serde_json::Value> {
    let usage =
        serde_json::json!({"input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20, "output_tokens": 1});
    let message = serde_json::json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
        "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage});
    let (block, delta, reason) = if has_result {
        (serde_json::json!({"type": "text", "text": ""}), serde_json::json!({"type": "text_delta", "text": "Done."}), "end_turn")
    } else {
        let (name, input) = tool.unwrap_or(("Bash", r#"{"command":"echo hello","description":"Say hello"}"#));
        let block = serde_json::json!({"type": "tool_use", "id": "toolu_1", "name": name, "input": {}});
        (block, serde_json::json!({"type": "input_json_delta", "partial_json": input}), "tool_use")
    };
    vec![
        serde_json::json!({"type": "message_start", "message": message}),
        serde_json::json!({"type": "content_block_start", "index": 0, "content_block": block}),
        serde_json::json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        serde_json::json!({"type": "content_block_stop", "index": 0}),
        serde_json::json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 7}}),
        serde_json::json!({"type": "message_stop"}),
    ]
}

/// 100 tokens in, 80 of them from the cache, and 9 out, 4 of them reasoning.
fn openai(has_result: bool, tool: Option<(&str, &str)>) -> Vec<serde_json::Value> {
    let item = if has_result {
        serde_json::json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "Done.", "annotations": []}]})
    } else {
        let (name, arguments) = tool.unwrap_or(("exec_command", r#"{"cmd":"echo hello"}"#));
        let mut call = serde_json::json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "status": "completed",
            "arguments": arguments});
        // Codex names the server of a tool beside the tool.
        if let Some((server, name)) = name.rsplit_once("__") {
            (call["namespace"], call["name"]) = (server.into(), name.into());
        }
        call
    };
    let usage = serde_json::json!({"input_tokens": 100, "input_tokens_details": {"cached_tokens": 80}, "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 109});
    let response = |status: &str, usage: serde_json::Value| {
        serde_json::json!({"id": "resp_1", "object": "response", "status": status,
        "model": "gpt-5-mini", "output": [], "usage": usage})
    };
    vec![
        serde_json::json!({"type": "response.created", "response": response("in_progress", serde_json::Value::Null)}),
        serde_json::json!({"type": "response.output_item.added", "output_index": 0, "item": item}),
        serde_json::json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        serde_json::json!({"type": "response.completed", "response": response("completed", usage)}),
    ]
}

/// Returns the program of an agent; `None` if it is not installed.
fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("AGNO_TOP_CODING_AGENTS").map(|path| Path::new(&path).join("node_modules/.bin").join(name));
    let path = path.filter(|path| path.exists());
    if path.is_none() {
        eprintln!("skipped: AGNO_TOP_CODING_AGENTS names no directory with {name}");
    }
    path
}

struct Watch {
    store: Store,
    logs: LogStore,
    updates: Receiver<Update>,
    address: SocketAddr,
    _handle: agno_top::sources::Handle,
}

impl Watch {
    fn start() -> Self {
        let (sender, updates) = tokio::sync::mpsc::channel(4096);
        let options = otlp::Options { grpc: None, http: "127.0.0.1:0".parse().ok(), ..otlp::Options::default() };
        let listening = otlp::start(options, UpdateSender::new(SourceId(0), sender)).unwrap();
        let mut store = Store::new(Limits::default());
        store.set_prices(Arc::new(Prices::bundled()));
        Self { store, logs: LogStore::default(), updates, address: listening.addresses[0], _handle: listening.handle }
    }

    fn receive(&mut self) {
        while let Ok(update) = self.updates.try_recv() {
            match update {
                Update::Batch(batch) => drop(self.store.apply(&batch, time::now())),
                Update::Logs(batch) => self.logs.apply(batch),
                _ => {}
            }
        }
    }

    fn until(&mut self, what: &str, agent: &mut Child, mut is_so: impl FnMut(&Self) -> bool) {
        let started = Instant::now();
        loop {
            self.receive();
            if is_so(self) {
                return;
            }
            if started.elapsed() > TIMEOUT {
                let _ = agent.kill();
                panic!("{what} took too long: {:?}", self.store.all());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn calls(&self, by: By) -> u32 {
        self.store.stats().groups(by).map(|(_, group)| group.calls).sum()
    }

    /// Watches an agent from its prompt to its end.
    fn follow(&mut self, mut agent: Child, gate: &Gate) {
        self.until("the prompt", &mut agent, |watch| watch.store.all().running > 0);
        assert_eq!(self.calls(By::Model), 0, "no call has ended");
        gate.open();
        self.until("the end", &mut agent, |watch| {
            watch.calls(By::Model) == gate.calls() && watch.calls(By::Tool) == 1 && watch.store.all().running == 0
        });
        let started = Instant::now();
        while agent.try_wait().unwrap().is_none() && started.elapsed() < TIMEOUT {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = agent.kill();
        assert!(agent.wait().unwrap().success());
        self.receive();
        assert_eq!([self.calls(By::Agent), self.calls(By::Model), self.calls(By::Tool)], [1, gate.calls(), 1]);
        assert_eq!(self.store.all().failed, 0);
    }
}

/// Returns a command that reaches nothing but this machine and has a home of its own.
fn command(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
        command.env(name, "http://127.0.0.1:9");
    }
    for name in ["no_proxy", "NO_PROXY"] {
        command.env(name, "127.0.0.1,localhost");
    }
    for (name, folder) in
        [("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache"), ("XDG_STATE_HOME", "state")]
    {
        command.env(name, home.join(folder));
    }
    let work = home.join("work");
    std::fs::create_dir_all(&work).unwrap();
    command.env("HOME", home).env("DO_NOT_TRACK", "1").env("CI", "1").current_dir(work);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn claude(with_spans: bool) {
    let Some(program) = installed("claude") else { return };
    let (home, gate) = (tempfile::tempdir().unwrap(), Arc::new(Gate::default()));
    let (model, mut watch) = (start_model(gate.clone()), Watch::start());
    let mut command = command(&program, home.path());
    command.args(["-p", PROMPT, "--model", "claude-sonnet-4-5", "--allowedTools", "Bash"]);
    for (name, value) in [
        ("ANTHROPIC_BASE_URL", format!("http://{model}").as_str()),
        ("ANTHROPIC_API_KEY", "sk-for-this-test-only"),
        ("DISABLE_AUTOUPDATER", "1"),
        ("DISABLE_ERROR_REPORTING", "1"),
        ("DISABLE_TELEMETRY", "1"),
        ("CLAUDE_CODE_ENABLE_TELEMETRY", "1"),
        ("OTEL_LOGS_EXPORTER", "otlp"),
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", watch.address).as_str()),
        ("OTEL_LOGS_EXPORT_INTERVAL", "500"),
        ("OTEL_LOG_USER_PROMPTS", "1"),
        ("OTEL_LOG_TOOL_DETAILS", "1"),
    ] {
        command.env(name, value);
    }
    if with_spans {
        command.env("CLAUDE_CODE_ENHANCED_TELEMETRY_BETA", "1");
    }
    watch.follow(command.spawn().unwrap(), &gate);
    let all = *watch.store.all();
    let calls = u64::from(gate.calls());
    assert!((2..=3).contains(&calls), "{calls}");
    assert_eq!((all.input, all.cache_read, all.cache_write, all.output), (calls * 125, calls * 100, calls * 20, calls * 7));
    let stated = (watch.logs.first()..watch.logs.end()).filter_map(|number| watch.logs.get(number)).filter_map(|record| {
        let (_, cost) = log_content(record).attributes.into_iter().find(|(key, _)| key == "cost_usd")?;
        if let Value::Float(cost) = cost { Some(cost) } else { None }
    });
    let stated: f64 = stated.sum();
    assert!(stated > 0.0 && (all.cost().unwrap() as f64 / 1e9 - stated).abs() < 1e-8, "{stated} {:?}", all.cost());
    let texts: Vec<&str> = watch.store.rows().map(|row| watch.store.text(watch.store.row(row).input)).collect();
    assert!(texts.contains(&PROMPT) && texts.iter().any(|text| text.contains("echo hello")), "{texts:?}");
}

#[test]
fn claude_code_is_followed_by_its_log_events() {
    claude(false);
}

#[test]
fn claude_code_is_followed_by_log_events_and_spans() {
    claude(true);
}

#[test]
fn codex_is_followed_by_its_log_events() {
    let Some(program) = installed("codex") else { return };
    let (home, gate) = (tempfile::tempdir().unwrap(), Arc::new(Gate::default()));
    let (model, mut watch) = (start_model(gate.clone()), Watch::start());
    let settings = format!(
        r#"model = "gpt-5-mini"
model_provider = "local"
check_for_update_on_startup = false
[analytics]
enabled = false
[feedback]
enabled = false
[model_providers.local]
name = "local"
base_url = "http://{model}/v1"
wire_api = "responses"
env_key = "LOCAL_KEY"
[otel]
log_user_prompt = true
exporter = {{ otlp-http = {{ endpoint = "http://{}/v1/logs", protocol = "binary" }} }}
"#,
        watch.address
    );
    let codex_home = home.path().join("codex");
    std::fs::create_dir_all(&codex_home).unwrap();
    std::fs::write(codex_home.join("config.toml"), settings).unwrap();
    let mut command = command(&program, home.path());
    command.args(["exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", PROMPT]);
    command.env("CODEX_HOME", codex_home).env("LOCAL_KEY", "sk-for-this-test-only");
    watch.follow(command.spawn().unwrap(), &gate);
    let all = *watch.store.all();
    assert_eq!((all.input, all.cache_read, all.output, all.reasoning), (200, 160, 18, 8));
    let texts: Vec<&str> = watch.store.rows().map(|row| watch.store.text(watch.store.row(row).input)).collect();
    assert!(texts.contains(&PROMPT) && texts.iter().any(|text| text.contains("echo hello")), "{texts:?}");
}

/// Makes an agent ask `agno-top mcp` about a database, as `setup mcp` does it, in the home of a test.
fn set_up(client: &str, home: &Path) {
    let database = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agno-3.1.10.sqlite");
    let mut command = command(Path::new(env!("CARGO_BIN_EXE_agno-top")), home);
    command.args(["setup", "mcp", "--agent", client, "--write", "--yes"]).arg(database).env_remove("CLAUDE_CONFIG_DIR");
    command.env("CODEX_HOME", home.join("codex"));
    assert!(command.status().unwrap().success());
}

/// Waits until an agent ends, and returns what its model was sent.
fn requests(mut command: Command, gate: &Gate) -> String {
    gate.open();
    let mut agent = command.spawn().unwrap();
    let started = Instant::now();
    while agent.try_wait().unwrap().is_none() {
        if started.elapsed() > TIMEOUT {
            let _ = agent.kill();
            panic!("the agent does not end: {:?}", gate.requests.lock().unwrap());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    gate.requests.lock().unwrap().join("\n")
}

#[test]
fn claude_code_asks_why_and_gets_it() {
    let Some(program) = installed("claude") else { return };
    let home = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate { tool: Some(("mcp__agno-top__why", r#"{"id":"8354"}"#)), ..Gate::default() });
    let model = start_model(gate.clone());
    set_up("claude", home.path());
    let mut command = command(&program, home.path());
    command.args(["-p", "Why did the run 8354 fail?", "--model", "claude-sonnet-4-5", "--allowedTools", "mcp__agno-top__why"]);
    for (name, value) in [
        ("ANTHROPIC_BASE_URL", format!("http://{model}").as_str()),
        ("ANTHROPIC_API_KEY", "sk-for-this-test-only"),
        ("DISABLE_AUTOUPDATER", "1"),
        ("DISABLE_ERROR_REPORTING", "1"),
        ("DISABLE_TELEMETRY", "1"),
    ] {
        command.env(name, value);
    }
    let requests = requests(command, &gate);
    assert!(requests.contains("1. tool refund_order failed: payment gateway refused"), "{requests}");
}

#[test]
fn codex_asks_why_and_gets_it() {
    let Some(program) = installed("codex") else { return };
    let home = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate { tool: Some(("mcp__agno_top__why", r#"{"id":"8354"}"#)), ..Gate::default() });
    let model = start_model(gate.clone());
    let codex_home = home.path().join("codex");
    std::fs::create_dir_all(&codex_home).unwrap();
    let settings = format!(
        "model = \"gpt-5-mini\"\nmodel_provider = \"local\"\ncheck_for_update_on_startup = false\n[analytics]\nenabled = false\n\
         [model_providers.local]\nname = \"local\"\nbase_url = \"http://{model}/v1\"\nwire_api = \"responses\"\nenv_key = \"LOCAL_KEY\"\n"
    );
    std::fs::write(codex_home.join("config.toml"), settings).unwrap();
    set_up("codex", home.path());
    let mut command = command(&program, home.path());
    command.args(["exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", "Why did the run 8354 fail?"]);
    command.env("CODEX_HOME", codex_home).env("LOCAL_KEY", "sk-for-this-test-only");
    let requests = requests(command, &gate);
    assert!(requests.contains("1. tool refund_order failed: payment gateway refused"), "{requests}");
}
