//! Reading the payload of a span.

use agno_top::model::Value;

use crate::rows::agno;
use crate::server::Server;
use crate::watch::id;
use crate::writer::spans;

#[test]
fn a_payload_is_complete_and_has_the_values_of_its_trace() {
    let Some(server) = Server::shared() else { return };
    let database = agno(server, "agno-3.1.10.sqlite");
    let mut watch = server.watch(&database);
    watch.until_watching();
    let asked: Vec<_> = watch.spans.iter().map(|(id, seen)| (seen.address, *id)).collect();
    let payloads = watch.payloads(&asked);
    assert_eq!(payloads.len(), 75);
    let agent = watch.spans.values().position(|seen| seen.name == "Customer_Service_Agent.run").unwrap();
    let payload = payloads[agent].as_ref().unwrap();
    let attribute = |name: &str| payload.attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value);
    assert_eq!(attribute("agent.name"), Some(&Value::Text("Customer Service Agent".to_owned())));
    let note = |name: &str| payload.notes.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    assert_eq!((note("stored status"), note("session"), note("user")), (Some("OK"), Some("sess-1"), Some("alice")));
    assert!(note("stored time").unwrap().ends_with(" ms"));
    assert!(payloads.iter().flatten().any(|payload| payload.status_message == "run status: error"));
    assert!(payloads.iter().flatten().any(|payload| payload.attributes.iter().any(|(_, value)| matches!(value, Value::List(_)))));
}

#[test]
fn payloads_of_any_length() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 11));
    writer.run("UPDATE ai.agno_spans SET attributes = jsonb_build_object('input.value', repeat('é', 5000000), 'session.id', 's') WHERE name = 'span 3'");
    let mut watch = server.watch(&database);
    watch.until_spans(10);
    assert_eq!(watch.spans[&id(3)].input, "é".repeat(60));
    let payload = watch.payload(3).unwrap();
    assert!(payload.attributes.iter().any(|(_, value)| matches!(value, Value::Text(text) if text.len() == 10_000_000)));
}

#[test]
fn a_payload_comes_while_history_loads() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    server.writer(&database).run(&spans(1, 100_001));
    let mut watch = server.watch(&database);
    watch.until("the first batch", |watch| !watch.batches.is_empty());
    assert!(watch.payload(100_000).is_ok());
    assert!(watch.spans.len() < 90_000);
}
