//! Rows, valid and invalid.

use std::collections::BTreeMap;

use agno_top::model::{Batch, SourceId, Span, SpanFacts};
use agno_top::sources::postgres::{Location, start, start_with};
use agno_top::sources::sqlite::{self, Tables};
use agno_top::sources::{Handle, ReadLimits, State, Update, UpdateSender};
use rusqlite::types::Value;

use crate::server::Server;
use crate::watch::{Watch, fixture, id};
use crate::writer::{Writer, spans};

/// Creates a database with rows that Agno wrote.
pub(crate) fn agno(server: &Server, file: &str) -> String {
    let database = server.database();
    let mut writer = server.writer(&database);
    let real = rusqlite::Connection::open_with_flags(fixture(file), rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    for table in ["agno_traces", "agno_spans"] {
        copy(&real, table, &mut writer);
    }
    database
}

fn copy(from: &rusqlite::Connection, table: &str, to: &mut Writer) {
    let mut statement = from.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let values: Vec<String> = (0..names.len())
            .map(|column| match row.get(column).unwrap() {
                Value::Null => "NULL".to_owned(),
                Value::Integer(number) => number.to_string(),
                Value::Real(number) => format!("{}", number.round()),
                Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
                Value::Blob(_) => panic!("no blobs"),
            })
            .collect();
        to.run(&format!("INSERT INTO ai.{table} ({}) VALUES ({})", names.join(", "), values.join(", ")));
    }
}

/// Every fact of every row, by span.
fn facts(start: impl FnOnce(UpdateSender) -> std::io::Result<Handle>) -> BTreeMap<String, String> {
    let (updates, mut inbox) = tokio::sync::mpsc::channel(64);
    let _handle = start(UpdateSender::new(SourceId(0), updates)).unwrap();
    let mut found = BTreeMap::new();
    loop {
        match inbox.blocking_recv().unwrap() {
            Update::Batch(batch) => {
                assert_eq!(batch.skipped, []);
                found.extend(batch.spans.iter().map(|span| (span.id.to_string(), all_facts(&batch, span))));
            }
            Update::State(_, State::Watching { .. }) => return found,
            _ => {}
        }
    }
}

/// Everything that a row holds. A new field does not compile until it is compared, too.
fn all_facts(batch: &Batch, span: &Span) -> String {
    let Span { trace, id, parent, start, end, status, name, facts, error, payload_ref: _, retained_bytes } = span;
    let SpanFacts {
        span_type,
        agent,
        naming,
        model,
        asked_model,
        provider,
        tool,
        session,
        user,
        run,
        input,
        calls,
        response,
        service,
        continues,
        ending,
        scope,
        usage,
        first_token,
        misplaced,
        host,
        has_remote_parent,
        from_log,
        project,
        exit_status,
        attempt,
        truncated,
        is_final,
        ran_until,
        log_note,
    } = facts;
    let texts =
        [name, error, agent, model, asked_model, provider, tool, session, user, run, input, calls, response, scope, service, host, project]
            .map(|text| batch.text(*text));
    format!(
        "{trace:?} {id:?} {parent:?} {start} {end:?} {status:?} {span_type:?} {naming:?} {usage:?} {first_token:?} {misplaced} {has_remote_parent} {from_log} {continues} {ending:?} {retained_bytes} {exit_status:?} {attempt:?} {truncated} {is_final} {ran_until:?} {log_note:?} {texts:?}"
    )
}

/// Reads a database from SQLite with the same rows, whose attributes have the order and form that `jsonb` gives them.
fn sqlite_facts(writer: &mut Writer) -> BTreeMap<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let copy = rusqlite::Connection::open(&path).unwrap();
    let columns = [
        "span_id",
        "trace_id",
        "parent_span_id",
        "name",
        "span_kind",
        "status_code",
        "status_message",
        "start_time",
        "end_time",
        "attributes",
    ];
    copy.execute_batch(&format!("CREATE TABLE agno_spans ({})", columns.join(", "))).unwrap();
    let sql = format!("SELECT {} FROM ai.agno_spans", columns.map(|column| format!("{column}::text")).join(", "));
    let insert = format!("INSERT INTO agno_spans VALUES ({})", ["?"; 10].join(", "));
    for row in writer.rows(&sql) {
        copy.execute(&insert, rusqlite::params_from_iter(row)).unwrap();
    }
    drop(copy);
    facts(|updates| sqlite::start(path.clone(), Tables::default(), u64::MAX, updates))
}

