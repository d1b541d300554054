//! The life of a server: started late, restarted, connections killed, tables dropped and created again.

use agno_top::sources::State;

use crate::failures::once_each;
use crate::server::{SCHEMA, Server};
use crate::watch::id;
use crate::writer::{spans, spans_at};

#[test]
fn the_server_starts_late_and_is_restarted() {
    let Some(mut server) = Server::new() else { return };
    let database = server.database();
    server.writer(&database).run(&spans(1, 101));
    server.stop();
    let mut watch = server.watch(&database);
    watch.until_message("can't be reached");
    server.start(&[]);
    watch.until_spans(100);
    watch.until_watching();
    for round in 1..4 {
        // Rows written just before the stop, by wrong clocks, are the easiest to miss.
        server.writer(&database).run(&spans_at(round * 1000, round * 1000 + 50, -7200));
        server.stop();
        watch.until_message("can't be reached");
        server.start(&[]);
        server.writer(&database).run(&spans(round * 1000 + 50, round * 1000 + 100));
        watch.until_spans(100 + round as usize * 100);
        watch.until_watching();
    }
    once_each(&watch);
    assert!(watch.payload(1050).is_ok());
}

#[test]
fn the_server_crashes() {
    let Some(mut server) = Server::new() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 101));
    let mut watch = server.watch(&database);
    watch.until_spans(100);
    writer.run(&format!("BEGIN; {}", spans(501, 510)));
    writer.run(&spans(511, 512));
    server.crash();
    watch.until("a failure", |watch| matches!(watch.states.last(), Some(State::Failing(_))));
    drop(writer);
    server.start(&[]);
    server.writer(&database).run(&spans(601, 651));
    watch.until_spans(150);
    once_each(&watch);
}

#[test]
fn connections_are_killed() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let (mut writer, mut watch) = (server.writer(&database), server.watch(&database));
    watch.until_watching();
    for round in 1..20 {
        let killed = writer.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'agno-top' AND datname = current_database()",
        );
        assert!(killed.len() <= 1, "there is one connection: {killed:?}");
        writer.run(&spans(round, round + 1));
        watch.until_spans(round as usize);
    }
    writer
        .run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'agno-top' AND datname = current_database()");
    assert!(watch.payload(3).is_ok());
    once_each(&watch);
}

#[test]
fn connections_are_killed_while_history_loads() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 30_001));
    let mut watch = server.watch(&database);
    for part in 1..6 {
        watch.until("some spans", |watch| watch.spans.len() > part * 3000);
        writer.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'agno-top' AND datname = current_database()",
        );
    }
    watch.until_spans(30_000);
    watch.until_watching();
    once_each(&watch);
}

#[test]
fn the_table_is_dropped_and_created_again() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let (mut writer, mut watch) = (server.writer(&database), server.watch(&database));
    writer.run(&spans(1, 11));
    watch.until_spans(10);
    writer.run("DROP TABLE ai.agno_spans, ai.agno_traces");
    watch.until_message("has no table ai.agno_spans yet");
    assert!(watch.payload(3).is_err());
    writer.run(&SCHEMA.replace("CREATE SCHEMA ai;", ""));
    writer.run(&spans(21, 31));
    watch.until_spans(20);
    // In one transaction, so that there is no poll in between.
    writer.run(&format!("BEGIN; DROP SCHEMA ai CASCADE; {SCHEMA}; {}; COMMIT", spans(41, 51)));
    watch.until_spans(30);
    once_each(&watch);
    assert_eq!(watch.payload(3), Err(format!("this span is no longer in postgres://postgres@127.0.0.1:{}/{database}", server.port)));
    assert!(watch.payload(45).is_ok());
}

#[test]
fn a_column_is_added_and_a_type_changed() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let (mut writer, mut watch) = (server.writer(&database), server.watch(&database));
    writer.run(&spans(1, 11));
    watch.until_spans(10);
    watch.until_watching();
    writer.run("ALTER TABLE ai.agno_spans ADD COLUMN more int; ALTER TABLE ai.agno_spans ALTER COLUMN attributes TYPE text");
    writer.run(&spans(21, 31).replace("jsonb_build_object('input.value', 'input ' || i)", "'{\"input.value\": \"as text\"}'"));
    watch.until("the new spans", |watch| watch.spans.contains_key(&id(30)));
    watch.until_watching();
    assert_eq!(watch.spans[&id(30)].input, "as text");
}

#[test]
fn a_standby_is_followed_and_promoted() {
    let Some(server) = Server::new() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 101));
    let Some(standby) = server.standby() else { return };
    let mut watch = standby.watch(&database);
    watch.until_spans(100);
    watch.until_watching();
    let mut late = server.writer(&database);
    late.run(&format!("BEGIN; {}", spans_at(501, 511, -3600)));
    for number in 0..20 {
        writer.run(&spans(1000 + number, 1001 + number));
        watch.until_spans(101 + number as usize);
    }
    late.run("COMMIT");
    watch.until_spans(130);
    standby.writer(&database).run("SELECT pg_wal_replay_pause()");
    watch.until_message("is a standby whose replay is paused");
    standby.writer(&database).run("SELECT pg_wal_replay_resume()");
    writer.run(&spans(1100, 1101));
    watch.until_spans(131);
    drop(server);
    standby.promote();
    standby.writer(&database).run(&spans(2001, 2011));
    watch.until_spans(141);
    once_each(&watch);
}
