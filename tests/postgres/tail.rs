//! Following new rows, in any order of commits and with any clocks.

use std::time::{Duration, Instant};

use agno_top::model::Origin;
use agno_top::sources::State;

use crate::server::Server;
use crate::watch::{Watch, id};
use crate::writer::{Writer, spans, spans_at};

fn once_each(watch: &Watch) {
    let often: Vec<_> = watch.spans.iter().filter(|(_, seen)| seen.times != 1).map(|(id, seen)| (*id, seen.times)).collect();
    assert_eq!(often, []);
}

#[test]
fn new_rows_are_sent_once_as_live() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let (mut writer, mut watch) = (server.writer(&database), server.watch(&database));
    watch.until_watching();
    for number in 1..30 {
        writer.run(&spans(number, number + 1));
        watch.until_spans(number as usize);
    }
    writer.run(&spans(30, 10_000));
    watch.until_spans(9_999);
    once_each(&watch);
    assert!(watch.spans.values().all(|span| span.origin == Origin::Live));
}

#[test]
fn a_tail_of_ten_thousand_spans_by_two_writers_misses_none() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut watch = server.watch(&database);
    watch.until_watching();
    std::thread::scope(|scope| {
        for number in 0..2_u64 {
            let mut writer = server.writer(&database);
            // The clock of one writer is an hour behind.
            scope.spawn(move || {
                for part in 0..100 {
                    let from = 1 + number * 5000 + part * 50;
                    writer.run(&spans_at(from, from + 50, -3600 * number as i64));
                }
            });
        }
        watch.until_spans(10_000);
    });
    once_each(&watch);
    assert!(watch.spans.values().all(|span| span.origin == Origin::Live));
}

#[test]
#[ignore = "measures"]
fn the_time_from_a_commit_to_its_update() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let (mut writer, mut watch) = (server.writer(&database), server.watch(&database));
    watch.until_watching();
    let mut times = Vec::new();
    for number in 1..=100 {
        writer.run(&spans(number, number + 1));
        let committed = Instant::now();
        watch.until_span(number);
        times.push(committed.elapsed());
    }
    times.sort();
    eprintln!("commit to update: median {:?}, 99th percentile {:?}, longest {:?}", times[50], times[98], times[99]);
}

#[test]
fn a_transaction_is_seen_when_it_commits() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let (mut writer, mut other, mut watch) = (server.writer(&database), server.writer(&database), server.watch(&database));
    watch.until_watching();
    writer.run(&format!(
        "BEGIN; {}; SAVEPOINT a; {}; RELEASE a; SAVEPOINT b; {}; ROLLBACK TO b",
        spans(1, 2),
        spans(11, 12),
        spans(21, 22)
    ));
    // Many rows of other transactions follow, so that the first ones are far from the end of the table.
    for from in 1..6 {
        other.run(&spans(from * 1000, from * 1000 + 1000));
        watch.until_spans(from as usize * 1000);
    }
    writer.run("COMMIT");
    watch.until_spans(5002);
    assert!(watch.spans.contains_key(&id(1)) && watch.spans.contains_key(&id(11)));
    once_each(&watch);
}

#[test]
fn rows_written_before_the_start_are_sent_when_their_transaction_commits() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let (mut writer, mut other) = (server.writer(&database), server.writer(&database));
    writer.run(&format!("BEGIN; {}", spans_at(1, 100, -7200)));
    other.run(&spans(1000, 6000));
    let mut watch = server.watch(&database);
    watch.until_spans(5000);
    watch.until_watching();
    writer.run("COMMIT");
    watch.until_spans(5099);
    once_each(&watch);
}

#[test]
fn a_prepared_transaction_is_seen_when_it_commits() {
    let Some(mut server) = Server::new() else { return };
    server.stop();
    server.start(&["max_prepared_transactions=5"]);
    let database = server.database();
    let (mut writer, mut watch) = (server.writer(&database), server.watch(&database));
    watch.until_watching();
    writer.run(&format!("BEGIN; {}; PREPARE TRANSACTION 'x'", spans(1, 3)));
    writer.run(&spans(11, 12));
    watch.until_spans(1);
    writer.run("COMMIT PREPARED 'x'");
    watch.until_spans(3);
}

#[test]
fn no_row_is_missed() {
    let Some(server) = Server::shared() else { return };
    follow_disorder(server, &server.database());
}