fn assert_same(server: &Server, database: &str, expected: &BTreeMap<String, String>, what: &str) {
    let found = facts(|updates| start(&server.url(database), Location::default(), u64::MAX, updates));
    for (span, expected) in expected {
        assert_eq!(found.get(span), Some(expected), "{what}: {span}");
    }
    assert_eq!(found.len(), expected.len(), "{what}");
}

#[test]
fn rows_have_the_same_facts_as_in_sqlite() {
    let Some(server) = Server::shared() else { return };
    for file in ["agno-3.1.10.sqlite", "agno-2.5.0.sqlite"] {
        let database = agno(server, file);
        let expected = facts(|updates| sqlite::start(fixture(file), Tables::default(), u64::MAX, updates));
        assert!(expected.len() > 60);
        assert_same(server, &database, &expected, file);
        // The same if every row is so long that the server selects, and if attributes are kept as text.
        let mut writer = server.writer(&database);
        for characters in [6_400, 100_000] {
            let long = format!("jsonb_build_object('long', repeat(md5(span_id), {}))", characters / 32);
            writer.run(&format!("UPDATE ai.agno_spans SET attributes = attributes || {long}"));
            assert_same(server, &database, &expected, file);
        }
        for kind in ["json", "text"] {
            writer.run(&format!("ALTER TABLE ai.agno_spans ALTER COLUMN attributes TYPE {kind}"));
            assert_same(server, &database, &expected, kind);
        }
    }
}

