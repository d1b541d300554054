//! Failures are reported without the password, and the source recovers.

use std::net::TcpListener;

use agno_top::model::SourceId;
use agno_top::sources::postgres::{Location, start};
use agno_top::sources::sqlite::Tables;
use agno_top::sources::{State, UpdateSender};

use crate::server::{Server, watch};
use crate::watch::Watch;
use crate::writer::spans;

#[test]
fn an_unreachable_server_is_reported() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut watch = watch(&format!("postgres://u:secret@127.0.0.1:{port}/d"), 1);
    watch.until_message(&format!("postgres://u@127.0.0.1:{port}/d can't be reached: Connection refused"));
    assert!(matches!(watch.states.last(), Some(State::Failing(_))));
    assert!(watch.payloads(&[(agno_top::model::PayloadRef(0), crate::watch::id(1))])[0].as_ref().unwrap_err().contains("can't be reached"));
}

#[test]
fn a_server_of_another_kind_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        use std::io::Write;
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let mut watch = watch(&format!("postgres://u:secret@127.0.0.1:{port}/d?sslmode=disable"), 1);
    watch.until("a failure", |watch| matches!(watch.states.last(), Some(State::Failing(_))));
}

#[test]
fn wrong_and_missing_passwords_are_reported_without_the_password() {
    let Some(mut server) = Server::new() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run("CREATE ROLE reader LOGIN PASSWORD 'p@ss/wörd'; GRANT USAGE ON SCHEMA ai TO reader; GRANT SELECT ON ai.agno_spans, ai.agno_traces TO reader");
    writer.run(&spans(1, 3));
    drop(writer);
    server.write("pg_hba.conf", "local all all trust\nhost all reader 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 reject\n");
    server.stop();
    server.start(&[]);
    let address = format!("127.0.0.1:{}/{database}", server.port);
    let said = |url: String, text: &str| {
        let mut watch = watch(&url, 10);
        watch.until_message(text);
        for state in &watch.states {
            assert!(!format!("{state:?}").contains("hush"), "{state:?}");
        }
    };
    said(format!("postgres://reader:hush@{address}"), &format!("postgres://reader@{address} refuses the password of reader"));
    said(format!("postgres://reader@{address}?password=hush"), "refuses the password of reader; put the right one into ~/.pgpass");
    said(format!("postgres://postgres:hush@{address}?application_name=hush"), "refuses the connection: pg_hba.conf rejects connection");
    said(format!("postgres://reader:hush@{address}x"), "refuses the password");
    said(format!("postgres://reader@{address}"), "asks for a password; put it into ~/.pgpass");
    let mut good = watch(&format!("postgres://reader:p%40ss%2Fw%C3%B6rd@{address}"), 10);
    good.until_spans(2);
    good.until_watching();
    let mut missing = watch(&format!("postgres://reader:p%40ss%2Fw%C3%B6rd@{address}x"), 10);
    missing.until_message(&format!("there is no database of that name on the server: postgres://reader@{address}x"));
}

