//! Reading the payload of a span.

use agno_top::model::{PayloadRef, Value};

use crate::watch::{Watch, fixture, id};
use crate::writer::{Writer, spans};

#[test]
fn a_payload_is_complete_and_has_the_values_of_its_trace() {
    let mut watch = Watch::new(&fixture("agno-3.1.10.sqlite"));
    watch.until_watching();
    let asked: Vec<_> = watch.spans.iter().map(|(id, seen)| (seen.address, *id)).collect();
    let payloads = watch.payloads(&asked);
    assert_eq!(payloads.len(), 75);
    let agent = watch.spans.iter().position(|(_, seen)| seen.name == "Customer_Service_Agent.run").unwrap();
    let payload = payloads[agent].as_ref().unwrap();
    let attribute = |name: &str| payload.attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value);
    assert_eq!(attribute("agent.name"), Some(&Value::Text("Customer Service Agent".to_owned())));
    assert_eq!(payload.attributes[0].0, "graph.node.id");
    let note = |name: &str| payload.notes.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    assert_eq!((note("stored status"), note("session"), note("user")), (Some("OK"), Some("sess-1"), Some("alice")));
    assert!(note("stored time").unwrap().ends_with(" ms"));
    assert!(payloads.iter().flatten().any(|payload| payload.status_message == "run status: error"));
    assert!(payloads.iter().flatten().any(|payload| payload.attributes.iter().any(|(_, value)| matches!(value, Value::List(_)))));
}

#[test]
fn a_payload_never_belongs_to_another_span() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::wal(&path);
    writer.run(&spans(1, 11));
    let mut watch = Watch::new(&path);
    watch.until_spans(10);
    let addresses: Vec<PayloadRef> = (1..11).map(|number| watch.spans[&id(number)].address).collect();
    writer.run("BEGIN; CREATE TABLE moved AS SELECT * FROM agno_spans WHERE rowid > 5; DELETE FROM agno_spans; INSERT INTO agno_spans SELECT * FROM moved; COMMIT");
    let asked: Vec<_> = (1..11).map(|number| (addresses[number as usize - 1], id(number))).collect();
    for (number, payload) in (1..11).zip(watch.payloads(&asked)) {
        match payload {
            Ok(payload) => assert_eq!(payload.attributes, [("input.value".to_owned(), Value::Text(format!("input {number}")))]),
            Err(error) => assert_eq!((number < 6, error), (true, format!("this span is no longer in {}", path.display()))),
        }
    }
}

#[test]
fn a_payload_is_read_while_history_loads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::wal(&path);
    writer.run(&spans(1, 200_001));
    let mut watch = Watch::new(&path);
    watch.until("the first batch", |watch| !watch.batches.is_empty());
    assert!(watch.payload(200_000).is_ok());
    assert!(watch.spans.len() < 150_000);
}