/// Attributes of one span each. `$` stands for 100 kB of text, `%` for 100,000 characters of white space.
const LONG: [&str; 42] = [
    r#"{"openinference.span.kind": "LLM", "llm.model_name": "gpt-5-mini", "output.value": "{\"content\": \"$\", \"id\": \"r1\", \"usage\": {\"prompt_tokens\": 1000, \"completion_tokens\": 50}}"}"#,
    r#"{"openinference.span.kind": "LLM", "llm.model_name": "gpt-5-mini", "output.value": "{\"text\": \"$$$\", \"id\": \"r1\", \"usage\": {\"prompt_tokens\": 1000}}"}"#,
    r#"{"openinference.span.kind": "LLM", "output.value": {"text": "$", "id": "r2", "usage": {"input_tokens": 7, "output_tokens": 9}}}"#,
    r#"{"openinference.span.kind": "LLM", "llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "$",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "get_weather",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": "$",
        "llm.output_messages.0.message.tool_calls.1.tool_call.function.name": "get_time"}"#,
    r#"{"openinference.span.kind": "LLM", "llm.output_messages.0.message.content": "$", "output.value": "{\"messages\": \"$\"}"}"#,
    r#"{"openinference.span.kind": "LLM", "output.value": "{\"messages\": \"$$$\", \"role\": \"assistant\"}"}"#,
    r#"{"openinference.span.kind": "LLM", "output.value": "{\"messages\": \"$$$\"}"}"#,
    r#"{"openinference.span.kind": "LLM", "response": "{\"id\": \"no\", \"usage\": {\"input_tokens\": 7}}", "output.value": "$"}"#,
    r#"{"openinference.span.kind": "LLM", "llm.invocation_parameters": "{\"model\": \"gpt-5\", \"x\": \"y\"}", "a": "$"}"#,
    r#"{"openinference.span.kind": "LLM", "llm.invocation_parameters": "{\"model\": \"gpt-5\", \"x\": \"$\"}"}"#,
    r#"{"openinference.span.kind": "LLM", "gen_ai.usage.raw": "{\"input_tokens\": 7, \"output_tokens\": 9}", "a": "$"}"#,
    r#"{"openinference.span.kind": "LLM", "gen_ai.usage.raw": {"input_tokens": 7, "output_tokens": 9}, "a": "$"}"#,
    r#"{"openinference.span.kind": "LLM", "gen_ai.usage.raw": "{\"input_tokens\": 7, \"output_tokens\": 9}%"}"#,
    r#"{"openinference.span.kind": "LLM", "ai.response.providerMetadata": "{\"x\": {\"responseId\": \"r\", \"text\": \"$\", \"reasoningTokens\": 3}}"}"#,
    r#"{"openinference.span.kind": "LLM", "langfuse.observation.cost_details": "{\"input\": 0.1, \"total\": 0.25}", "a": "$"}"#,
    r#"{"openinference.span.kind": "LLM", "llm.cost.total": 1.5e-3, "llm.token_count.prompt": "12.0", "llm.token_count.completion": 3.0,
        "gen_ai.response.time_to_first_chunk": 0.25, "a": "$"}"#,
    r#"{"openinference.span.kind": "LLM", "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "no",
        "llm.input_messages.2.message.role": "user", "llm.input_messages.2.message.content": "%last é question $",
        "llm.input_messages.10.message.role": "assistant", "llm.input_messages.10.message.content": "$"}"#,
    r#"{"openinference.span.kind": "LLM", "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "old",
        "llm.input_messages.1.message.role": "user", "llm.input_messages.1.message.contents.0.message_content.text": "$"}"#,
    r#"{"openinference.span.kind": "TOOL", "tool.name": "search", "input.value": "{\"query\": \"weather\", \"n\": 1}", "a": "$"}"#,
    r#"{"openinference.span.kind": "TOOL", "tool.name": "search", "input.value": "{\"query\": \"$ é\"}"}"#,
    r#"{"openinference.span.kind": "TOOL", "tool.name": "search", "input.value": "plain $ arguments\n\u00e9"}"#,
    r#"{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search", "gen_ai.tool.call.arguments": {"query": "$"}}"#,
    r#"{"openinference.span.kind": "AGENT", "input.value": "one\n\n two é %three $", "session.id": {"not": "text"}, "user.id": 42,
        "agent.name": "\"quoted\"", "agno.run.id": 1.0, "agno.team.id": true}"#,
    r#"{"openinference.span.kind": "AGENT", "input.value": ["a", {"b": "$"}], "agno.agent.id": "x", "session.id": null}"#,
    r#"{"openinference.span.kind": "AGENT", "gen_ai.input.messages": "[{\"role\": \"user\", \"content\": \"$\"}, {\"role\": \"user\", \"content\": \"last\"}]"}"#,
    r#"{"openinference.span.kind": "CHAIN", "error.message": "%$", "exception.message": "$", "agent.name": "$", "output.value": "usage $"}"#,
    r#"{"openinference.span.kind": "LLM", "input_tokens": "1000", "outputTokens": 50, "thoughts_token_count": 30, "acme.input_tokens": 3, "a": "$"}"#,
    r#"{"openinference.span.kind": "AGENT", "acme.usage.prompt_tokens": 2000, "acme.token_usage.Completion_Tokens": 70,
        "acme.session.usage.input_tokens": 9000, "usage.details.cached_tokens": 500, "a": "$"}"#,
    r#"{"openinference.span.kind": "LLM", "gen_ai.usage.input_tokens": 44285, "gen_ai.usage.output_tokens": 300,
        "gen_ai.usage.input_token_details": "{''cache_read'': 41000, ''cache_creation'': 785}",
        "gen_ai.usage.output_token_details": {"reasoning": 192}, "a": "$"}"#,
    r#"{"spring.ai.chat.client.conversation.id": "by end", "mastra.metadata.userId": "$", "mcp.session.id": "no", "my_user_id": "no", "a": "$"}"#,
    r#"{"openinference.span.kind": "AGENT", "metadata": "{\"thread_id\": \"in metadata\", \"user_id\": 7, \"lc_agent_name\": \"x\"}", "a": "$"}"#,
    r#"{"openinference.span.kind": "AGENT", "metadata": "{\"thread_id\": \"no\", \"text\": \"$\"}", "agno.agent.id": "crisp-wright-b8a512be"}"#,
    r#"{"gen_ai.operation.name": "execute_tool", "spring.ai.tool.call.arguments": "{\"query\": \"$\"}"}"#,
    r#"{"openinference.span.kind": "TOOL", "tool.parameters": "{\"type\": \"object\", \"properties\": {\"$\": {}}}", "tool.name": "search"}"#,
    r#"{"openinference.span.kind": "CHAIN", "input.value": "{\"messages\": [{\"role\": \"system\", \"content\": \"$\"}, {\"role\": \"user\", \"content\": \"asked\"}]}"}"#,
    r#"{"openinference.span.kind": "AGENT", "input.value": "{\"question\": \"quoted $\"}"}"#,
    r#"{"openinference.span.kind": "AGENT", "input.value": "\"one \\n text $\""}"#,
    r#"{"openinference.span.kind": "AGENT", "input.value": "{\"a\": \"\u5317\u5317 $\", \"role\": \"no\"}"}"#,
    r#"{"openinference.span.kind": "AGENT", "input.value": "{\"question\": \"$$$ too long\"}"}"#,
    r#"{"gen_ai.operation.name": "invoke_agent", "gen_ai.output.messages": "[{\"parts\": [{\"content\": \"model exploded\"}], \"finish_reason\": \"error\"}]", "a": "$"}"#,
    r#"{"gen_ai.operation.name": "invoke_agent", "gen_ai.output.messages": "[{\"parts\": [{\"content\": \"$\"}], \"finish_reason\": \"error\"}]"}"#,
    r#"{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.output.messages": "[{\"parts\": [{\"type\": \"tool_call\", \"name\": \"x\"}]}]", "a": "$"}"#,
];

