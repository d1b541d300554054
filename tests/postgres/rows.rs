//! What is read out of rows, good and bad.

use std::collections::BTreeMap;

use agno_top::model::{Batch, SourceId, Span};
use agno_top::sources::postgres::{Location, start, start_since};
use agno_top::sources::sqlite::{self, Tables};
use agno_top::sources::{Handle, State, Update, UpdateSender};
use rusqlite::types::Value;

use crate::server::Server;
use crate::watch::{Watch, fixture, id};
use crate::writer::{Writer, spans};

/// A database with what real Agno wrote.
pub(crate) fn agno(server: &Server, file: &str) -> String {
    let database = server.database();
    let mut writer = server.writer(&database);
    let real = rusqlite::Connection::open_with_flags(fixture(file), rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    for table in ["agno_traces", "agno_spans"] {
        copy(&real, table, &mut writer);
    }
    database
}

fn copy(from: &rusqlite::Connection, table: &str, to: &mut Writer) {
    let mut statement = from.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let values: Vec<String> = (0..names.len())
            .map(|column| match row.get(column).unwrap() {
                Value::Null => "NULL".to_owned(),
                Value::Integer(number) => number.to_string(),
                Value::Real(number) => format!("{}", number.round()),
                Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
                Value::Blob(_) => panic!("no blobs"),
            })
            .collect();
        to.run(&format!("INSERT INTO ai.{table} ({}) VALUES ({})", names.join(", "), values.join(", ")));
    }
}

/// Everything that rows show, by span.
fn facts(start: impl FnOnce(UpdateSender) -> std::io::Result<Handle>) -> BTreeMap<String, String> {
    let (updates, mut inbox) = tokio::sync::mpsc::channel(64);
    let _handle = start(UpdateSender::new(SourceId(0), updates)).unwrap();
    let mut found = BTreeMap::new();
    loop {
        match inbox.blocking_recv().unwrap() {
            Update::Batch(batch) => found.extend(batch.spans.iter().map(|span| (span.id.to_string(), told(&batch, span)))),
            Update::State(_, State::Watching { .. }) => return found,
            _ => {}
        }
    }
}

fn told(batch: &Batch, span: &Span) -> String {
    let facts = &span.facts;
    let texts =
        [span.name, span.error, facts.agent, facts.model, facts.provider, facts.tool, facts.session, facts.user, facts.run, facts.input];
    let texts = texts.map(|text| batch.text(text));
    format!(
        "{:?} {:?} {} {:?} {:?} {:?} {:?} {texts:?}",
        span.trace, span.parent, span.start, span.end, span.status, facts.span_type, facts.usage
    )
}

#[test]
fn rows_say_the_same_as_in_sqlite() {
    let Some(server) = Server::shared() else { return };
    for file in ["agno-3.1.10.sqlite", "agno-2.5.0.sqlite"] {
        let database = agno(server, file);
        let there = facts(|outlet| sqlite::start(fixture(file), Tables::default(), u64::MAX, outlet));
        let here = facts(|outlet| start(&server.url(&database), Location::default(), u64::MAX, outlet));
        assert!(there.len() > 60);
        for (span, told) in &there {
            assert_eq!(here.get(span), Some(told), "{span}");
        }
        assert_eq!(here.len(), there.len());
        // The same where attributes are kept as text, and where none of them is short.
        let mut writer = server.writer(&database);
        writer.run("UPDATE ai.agno_spans SET attributes = attributes || jsonb_build_object('long', repeat(md5(span_id), 200))");
        assert_eq!(facts(|outlet| start(&server.url(&database), Location::default(), u64::MAX, outlet)), there);
        for kind in ["json", "text"] {
            writer.run(&format!("ALTER TABLE ai.agno_spans ALTER COLUMN attributes TYPE {kind}"));
            assert_eq!(facts(|outlet| start(&server.url(&database), Location::default(), u64::MAX, outlet)), there, "{kind}");
        }
    }
}

