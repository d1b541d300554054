//! Real Agno below the programs that start Python: pytest, uvicorn, uv, `-m`, scripts of an environment; and traces that began elsewhere.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::programs::{PATIENCE, text, wait_for};
use crate::real::{Process, models, python};

/// An agent with one call of the model.
const AGENT: &str = r#"
import os
os.environ["AGNO_TELEMETRY"] = "false"
from agno.agent import Agent
from agno.models.openai import OpenAIChat

def ask(name):
    model = OpenAIChat(id="gpt-5-mini", base_url=os.environ["MODEL_SERVER"] + "/v1", api_key="none", max_retries=0)
    return Agent(name=name, model=model).run("slowly").content
"#;

/// Returns a program of the environment's, beside its Python.
fn script(python: &OsStr, name: &str) -> PathBuf {
    Path::new(python).with_file_name(name)
}

/// Returns `agno-top run FLAGS -- COMMAND` in a directory with a module `agent`.
fn command(directory: &Path, address: &str, flags: &[&str], program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    std::fs::write(directory.join("agent.py"), AGENT).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
    command.arg("run").args(flags).arg("--").arg(program).args(arguments).current_dir(directory).stdin(Stdio::null());
    command.env("MODEL_SERVER", address).env("XDG_CONFIG_HOME", directory).env("XDG_STATE_HOME", directory);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("TRACEPARENT");
    command
}

fn told(output: &Output) -> String {
    text(&output.stderr)
}

#[test]
fn pytest_with_three_agents_is_judged_by_their_cost() {
    let Some(python) = python() else { return };
    let (_server, address) = models(&python);
    let directory = tempfile::tempdir().unwrap();
    std::fs::copy("tests/run/test_agents.py", directory.path().join("test_agents.py")).unwrap();
    let pytest = script(&python, "pytest");
    let run = |condition: &str| {
        let flags = ["--fail-on", condition, "--junit", "traces.xml"];
        command(directory.path(), &address, &flags, &pytest, &["-q", "-p", "no:cacheprovider"]).output().unwrap()
    };
    let output = run("cost>0.01");
    assert_eq!(output.status.code(), Some(0), "{} {}", text(&output.stdout), told(&output));
    assert!(text(&output.stdout).contains("3 passed"), "{}", text(&output.stdout));
    assert!(told(&output).starts_with("agno-top: 3 traces, "), "{}", told(&output));
    let cases = |name: &str| std::fs::read_to_string(directory.path().join("traces.xml")).unwrap().matches(name).count();
    assert_eq!((cases("<testcase"), cases("<failure"), cases("classname=\"Second\"")), (3, 0, 1));
    let output = run("cost>0.0000001");
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    assert_eq!(cases("it matches --fail-on cost&gt;0.0000001"), 3);
}

#[test]
fn every_way_to_start_python_is_traced() {
    let Some(python) = python() else { return };
    let (_server, address) = models(&python);
    let program = r#"import agent; print(agent.ask("Clerk"))"#;
    let uv = ["run", "--no-project", "--offline", "--python", python.to_str().unwrap(), "program.py"];
    let env = ["python3", "program.py"];
    for (name, arguments) in [(script(&python, "python"), &["-m", "program"][..]), (script(&python, "uv"), &uv), ("env".into(), &env)] {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("program.py"), program).unwrap();
        let mut command = command(directory.path(), &address, &[], &name, arguments);
        // A shebang finds Python by PATH, as an environment that was activated has it.
        let folders = std::env::var_os("PATH").unwrap();
        let folders = std::iter::once(Path::new(&python).parent().unwrap().to_owned()).chain(std::env::split_paths(&folders));
        let output = command.env("PATH", std::env::join_paths(folders).unwrap()).output().unwrap();
        assert_eq!(text(&output.stdout), "There.\n", "{name:?}: {}", told(&output));
        assert!(told(&output).contains("agno-top: 1 trace, "), "{name:?}: {}", told(&output));
    }
}

