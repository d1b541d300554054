//! A partitioned table of spans.

use agno_top::model::Origin;
use agno_top::sources::State;

use crate::server::{SCHEMA, Server, watch};
use crate::watch::{Watch, id};
use crate::writer::Writer;

/// Returns Agno's tables, with the spans in partitions.
fn schema(partitions: &str) -> String {
    let end_of_spans = "created_at character varying NOT NULL\n);\nCREATE TABLE ai.agno_traces";
    let partitioned = format!("created_at character varying NOT NULL\n) PARTITION BY {partitions};\nCREATE TABLE ai.agno_traces");
    assert!(SCHEMA.contains(end_of_spans));
    SCHEMA.replace(end_of_spans, &partitioned).replace("ALTER TABLE ONLY ai.agno_spans", "ALTER TABLE ai.agno_spans")
}

/// Creates a database whose spans are spread over four partitions. Returns its name.
pub(crate) fn hashed(server: &Server) -> String {
    let database = server.empty_database();
    let part = |number| format!("CREATE TABLE ai.part_{number} PARTITION OF ai.agno_spans FOR VALUES WITH (MODULUS 4, REMAINDER {number})");
    server.writer(&database).run(&format!("{}; {}", schema("HASH (span_id)"), [0, 1, 2, 3].map(part).join("; ")));
    database
}

fn days(days: &[u32]) -> String {
    let day = |day| {
        let next = day + 1;
        format!("CREATE TABLE ai.spans_{day} PARTITION OF ai.agno_spans FOR VALUES FROM ('2026-11-{day}') TO ('2026-11-{next}')")
    };
    days.iter().map(day).collect::<Vec<_>>().join("; ")
}

/// Returns statements that write spans `from..to` of a day into a table.
fn spans_into(table: &str, day: u32, from: u64, to: u64) -> String {
    let last = to - 1;
    format!(
        "INSERT INTO ai.agno_traces SELECT lpad(to_hex(i), 32, '0'), 'trace', 'OK', '2026-11-22', '2026-11-22', 1, NULL, NULL, NULL, NULL, \
         NULL, NULL, '2026-11-22' FROM generate_series({from} / 10 + 1, {last} / 10 + 1) AS i ON CONFLICT DO NOTHING; \
         INSERT INTO {table} SELECT lpad(to_hex(i), 16, '0'), lpad(to_hex(i / 10 + 1), 32, '0'), NULL, 'span ' || i, 'INTERNAL', 'OK', \
         NULL, '2026-11-{day}T05:59:04+00:00', '2026-11-{day}T05:59:05+00:00', 770, jsonb_build_object('input.value', 'input ' || i), \
         '2026-11-{day}T05:59:05.000000+00:00' FROM generate_series({from}, {last}) AS i"
    )
}

fn spans(day: u32, from: u64, to: u64) -> String {
    spans_into("ai.agno_spans", day, from, to)
}

/// Creates a database with spans in partitions by the day on which they started. Returns its name and a writer.
pub(crate) fn database(server: &Server) -> (String, Writer) {
    let database = server.empty_database();
    let mut writer = server.writer(&database);
    let schema = schema("RANGE (start_time)").replace("PRIMARY KEY (span_id)", "PRIMARY KEY (span_id, start_time)");
    writer.run(&format!("{schema}; {}", days(&[21, 22])));
    (database, writer)
}

fn times(watch: &Watch, numbers: std::ops::Range<u64>) -> Vec<u32> {
    let mut times: Vec<u32> = numbers.map(|number| watch.spans.get(&id(number)).map_or(0, |seen| seen.times)).collect();
    times.dedup();
    times
}

