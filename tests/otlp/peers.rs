//! OpenTelemetry's SDKs send spans, and Agno reads a recording.
//!
//! `AGNO_TOP_AGNO_PYTHON` names a Python with `tests/agno/requirements.txt`, and `AGNO_TOP_PEERS_NODE` a directory with the modules of
//! `tests/peers/package.json`. Without them the tests are skipped, except in CI.

use std::path::Path;
use std::process::Command;

use agno_top::model::{SpanType, Status};
use agno_top::sources::otlp::Options;
use agno_top::sources::sqlite::Tables;

use crate::FIXTURE;
use crate::listener::{Listener, any_port};
use crate::real::{named, python};

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Checks twenty runs of an agent, a model call and a failed tool.
fn check(listener: &mut Listener) {
    let spans = listener.spans();
    let spans_of =
        |kind| spans.iter().filter(move |(span, _)| span.facts.span_type == kind).map(|(span, _)| span.clone()).collect::<Vec<_>>();
    let [agents, models, tools] = [SpanType::Agent, SpanType::Model, SpanType::Tool].map(spans_of);
    assert_eq!((spans.len(), agents.len(), models.len(), tools.len()), (60, 20, 20, 20));
    assert!(tools.iter().all(|tool| tool.status == Status::Error));
    let mut prompts: Vec<_> = models.iter().map(|model| model.facts.usage.unwrap().input.unwrap()).collect();
    prompts.sort_unstable();
    assert_eq!(prompts, (100..120).collect::<Vec<_>>());
    let payload = listener.payload(&tools[0]);
    let event = &payload.events[0];
    assert_eq!((event.name.as_str(), payload.scope.0.as_str()), ("exception", "peers"));
    assert!(event.attributes.iter().any(|(name, _)| name == "exception.stacktrace"));
}

#[test]
fn the_python_sdk_over_grpc_and_http() {
    let Some(python) = python() else { return };
    for (protocol, compression) in
        [("grpc", "none"), ("grpc", "gzip"), ("grpc", "deflate"), ("http", "none"), ("http", "gzip"), ("http", "deflate")]
    {
        let mut listener = Listener::start();
        let address = if protocol == "grpc" { listener.grpc } else { listener.http };
        run(Command::new(&python).args(["tests/peers/send.py", protocol, &format!("http://{address}"), compression]));
        check(&mut listener);
    }
}

#[test]
fn the_javascript_sdk_in_json() {
    let Some(modules) = named("AGNO_TOP_PEERS_NODE") else { return };
    let script = Path::new(&modules).join("send.mjs");
    std::fs::copy("tests/peers/send.mjs", &script).unwrap();
    let mut listener = Listener::start();
    run(Command::new("node").arg(script).arg(format!("http://{}", listener.http)));
    check(&mut listener);
}

#[test]
fn agno_reads_a_recording() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let fresh = directory.path().join("fresh.db");
    let agnos = directory.path().join("agnos.db");
    std::fs::copy("tests/fixtures/agno-3.1.10.sqlite", &agnos).unwrap();
    let read = |path: &Path| run(Command::new(&python).arg("tests/peers/read_traces.py").arg(path));
    let before = read(&agnos);
    for path in [&fresh, &agnos] {
        let options = Options { record: Some((path.clone(), Tables::default())), ..any_port() };
        assert_eq!(Listener::with(options, 16).post(FIXTURE).status, 200);
    }
    assert!(read(&fresh).starts_with("11 75 75 "), "{}", read(&fresh));
    // The fixture and Agno's file come from the same run.
    assert_eq!(read(&fresh).lines().next(), before.lines().next());
    assert!(read(&agnos).lines().count() > before.lines().count() || read(&agnos) == before);
}
