//! Rows, valid and invalid.

use std::collections::BTreeSet;

use agno_top::model::{Origin, SpanType};
use agno_top::sources::sqlite::Tables;
use agno_top::sources::{ReadLimits, State};

use crate::watch::{Watch, everything, fixture, id};
use crate::writer::{Writer, spans};

#[test]
fn real_files_are_read_completely() {
    for (file, spans, traces, agents) in [("agno-3.1.10.sqlite", 75, 11, 18), ("agno-2.5.0.sqlite", 61, 11, 15)] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("traces.db");
        std::fs::copy(fixture(file), &path).unwrap();
        let before = everything(dir.path());
        let mut watch = Watch::new(&path);
        watch.until_watching();
        assert_eq!(watch.spans.len(), spans, "{file}");
        assert_eq!(watch.spans.values().map(|span| span.trace).collect::<BTreeSet<_>>().len(), traces);
        assert_eq!(watch.spans.values().filter(|span| span.kind == SpanType::Agent).count(), agents);
        assert_eq!(watch.spans.values().filter(|span| span.kind == SpanType::Team).count(), 1);
        assert!(watch.spans.values().all(|span| span.times == 1 && span.origin == Origin::History));
        assert!(watch.spans.values().any(|span| span.error == "payment gateway refused refund of order 12345: HTTP 502"));
        assert_eq!(watch.skipped, []);
        assert_eq!(watch.states.last(), Some(&State::Watching { left_out: 0 }));
        watch.end();
        assert_eq!(everything(dir.path()), before);
    }
}

#[test]
fn invalid_rows_are_skipped_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    // Without declared types each value keeps its own type.
    let mut writer = Writer::open(
        &path,
        "CREATE TABLE agno_spans (span_id, trace_id, parent_span_id, name, span_kind, status_code, status_message, start_time, end_time, \
         duration_ms, attributes, created_at)",
    );
    let good = [
        "'00000000000000%02x'",
        "'000000000000000000000000000000aa'",
        "NULL",
        "'n'",
        "'OK'",
        "NULL",
        "'2026-11-22T05:59:04Z'",
        "'2026-11-22'",
        "'{}'",
    ];
    let mut number = 0;
    let mut row = |column: usize, value: &str| {
        number += 1;
        let mut values = good.map(str::to_owned);
        values[0] = values[0].replace("%02x", &format!("{number:02x}"));
        if column < values.len() {
            values[column] = value.to_owned();
        }
        let [id, trace, parent, name, status, message, start, end, attributes] = values;
        writer.run(&format!(
            "INSERT INTO agno_spans VALUES ({id}, {trace}, {parent}, {name}, 'INTERNAL', {status}, {message}, {start}, {end}, 1, {attributes}, '')"
        ));
    };
    let bad = [
        (0, "NULL", "span_id is not 16 hex digits: null"),
        (0, "17", "span_id is not 16 hex digits: \"17\""),
        (0, "'0000000000000000'", "span_id is not 16 hex digits: \"0000000000000000\""),
        (1, "x'00ff'", "trace_id is not 32 hex digits: \"\\0�\""),
        (1, "1.5", "trace_id is not 32 hex digits: \"1.5\""),
        (2, "'xyz'", "parent_span_id is not 16 hex digits: \"xyz\""),
        (6, "'xyz'", "start_time is not a time: \"xyz\""),
        (6, "NULL", "start_time is not a time: null"),
        (6, "1795327144", "start_time is not a time: \"1795327144\""),
        (6, "1.5e9", "start_time is not a time: \"1500000000\""),
        (7, "x'ff'", "end_time is not a time: \"�\""),
        (7, "'9999-01-01T00:00:00Z'", "end_time is not a time: \"9999-01-01T00:00:00Z\""),
        (8, "'{\"a\": \"'", "attributes are no JSON object: a string without end at byte 7"),
        (8, "''", "attributes are no JSON object: the text ends too early at byte 0"),
        (8, "'[]'", "attributes are no JSON object: not an object at byte 0"),
        (8, "7", "attributes are no JSON object: not an object at byte 0"),
        (8, "x'ff'", "attributes are no JSON object: expected a value at byte 0"),
    ];
    for (column, value, _) in bad {
        row(column, value);
    }
    let good = [
        (9, ""),
        (2, "''"),
        (3, "NULL"),
        (3, "42"),
        (3, "x'6e616d65'"),
        (3, "x'ff'"),
        (4, "NULL"),
        (4, "2"),
        (5, "x'ff'"),
        (5, "1.5"),
        (6, "'2026-11-22 05:59:04.5+02:00'"),
        (7, "'1999-01-01'"),
        (8, "NULL"),
        (8, "'null'"),
        (8, "x'7b7d'"),
    ];
    for (column, value) in good {
        row(column, value);
    }
    let mut watch = Watch::new(&path);
    watch.until_watching();
    let mut found: Vec<(String, String)> = watch.skipped.iter().map(|skipped| (skipped.place.clone(), skipped.reason.clone())).collect();
    found.reverse();
    let expected: Vec<(String, String)> =
        bad.iter().enumerate().map(|(i, (.., reason))| (format!("row {}", i + 1), (*reason).to_owned())).collect();
    assert_eq!(found, expected);
    assert_eq!(watch.spans.len(), good.len());
}

