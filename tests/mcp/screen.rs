//! A running screen that answers on its socket: what its user looks at, and the traces that it shows.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use serde_json::{Value, json};

use super::{Client, FIXTURE, PATIENCE, command, fixture};

/// A screen in a terminal that nobody looks at.
struct Screen {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    socket: PathBuf,
    _master: Box<dyn MasterPty + Send>,
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a screen in a terminal; `runtime` is the folder of sockets.
fn open(arguments: &[&str], folder: &Path, runtime: &Path) -> (Box<dyn Child + Send + Sync>, Box<dyn MasterPty + Send>) {
    let pair = native_pty_system().openpty(PtySize { rows: 30, cols: 100, pixel_width: 0, pixel_height: 0 }).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_agno-top"));
    command.args(arguments);
    command.cwd(folder);
    command.env("TERM", "xterm-256color");
    command.env("XDG_RUNTIME_DIR", runtime);
    command.env("XDG_STATE_HOME", runtime.join("state"));
    command.env("XDG_CONFIG_HOME", runtime.join("config"));
    command.env_remove("DATABASE_URL");
    let child = pair.slave.spawn_command(command).unwrap();
    let mut output = pair.master.try_clone_reader().unwrap();
    // Ends with the terminal.
    std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    (child, pair.master)
}

fn sockets(runtime: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(runtime.join("agno-top")).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "sock")).collect()
}

impl Screen {
    /// Starts a screen, and waits for its socket.
    fn start(arguments: &[&str], folder: &Path, runtime: &Path) -> Self {
        let (mut child, master) = open(arguments, folder, runtime);
        let keys = master.take_writer().unwrap();
        let id = child.process_id().unwrap().to_string();
        let begun = Instant::now();
        let socket = loop {
            if let Some(path) = sockets(runtime).into_iter().find(|path| path.to_string_lossy().ends_with(&format!("-{id}.sock"))) {
                break path;
            }
            assert!(child.try_wait().unwrap().is_none() && begun.elapsed() < PATIENCE, "the screen has no socket");
            std::thread::sleep(Duration::from_millis(20));
        };
        Self { child, keys, socket, _master: master }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Connects with the socket itself.
    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

/// A folder with a database, and one for sockets.
struct Place {
    folder: tempfile::TempDir,
    runtime: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), runtime: tempfile::tempdir().unwrap() };
        fs::copy(fixture(FIXTURE), place.folder.path().join("traces.db")).unwrap();
        place
    }

    fn screen(&self, arguments: &[&str]) -> Screen {
        Screen::start(&[&["--no-otlp", "traces.db"], arguments].concat(), self.folder.path(), self.runtime.path())
    }

    /// Starts a server without a source in a folder.
    fn client(&self, folder: &Path) -> Client {
        let home = tempfile::tempdir().unwrap();
        let mut command = command(home.path());
        command.current_dir(folder).env("XDG_RUNTIME_DIR", self.runtime.path());
        Client::spawn(command, home).begun()
    }
}