/// 100 kB of words that no server can compress into a few bytes.
fn noise(seed: u64) -> String {
    let mut state = seed;
    let mut word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:09x} ", state >> 28)
    };
    (0..10_000).map(|_| word()).collect()
}

/// Returns the changes that make a span an agent's run.
fn run(status: &str, message: &str, output: &str, noise: &str) -> String {
    let attributes = format!(
        "jsonb_build_object('openinference.span.kind', 'AGENT', 'agno.agent.id', 'x', 'output.value', '{output}', 'long', '{noise}')"
    );
    format!("status_code = '{status}', status_message = '{message}', attributes = {attributes}, name = 'Helper.arun'")
}

#[test]
fn long_attributes_give_the_same_facts_as_in_sqlite() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    let count = LONG.len() as u64;
    writer.run(&spans(1, count + 9));
    for (number, attributes) in (1..).zip(LONG) {
        let attributes = attributes.replace('$', &noise(number)).replace('%', &" \u{a0}".repeat(50_000));
        writer.run(&format!("UPDATE ai.agno_spans SET attributes = '{}' WHERE name = 'span {number}'", attributes.replace('\n', " ")));
    }
    // Long values outside the attributes.
    let noise = noise(0);
    for (number, change) in [
        (count + 1, format!("status_code = 'ERROR', status_message = '{noise}'")),
        (count + 2, format!("status_message = '{}late'", " ".repeat(100_000))),
        (count + 3, format!("name = name || '{noise}'")),
        (count + 4, run("OK", "", "I have tools to execute, but I need confirmation.", &noise)),
        (count + 5, run("ERROR", "run status: error", &format!("Refused: {noise}"), &noise)),
        (count + 6, run("UNSET", "", &format!("  {{\"usage\": {noise}}}"), &noise)),
        (
            count + 7,
            run("ERROR", "run status: error", &format!("{{\"passed\": false, \"reason\": \"no mail {}\"}}", &noise[..50_000]), &noise),
        ),
        (count + 8, run("OK", "", &format!("{{\"reason\": \"none {}\"}}", &noise[..50_000]), &noise)),
    ] {
        writer.run(&format!("UPDATE ai.agno_spans SET {change} WHERE name = 'span {number}'"));
    }
    let expected = sqlite_facts(&mut writer);
    assert_eq!(expected.len() as u64, count + 8);
    let count = LONG.len();
    for (part, at) in [
        ("1000", 1),
        ("r2", 3),
        ("get_weather, get_time", 4),
        ("gpt-5", 9),
        ("last", 25),
        ("1000", 27),
        ("2000", 28),
        ("41000", 29),
        ("by end", 30),
        ("in metadata", 31),
        ("asked", 35),
        ("quoted ", 36),
        ("one text", 37),
        ("model exploded", 40),
        ("Paused", count + 4),
        ("Refused: ", count + 5),
        ("Cut", count + 6),
        ("no mail", count + 7),
    ] {
        assert!(expected[&format!("{at:016x}")].contains(part), "{part}: {}", expected[&format!("{at:016x}")]);
    }
    assert_same(server, &database, &expected, "long");
    writer.run("ALTER TABLE ai.agno_spans ALTER COLUMN attributes TYPE text");
    assert_same(server, &database, &expected, "text");
}

