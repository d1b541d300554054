use super::*;
use crate::otlp::json;

fn encode(record: &str) -> Vec<u8> {
    let request = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}"#);
    json::encode_logs(request.as_bytes()).expect("a request")
}

fn heads(body: &[u8]) -> Vec<(Nanos, u8, String, bool, bool)> {
    let mut found = Vec::new();
    for_each(body, |EncodedLog { head, .. }| {
        let name = String::from_utf8_lossy(head.name).into_owned();
        found.push((head.time, head.severity, name, head.trace.is_some(), head.span.is_some()));
        Ok(())
    })
    .expect("a request");
    found
}

#[test]
fn a_record_without_time_has_the_time_at_which_it_was_observed() {
    let body = encode(r#"{"timeUnixNano":"0","observedTimeUnixNano":"7","severityNumber":"SEVERITY_NUMBER_WARN"}"#);
    assert_eq!(heads(&body), [(7, 13, String::new(), false, false)]);
}

#[test]
fn the_attribute_names_the_event_before_the_field_does() {
    let body = encode(
        r#"{"eventName":"event src/a.rs:1","attributes":[{"key":"event.name","value":{"stringValue":"codex.tool_result"}}],"timeUnixNano":5}"#,
    );
    assert_eq!(heads(&body)[0].2, "codex.tool_result");
}

#[test]
fn ids_of_a_wrong_length_and_unknown_severities_are_none() {
    let body = encode(r#"{"traceId":"abcd","spanId":"0000000000000000","severityNumber":99,"timeUnixNano":3}"#);
    assert_eq!(heads(&body), [(3, 0, String::new(), false, false)]);
    let body = encode(r#"{"traceId":"zz","spanId":"b7ad6b7169203331","body":{"stringValue":"x"}}"#);
    assert_eq!(heads(&body), [(0, 0, String::new(), false, true)], "the rest of the record is kept");
}

#[test]
fn a_request_of_too_many_records_keeps_as_many_as_fit() {
    let mut scope = Vec::new();
    for _ in 0..MAX_RECORDS + 3 {
        scope.extend_from_slice(&[0x12, 0]);
    }
    let mut body = Vec::new();
    for (key, inner) in [(0x12, scope.len()), (0x0a, scope.len() + 5)] {
        let mut outer = vec![key];
        prost::encoding::encode_varint(inner as u64, &mut outer);
        body.splice(0..0, outer);
    }
    body.extend(scope);
    let body = Bytes::from(body);
    let mut records = Records::new(&body);
    for_each(&body, |record| records.push(&record)).expect("a request");
    assert_eq!((records.kept.len(), records.left_out), (MAX_RECORDS, 3));
}
