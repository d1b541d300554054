//! New rows are found, each once.

use agno_top::model::Origin;
use agno_top::sources::State;

use crate::front::{Front, NOW, spans, watch};

/// Asserts that each of the spans was sent once.
fn once_each(watch: &crate::watch::Watch) {
    let often: Vec<_> = watch.spans.iter().filter(|(_, seen)| seen.times != 1).map(|(id, seen)| (*id, seen.times)).collect();
    assert_eq!(often, []);
}

#[test]
fn ten_thousand_spans_of_two_writers_arrive_once_each() {
    let Some(front) = Front::shared() else { return };
    let database = front.agno();
    front.run(&spans(&database, 1, 10, "toDateTime64('2026-01-01 00:00:00', 6, 'UTC')", 1_000_000));
    let mut watch = front.watch(&database);
    watch.until_spans(10);
    watch.until_watching();
    std::thread::scope(|scope| {
        for writer in 1..=2_u64 {
            let database = &database;
            scope.spawn(move || {
                for part in 0..50 {
                    // The clock of one writer is a day ahead, and its spans are hours long.
                    let start = if writer == 1 { NOW } else { "now64(6) + toIntervalDay(1)" };
                    front.run(&spans(database, writer * 1_000_000 + part * 100, 100, start, 1));
                }
            });
        }
        watch.until_spans(10_010);
    });
    watch.until_watching();
    once_each(&watch);
    assert_eq!((watch.skipped.len(), watch.states.last()), (0, Some(&State::Watching { left_out: 0 })));
    assert_eq!(watch.spans.values().filter(|span| span.origin == Origin::Live).count(), 10_000);
    watch.end();
}

#[test]
fn without_the_list_of_parts_new_rows_are_found_by_time() {
    let Some(front) = Front::shared() else { return };
    let database = front.agno();
    front.run(&spans(&database, 1, 20, NOW, -1000));
    let mut watch = watch(&front.url_of("blind", &database), 5);
    watch.until_watching();
    assert_eq!((watch.spans.len(), watch.states.last()), (5, Some(&State::Watching { left_out: 15 })));
    front.run(&spans(&database, 100, 300, NOW, 1));
    // The same batch again, as after a retry, and another.
    front.run(&spans(&database, 1000, 1, NOW, 0));
    front.run(&format!("INSERT INTO {database}.agno_spans SELECT * FROM {database}.agno_spans"));
    front.run(&spans(&database, 2000, 1, NOW, 0));
    watch.until_span(2000);
    once_each(&watch);
    assert_eq!(watch.spans.len(), 5 + 302);
    watch.end();
}

#[test]
fn merges_bring_nothing_and_hide_nothing() {
    let Some(front) = Front::shared() else { return };
    let database = front.agno();
    let optimize = format!("OPTIMIZE TABLE {database}.agno_spans FINAL");
    front.run(&spans(&database, 1, 10, NOW, 1000));
    let mut watch = front.watch(&database);
    watch.until_spans(10);
    watch.until_watching();
    for part in 1..=5 {
        front.run(&spans(&database, part * 100, 1, NOW, 1000));
        front.run(&optimize);
    }
    watch.until_spans(15);
    once_each(&watch);
    // Twice in two parts, and twice in one insert: one span.
    front.run(&format!("INSERT INTO {database}.agno_spans SELECT * FROM {database}.agno_spans"));
    front.run(&spans(&database, 600, 1, NOW, 1000));
    watch.until_spans(16);
    once_each(&watch);
    watch.end();
}

#[test]
fn a_database_and_a_table_are_waited_for() {
    let Some(front) = Front::shared() else { return };
    let database = Front::name();
    let mut watch = front.watch(&database);
    watch.until_message(&format!("has no database {database} yet"));
    front.run(&format!("CREATE DATABASE {database}"));
    front.run(&format!("CREATE TABLE {database}.other (a Int8) ENGINE = Memory"));
    watch.until_message(&format!("has no table {database}.agno_spans yet; Agno creates it with the first trace (it has other"));
    let from = front.agno();
    front.run(&format!("RENAME TABLE {from}.agno_spans TO {database}.agno_spans"));
    front.run(&spans(&database, 1, 10, NOW, 1000));
    watch.until_spans(10);
    watch.until_watching();
    front.run(&format!("DROP TABLE {database}.agno_spans"));
    watch.until_message("has no table");
    watch.end();
}
