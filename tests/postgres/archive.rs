//! The commands `archive`, `prune` and `restore` on PostgreSQL.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::server::Server;
use crate::writer::{Writer, spans};

const TABLES: [&str; 2] =
    ["SELECT t::text FROM ai.agno_traces t ORDER BY trace_id", "SELECT s::text FROM ai.agno_spans s ORDER BY span_id"];

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_agno-top"));
    program.env_clear().env("HOME", directory).current_dir(directory).args(arguments).output().unwrap()
}

fn succeed(directory: &Path, arguments: &[&str]) -> String {
    let output = run(directory, arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {message}");
    message
}

fn rows(writer: &mut Writer) -> [Vec<String>; 2] {
    TABLES.map(|sql| writer.ask(sql))
}

#[test]
fn archive_delete_and_restore_is_a_round_trip_while_an_agent_writes() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    // Columns that agno-top does not know, one of them generated.
    writer.run(
        "ALTER TABLE ai.agno_spans ADD at timestamptz DEFAULT '2026-01-02 03:04:05.678+01', ADD bytes bytea DEFAULT '\\x00ff', \
         ADD numbers double precision[] DEFAULT '{0.1,NaN}', ADD size integer GENERATED ALWAYS AS (length(name)) STORED",
    );
    writer.run(&spans(10, 3010));
    let before = rows(&mut writer);
    let directory = tempfile::tempdir().unwrap();
    let url = server.url(&database);
    let stop = AtomicBool::new(false);
    let (written, message) = std::thread::scope(|scope| {
        let (mut agent, stop) = (server.writer(&database), &stop);
        let agent = scope.spawn(move || {
            let mut next = 100_000;
            while !stop.load(Ordering::Relaxed) {
                agent.run(&spans(next, next + 10).replace("2026-11-22T05:59:0", "2200-11-22T05:59:0"));
                next += 10;
            }
            next - 100_000
        });
        let output = run(directory.path(), &["archive", &url, "--older-than", "0s", "-o", "a.jsonl.zst", "--delete"]);
        stop.store(true, Ordering::Relaxed);
        (agent.join().unwrap(), String::from_utf8(output.stderr).unwrap())
    });
    assert!(message.contains("deleted 3,000 spans of 300 traces"), "{message}");
    let kept = |writer: &mut Writer| writer.ask("SELECT count(*) FROM ai.agno_spans WHERE start_time LIKE '2200%'");
    assert_eq!(kept(&mut writer), [written.to_string()], "the agent's spans are all there");
    assert_eq!(writer.ask("SELECT count(*) FROM ai.agno_spans WHERE start_time NOT LIKE '2200%'"), ["0"]);
    writer.run("TRUNCATE ai.agno_spans, ai.agno_traces");
    let message = succeed(directory.path(), &["restore", "a.jsonl.zst", "--to", &url]);
    assert!(message.contains("restored 3,000 spans of 300 traces"), "{message}");
    assert_eq!(rows(&mut writer), before);
    let message = succeed(directory.path(), &["restore", "a.jsonl.zst", "--to", &url]);
    assert!(message.contains("restored 0 spans of 0 traces; 3,000 spans there before"), "{message}");
    assert_eq!(rows(&mut writer), before);
}

#[test]
fn changed_traces_stay_and_missing_rights_are_named() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(0, 40));
    let directory = tempfile::tempdir().unwrap();
    let url = server.url(&database);
    let archive = ["archive", &url, "--older-than", "0s", "-o", "a.jsonl.zst"];
    succeed(directory.path(), &archive);
    writer.run("UPDATE ai.agno_spans SET attributes = '{}' WHERE span_id = lpad('1', 16, '0'); DELETE FROM ai.agno_spans WHERE span_id = lpad('f', 16, '0')");
    let message = succeed(directory.path(), &[&archive[..], &["--delete", "--resume"]].concat());
    assert!(message.contains("deleted 20 spans of 2 traces") && message.contains("2 traces changed meanwhile"), "{message}");
    writer.run("CREATE TABLE ai.notes (trace_id varchar REFERENCES ai.agno_traces)");
    let output = run(directory.path(), &["prune", &url, "--older-than", "0s", "--yes"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("rows of ai.notes refer to traces"), "{output:?}");
    writer.run("DROP TABLE ai.notes; CREATE ROLE archive_reader LOGIN; GRANT USAGE ON SCHEMA ai TO archive_reader; GRANT SELECT ON ALL TABLES IN SCHEMA ai TO archive_reader");
    let reader = url.replace("postgres@", "archive_reader@");
    assert_ne!(reader, url);
    let output = run(directory.path(), &["prune", &reader, "--older-than", "0s", "--yes"]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("archive_reader may not delete from") && message.contains("GRANT SELECT, DELETE ON"), "{message}");
    let message = succeed(directory.path(), &["prune", &url, "--older-than", "0s", "--yes"]);
    assert!(message.contains("deleted 19 spans of 2 traces"), "{message}");
}
