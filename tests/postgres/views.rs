//! A view as the table of spans.

use agno_top::model::Origin;
use agno_top::sources::State;

use crate::server::{Server, watch};
use crate::watch::{Watch, id};
use crate::writer::{Writer, spans, spans_at};

/// Creates a database whose spans are a view of their table, and a role that may read nothing else. Returns its name, and a writer.
fn database(server: &Server, columns: &str, from: &str) -> (String, Writer) {
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&format!(
        "ALTER TABLE ai.agno_spans RENAME TO stored; CREATE VIEW ai.agno_spans AS SELECT {columns} FROM ai.stored {from}; \
         CREATE ROLE reader_{database} LOGIN; GRANT USAGE ON SCHEMA ai TO reader_{database}; GRANT SELECT ON ai.agno_spans TO reader_{database}"
    ));
    (database, writer)
}

fn reader(server: &Server, database: &str, limit: u64) -> Watch {
    watch(&server.url(database).replace("postgres@", &format!("reader_{database}@")), limit)
}

fn once_each(watch: &Watch) {
    let often: Vec<_> = watch.spans.iter().filter(|(_, seen)| seen.times != 1).map(|(id, seen)| (*id, seen.times)).collect();
    assert_eq!(often, []);
}

/// Some columns, in another order.
const COLUMNS: &str = "name, trace_id, parent_span_id, span_id, status_code, status_message, start_time, end_time, attributes";

#[test]
fn a_view_is_followed() {
    let Some(server) = Server::shared() else { return };
    let (database, mut writer) = database(server, "*", "WHERE name <> 'hidden'");
    writer.run(&spans(1, 5001));
    let mut watch = reader(server, &database, u64::MAX);
    watch.until_spans(5000);
    watch.until_watching();
    assert!(watch.payload(3001).is_ok());
    assert_eq!(watch.search("text:\"input 4999\""), [4999]);
    for number in 5001..5011 {
        writer.run(&spans(number, number + 1));
        watch.until_spans(number as usize);
    }
    // More than are looked at, and with old times: a sweep finds them.
    writer.run(&spans(6001, 8001));
    watch.until_spans(7010);
    writer.run(&spans_at(8001, 8006, -7200));
    watch.until_spans(7015);
    once_each(&watch);
    assert!([5001, 6001, 8001].iter().all(|number| watch.spans[&id(*number)].origin == Origin::Live));
    assert_eq!(watch.spans[&id(5000)].origin, Origin::History);
    // A change, a deletion, a row that is no longer in the view, and one that comes to it.
    let at = |number: u64| format!("WHERE span_id = '{}'", id(number));
    writer.run(&format!("UPDATE ai.stored SET name = 'renamed' {}; DELETE FROM ai.stored {}", at(10), at(11)));
    writer.run(&format!("UPDATE ai.stored SET name = 'hidden' {}", at(12)));
    watch.until("the change", |watch| watch.spans[&id(10)].name == "renamed");
    assert_eq!(watch.spans[&id(10)].times, 2);
    assert!(watch.payload(11).is_err() && watch.payload(12).is_err());
    writer.run(&format!("UPDATE ai.stored SET name = 'back' {}", at(12)));
    watch.until("the row", |watch| watch.spans[&id(12)].name == "back");
    watch.spans.retain(|span, _| ![10, 12].map(id).contains(span));
    once_each(&watch);
}

#[test]
fn a_transaction_that_commits_late_is_seen_in_a_view() {
    let Some(server) = Server::shared() else { return };
    let (database, mut writer) = database(server, "*", "");
    let mut other = server.writer(&database);
    writer.run(&format!("BEGIN; {}", spans_at(1, 100, -7200)));
    other.run(&spans(1000, 6000));
    let mut watch = reader(server, &database, u64::MAX);
    watch.until_spans(5000);
    watch.until_watching();
    writer.run("COMMIT");
    watch.until_spans(5099);
    once_each(&watch);
}

#[test]
fn a_view_without_the_time_of_storage_is_followed_by_the_starts() {
    let Some(server) = Server::shared() else { return };
    let (database, mut writer) = database(server, COLUMNS, "");
    let start = "'2026-11-22T05:59:04.' || lpad(i::text, 6, '0') || '+00:00'";
    let mut stored = |sql: String| {
        writer.run(&sql.replace("INTO ai.agno_spans", "INTO ai.stored").replace("'2026-11-22T05:59:04.229975+00:00'", start));
    };
    stored(spans(1001, 3001));
    let mut watch = reader(server, &database, 1500);
    watch.until_watching();
    assert_eq!(watch.spans.len(), 1500);
    assert_eq!(watch.states.last(), Some(&State::Watching { left_out: 500 }));
    stored(spans(3001, 3004));
    watch.until_spans(1503);
    once_each(&watch);
}

#[test]
fn a_row_of_a_view_without_an_id_is_reported_once() {
    let Some(server) = Server::shared() else { return };
    let columns = COLUMNS.replace("span_id, status_code", "nullif(span_id, lpad('7', 16, '0')) AS span_id, created_at, status_code");
    let (database, mut writer) = database(server, &columns, "");
    let mut watch = reader(server, &database, u64::MAX);
    watch.until_watching();
    for number in 1..21 {
        writer.run(&spans(number, number + 1).replace("INTO ai.agno_spans", "INTO ai.stored"));
        watch.until_spans(if number < 7 { number } else { number - 1 } as usize);
    }
    let reasons: Vec<&str> = watch.skipped.iter().map(|skipped| skipped.reason.as_str()).collect();
    assert!(reasons.len() == 1 && reasons[0].contains("span_id"), "{reasons:?}");
    once_each(&watch);
}

#[test]
fn a_view_with_several_rows_of_a_span_is_refused() {
    let Some(server) = Server::shared() else { return };
    let columns = COLUMNS.replace("name,", "name || number AS name,");
    let (database, mut writer) = database(server, &columns, ", generate_series(1, 2) AS number");
    writer.run(&spans(1, 11).replace("INTO ai.agno_spans", "INTO ai.stored"));
    let mut watch = reader(server, &database, u64::MAX);
    watch.until_message("is a view with several rows of one span, which can't be followed");
    assert!(watch.spans.is_empty());
}