#[test]
fn invalid_rows_are_skipped_and_reported() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run("ALTER TABLE ai.agno_spans DROP CONSTRAINT agno_spans_pkey, DROP CONSTRAINT agno_spans_trace_id_fkey; CREATE INDEX ON ai.agno_spans (span_id)");
    for column in ["span_id", "trace_id", "name", "span_kind", "status_code", "start_time", "end_time", "duration_ms", "created_at"] {
        writer.run(&format!("ALTER TABLE ai.agno_spans ALTER COLUMN {column} DROP NOT NULL"));
    }
    let good = spans(1, 41).split_once("; ").unwrap().1.to_owned();
    writer.run(&good);
    let bad = [
        ("start_time = 'xyz'", "span 0000000000000001", "start_time is not a time: \"xyz\""),
        ("start_time = NULL", "span 0000000000000002", "start_time is not a time: null"),
        ("end_time = '9999-01-01T00:00:00Z'", "span 0000000000000003", "end_time is not a time: \"9999-01-01T00:00:00Z\""),
        ("trace_id = 'x'", "span 0000000000000004", "trace_id is not 32 hex digits: \"x\""),
        ("parent_span_id = 'x'", "span 0000000000000005", "parent_span_id is not 16 hex digits: \"x\""),
        ("attributes = '[1]'", "span 0000000000000006", "attributes are no JSON object: not an object at byte 0"),
        ("attributes = to_jsonb(repeat('x', 9000))", "span 0000000000000007", "attributes are no JSON object"),
        ("span_id = NULL", "row (", "span_id is not 16 hex digits: null"),
        ("span_id = 'long'", "row (", "span_id is not 16 hex digits: \"long\""),
    ];
    for (number, (change, ..)) in bad.iter().enumerate() {
        writer.run(&format!("UPDATE ai.agno_spans SET {change} WHERE name = 'span {}'", number + 1));
    }
    for (number, change) in
        ["created_at = NULL", "name = NULL", "status_code = NULL", "attributes = NULL", "attributes = 'null'", "parent_span_id = ''"]
            .iter()
            .enumerate()
    {
        writer.run(&format!("UPDATE ai.agno_spans SET {change} WHERE name = 'span {}'", number + 21));
    }
    let mut watch = server.watch(&database);
    watch.until_watching();
    assert_eq!(watch.spans.len(), 40 - bad.len());
    let found: Vec<(String, String)> = watch.skipped.iter().map(|skipped| (skipped.place.clone(), skipped.reason.clone())).collect();
    for (_, place, reason) in bad {
        assert!(found.iter().any(|(at, why)| at.starts_with(place) && why.starts_with(reason)), "{place}: {reason} in {found:?}");
    }
    assert_eq!(found.len(), bad.len());
    // Live, too, and once.
    writer.run(&good.replace("generate_series(1, 40)", "generate_series(51, 60)").replace("'span ' || i,", "NULL,"));
    writer.run("INSERT INTO ai.agno_spans (span_id) VALUES ('broken')");
    watch.until("the broken row", |watch| watch.skipped.len() > bad.len());
    watch.until("a live row", |watch| watch.spans.contains_key(&id(60)));
    writer.run(&good.replace("generate_series(1, 40)", "generate_series(61, 61)"));
    watch.until("another live row", |watch| watch.spans.contains_key(&id(61)));
    assert_eq!(watch.skipped.len(), bad.len() + 1);
}

#[test]
fn the_input_of_a_model_call_is_the_user_s_last_message() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 3));
    // More than ten messages, some long, so that the server selects and sorts them.
    writer.run(
        "UPDATE ai.agno_spans SET attributes = (SELECT jsonb_object_agg(key, value) FROM (SELECT 'openinference.span.kind' AS key, 'LLM' AS value \
         UNION ALL SELECT 'llm.input_messages.' || i || '.message.role', CASE WHEN i % 3 = 1 THEN 'user' ELSE 'assistant' END FROM generate_series(0, 12) AS i \
         UNION ALL SELECT 'llm.input_messages.' || i || '.message.content', 'message ' || i || repeat(' and so on', 500 * (i % 2)) FROM generate_series(0, 12) AS i) AS m) \
         WHERE name = 'span 1'",
    );
    writer.run("UPDATE ai.agno_spans SET attributes = attributes || '{\"openinference.span.kind\": \"LLM\", \"llm.input_messages.0.message.role\": \"user\", \
        \"llm.input_messages.1.message.role\": \"assistant\", \"llm.input_messages.0.message.content\": \"short\", \"llm.input_messages.1.message.content\": \"no\"}' WHERE name = 'span 2'");
    let mut watch = server.watch(&database);
    watch.until_spans(2);
    assert_eq!((watch.spans[&id(1)].input.as_str(), watch.spans[&id(2)].input.as_str()), ("message 10", "short"));
}