#[test]
fn a_server_that_reloads_is_traced_before_and_after_it() {
    let Some(python) = python() else { return };
    let (_server, address) = models(&python);
    let directory = tempfile::tempdir().unwrap();
    let application = |version: u8| {
        format!(
            r#"
import agent
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    name = scope["path"].strip("/")
    import asyncio
    answer = await asyncio.to_thread(agent.ask, name)
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": b"{version} " + answer.encode()}})
"#
        )
    };
    std::fs::write(directory.path().join("app.py"), application(1)).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let arguments = ["app:app", "--reload", "--port", &port.to_string(), "--log-level", "warning"];
    let mut command = command(directory.path(), &address, &["--record", "seen.db"], script(&python, "uvicorn"), &arguments);
    let mut server = Process(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    // Asks until the server of this version answers.
    let mut ask = |name: &str, version: &str| {
        let begun = std::time::Instant::now();
        loop {
            let answer = get(port, name);
            if answer.as_deref().is_some_and(|answer| answer.ends_with(&format!("{version} There."))) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE && server.0.try_wait().unwrap().is_none(), "no answer of {version}: {answer:?}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    };
    ask("before", "1");
    std::fs::write(directory.path().join("app.py"), application(2)).unwrap();
    ask("after", "2");
    let pid = rustix::process::Pid::from_raw(server.0.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let mut errors = String::new();
    std::io::Read::read_to_string(server.0.stderr.as_mut().unwrap(), &mut errors).unwrap();
    server.0.wait().unwrap();
    let connection = rusqlite::Connection::open(directory.path().join("seen.db")).unwrap();
    let count = |name: &str| -> i64 {
        connection.query_row("SELECT count(*) FROM agno_spans WHERE name = ?1 || '.run'", [name], |row| row.get(0)).unwrap()
    };
    assert!(count("before") >= 1 && count("after") >= 1, "{errors}");
}

/// Asks a server; `None` without an answer.
fn get(port: u16, path: &str) -> Option<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    // Without a length the body comes in chunks.
    let body = if head.to_ascii_lowercase().contains("chunked") { body.split("\r\n").nth(1)? } else { body };
    Some(body.to_owned())
}

#[test]
fn a_trace_that_began_elsewhere_goes_on() {
    let Some(python) = python() else { return };
    let (_server, address) = models(&python);
    let directory = tempfile::tempdir().unwrap();
    let mut command = command(directory.path(), &address, &["--record", "seen.db"], &python, &["-c", "import agent; agent.ask('Clerk')"]);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let output = command.env("TRACEPARENT", parent).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let connection = rusqlite::Connection::open(directory.path().join("seen.db")).unwrap();
    let sql = "SELECT trace_id, parent_span_id FROM agno_spans WHERE name = 'Clerk.run'";
    let (trace, parent): (String, String) = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!((trace.as_str(), parent.as_str()), ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"));
}

#[test]
fn a_program_goes_on_without_agno_top() {
    let Some(python) = python() else { return };
    let (_server, address) = models(&python);
    let directory = tempfile::tempdir().unwrap();
    // It goes to the background, and works after agno-top has ended.
    let program = "import agent, os, sys, time\nif os.fork(): os._exit(0)\nos.setsid()\nprint('begun', flush=True)\n\
                   while not os.path.exists('go'): time.sleep(0.01)\nopen('done', 'w').write(agent.ask('Clerk') + '\\n')\n";
    std::fs::write(directory.path().join("program.py"), program).unwrap();
    let log = std::fs::File::create(directory.path().join("log")).unwrap();
    let mut command = command(directory.path(), &address, &[], &python, &["program.py"]);
    let output = command.stdout(log).stderr(Stdio::piped()).spawn().unwrap();
    let mut output = output;
    let status = output.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    std::fs::write(directory.path().join("go"), "").unwrap();
    let mut waiting = Command::new("sleep").arg(PATIENCE.as_secs().to_string()).spawn().unwrap();
    let answer = wait_for(&directory.path().join("done"), &mut waiting);
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    assert_eq!(answer, "There.\n");
}
