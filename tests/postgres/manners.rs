//! The source does not disturb the agent and its database.

use std::time::Duration;

use crate::server::{Server, watch};
use crate::writer::spans;

const WATCHER: &str = "FROM pg_stat_activity WHERE application_name = 'agno-top' AND datname = current_database()";

#[test]
fn a_user_needs_only_to_read_two_tables() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 1001));
    writer.run(&format!(
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE ROLE reader_{database} LOGIN; \
         GRANT CONNECT ON DATABASE {database} TO reader_{database}; GRANT USAGE ON SCHEMA ai TO reader_{database}; \
         GRANT SELECT ON ai.agno_spans, ai.agno_traces TO reader_{database}"
    ));
    let mut watch = watch(&format!("postgresql+asyncpg://reader_{database}@127.0.0.1:{}/{database}", server.port), u64::MAX);
    watch.until_spans(1000);
    watch.until_watching();
    writer.run(&spans(1001, 1011));
    watch.until_spans(1010);
    assert_eq!(watch.payload(1005).unwrap().notes.len(), 4, "what the trace says is read, too");
    // Without the table of traces only the notes are missing.
    writer.run(&format!("REVOKE SELECT ON ai.agno_traces FROM reader_{database}"));
    assert_eq!(watch.payload(1005).unwrap().notes.len(), 0);
}

#[test]
fn one_connection_holds_nothing_between_polls() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 101));
    let mut watch = server.watch(&database);
    watch.until_spans(100);
    watch.until_watching();
    for round in 0..20 {
        writer.run(&spans(1000 + round, 1001 + round));
        watch.until_spans(101 + round as usize);
        std::thread::sleep(Duration::from_millis(10));
        let states = writer.ask(&format!("SELECT state {WATCHER}"));
        assert_eq!(states.len(), 1, "{states:?}");
        let held = writer.ask(&format!("SELECT pid {WATCHER} AND xact_start < clock_timestamp() - interval '1 s'"));
        assert_eq!(held, Vec::<String>::new());
    }
    assert_eq!(writer.ask("SELECT count(*) FROM pg_class WHERE relpersistence = 't'"), ["0"], "nothing is created");
    assert_eq!(writer.ask("SELECT count(*) FROM pg_prepared_statements"), ["0"]);
    watch.end();
    // The server notices the closed connection.
    while !writer.ask(&format!("SELECT pid {WATCHER}")).is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_writer_never_waits() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 20_001));
    let mut watch = server.watch(&database);
    writer.run("SET lock_timeout = 200");
    for number in 0..50 {
        writer.run(&spans(30_000 + number, 30_001 + number));
        // A change of the table waits for readers, which must be short.
        writer.run(&format!("ALTER TABLE ai.agno_spans ADD COLUMN c{number} int"));
    }
    watch.until_spans(20_050);
}

#[test]
fn a_server_whose_other_databases_are_busy_is_asked_seldom() {
    let Some(mut server) = Server::new() else { return };
    server.stop();
    server.start(&["log_statement=all", "log_line_prefix=<%a %u>"]);
    let (own, other) = (server.database(), server.database());
    // A connection that stays open reports what it wrote ten seconds late.
    server.writer(&own).run(&spans(1, 11));
    // A plain reader does not see who works in the database.
    server.writer(&own).run("CREATE ROLE viewer LOGIN; GRANT USAGE ON SCHEMA ai TO viewer; GRANT SELECT ON ai.agno_spans TO viewer");
    let users = ["postgres", "viewer"];
    let mut watches = users.map(|user| watch(&server.url(&own).replace("postgres@", &format!("{user}@")), u64::MAX));
    for watch in &mut watches {
        watch.until_spans(10);
        watch.until_watching();
    }
    // The transaction begins with two statements in one message.
    let statements = |server: &Server| {
        let log = server.log();
        users.map(|user| {
            log.lines()
                .filter(|line| line.contains(&format!("<agno-top {user}>")))
                .map(|line| 1 + line.matches("; ").count())
                .sum::<usize>()
        })
    };
    let mut others = server.writer(&other);
    let mut number = 100;
    let mut busy = |time: Duration| {
        let begun = std::time::Instant::now();
        while begun.elapsed() < time {
            others.run(&spans(number, number + 1));
            number += 1;
        }
    };
    // So long the source believes that the writes may concern it.
    busy(Duration::from_secs(7));
    let before = statements(&server);
    busy(Duration::from_secs(10));
    let after = statements(&server);
    let asked = [0, 1].map(|user| after[user] - before[user]);
    assert!(asked.iter().all(|count| (1..=20).contains(count)), "{asked:?} statements in 10 s");
    server.writer(&own).run(&spans(20, 30));
    for watch in &mut watches {
        watch.until_spans(20);
    }
}

#[test]
fn a_lower_limit_of_the_user_is_kept() {
    let Some(mut server) = Server::new() else { return };
    server.stop();
    server.start(&["log_statement=all", "log_line_prefix=<%a>"]);
    let database = server.database();
    server.writer(&database).run(&format!("ALTER ROLE postgres IN DATABASE {database} SET statement_timeout = '200ms'"));
    server.writer(&database).run(&spans(1, 11));
    let mut watch = server.watch(&database);
    watch.until_spans(10);
    let log = server.log();
    assert!(log.contains("set_config('statement_timeout', '200', true), set_config('lock_timeout', '500', true)"), "{log}");
}

#[test]
fn nothing_is_read_while_nothing_is_written() {
    let Some(server) = Server::new() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 101));
    let mut watch = server.watch(&database);
    watch.until_spans(100);
    watch.until_watching();
    let reads = |writer: &mut crate::writer::Writer| {
        // Version 14 has no such function, and reports at once.
        writer.run("DO $$BEGIN PERFORM pg_stat_force_next_flush(); EXCEPTION WHEN undefined_function THEN NULL; END$$; SELECT pg_stat_clear_snapshot()");
        writer.ask(
            "SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) + heap_blks_read + heap_blks_hit FROM pg_stat_user_tables JOIN \
            pg_statio_user_tables USING (relid) WHERE pg_stat_user_tables.relname = 'agno_spans'",
        )
    };
    // The server updates its counters late, at the latest when the connection was idle for ten seconds.
    std::thread::sleep(Duration::from_secs(1));
    writer.run("CHECKPOINT");
    let mut before = reads(&mut writer);
    std::thread::sleep(Duration::from_millis(1500));
    let mut after = reads(&mut writer);
    for _ in 0..10 {
        if before == after {
            break;
        }
        before = after;
        std::thread::sleep(Duration::from_millis(1500));
        after = reads(&mut writer);
    }
    assert_eq!(before, after);
}