#[test]
fn partitions_are_followed_as_one_table() {
    let Some(server) = Server::shared() else { return };
    let (database, mut writer) = database(server);
    // Equal times and equal places in both partitions, in several pages.
    writer.run(&spans(21, 1, 3001));
    writer.run(&spans(22, 3001, 6001));
    let mut watch = server.watch(&database);
    watch.until_spans(6000);
    watch.until_watching();
    assert_eq!(times(&watch, 1..6001), [1]);
    assert!(watch.payload(3001).is_ok());
    let mut found = watch.search("text:\"input 300\"");
    found.sort_unstable();
    assert_eq!(found, [vec![300], (3000..3010).collect()].concat());
    writer.run(&spans(21, 6001, 6011));
    writer.run(&spans(22, 6011, 6021));
    watch.until_spans(6020);
    // A partition that is attached empty, and one that had rows before.
    writer.run(&days(&[23]));
    writer.run(&spans(23, 7001, 7011));
    watch.until_spans(6030);
    writer.run("CREATE TABLE ai.spans_20 (LIKE ai.agno_spans INCLUDING ALL)");
    writer.run(&spans_into("ai.spans_20", 20, 8001, 9001));
    writer.run("VACUUM FREEZE ai.spans_20");
    writer.run(&spans(22, 9001, 9002));
    watch.until_spans(6031);
    writer.run("ALTER TABLE ai.agno_spans ATTACH PARTITION ai.spans_20 FOR VALUES FROM ('2026-11-20') TO ('2026-11-21')");
    watch.until_spans(7031);
    assert_eq!(watch.spans[&id(7001)].origin, Origin::Live);
    assert_eq!(watch.spans[&id(8001)].origin, Origin::History, "they were written before they came");
    assert_eq!(times(&watch, 6001..6021), [1]);
    assert_eq!(times(&watch, 8001..9001), [1]);
    // A change, one that moves the row into another partition, and a deletion.
    let at = |number: u64| format!("WHERE span_id = '{}'", id(number));
    writer.run(&format!("UPDATE ai.agno_spans SET name = 'renamed' {}", at(6001)));
    writer.run(&format!("UPDATE ai.agno_spans SET name = 'moved', start_time = '2026-11-23T05:59:04+00:00' {}", at(6002)));
    writer.run(&format!("DELETE FROM ai.agno_spans {}", at(6003)));
    watch.until("the changes", |watch| watch.spans[&id(6001)].name == "renamed" && watch.spans[&id(6002)].name == "moved");
    assert!(watch.payload(6003).is_err());
    // A partition that goes, and comes back.
    writer.run("ALTER TABLE ai.agno_spans DETACH PARTITION ai.spans_21");
    writer.run(&spans(22, 9101, 9102));
    watch.until_spans(7032);
    writer.run(&spans_into("ai.spans_21", 21, 9201, 9202));
    writer.run("ALTER TABLE ai.agno_spans ATTACH PARTITION ai.spans_21 FOR VALUES FROM ('2026-11-21') TO ('2026-11-22')");
    watch.until_spans(7033);
    // A partition is emptied and filled again.
    writer.run("TRUNCATE ai.spans_23");
    writer.run(&spans(23, 9301, 9311));
    watch.until_spans(7043);
    assert_eq!(times(&watch, 9301..9311), [1]);
    assert!(matches!(watch.states.last(), Some(State::Watching { .. })));
}

#[test]
fn partitions_that_may_be_read_only_as_one_table_are_followed() {
    let Some(server) = Server::shared() else { return };
    let (database, mut writer) = database(server);
    writer.run(&spans(21, 1, 1001));
    writer.run(&format!(
        "CREATE ROLE reader_{database} LOGIN; GRANT USAGE ON SCHEMA ai TO reader_{database}; \
         GRANT SELECT ON ai.agno_spans, ai.agno_traces TO reader_{database}"
    ));
    let mut watch = watch(&server.url(&database).replace("postgres@", &format!("reader_{database}@")), u64::MAX);
    watch.until_spans(1000);
    watch.until_watching();
    writer.run(&spans(22, 1001, 3001));
    watch.until_spans(3000);
    writer.run(&spans(21, 3001, 3002));
    watch.until_spans(3001);
    assert_eq!(times(&watch, 1..3002), [1]);
}

#[test]
fn the_limit_leaves_out_the_oldest_rows_of_all_partitions() {
    let Some(server) = Server::shared() else { return };
    let (database, mut writer) = database(server);
    writer.run(&spans(21, 1, 1001));
    writer.run(&spans(22, 1001, 2001));
    writer.run("ANALYZE ai.agno_spans");
    let mut watch = watch(&server.url(&database), 1500);
    watch.until_watching();
    assert_eq!(watch.spans.len(), 1500);
    assert_eq!(times(&watch, 1001..2001), [1]);
    assert_eq!(watch.states.last(), Some(&State::Watching { left_out: 500 }));
}

#[test]
fn a_table_without_partitions_waits_for_the_first() {
    let Some(server) = Server::shared() else { return };
    let (database, mut writer) = database(server);
    writer.run("DROP TABLE ai.spans_21, ai.spans_22");
    let mut watch = server.watch(&database);
    watch.until_watching();
    writer.run(&days(&[22]));
    writer.run(&spans(22, 1, 11));
    watch.until_spans(10);
    assert_eq!(times(&watch, 1..11), [1]);
}