#[test]
fn no_row_of_a_partition_is_missed() {
    let Some(server) = Server::shared() else { return };
    follow_disorder(server, &crate::partitions::hashed(server));
}

#[test]
fn no_row_of_a_view_is_missed() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    server.writer(&database).run("ALTER TABLE ai.agno_spans RENAME TO stored; CREATE VIEW ai.agno_spans AS SELECT * FROM ai.stored");
    follow_disorder(server, &database);
}

/// Writers with clocks that differ by hours, transactions of any length that commit out of order, rows in freed space.
fn follow_disorder(server: &'static Server, database: &str) {
    let mut admin = server.writer(database);
    // Much of the table is free space that new rows fill.
    admin.run(&spans(500_000, 510_000));
    admin.run("DELETE FROM ai.agno_spans WHERE right(span_id, 1) < 'a'");
    admin.run("VACUUM");
    let left: usize = admin.ask("SELECT count(*) FROM ai.agno_spans")[0].parse().unwrap();
    let mut watch = server.watch(database);
    watch.until("some spans", |watch| !watch.spans.is_empty());
    let writers: Vec<_> = (0..8_u64)
        .map(|number| {
            let mut writer = server.writer(database);
            std::thread::spawn(move || write_in_disorder(&mut writer, number))
        })
        .collect();
    let written: usize = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
    let begun = Instant::now();
    watch.until_spans(left + written);
    eprintln!("the last of {written} rows came {:?} after the last commit", begun.elapsed());
    watch.until_watching();
    once_each(&watch);
}

/// Old dates: only a sweep finds such rows. What makes it due are counters, which come late, and of which version 14 has none while the
/// writer's connection rests.
#[test]
fn rows_with_old_dates_in_freed_space_are_found() {
    let Some(server) = Server::new() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 60_001));
    writer.run("DELETE FROM ai.agno_spans WHERE ctid BETWEEN '(100,0)' AND '(200,0)'");
    writer.run("VACUUM ANALYZE ai.agno_spans");
    let left: usize = writer.ask("SELECT count(*) FROM ai.agno_spans")[0].parse().unwrap();
    let mut watch = server.watch(&database);
    watch.until_spans(left);
    watch.until_watching();
    writer.run(&spans_at(70_001, 70_006, -400 * 86_400));
    watch.until_spans(left + 5);
    assert_eq!(watch.spans[&id(70_001)].origin, Origin::Live);
}

/// Writes some hundred rows. Returns the number of committed rows.
fn write_in_disorder(writer: &mut Writer, number: u64) -> usize {
    const CLOCKS: [i64; 8] = [0, -60, 3600, -3600, 18_000, -86_400, 5, -900];
    let (mut random, mut next, mut written) = (number + 1, (number + 1) * 10_000, 0);
    let mut dice = |sides: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % sides
    };
    for _ in 0..25 {
        writer.run("BEGIN");
        let commits = dice(5) > 0;
        for _ in 0..=dice(4) {
            let rows = 1 + dice(6);
            writer.run(&spans_at(next, next + rows, CLOCKS[number as usize]));
            // Rows of different transactions belong to different traces; else one writer would wait for the other.
            next += 20;
            written += if commits { rows as usize } else { 0 };
            std::thread::sleep(Duration::from_millis(dice(30)));
        }
        writer.run(if commits { "COMMIT" } else { "ROLLBACK" });
    }
    written
}

#[test]
fn live_rows_do_not_wait_for_history() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 100_001));
    writer.run("ANALYZE ai.agno_spans");
    let mut watch = server.watch(&database);
    watch.until("the first batch", |watch| !watch.batches.is_empty());
    assert_eq!(watch.batches[0].len(), 512);
    assert_eq!(watch.batches[0][0], id(100_000));
    writer.run(&spans(300_001, 300_002));
    watch.until_span(300_001);
    assert!(watch.spans.len() < 90_000, "the new span came after {} others", watch.spans.len());
    assert!(watch.states.iter().any(|state| matches!(state, State::Loading { done, total: 100_000 } if *done > 0)), "{:?}", watch.states);
    watch.until_spans(100_001);
    once_each(&watch);
    assert_eq!((watch.spans[&id(300_001)].origin, watch.spans[&id(1)].origin), (Origin::Live, Origin::History));
}

