//! Searches in the payloads of a database.

use std::sync::Arc;

use agno_top::model::PayloadRef;
use agno_top::query::Query;
use agno_top::sources::Request;

use crate::watch::{Watch, fixture, id};
use crate::writer::{Writer, spans};

/// Returns a statement that writes the span of this number, started at this second of the minute.
fn span(number: u64, second: u64, attributes: &str, message: &str) -> String {
    let attributes = attributes.replace('\'', "''");
    format!(
        "INSERT INTO agno_spans VALUES (printf('%016x', {number}), printf('%032x', 1), NULL, 'a span', 'INTERNAL', 'OK', '{message}', \
         '2026-11-22T05:59:{second:02}.229975+00:00', '2026-11-22T06:59:05+00:00', 770, '{attributes}', '2026-11-22')"
    )
}

#[test]
fn texts_and_attributes_are_found_despite_escapes_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::wal(&path);
    for statement in [
        span(1, 1, r#"{"input.value": "Gr\u00f6\u00dfe 50%", "n": 5000, "ok": true}"#, ""),
        span(2, 2, r#"{"input.value": "{\"say\": \"\\\"hi\\\" to Gr\\u00f6\\u00dfe\"}", "llm.system": "openai", "n": "70"}"#, ""),
        span(3, 3, r#"{"input.value": "Größe \ud83d\ude00", "llm.system": "OpenAI Azure", "path": "C:\\new\nline"}"#, ""),
        span(4, 4, "null", "payment \"gateway\" refused"),
        span(5, 5, "no json, refund", ""),
    ] {
        writer.run(&statement);
    }
    let mut watch = Watch::new(&path);
    watch.until_watching();
    for (line, expected) in [
        ("text:größe", &[3, 2, 1][..]),
        ("text:GRÖßE", &[3, 2, 1]),
        ("text:\"say\\\": \\\"\"", &[2]),
        ("text:\"\\\"hi\\\" to\"", &[2]),
        ("text:😀", &[3]),
        ("text:\"C:\\\\new\"", &[3]),
        ("text:\"new\nline\"", &[3]),
        ("text:nline", &[]),
        ("text:\"50%\"", &[1]),
        ("text:5_0", &[]),
        ("text:u00f6", &[2]),
        ("text:u00f6 -text:openai", &[]),
        ("text:gateway|refund", &[5, 4]),
        ("text:\"payment * refused\"", &[4]),
        ("text:/pay\\w+ .gate/", &[4]),
        ("-text:größe", &[5, 4]),
        ("text:größe -text:hi", &[3, 1]),
        ("text:größe attr.llm.system:openai", &[3, 2]),
        ("attr.llm.system:\"openai\"", &[2]),
        ("attr.llm.*:*azure", &[3]),
        ("attr.n:>60", &[2, 1]),
        ("attr.n:>=5k", &[1]),
        ("attr.ok:true", &[1]),
        ("attr.n:*", &[2, 1]),
        ("-attr.n:*", &[5, 4, 3]),
        ("text:größe since:2026-11-22T05:59:03Z", &[3]),
        ("text:größe until:2026-11-22T05:59:02Z", &[2, 1]),
    ] {
        assert_eq!(watch.search(line), expected, "{line}");
    }
}

#[test]
fn a_run_is_found_by_a_prefix_of_its_id() {
    let mut watch = Watch::new(&fixture("agno-3.1.10.sqlite"));
    watch.until_watching();
    let all = watch.search("attr.agno.run.id:*");
    let run = {
        let payload = watch.payload(all[0]).unwrap();
        let (_, value) = payload.attributes.iter().find(|(name, _)| name == "agno.run.id").unwrap();
        value.to_json().trim_matches('"').to_owned()
    };
    let found = watch.search(&format!("run:{}", &run[..8]));
    assert!(found.contains(&all[0]) && found.len() < all.len(), "{found:?} of {all:?}");
    assert!(watch.search(&format!("run:{}", &run[1..8])).is_empty());
}

#[test]
fn a_search_continues_during_writes_and_stops_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::rollback(&path);
    writer.run(&spans(1, 100_001));
    let mut watch = Watch::new(&path);
    watch.until_watching();
    watch.start_search(7, "text:\"input 3\"");
    watch.until("the first slice", |watch| !watch.found.is_empty());
    let first = &watch.found[0];
    // The table has more parts than one slice searches, however fast it is.
    assert!(first.progress.is_some_and(|progress| progress.done < progress.total), "a slice ends before the table does");
    writer.run(&spans(100_001, 100_002));
    watch.until_span(100_001);
    let query = Arc::new("text:input".parse::<Query>().unwrap().payload_query());
    watch.send(Request::Check { ticket: 7, query, addresses: vec![(PayloadRef(1), id(100_001)), (PayloadRef(2), id(177_777))] });
    watch.until("what was checked", |watch| watch.found.iter().any(|found| found.progress.is_none()));
    let checked = watch.found.iter().find(|found| found.progress.is_none()).unwrap();
    assert_eq!(checked.spans.iter().map(|(_, span)| *span).collect::<Vec<_>>(), [id(100_001)]);
    watch.until("the end", |watch| watch.found.iter().any(|found| found.progress.is_some_and(|progress| progress.done == progress.total)));
    let found: Vec<_> = watch.found.iter().filter(|found| found.progress.is_some()).flat_map(|found| &found.spans).collect();
    assert_eq!(found.len(), 11_111, "3, 30 to 39, 300 to 399, …");
    assert!(found.is_sorted_by(|one, other| one.1 > other.1), "the newest first");
    watch.start_search(8, "text:input");
    watch.until("the search", |watch| watch.found.iter().any(|found| found.ticket == 8));
    watch.send(Request::StopSearch);
    watch.payloads(&[(PayloadRef(1), id(1))]);
    let told = watch.found.len();
    watch.payloads(&[(PayloadRef(1), id(1))]);
    assert_eq!(watch.found.len(), told);
}

#[test]
fn a_search_excludes_rows_beyond_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    Writer::wal(&path).run(&spans(1, 5_001));
    let mut watch = Watch::limited(&path, 1000);
    watch.until_watching();
    let found = watch.search("text:input");
    assert_eq!((found.first(), found.len()), (Some(&5_000), 1000));
}