/// Asks what the user looks at until the answer holds a text.
fn view(client: &mut Client, wanted: &str) -> String {
    let begun = Instant::now();
    loop {
        let (text, is_error) = client.call("current_view", json!({}));
        if !is_error && text.contains(wanted) {
            return text;
        }
        assert!(begun.elapsed() < PATIENCE, "{wanted:?} is not in {text}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_agent_learns_what_its_user_looks_at() {
    let place = Place::new();
    let mut screen = place.screen(&[]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&screen.socket), mode(screen.socket.parent().unwrap())), (0o600, 0o700));
    let mut client = place.client(place.folder.path());
    let text = view(&mut client, "selected trace: ");
    assert!(text.contains("view: Traces\n") && text.contains("traces.db") && !text.contains("filter: "), "{text}");
    screen.press("/refund_order\r");
    view(&mut client, "filter: refund_order\n");
    screen.press("g\r]");
    let text = view(&mut client, "tab: Why\n");
    assert!(text.contains("selected trace: 8354bea7 error "), "{text}");
    assert!(text.contains("selected span: #4abef4b35a1dcc5b agent Support Agent "), "{text}");
    screen.press("\tm5");
    let text = view(&mut client, "view: Tools\n");
    assert!(text.contains("selected line: ") && text.contains("marked traces: 8354bea7\n"), "{text}");
    screen.press("1/\u{15}\rGd");
    let text = view(&mut client, "compared traces: ");
    assert!(text.contains("compared traces: bbc760a8, 8354bea7\n"), "{text}");
    // The screen answers the other calls too.
    let why = client.text("why", json!({"id": "8354bea7"}));
    assert!(why.contains("1. tool refund_order failed"), "{why}");
    let error = client.text("get_span", json!({"id": "8354", "span": "#21ee", "part": "error"}));
    assert!(error.contains("payment gateway refused refund of order 12345"), "{error}");
    assert!(client.error("why", json!({"id": "ffffff"})).contains("no trace id starts with ffffff"));
    // Of a screen in another folder it learns what the user looks at, and can ask about that.
    let elsewhere = tempfile::tempdir().unwrap();
    let mut client = place.client(elsewhere.path());
    view(&mut client, "selected trace: bbc760a8 ok ");
    assert!(client.text("why", json!({"id": "8354bea7"})).contains("1. tool refund_order failed"));
    assert!(client.text("find_traces", json!({})).contains("There are no traces."));
    // The screen ends, and its socket with it.
    screen.press("qq");
    let begun = Instant::now();
    while screen.child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < PATIENCE, "the screen does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(sockets(place.runtime.path()), Vec::<PathBuf>::new());
    assert!(client.error("current_view", json!({})).contains("no screen of agno-top is open"));
}

#[test]
fn a_trace_that_comes_to_the_screen_ends_a_wait() {
    let place = Place::new();
    let file = place.folder.path().join("a.jsonl");
    let line = |id: &str, name: &str| {
        let span = json!({"traceId": id, "spanId": "eee19b7ec3c1b174", "name": name,
            "startTimeUnixNano": "1795327144000000000", "endTimeUnixNano": "1795327145000000000"});
        json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string() + "\n"
    };
    fs::write(&file, line("5b8efff798038103d269b633813fc60c", "old")).unwrap();
    let _screen = place.screen(&["a.jsonl"]);
    let mut client = place.client(place.folder.path());
    view(&mut client, "selected trace: ");
    let wait = client.begin("tools/call", json!({"name": "wait_for", "arguments": {"filter": "name:new", "timeout": 60}}));
    let cancelled = client.begin("tools/call", json!({"name": "wait_for", "arguments": {"filter": "name:new", "timeout": 60}}));
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": cancelled}}).to_string());
    // The screen has the wait when it answers the next call.
    view(&mut client, "selected trace: ");
    let mut file = fs::File::options().append(true).open(&file).unwrap();
    file.write_all(line("5b8efff798038103d269b633813fc60d", "new").as_bytes()).unwrap();
    let answer = client.answer(wait);
    assert!(answer["result"]["content"][0]["text"].as_str().unwrap().contains(" new"), "{answer}");
    // Open waits do not keep the server.
    client.begin("tools/call", json!({"name": "wait_for", "arguments": {"filter": "name:never", "timeout": 300}}));
    assert_eq!(client.end(), Some(0));
}

