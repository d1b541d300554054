//! Searches in the payloads of a table.

use std::sync::Arc;

use agno_top::model::PayloadRef;
use agno_top::query::Query;
use agno_top::sources::Request;

use crate::server::Server;
use crate::watch::id;
use crate::writer::spans;

#[test]
fn texts_and_attributes_are_found_despite_escapes() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 8));
    for (number, second, attributes, message) in [
        (1, 1, r#"{"input.value": "Gr\u00f6\u00dfe 50%", "n": 5000, "ok": true}"#, ""),
        (2, 2, r#"{"input.value": "{\"say\": \"\\\"hi\\\" to Gr\\u00f6\\u00dfe\"}", "llm.system": "openai", "n": "70"}"#, ""),
        (3, 3, r#"{"input.value": "Größe \ud83d\ude00", "llm.system": "OpenAI Azure", "path": "C:\\new\nline"}"#, ""),
        (4, 4, "{}", "payment \"gateway\" refused"),
    ] {
        writer.run(&format!(
            "UPDATE ai.agno_spans SET attributes = $x${attributes}$x$, status_message = $x${message}$x$, \
             start_time = '2026-11-22T05:59:{second:02}.229975+00:00' WHERE name = 'span {number}'"
        ));
    }
    writer.run("UPDATE ai.agno_spans SET attributes = jsonb_build_object('long', repeat('é', 2000000) || ' needle') WHERE name = 'span 5'");
    let mut watch = server.watch(&database);
    watch.until_watching();
    for (line, expected) in [
        ("text:größe", &[1, 2, 3][..]),
        ("text:\"\\\"hi\\\" to\"", &[2]),
        ("text:😀", &[3]),
        ("text:\"C:\\\\new\"", &[3]),
        ("text:nline", &[]),
        ("text:\"50%\"", &[1]),
        ("text:5_0", &[]),
        ("text:NEEDLE", &[5]),
        ("text:gateway|needle", &[4, 5]),
        ("text:/pay\\w+ .gate/", &[4]),
        ("-text:größe -text:\"input *\"", &[4, 5]),
        ("attr.llm.*:openai attr.n:>60", &[2]),
        ("attr.n:>=5k", &[1]),
        ("text:größe since:2026-11-22T05:59:03Z", &[3]),
        ("text:größe until:2026-11-22T05:59:02Z", &[1, 2]),
    ] {
        let mut found = watch.search(line);
        found.sort_unstable();
        assert_eq!(found, expected, "{line}");
    }
}

#[test]
fn a_search_continues_during_writes() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 60_001));
    let mut watch = server.watch(&database);
    watch.until_watching();
    watch.start_search(7, "text:\"input 3\"");
    watch.until("the first slice", |watch| !watch.found.is_empty());
    writer.run(&spans(60_001, 60_002));
    watch.until_span(60_001);
    let query = Arc::new("text:input".parse::<Query>().unwrap().payload_query());
    watch.send(Request::Check { ticket: 7, query, addresses: vec![(PayloadRef(0), id(60_001)), (PayloadRef(0), id(77_777))] });
    watch.until("what was checked", |watch| watch.found.iter().any(|found| found.progress.is_none()));
    watch.until("the end", |watch| watch.found.iter().any(|found| found.progress.is_some_and(|progress| progress.done == progress.total)));
    let found = watch.found.iter().filter(|found| found.progress.is_some()).map(|found| found.spans.len()).sum::<usize>();
    assert_eq!(found, 11_111, "3, 30 to 39, 300 to 399, …");
    watch.start_search(8, "text:input");
    watch.until("the search", |watch| watch.found.iter().any(|found| found.ticket == 8));
    watch.send(Request::StopSearch);
    watch.payloads(&[(PayloadRef(0), id(1))]);
    let told = watch.found.len();
    watch.payloads(&[(PayloadRef(0), id(1))]);
    assert_eq!(watch.found.len(), told);
}

#[test]
fn spans_read_during_a_search_are_searched_after_a_reconnect() {
    let Some(mut server) = Server::new() else { return };
    let database = server.database();
    server.writer(&database).run(&spans(1, 11));
    let mut watch = server.watch(&database);
    watch.until_watching();
    server.stop();
    watch.until_message("can't be reached");
    let query = Arc::new("text:input".parse::<Query>().unwrap().payload_query());
    watch.send(Request::Check { ticket: 3, query, addresses: vec![(PayloadRef(0), id(4)), (PayloadRef(0), id(7))] });
    server.start(&[]);
    watch.until("what was checked", |watch| !watch.found.is_empty());
    let found = &watch.found[0];
    assert_eq!((found.ticket, found.spans.len(), found.progress, &found.error), (3, 2, None, &None));
}
