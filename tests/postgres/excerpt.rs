//! Commands that read a part of a database say what a read of everything says, which a database without an index is read with.

use std::path::Path;
use std::process::Command;

use crate::server::Server;
use crate::writer::spans;

/// Has an agent run in each trace.
const AGENTS: &str = "UPDATE ai.agno_spans SET attributes = attributes || '{\"openinference.span.kind\": \"AGENT\", \"agent.name\": \"a\"}' \
    WHERE substr(name, 6)::int % 10 = 0";

/// Returns the exit code, standard output without the name of the database, and the log.
fn answer(directory: &Path, server: &Server, database: &str, question: &str) -> (Option<i32>, String, String) {
    let (url, log) = (server.url(database), directory.join(".local/state/agno-top/agno-top.log"));
    let mut program = Command::new(env!("CARGO_BIN_EXE_agno-top"));
    program.env_clear().env("HOME", directory).args(question.split(' ')).args(["--log-level", "debug", &url]);
    let output = program.output().unwrap();
    let name = url.rsplit('@').next().unwrap_or_default();
    let text = String::from_utf8(output.stdout).unwrap().replace(name, "here").replace(database, "here");
    (output.status.code(), text, std::fs::read_to_string(log).unwrap_or_default())
}

#[test]
fn a_part_of_a_database_has_the_answers_of_the_whole() {
    let Some(server) = Server::shared() else { return };
    let (partitioned, mut writer) = crate::partitions::database(server);
    writer.run("CREATE TABLE ai.early PARTITION OF ai.agno_spans FOR VALUES FROM ('2025-11-01T00') TO ('2025-11-01T03')");
    writer.run("CREATE TABLE ai.others PARTITION OF ai.agno_spans DEFAULT");
    let databases = [server.database(), server.database(), partitioned];
    for (database, is_whole) in databases.iter().zip([false, true, false]) {
        let mut writer = server.writer(database);
        writer.run(&spans(1, 3001));
        // Traces of ten spans, a minute apart, a few of them failed or long.
        writer.run(
            "UPDATE ai.agno_spans SET start_time = replace((timestamp '2025-11-01' + substr(name, 6)::int / 10 * interval '1 min')::text, ' ', 'T') \
             || '+00:00'",
        );
        writer.run(
            "UPDATE ai.agno_spans SET end_time = CASE WHEN substr(name, 6)::int % 70 = 0 \
             THEN replace((left(start_time, 19)::timestamp + interval '9 min')::text, ' ', 'T') || '+00:00' ELSE start_time END, \
             status_code = CASE WHEN substr(name, 6)::int % 90 = 0 THEN 'ERROR' ELSE 'OK' END",
        );
        writer.run("UPDATE ai.agno_spans SET created_at = end_time");
        writer.run(AGENTS);
        if is_whole {
            writer.run(
                "DO $$ DECLARE i text; BEGIN FOR i IN SELECT indexrelid::regclass FROM pg_index \
                 WHERE indrelid = 'ai.agno_spans'::regclass AND pg_get_indexdef(indexrelid) LIKE '%(start_time)' \
                 LOOP EXECUTE 'DROP INDEX ' || i; END LOOP; END $$",
            );
        }
    }
    let mut writer = server.writer(&databases[0]);
    let ids = writer.ask("SELECT DISTINCT trace_id FROM ai.agno_spans ORDER BY 1");
    let old = &ids[ids.len() / 3];
    let directories = [0, 1, 2].map(|_| tempfile::tempdir().unwrap());
    let questions = [
        "list --limit 3 --json".to_owned(),
        "list --limit 3 --all".to_owned(),
        "list --limit 2 --filter status:error --json".to_owned(),
        "list --since 2025-11-01T04:30:00Z --json".to_owned(),
        "list --filter since:2025-11-01T04:30:00Z --json".to_owned(),
        format!("list --filter trace:{old} --json"),
        "stats --since 2025-11-01T04:30:00Z --by tool --json".to_owned(),
        "stats --since 2025-11-01T01:00:00Z --until 2025-11-01T01:10:00Z --by tool --json".to_owned(),
        format!("show {old} --json --payload"),
        "show last --json".to_owned(),
        format!("export {old}"),
        "export --limit 2".to_owned(),
    ];
    for question in &questions {
        let [part, whole, partitioned] = [0, 1, 2].map(|at| answer(directories[at].path(), server, &databases[at], question));
        assert_eq!((part.0, &part.1), (whole.0, &whole.1), "{question}");
        assert_eq!((part.0, &part.1), (partitioned.0, &partitioned.1), "partitioned: {question}");
    }
    let [part, whole, partitioned] = [0, 1, 2].map(|at| answer(directories[at].path(), server, &databases[at], "list --limit 1").2);
    for part in [part, partitioned] {
        assert!(part.matches("read a part").count() > questions.len() / 2, "{part}");
    }
    assert!(!whole.contains("read a part"), "{whole}");
}

/// The statements do not read whole tables, however few rows match.
#[test]
fn a_part_is_found_by_indexes() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 20_001));
    writer.run(AGENTS);
    // Each trace in a second of its own.
    writer.run(
        "UPDATE ai.agno_spans SET start_time = start, end_time = start, created_at = start FROM (SELECT span_id AS id, replace((timestamp \
         '2025-11-01' + substr(name, 6)::int / 10 * interval '1 s')::text, ' ', 'T') || '+00:00' AS start FROM ai.agno_spans) AS times \
         WHERE span_id = id",
    );
    writer.run("VACUUM ANALYZE ai.agno_spans");
    writer.run("SELECT pg_stat_reset()");
    let directory = tempfile::tempdir().unwrap();
    let question = format!("show {:032x}", 500);
    for question in [question.as_str(), "list --limit 3 --json"] {
        let (code, text, log) = answer(directory.path(), server, &database, question);
        assert!(code == Some(0) && log.contains("read a part"), "{question}: {text} {log}");
        std::fs::remove_dir_all(directory.path().join(".local")).unwrap();
    }
    let reads = writer.rows("SELECT seq_scan, idx_tup_fetch FROM pg_stat_all_tables WHERE relid = 'ai.agno_spans'::regclass");
    let version: u32 = writer.rows("SHOW server_version_num")[0][0].as_ref().unwrap().parse().unwrap();
    // Before 15, the counters of earlier statements come after they were reset.
    if version < 150_000 {
        return;
    }
    let [scans, rows] = [0, 1].map(|column| reads[0][column].as_ref().unwrap().parse::<u64>().unwrap());
    assert!(scans == 0 && rows < 10_000, "{scans} scans of the table, {rows} rows");
}