#[test]
fn an_invalid_url_is_rejected_without_repeating_it() {
    let bad = [
        "postgres://u:hush@h:port/d",
        "postgres://u:hush@h/d?sslmode=hush",
        "postgres://u:hush@h/d?connect_timeout=hush",
        "mysql://u:hush@h",
        "postgres://u:hush%ff@h/d",
    ];
    for url in bad {
        let (updates, _inbox) = tokio::sync::mpsc::channel(1);
        let error = start(url, Location::default(), 1, UpdateSender::new(SourceId(0), updates)).unwrap_err().to_string();
        assert!(error.starts_with("this is not the URL of a database: it"), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

#[test]
fn schema_and_tables_are_created_later() {
    let Some(server) = Server::shared() else { return };
    let database = server.empty_database();
    let mut writer = server.writer(&database);
    let mut watch = server.watch(&database);
    watch.until_message("has no schema ai yet; Agno creates it with the first trace (--schema names another)");
    writer.run("CREATE SCHEMA ai; CREATE TABLE ai.agno_sessions (a int)");
    watch.until_message(
        "has no table ai.agno_spans yet; Agno creates it with the first trace (it has agno_sessions; --spans-table names another)",
    );
    assert!(matches!(watch.states.last(), Some(State::Waiting(_))));
    let schema = crate::server::SCHEMA.replace("CREATE SCHEMA ai;", "");
    writer.run(&format!("BEGIN; {schema}; {}; COMMIT", spans(1, 3)));
    watch.until_spans(2);
    watch.until_watching();
    assert!(watch.spans.values().all(|span| span.origin == agno_top::model::Origin::Live));
}

#[test]
fn tables_that_cannot_be_followed_are_reported() {
    let Some(server) = Server::shared() else { return };
    let columns = "span_id text, trace_id text, parent_span_id text, name text, status_code text, status_message text, start_time text, end_time text, \
        attributes jsonb, created_at text";
    for (sql, said) in [
        (
            "CREATE TABLE ai.s (a int); CREATE MATERIALIZED VIEW ai.agno_spans AS SELECT * FROM ai.s".to_owned(),
            "ai.agno_spans in NAME is a materialized view, which can't be followed",
        ),
        (
            format!("CREATE TABLE ai.agno_spans ({columns}) PARTITION BY RANGE (created_at); CREATE INDEX ON ai.agno_spans (span_id)"),
            "has no index on created_at",
        ),
        ("CREATE TABLE ai.agno_spans (span_id text)".to_owned(), "has no column trace_id; it is not a table of spans"),
        (format!("CREATE TABLE ai.agno_spans ({columns})"), "has no index on created_at, so that every poll would read the whole table"),
        (format!("CREATE TABLE ai.agno_spans ({columns}); CREATE INDEX ON ai.agno_spans (created_at)"), "has no index on span_id"),
    ] {
        let database = server.empty_database();
        let mut writer = server.writer(&database);
        writer.run(&format!("CREATE SCHEMA ai; {sql}"));
        let mut watch = server.watch(&database);
        watch.until_message(&said.replace("NAME", &format!("postgres://postgres@127.0.0.1:{}/{database}", server.port)));
        assert!(matches!(watch.states.last(), Some(State::Failing(_))));
        writer.run("DROP SCHEMA ai CASCADE");
        writer.run(&format!("{}; {}", crate::server::SCHEMA, spans(1, 3)));
        watch.until_spans(2);
    }
}

#[test]
fn row_level_security_that_hides_every_row_is_reported() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 11));
    writer.run(&format!(
        "CREATE ROLE viewer_{database} LOGIN; GRANT USAGE ON SCHEMA ai TO viewer_{database}; \
         GRANT SELECT ON ai.agno_spans, ai.agno_traces TO viewer_{database}; ALTER TABLE ai.agno_spans ENABLE ROW LEVEL SECURITY"
    ));
    let mut watch = watch(&server.url(&database).replace("postgres@", &format!("viewer_{database}@")), u64::MAX);
    watch.until_message("row-level security hides those that its policies do not allow");
    writer.run(&format!("CREATE POLICY visible ON ai.agno_spans FOR SELECT TO viewer_{database} USING (span_id <> lpad('1', 16, '0'))"));
    watch.until_spans(9);
}

#[test]
fn a_missing_privilege_is_reported() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 11));
    writer.run(&format!("CREATE ROLE denied_{database} LOGIN"));
    let mut watch = watch(&format!("postgres://denied_{database}@127.0.0.1:{}/{database}", server.port), 100);
    watch.until_message(&format!(
        "denied_{database} may not read ai.agno_spans in postgres://denied_{database}@127.0.0.1:{}/{database}; its owner allows it: GRANT USAGE ON SCHEMA \
         ai TO denied_{database}; GRANT SELECT ON ai.agno_spans, ai.agno_traces TO denied_{database}",
        server.port
    ));
    writer
        .run(&format!("GRANT USAGE ON SCHEMA ai TO denied_{database}; GRANT SELECT ON ai.agno_spans, ai.agno_traces TO denied_{database}"));
    watch.until_spans(10);
    watch.until_watching();
    writer.run(&format!("REVOKE SELECT ON ai.agno_spans FROM denied_{database}"));
    writer.run(&spans(21, 31));
    watch.until_message("may not read ai.agno_spans");
    assert_eq!(watch.spans.len(), 10, "what was shown stays");
    writer.run(&format!("GRANT SELECT ON ai.agno_spans TO denied_{database}"));
    watch.until_spans(20);
    watch.until_watching();
    once_each(&watch);
}

#[test]
fn a_long_lock_is_reported() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let (mut writer, mut watch) = (server.writer(&database), server.watch(&database));
    watch.until_watching();
    writer.run(&format!("{}; BEGIN; LOCK TABLE ai.agno_spans IN ACCESS EXCLUSIVE MODE", spans(1, 3)));
    // Another transaction ends, so that there is something to read.
    server.writer(&database).run("SELECT pg_current_xact_id()");
    watch.until_message("took too long to answer");
    writer.run("COMMIT");
    watch.until_spans(2);
    watch.until_watching();
}

#[test]
fn other_names() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 3));
    writer.run("ALTER SCHEMA ai RENAME TO \"My \"\"Schema\"; ALTER TABLE \"My \"\"Schema\".agno_spans RENAME TO \"my spans'\"");
    let tables = Tables { spans: "my spans'".to_owned(), ..Tables::default() };
    let place = Location { schema: "My \"Schema".to_owned(), tables };
    let mut watch = Watch::start(|updates| start(&server.url(&database), place, 100, updates));
    watch.until_spans(2);
    assert_eq!(
        watch.payload(2).unwrap().notes,
        [("stored name", "trace"), ("stored status", "OK"), ("stored time", "1 ms"), ("session", "session 1")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
}

pub(crate) fn once_each(watch: &Watch) {
    let often: Vec<_> = watch.spans.iter().filter(|(_, seen)| seen.times != 1).map(|(id, seen)| (*id, seen.times)).collect();
    assert_eq!(often, []);
}