#[test]
fn what_killed_screens_leave_and_other_screens_do_no_harm() {
    let place = Place::new();
    let mut killed = place.screen(&[]);
    let other = tempfile::tempdir().unwrap();
    let second = Screen::start(&["--no-otlp", "other.db"], other.path(), place.runtime.path());
    let mut client = place.client(place.folder.path());
    assert!(client.text("current_view", json!({})).contains(&format!("process {} ", killed.child.process_id().unwrap())), "this folder's");
    let id = killed.child.process_id().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", "KILL", &id]).status().unwrap().success());
    killed.child.wait().unwrap();
    assert!(killed.socket.exists(), "nobody removed it");
    assert!(client.text("current_view", json!({})).contains(&format!("process {} ", second.child.process_id().unwrap())));
    // Its own sources answer, as if there had never been a screen here.
    assert!(client.text("find_traces", json!({})).contains("8354bea7 error"));
    let demo = Screen::start(&["demo"], place.folder.path(), place.runtime.path());
    assert!(!killed.socket.exists() && second.socket.exists() && demo.socket.exists());
    // The demo tells what it shows, and answers for no folder.
    assert!(client.text("current_view", json!({})).contains(&format!("process {} ", demo.child.process_id().unwrap())));
    assert!(client.text("find_traces", json!({})).contains("8354bea7 error"));
    // A folder that others can enter is not used.
    fs::set_permissions(place.runtime.path().join("agno-top"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(client.error("current_view", json!({})).contains("no screen"));
}

#[test]
fn a_setting_turns_the_socket_off() {
    let place = Place::new();
    let (mut child, master) = open(&["--no-otlp", "--no-socket", "traces.db"], place.folder.path(), place.runtime.path());
    let mut keys = master.take_writer().unwrap();
    // A screen that has taken the terminal answers keys.
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert_eq!(sockets(place.runtime.path()), Vec::<PathBuf>::new());
        assert!(begun.elapsed() < PATIENCE, "the screen does not end");
        let _ = keys.write_all(b"q");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!place.runtime.path().join("agno-top").exists() || sockets(place.runtime.path()).is_empty());
}

#[test]
fn a_client_that_floods_or_goes_harms_neither_the_screen_nor_others() {
    let place = Place::new();
    let mut screen = place.screen(&[]);
    let mut client = place.client(place.folder.path());
    view(&mut client, "selected trace: ");
    let request = |id: usize, tool: &str, arguments: &Value| {
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}).to_string() + "\n"
    };
    // Far too long, and no JSON: each is an error, and the next line counts.
    let mut stream = screen.connect();
    let mut long = stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        long.write_all("x".repeat(5_000_000).as_bytes()).unwrap();
        long.write_all(b"\nnot JSON\n").unwrap();
    });
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut answer = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!([answer()["error"]["code"].as_i64(), answer()["error"]["code"].as_i64()], [Some(-32600), Some(-32700)]);
    writer.join().unwrap();
    let parameters = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": parameters});
    stream.write_all(format!("{hello}\n").as_bytes()).unwrap();
    assert_eq!(answer()["result"]["serverInfo"]["name"], "agno-top");
    // A flood is answered, each call once, by the time that the client has read it all.
    let mut flood = stream.try_clone().unwrap();
    let calls: String = (0..500).map(|id| request(id, "why", &json!({"id": "last"}))).collect();
    let writer = std::thread::spawn(move || flood.write_all(calls.as_bytes()).unwrap());
    let mut ids: Vec<u64> = (0..500).map(|_| answer()["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..500));
    writer.join().unwrap();
    // What was asked before the end of what a client says is answered; a wait ends with it.
    let waits: String = (0..3).map(|id| request(id, "wait_for", &json!({"filter": "name:never", "timeout": 300}))).collect();
    stream.write_all((waits + &request(9, "get_span", &json!({"id": "8354", "span": "21ee"}))).as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    let waits = rest.lines().filter(|line| line.contains("a wait ends when the client says nothing more")).count();
    assert!(waits == 3 && rest.lines().count() == 4 && rest.contains("refund_order"), "{rest}");
    // Clients that ask and go, and more of them than have a place.
    let idle: Vec<UnixStream> = (0..100).map(|_| screen.connect()).collect();
    for mut stream in &idle {
        // One without a place is closed.
        let _ = stream.write_all(request(1, "wait_for", &json!({"filter": "name:never"})).as_bytes());
    }
    drop(idle);
    view(&mut client, "selected trace: ");
    screen.press("!");
    view(&mut client, "filter: status:error\n");
}