#[test]
fn rows_with_equal_times_are_read_once() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 8001));
    writer.run("UPDATE ai.agno_spans SET created_at = '2026-11-22T05:59:0' || length(name) || '+00:00'");
    for kind in ["text", "timestamptz"] {
        writer.run(&format!("ALTER TABLE ai.agno_spans ALTER COLUMN created_at TYPE {kind} USING created_at::{kind}"));
        let mut watch = server.watch(&database);
        watch.until_spans(8000);
        watch.until_watching();
        crate::failures::once_each(&watch);
    }
}

#[test]
fn rows_before_the_given_time_are_not_read() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 6001));
    writer.run(
        "UPDATE ai.agno_spans SET start_time = '2020-01-01T00:00:00+00:00', created_at = '2020-01-01T00:00:01.000000+00:00' \
         WHERE substr(name, 6)::int <= 4000",
    );
    let watched = |since: &str| {
        let since = agno_top::model::time::parse(since.as_bytes());
        let mut watch = Watch::start(|updates| {
            start_with(&server.url(&database), Location::default(), ReadLimits { since, ..ReadLimits::of(u64::MAX) }, updates)
        });
        watch.until_watching();
        assert_eq!(watch.states.last(), Some(&State::Watching { left_out: 0 }));
        watch
    };
    // The newest page is always read, and so are later rows.
    let mut watch = watched("2200-01-01");
    assert_eq!(watch.spans.len(), 512);
    writer.run(&spans(6001, 6002));
    watch.until_spans(513);
    for (kind, rest) in [("text", 0), ("timestamptz", 0), ("bigint", 4000)] {
        let using = if kind == "bigint" { "extract(epoch FROM created_at)::bigint".to_owned() } else { format!("created_at::{kind}") };
        writer.run(&format!("ALTER TABLE ai.agno_spans ALTER created_at TYPE {kind} USING {using}"));
        assert_eq!(watched("2026-11-22T05:00:00Z").spans.len(), 2001 + rest, "{kind}");
        assert_eq!(watched("2020-01-01T23:00:00Z").spans.len(), 6001, "{kind}: clocks differ");
    }
}

/// A database without an encoding holds whatever bytes the writers sent.
#[test]
fn a_text_in_another_encoding_hides_no_row() {
    let Some(server) = Server::shared() else { return };
    let database = server.empty_database();
    let mut admin = server.writer("postgres");
    admin.run(&format!("DROP DATABASE {database}"));
    admin.run(&format!("CREATE DATABASE {database} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"));
    let mut writer = server.writer(&database);
    writer.run(crate::server::SCHEMA);
    // Statements are sent as they are only if the client's encoding is that of the database.
    writer.run("SET client_encoding = 'SQL_ASCII'");
    writer.run(&spans(1, 101));
    writer.run(
        "UPDATE ai.agno_spans SET name = E'caf\\351', status_message = E'\\351', status_code = 'ERROR', attributes = \
        ('{\"input.value\": \"na' || E'\\357' || 've\"}')::jsonb WHERE span_id = lpad('7', 16, '0')",
    );
    writer.run("UPDATE ai.agno_spans SET created_at = E'\\351' WHERE span_id = lpad('9', 16, '0')");
    let mut watch = server.watch(&database);
    watch.until_spans(100);
    watch.until_watching();
    writer.run(
        "INSERT INTO ai.agno_spans SELECT lpad('abc', 16, '0'), trace_id, parent_span_id, E'\\374ber', span_kind, status_code, \
        status_message, start_time, end_time, duration_ms, attributes, created_at FROM ai.agno_spans WHERE span_id = lpad('8', 16, '0')",
    );
    watch.until_span(0xabc);
    assert_eq!(watch.skipped, []);
    let [old, new] = [7, 0xabc].map(|number| watch.spans[&id(number)].clone());
    assert_eq!([&*old.name, &*old.input, &*old.error], ["caf\u{fffd}", "na\u{fffd}ve", "\u{fffd}"]);
    assert_eq!(new.name, "\u{fffd}ber");
    let payload = watch.payloads(&[(old.address, id(7))]).remove(0).unwrap();
    assert_eq!(payload.status_message, "\u{fffd}");
    assert_eq!(watch.search("text:café"), [] as [u64; 0]);
    assert_eq!(watch.search("text:\"na\u{fffd}ve\""), [] as [u64; 0], "no text holds the replacement");
    assert_eq!(watch.search("text:\"input 8\"").len(), 12, "8, 80 to 89, and its copy");
}
