//! What is posted to an endpoint.

use std::net::{Ipv4Addr, SocketAddr};

use agno_top::model::SourceId;
use agno_top::sources::{Update, UpdateSender, otlp};
use predicates::prelude::*;

use super::{database, program};

#[test]
fn spans_that_are_sent_arrive() {
    let (sender, mut updates) = tokio::sync::mpsc::channel(256);
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = otlp::Options { grpc: None, http: Some(here), ..otlp::Options::default() };
    let listening = otlp::start(options, UpdateSender::new(SourceId(0), sender)).unwrap();
    let url = format!("http://{}", listening.addresses[0]);
    let directory = tempfile::tempdir().unwrap();
    let database = database(directory.path()).display().to_string();
    program(&["send", &database, "--to", &url]).assert().success().stdout(format!("{url} accepted 75 of 75 spans\n")).stderr("");
    let mut ids = std::collections::HashSet::new();
    while ids.len() < 75 {
        if let Some(Update::Batch(batch)) = updates.blocking_recv() {
            assert_eq!(batch.skipped, []);
            ids.extend(batch.spans.iter().map(|span| (span.trace, span.id)));
        }
    }
}

#[test]
fn an_invalid_endpoint_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let database = database(directory.path()).display().to_string();
    program(&["send", &database, "--to", "localhost:1"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("\"localhost:1\" is not the URL"));
    program(&["send", &database]).assert().code(2).stderr(predicate::str::contains("--to"));
}
