//! The cost of polls on the server, which explains every statement that it runs.

use std::fmt::Write as _;
use std::time::Instant;

use crate::server::Server;
use crate::writer::{Writer, spans};

/// Settings that make the server log the plan and the time of every statement.
const EXPLAIN: [&str; 5] = [
    "session_preload_libraries=auto_explain",
    "auto_explain.log_min_duration=0",
    "auto_explain.log_analyze=on",
    "auto_explain.log_timing=off",
    "log_line_prefix=<%a>",
];

/// A statement that was run: its time in milliseconds and its plan.
struct Explained {
    duration: f64,
    plan: String,
}

impl Explained {
    /// Whether it searches for new rows.
    fn is_tail(&self) -> bool {
        self.plan.contains("Query Text: SELECT 'p'")
    }
}

/// Returns the statements of agno-top in the log.
fn explained(log: &str) -> Vec<Explained> {
    let entries = log.split("\n<").filter_map(|entry| entry.strip_prefix("agno-top>"));
    entries
        .filter_map(|entry| {
            let (duration, plan) = entry.split_once("duration: ")?.1.split_once(" ms  plan:")?;
            Some(Explained { duration: duration.parse().ok()?, plan: plan.to_owned() })
        })
        .collect()
}

fn started() -> Option<Server> {
    let mut server = Server::new()?;
    server.stop();
    server.start(&EXPLAIN);
    Some(server)
}

/// Updates the statistics of the planner.
fn analyze(writer: &mut Writer) {
    writer.run("VACUUM ANALYZE");
}

#[test]
fn no_statement_reads_the_whole_table() {
    let Some(server) = started() else { return };
    let view = "ALTER TABLE ai.agno_spans RENAME TO stored; CREATE VIEW ai.agno_spans AS SELECT * FROM ai.stored";
    for (known, kind) in [true, false].into_iter().flat_map(|known| ["table", "partitions", "view"].map(|kind| (known, kind))) {
        let database = if kind == "partitions" { crate::partitions::hashed(&server) } else { server.database() };
        let mut writer = server.writer(&database);
        if kind == "table" {
            writer.run("ALTER TABLE ai.agno_spans SET (autovacuum_enabled = false)");
        } else if kind == "view" {
            writer.run(view);
        }
        writer.run(&spans(1, 30_001));
        if known {
            analyze(&mut writer);
        }
        let mut watch = server.watch(&database);
        watch.until_spans(30_000);
        for number in 0..100 {
            writer.run(&spans(40_000 + number, 40_001 + number));
            watch.until_spans(30_001 + number as usize);
        }
        assert!(watch.payload(7).is_ok());
        watch.end();
    }
    let log = server.log();
    let statements = explained(&log);
    assert!(statements.len() > 400, "{}", statements.len());
    for statement in &statements {
        assert!(
            !["agno_spans", "part_", "stored"]
                .iter()
                .map(|table| format!("Seq Scan on {table}"))
                .any(|scan| statement.plan.contains(&scan)),
            "{}",
            statement.plan
        );
        assert!(!statement.plan.contains("Bitmap Heap Scan"), "{}", statement.plan);
        let removed = statement.plan.split("Rows Removed by Filter: ").skip(1).filter_map(|rest| rest.lines().next()?.parse::<u64>().ok());
        assert!(removed.sum::<u64>() < 20_000, "{}", statement.plan);
    }
    let mut tails: Vec<f64> = statements.iter().filter(|statement| statement.is_tail()).map(|statement| statement.duration).collect();
    tails.sort_by(f64::total_cmp);
    let [median, slow] = [tails.len() / 2, tails.len() * 95 / 100].map(|at| tails[at]);
    eprintln!("{} looks for new rows: median {median} ms, 95th percentile {slow} ms", tails.len());
    assert!(median < 2.0, "{median} ms");
}

/// Prints the cost with a million spans on the server.
///
/// `cargo test --release --test postgres -- --ignored --nocapture a_million_spans`
#[test]
#[ignore = "takes minutes and two gigabytes"]
fn a_million_spans() {
    let Some(server) = started() else { return };
    let database = crate::rows::agno(&server, "agno-3.1.10.sqlite");
    let mut writer = server.writer(&database);
    writer.run("CREATE TABLE seed AS SELECT * FROM ai.agno_spans; SET session_replication_role = replica");
    let mut sql = "INSERT INTO ai.agno_spans SELECT ".to_owned();
    for column in ["span_id", "trace_id", "parent_span_id"] {
        let _ = write!(sql, "lpad(to_hex(i), 8, '0') || substr({column}, 9), ");
    }
    sql += "name, span_kind, status_code, status_message, start_time, end_time, duration_ms, attributes, \
        to_char('2026-01-01'::timestamp + i * interval '10 s', 'YYYY-MM-DD\"T\"HH24:MI:SS.US') || '+00:00' FROM generate_series(1, 13333) AS i, seed ORDER BY i";
    writer.run(&sql);
    analyze(&mut writer);
    let begun = Instant::now();
    let mut watch = server.watch(&database);
    watch.until("the first batch", |watch| !watch.batches.is_empty());
    eprintln!("first {} spans after {:?}", watch.batches[0].len(), begun.elapsed());
    watch.until_watching();
    eprintln!("{} spans after {:?}", watch.spans.len(), begun.elapsed());
    let mut times = Vec::new();
    for number in 0..300 {
        writer.run(&spans(number + 1, number + 2));
        let committed = Instant::now();
        watch.until_span(number + 1);
        times.push(committed.elapsed());
    }
    times.sort();
    eprintln!("commit to update: median {:?}, 99th percentile {:?}", times[150], times[296]);
    watch.end();
    let log = server.log();
    let mut tails: Vec<f64> = explained(&log).iter().filter(|statement| statement.is_tail()).map(|statement| statement.duration).collect();
    tails.sort_by(f64::total_cmp);
    eprintln!(
        "{} looks for new rows: median {} ms, 99th percentile {} ms",
        tails.len(),
        tails[tails.len() / 2],
        tails[tails.len() * 99 / 100]
    );
    let last = explained(&log).into_iter().rfind(Explained::is_tail);
    eprintln!("{}", last.map_or_else(String::new, |statement| statement.plan));
}