#[test]
fn bad_rows_are_skipped_and_named() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run("ALTER TABLE ai.agno_spans DROP CONSTRAINT agno_spans_pkey, DROP CONSTRAINT agno_spans_trace_id_fkey; CREATE INDEX ON ai.agno_spans (span_id)");
    for column in ["span_id", "trace_id", "name", "span_kind", "status_code", "start_time", "end_time", "duration_ms", "created_at"] {
        writer.run(&format!("ALTER TABLE ai.agno_spans ALTER COLUMN {column} DROP NOT NULL"));
    }
    let good = spans(1, 41).split_once("; ").unwrap().1.to_owned();
    writer.run(&good);
    let bad = [
        ("start_time = 'xyz'", "span 0000000000000001", "start_time is not a time: \"xyz\""),
        ("start_time = NULL", "span 0000000000000002", "start_time is not a time: null"),
        ("end_time = '9999-01-01T00:00:00Z'", "span 0000000000000003", "end_time is not a time: \"9999-01-01T00:00:00Z\""),
        ("trace_id = 'x'", "span 0000000000000004", "trace_id is not 32 hex digits: \"x\""),
        ("parent_span_id = 'x'", "span 0000000000000005", "parent_span_id is not 16 hex digits: \"x\""),
        ("attributes = '[1]'", "span 0000000000000006", "attributes are no JSON object: not an object at byte 0"),
        ("attributes = to_jsonb(repeat('x', 9000))", "span 0000000000000007", "attributes are no JSON object"),
        ("span_id = NULL", "row (", "span_id is not 16 hex digits: null"),
        ("span_id = 'long'", "row (", "span_id is not 16 hex digits: \"long\""),
    ];
    for (number, (change, ..)) in bad.iter().enumerate() {
        writer.run(&format!("UPDATE ai.agno_spans SET {change} WHERE name = 'span {}'", number + 1));
    }
    for (number, change) in
        ["created_at = NULL", "name = NULL", "status_code = NULL", "attributes = NULL", "attributes = 'null'", "parent_span_id = ''"]
            .iter()
            .enumerate()
    {
        writer.run(&format!("UPDATE ai.agno_spans SET {change} WHERE name = 'span {}'", number + 21));
    }
    let mut watch = server.watch(&database);
    watch.until_watching();
    assert_eq!(watch.spans.len(), 40 - bad.len());
    let found: Vec<(String, String)> = watch.skipped.iter().map(|skipped| (skipped.place.clone(), skipped.reason.clone())).collect();
    for (_, place, reason) in bad {
        assert!(found.iter().any(|(at, why)| at.starts_with(place) && why.starts_with(reason)), "{place}: {reason} in {found:?}");
    }
    assert_eq!(found.len(), bad.len());
    // Live, too, and once.
    writer.run(&good.replace("generate_series(1, 40)", "generate_series(51, 60)").replace("'span ' || i,", "NULL,"));
    writer.run("INSERT INTO ai.agno_spans (span_id) VALUES ('broken')");
    watch.until("the broken row", |watch| watch.skipped.len() > bad.len());
    watch.until("a live row", |watch| watch.spans.contains_key(&id(60)));
    writer.run(&good.replace("generate_series(1, 40)", "generate_series(61, 61)"));
    watch.until("another live row", |watch| watch.spans.contains_key(&id(61)));
    assert_eq!(watch.skipped.len(), bad.len() + 1);
}

#[test]
fn a_conversation_is_previewed_by_its_last_question() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 3));
    // More than ten messages, some long, so that the server picks and sorts.
    writer.run(
        "UPDATE ai.agno_spans SET attributes = (SELECT jsonb_object_agg(key, value) FROM (SELECT 'openinference.span.kind' AS key, 'LLM' AS value \
         UNION ALL SELECT 'llm.input_messages.' || i || '.message.role', CASE WHEN i % 3 = 1 THEN 'user' ELSE 'assistant' END FROM generate_series(0, 12) AS i \
         UNION ALL SELECT 'llm.input_messages.' || i || '.message.content', 'message ' || i || repeat(' and so on', 500 * (i % 2)) FROM generate_series(0, 12) AS i) AS m) \
         WHERE name = 'span 1'",
    );
    writer.run("UPDATE ai.agno_spans SET attributes = attributes || '{\"openinference.span.kind\": \"LLM\", \"llm.input_messages.0.message.role\": \"user\", \
        \"llm.input_messages.1.message.role\": \"assistant\", \"llm.input_messages.0.message.content\": \"short\", \"llm.input_messages.1.message.content\": \"no\"}' WHERE name = 'span 2'");
    let mut watch = server.watch(&database);
    watch.until_spans(2);
    assert_eq!((watch.spans[&id(1)].input.as_str(), watch.spans[&id(2)].input.as_str()), ("message 10", "short"));
}

#[test]
fn rows_of_one_moment_come_once_each() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 8001));
    writer.run("UPDATE ai.agno_spans SET created_at = '2026-11-22T05:59:0' || length(name) || '+00:00'");
    for kind in ["text", "timestamptz"] {
        writer.run(&format!("ALTER TABLE ai.agno_spans ALTER COLUMN created_at TYPE {kind} USING created_at::{kind}"));
        let mut watch = server.watch(&database);
        watch.until_spans(8000);
        watch.until_watching();
        crate::failures::once_each(&watch);
    }
}

#[test]
fn what_was_written_too_long_ago_is_left_in_the_database() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 6001));
    writer.run(
        "UPDATE ai.agno_spans SET start_time = '2020-01-01T00:00:00+00:00', created_at = '2020-01-01T00:00:01.000000+00:00' \
         WHERE substr(name, 6)::int <= 4000",
    );
    let watched = |since: &str| {
        let since = agno_top::model::time::parse(since.as_bytes());
        let mut watch = Watch::start(|outlet| start_since(&server.url(&database), Location::default(), u64::MAX, since, outlet));
        watch.until_watching();
        assert_eq!(watch.states.last(), Some(&State::Watching { left_out: 0 }));
        watch
    };
    // The newest page is read in any case, and so is what is written from then on.
    let mut watch = watched("2200-01-01");
    assert_eq!(watch.spans.len(), 512);
    writer.run(&spans(6001, 6002));
    watch.until_spans(513);
    for (kind, rest) in [("text", 0), ("timestamptz", 0), ("bigint", 4000)] {
        let using = if kind == "bigint" { "extract(epoch FROM created_at)::bigint".to_owned() } else { format!("created_at::{kind}") };
        writer.run(&format!("ALTER TABLE ai.agno_spans ALTER created_at TYPE {kind} USING {using}"));
        assert_eq!(watched("2026-11-22T05:00:00Z").spans.len(), 2001 + rest, "{kind}");
        assert_eq!(watched("2020-01-01T23:00:00Z").spans.len(), 6001, "{kind}: clocks differ");
    }
}