#[test]
fn updated_rows_are_sent_again() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let (mut writer, mut watch) = (server.writer(&database), server.watch(&database));
    writer.run(&spans(1, 2001));
    watch.until_spans(2000);
    watch.until_watching();
    writer.run("UPDATE ai.agno_spans SET name = 'other' WHERE span_id = lpad('7', 16, '0')");
    watch.until("the new name", |watch| watch.spans[&id(7)].name == "other");
}

#[test]
fn the_table_is_truncated_or_rewritten() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let (mut writer, mut watch) = (server.writer(&database), server.watch(&database));
    writer.run(&spans(1, 2001));
    watch.until_spans(2000);
    writer.run("DELETE FROM ai.agno_spans WHERE right(span_id, 1) < 'c'");
    writer.run("VACUUM FULL ai.agno_spans");
    writer.run(&spans_at(10_001, 10_011, -7200));
    watch.until_spans(2010);
    writer.run(&format!("BEGIN; TRUNCATE ai.agno_spans; {}; COMMIT", spans(20_001, 20_101)));
    watch.until_spans(2110);
    once_each(&watch);
}

#[test]
fn a_rewrite_of_the_table_makes_no_old_row_new() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans_at(1, 501, -3600));
    let mut watch = server.watch(&database);
    watch.until_spans(500);
    watch.until_watching();
    writer.run("ALTER TABLE ai.agno_spans ADD COLUMN extra double precision DEFAULT random()");
    writer.run(&spans_at(501, 502, 3600).replace("2026-11-22T05:59:05", "2099-01-01T00:00:00"));
    watch.until("the rewritten rows", |watch| watch.spans.values().filter(|seen| seen.times == 2).count() >= 499);
    watch.until_span(501);
    let live: Vec<_> = watch.spans.iter().filter(|(_, seen)| seen.origin == Origin::Live).map(|(id, _)| *id).collect();
    assert_eq!(live, [id(501)]);
}

#[test]
fn a_transaction_running_at_the_start_does_not_bring_in_rows_beyond_the_limit() {
    let Some(server) = Server::new() else { return };
    let database = server.database();
    let (mut writer, mut open) = (server.writer(&database), server.writer(&database));
    open.run(&format!("BEGIN; {}", spans(100_001, 100_011)));
    writer.run(&spans(1, 5001));
    let mut watch = crate::server::watch(&server.url(&database), 1000);
    watch.until_spans(1000);
    watch.until_watching();
    open.run("COMMIT");
    watch.until_spans(1010);
    // Written later by a clock that is behind: it is new all the same.
    writer.run(&spans_at(200_001, 200_011, -7200));
    watch.until_spans(1020);
    once_each(&watch);
    assert_eq!(watch.spans[&id(200_001)].origin, Origin::Live);
}

#[test]
fn transactions_ending_while_history_loads_do_not_bring_in_rows_beyond_the_limit() {
    let Some(server) = Server::new() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    let mut open: Vec<_> = (0..20).map(|_| server.writer(&database)).collect();
    // Each in a trace of its own; else one would wait for the other.
    let late = |number: usize| 100_000 + 100 * number as u64;
    for (number, open) in open.iter_mut().enumerate() {
        open.run(&format!("BEGIN; {}", spans(late(number), late(number) + 1)));
    }
    writer.run(&spans(1, 20_001));
    let mut watch = crate::server::watch(&server.url(&database), 5000);
    watch.until_spans(512);
    for open in &mut open {
        open.run("COMMIT");
    }
    watch.until_watching();
    for number in 0..20 {
        watch.until_span(late(number));
    }
    once_each(&watch);
    let old = (1..20_001).filter(|number| watch.spans.contains_key(&id(*number))).count();
    assert!(old <= 5000, "{old}");
}

#[test]
fn old_rows_are_left_out_at_the_limit() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 5001));
    writer.run("UPDATE ai.agno_spans SET parent_span_id = lpad('7', 16, '0') WHERE span_id > lpad(to_hex(4990), 16, '0')");
    writer.run("UPDATE ai.agno_spans SET parent_span_id = lpad('3', 16, '0') WHERE span_id = lpad('7', 16, '0')");
    let mut watch = crate::server::watch(&server.url(&database), 1000);
    watch.until_watching();
    assert!(watch.batches[0].contains(&id(7)) && watch.batches[0].contains(&id(3)), "parents come with the first rows");
    assert_eq!(watch.spans.len(), 1002);
    assert_eq!(watch.states.last(), Some(&State::Watching { left_out: 4000 }));
}
