//! Following new rows, whatever happens to row ids.

use agno_top::model::Origin;
use agno_top::sources::State;

use crate::watch::{Watch, id};
use crate::writer::{Writer, spans};

/// Runs a test with both journal modes that Agno has used.
fn both(test: impl Fn(Writer, Watch)) {
    for open in [Writer::wal, Writer::rollback] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("traces.db");
        let writer = open(&path);
        test(writer, Watch::new(&path));
    }
}

#[test]
fn new_rows_are_sent_once_as_live() {
    both(|mut writer, mut watch| {
        watch.until_watching();
        for number in 1..50 {
            writer.run(&spans(number, number + 1));
            watch.until_spans(number as usize);
        }
        writer.run(&spans(50, 10_000));
        watch.until_spans(9_999);
        assert!(watch.spans.values().all(|span| span.times == 1 && span.origin == Origin::Live));
    });
}

#[test]
fn a_tail_of_ten_thousand_spans_by_two_writers_misses_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let first = Writer::wal(&path);
    let second = Writer::open(&path, "PRAGMA busy_timeout = 20000");
    let mut watch = Watch::new(&path);
    watch.until_watching();
    std::thread::scope(|scope| {
        for (number, mut writer) in [first, second].into_iter().enumerate() {
            scope.spawn(move || {
                writer.run("PRAGMA busy_timeout = 20000");
                for part in 0..100 {
                    let from = 1 + number as u64 * 5000 + part * 50;
                    writer.run(&spans(from, from + 50));
                }
            });
        }
        watch.until_spans(10_000);
    });
    assert!(watch.spans.values().all(|span| span.times == 1 && span.origin == Origin::Live));
}

#[test]
fn a_transaction_is_seen_when_it_commits() {
    both(|mut writer, mut watch| {
        writer.run(&spans(1, 2));
        watch.until_span(1);
        writer.run(&format!("BEGIN; {}", spans(2, 3)));
        writer.run(&format!("ROLLBACK; BEGIN; {}; COMMIT", spans(3, 4)));
        watch.until_span(3);
        assert!(!watch.spans.contains_key(&id(2)));
    });
}

#[test]
fn deleted_row_ids_are_used_again() {
    both(|mut writer, mut watch| {
        writer.run(&spans(1, 101));
        watch.until_spans(100);
        writer.run("DELETE FROM agno_spans WHERE rowid > 90");
        // Fewer rows than were deleted, as many, and more.
        for (from, to) in [(201, 203), (203, 211), (211, 300)] {
            writer.run(&spans(from, to));
            watch.until_spans(100 + to as usize - 201);
        }
        // In one transaction, so that there is no poll in between.
        writer.run(&format!("BEGIN; DELETE FROM agno_spans WHERE rowid > 150; {}; COMMIT", spans(401, 440)));
        watch.until_spans(199 + 39);
    });
}

#[test]
fn old_rows_are_deleted() {
    both(|mut writer, mut watch| {
        writer.run(&spans(1, 1001));
        watch.until_spans(1000);
        writer.run("DELETE FROM agno_spans WHERE rowid <= 900");
        writer.run(&spans(2001, 2011));
        watch.until_spans(1010);
        assert!(watch.spans.values().all(|span| span.times == 1));
    });
}

#[test]
fn all_rows_are_deleted() {
    both(|mut writer, mut watch| {
        writer.run(&spans(1, 1001));
        watch.until_spans(1000);
        writer.run("DELETE FROM agno_spans");
        writer.run(&spans(2001, 2011));
        watch.until_spans(1010);
        writer.run(&format!("BEGIN; DELETE FROM agno_spans; {}; COMMIT", spans(3001, 3011)));
        watch.until_spans(1020);
    });
}

#[test]
fn vacuum_renumbers_rows() {
    both(|mut writer, mut watch| {
        writer.run(&spans(1, 1001));
        watch.until_spans(1000);
        writer.run("DELETE FROM agno_spans WHERE rowid % 2 = 0; VACUUM");
        writer.run(&spans(2001, 2011));
        watch.until_spans(1010);
        // Renumber the rows, in case VACUUM does not do it in this version.
        writer.run("BEGIN; CREATE TABLE moved AS SELECT * FROM agno_spans; DELETE FROM agno_spans; INSERT INTO agno_spans SELECT * FROM moved; COMMIT");
        writer.run(&spans(3001, 3011));
        watch.until_spans(1020);
        watch.until_watching();
        for number in [1, 501, 999, 2005, 3003] {
            let payload = watch.payload(number).unwrap();
            assert_eq!(payload.attributes[0].1, agno_top::model::Value::Text(format!("input {number}")));
        }
    });
}

#[test]
fn live_rows_do_not_wait_for_history() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::wal(&path);
    writer.run(&spans(1, 200_001));
    let mut watch = Watch::new(&path);
    watch.until("the first batch", |watch| !watch.batches.is_empty());
    assert_eq!(watch.batches[0].len(), 512);
    assert_eq!(watch.batches[0][0], id(200_000));
    writer.run(&spans(300_001, 300_002));
    watch.until_span(300_001);
    assert!(watch.spans.len() < 150_000, "the new span came after {} others", watch.spans.len());
    assert!(watch.states.iter().any(|state| matches!(state, State::Loading { done, total: 200_000 } if *done > 0)), "{:?}", watch.states);
    watch.until_spans(200_001);
    assert!(watch.spans.values().all(|span| span.times == 1));
    assert_eq!(watch.spans[&id(300_001)].origin, Origin::Live);
    assert_eq!(watch.spans[&id(1)].origin, Origin::History);
}

#[test]
fn rows_are_renumbered_while_history_loads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::wal(&path);
    writer.run(&spans(1, 50_001));
    let mut watch = Watch::new(&path);
    watch.until("some batches", |watch| watch.batches.len() > 2);
    writer.run("BEGIN; CREATE TABLE moved AS SELECT * FROM agno_spans WHERE rowid > 100; DELETE FROM agno_spans; INSERT INTO agno_spans SELECT * FROM moved; COMMIT");
    writer.run(&spans(60_001, 60_011));
    watch.until_span(60_010);
    watch.until_watching();
    let last: Vec<u64> = (101..50_001).chain(60_001..60_011).filter(|number| !watch.spans.contains_key(&id(*number))).collect();
    assert_eq!(last, Vec::<u64>::new());
}