#[test]
fn long_values_are_cut_in_messages() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::wal(&path);
    writer.run(&spans(1, 3));
    writer.run("UPDATE agno_spans SET start_time = replace(hex(zeroblob(5000)), '0', 'x') WHERE rowid = 2");
    let mut watch = Watch::new(&path);
    watch.until_spans(1);
    watch.until("skipped", |watch| !watch.skipped.is_empty());
    assert_eq!(watch.skipped[0].reason, format!("start_time is not a time: \"{}\"…", "x".repeat(60)));
}

#[test]
fn other_table_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::wal(&path);
    writer.run(&spans(1, 3));
    writer.run("ALTER TABLE agno_spans RENAME TO \"my \"\"spans\"");
    let tables = Tables { spans: "my \"spans".to_owned(), ..Tables::default() };
    let mut watch = Watch::of(&path, tables, u64::MAX);
    watch.until_spans(2);
    assert!(watch.payload(2).is_ok());
}

#[test]
fn old_parents_come_with_the_first_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::wal(&path);
    writer.run(&spans(1, 5001));
    writer.run("UPDATE agno_spans SET parent_span_id = printf('%016x', 7) WHERE rowid > 4990");
    writer.run("UPDATE agno_spans SET parent_span_id = printf('%016x', 3) WHERE rowid = 7");
    let mut watch = Watch::limited(&path, 1000);
    watch.until_watching();
    assert!(watch.batches[0].contains(&id(7)) && watch.batches[0].contains(&id(3)));
    assert_eq!(watch.spans.len(), 1002);
    assert_eq!(watch.states.last(), Some(&State::Watching { left_out: 4000 }));
}

#[test]
fn spans_before_the_given_time_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::wal(&path);
    writer.run(&spans(1, 3001));
    writer
        .run("UPDATE agno_spans SET start_time = '2020-01-01T00:00:00+00:00', end_time = '2020-01-01T00:00:01+00:00' WHERE rowid <= 2000");
    let read = |since: &str| {
        let since = agno_top::model::time::parse(since.as_bytes());
        let start = |updates| {
            agno_top::sources::sqlite::start_with(
                path.clone(),
                Tables::default(),
                ReadLimits { since, ..ReadLimits::of(u64::MAX) },
                updates,
            )
        };
        let mut watch = Watch::start(start);
        watch.until_watching();
        assert_eq!(watch.states.last(), Some(&State::Watching { left_out: 0 }));
        watch.spans.len()
    };
    assert_eq!(read("2026-11-22T05:00:00Z"), 1000);
    assert_eq!(read("2020-01-01T00:00:01Z"), 3000, "a day more is read, since times compare as text only roughly");
    // The newest page is read in any case.
    assert_eq!(read("2030-01-01"), 512);
    // Later rows are read, too.
    let mut watch = Watch::start(|updates| {
        agno_top::sources::sqlite::start_with(
            path.clone(),
            Tables::default(),
            ReadLimits { since: Some(i64::MAX), ..ReadLimits::of(u64::MAX) },
            updates,
        )
    });
    watch.until_watching();
    writer.run(&spans(5000, 5001));
    watch.until_spans(513);
}

#[test]
fn each_of_the_newest_rows_is_read_once_with_parents_beyond_the_limit() {
    for begin in [Writer::wal, Writer::rollback] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("traces.db");
        let mut writer = begin(&path);
        writer.run(&spans(1, 40_001));
        writer.run("DELETE FROM agno_spans WHERE rowid IN (39000, 20000, 12345)");
        writer.run("UPDATE agno_spans SET parent_span_id = printf('%016x', 7) WHERE rowid = 10000");
        let mut watch = Watch::limited(&path, 29_998);
        watch.until_watching();
        assert_eq!(watch.states.last(), Some(&State::Watching { left_out: 9_999 }));
        let expected = (10_000..=40_000).filter(|number| ![39_000, 20_000, 12_345].contains(number)).chain([7]).map(id);
        let read: std::collections::BTreeSet<_> = watch.spans.keys().copied().collect();
        assert_eq!(read, expected.collect());
        assert!(watch.spans.iter().all(|(span, seen)| seen.times == 1 || *span == id(7)));
    }
}
