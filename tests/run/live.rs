//! Real Agno, seen while it runs: a call is there before its answer, and what a killed process had open was cut.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use agno_top::model::time::now;
use agno_top::model::{SourceId, SpanType};
use agno_top::run::{Injection, Listener, child_environment};
use agno_top::sources::otlp::{self, Options};
use agno_top::sources::{Update, UpdateSender};
use agno_top::store::{Limits, RowIx, RunStatus, Store};
use tokio::sync::mpsc::Receiver;

use crate::real::{Process, models_with_script, python};

const PATIENCE: Duration = Duration::from_secs(60);

/// A traced program and what it sends.
struct Live {
    store: Store,
    updates: Receiver<Update>,
    program: Process,
    _injection: Injection,
    _source: agno_top::sources::Handle,
}

impl Live {
    fn start(python: &std::ffi::OsStr, arguments: &[&str]) -> Self {
        let (sender, updates) = tokio::sync::mpsc::channel(64);
        let options = Options { grpc: None, http: "127.0.0.1:0".parse().ok(), token: Some("t".to_owned()), ..Options::default() };
        let listening = otlp::start(options, UpdateSender::new(SourceId(0), sender)).unwrap();
        let listener = Listener { port: listening.addresses[0].port(), token: "t".to_owned() };
        let injection = Injection::create().unwrap();
        let (environment, _) = child_environment(&listener, &injection.files, None, &|_| None);
        let mut command = Command::new(python);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run/program.py")).args(arguments);
        command.envs(environment.set).stdout(Stdio::null()).stderr(Stdio::null());
        let program = Process(command.spawn().unwrap());
        Self { store: Store::new(Limits::default()), updates, program, _injection: injection, _source: listening.handle }
    }

    /// Applies what arrives until a row of this type has this status.
    fn wait(&mut self, span_type: SpanType, status: RunStatus) -> RowIx {
        let begun = Instant::now();
        loop {
            while let Ok(update) = self.updates.try_recv() {
                if let Update::Batch(batch) = update {
                    self.store.apply(&batch, now());
                }
            }
            let is_it = |&row: &RowIx| (self.store.row(row).span_type, self.store.row(row).own_status()) == (span_type, status);
            if let Some(row) = self.store.rows().find(is_it) {
                return row;
            }
            assert!(begun.elapsed() < PATIENCE, "no {span_type:?} is {status:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn status(&self, row: RowIx) -> RunStatus {
        self.store.row(row).own_status()
    }
}

#[test]
fn a_call_is_there_before_its_answer() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script.json");
    // The test ends long before the answer.
    std::fs::write(&script, r#"[{"when": "wait", "turns": [{"seconds": 600, "say": "at last"}]}]"#).unwrap();
    let (_server, address) = models_with_script(&python, &script);
    let mut live = Live::start(&python, &["plain", &address, "wait"]);
    let call = live.wait(SpanType::Model, RunStatus::Running);
    let run = live.store.row(call).parent().unwrap();
    assert_eq!(live.store.text(live.store.row(run).label), "Clerk", "the agent is known by its name");
    assert!(!live.store.row(run).placeholder);
    assert_eq!(live.store.text(live.store.row(run).input), "wait");
    live.program.0.kill().unwrap();
    live.store.end_processes();
    assert_eq!((live.status(call), live.status(run)), (RunStatus::Cut, RunStatus::Cut));
}

#[test]
fn a_tool_in_a_killed_process_was_cut() {
    let Some(python) = python() else { return };
    let (_server, address) = models_with_script(&python, Path::new("tests/agno/script.json"));
    let directory = tempfile::tempdir().unwrap();
    let seen = directory.path().join("seen");
    let mut live = Live::start(&python, &["kill", &address, "two tools", seen.to_str().unwrap()]);
    let tool = live.wait(SpanType::Tool, RunStatus::Running);
    assert_eq!(live.store.text(live.store.row(tool).label), "look_up");
    let call = live.wait(SpanType::Model, RunStatus::Ok);
    std::fs::write(seen, "").unwrap();
    live.program.0.wait().unwrap();
    // The process says nothing for as long as one that does not live.
    live.store.expire(now() + 20_000_000_000);
    assert_eq!((live.status(tool), live.status(call)), (RunStatus::Cut, RunStatus::Ok));
    let trace = live.store.row(tool).trace();
    assert_eq!(live.store.trace(trace).run_status(), RunStatus::Cut);
}
