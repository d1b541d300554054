//! Agno writes to a database while the source follows it: every span arrives once.
//!
//! Needs a Python with `tests/agno/requirements.txt`, named by `AGNO_TOP_AGNO_PYTHON`; without it the tests are skipped, and fail in CI.

use std::ffi::OsString;
use std::process::Command;

use agno_top::model::{Origin, SpanType};
use agno_top::sources::State;

use crate::failures::once_each;
use crate::real::{models, python};
use crate::server::Server;

fn follow_real_agno(server: &Server, python: &OsString, flags: &[&str]) {
    let (_models, address) = models(python);
    let database = server.empty_database();
    let url = server.url(&database);
    let mut watch = server.watch(&database);
    watch.until_message("has no schema ai yet");
    let mut scenario = Command::new(python);
    scenario.args(["tests/agno/scenario.py", &url, &address]).args(flags);
    let done = scenario.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let stored: usize = server.writer(&database).ask("SELECT count(*) FROM ai.agno_spans")[0].parse().unwrap();
    assert!(stored > 40, "{stored} spans were stored");
    watch.until_spans(stored);
    watch.until_watching();
    once_each(&watch);
    assert_eq!((watch.skipped.len(), watch.states.last()), (0, Some(&State::Watching { left_out: 0 })));
    assert!(watch.spans.values().all(|span| span.origin == Origin::Live));
    for kind in [SpanType::Agent, SpanType::Team, SpanType::Workflow, SpanType::Model, SpanType::Tool] {
        assert!(watch.spans.values().any(|span| span.kind == kind), "{kind:?}");
    }
}

#[test]
fn every_span_that_agno_writes_arrives_once() {
    let (Some(server), Some(python)) = (Server::shared(), python()) else { return };
    follow_real_agno(server, &python, &[]);
    follow_real_agno(server, &python, &["--batch"]);
}
