mod formats;
mod harmless;

use std::time::Instant;

use super::*;
use crate::export::{AnswerRecord, UsageRecord};
use crate::model::{Dropped, Event, Link, Payload, SpanId, SpanKind, SpanType, Status, TraceId};
use crate::store::RunStatus;

fn redactor() -> Redactor {
    Redactor::new(&[]).unwrap()
}

#[test]
fn secrets_are_redacted_and_the_text_around_them_is_kept() {
    let redactor = redactor();
    for (text, hidden) in [
        ("use sk-proj-abcdefghijklmnop1234 now", "use [redacted] now"),
        ("sk-ant-api03-abcdefghijklmnop_-1234", "[redacted]"),
        ("k=AIzaSyA1234567890abcdefghijklmnopqrstuv.", "k=[redacted]."),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[redacted]"),
        ("id AKIAIOSFODNN7EXAMPLE, more", "id [redacted], more"),
        ("xoxb-123456789012-abcdef", "[redacted]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN", "[redacted]"),
        ("see http://h:1/a?b=c@d, ok", "see http://h:1/a?b=c@d, ok"),
        ("curl -H 'Authorization: Bearer abc.def-123456' http://x", "curl -H 'Authorization: [redacted]' http://x"),
        ("auth bearer abcdefgh12345678", "auth bearer [redacted]"),
        (r#"{"password": "hunter2 and more", "n": 1}"#, r#"{"password": "[redacted]", "n": 1}"#),
        (r#"{\"api_key\": \"x\", \"n\": 1}"#, r#"{\"api_key\": \"[redacted]\", \"n\": 1}"#),
        ("{'client_secret': 's', 'n': 1}", "{'client_secret': '[redacted]', 'n': 1}"),
        (r#"{"password": 12345, "n": 1}"#, r#"{"password": "[redacted]", "n": 1}"#),
        (r#"{\"password\": 12345}"#, r#"{\"password\": \"[redacted]\"}"#),
        ("?api_key=abc&n=1", "?api_key=[redacted]&n=1"),
        (r#"{"token": "abcdef", "n": 1}"#, r#"{"token": "[redacted]", "n": 1}"#),
        (r#"{\"githubToken\": \"abcdef\", \"n\": 1}"#, r#"{\"githubToken\": \"[redacted]\", \"n\": 1}"#),
        ("{'token': 'abcdef', 'n': 1}", "{'token': '[redacted]', 'n': 1}"),
        ("GET /a?token=abcdef&n=1", "GET /a?token=[redacted]&n=1"),
        ("token=4711abcdef, n=1", "token=[redacted], n=1"),
        ("x-token: 4711abcdef and so on", "x-token: [redacted] and so on"),
        ("curl -H 'Cookie: session=ab,c; b=d' http://x", "curl -H 'Cookie: [redacted]' http://x"),
        ("set-cookie: session=abc; Path=/\nn: 1", "set-cookie: [redacted]\nn: 1"),
        (r#"{"set-cookie": "session=abc", "n": 1}"#, r#"{"set-cookie": "[redacted]", "n": 1}"#),
        ("OPENAI_API_KEY=abc\nN=1", "OPENAI_API_KEY=[redacted]\nN=1"),
        ("mail SG.abcdefghijklmnop1234.abcdefghijklmnop1234 and", "mail [redacted] and"),
        ("lsv2_pt_0123456789abcdef0123456789", "[redacted]"),
        ("psql --password hunter3xyz --user ann", "psql --password [redacted] --user ann"),
        ("postgresql://ai:pa55@db:5432/ai", "postgresql://ai:[redacted]@db:5432/ai"),
        ("write to ann.lee+x@mail.example.org!", "write to [redacted]!"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nend", "[redacted]\nend"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "[redacted]"),
    ] {
        assert_eq!(redactor.text(text), hidden, "{text}");
    }
    for plain in [
        "max_tokens=100, token count: 5",
        "psql --password --user ann",
        "the risk-free task-oriented desk-lamp",
        "a secret of the trade: patience",
        "12:30@noon",
        "http://localhost:4318/v1/traces",
        "{\"tokens\": 5, \"key\": \"name\"}",
        "author: Ann",
        "a basic thing",
        r#"{"token": 5, "total_tokens": 12, "llm.token_count.prompt": 7, "token_count": "7", "b_token": null}"#,
        "max_tokens: 100, token=5; token: 12.5, tokens=[1, 2]",
        "a token: the smallest unit; a cookie: chocolate",
    ] {
        assert_eq!(redactor.text(plain), plain);
    }
}

#[test]
fn a_secret_that_was_cut_before_is_no_more_readable() {
    let redactor = redactor();
    assert_eq!(redactor.text("failed with eyJhbGciOiJIUzI1NiJ9.eyJzdWIi… and more"), "failed with … and more");
    assert_eq!(redactor.text("!ghp_abcdefghijk…\nnext"), "…\nnext");
    assert_eq!(redactor.text("token=4711abcdef…"), "token=[redacted]");
    assert_eq!(redactor.text("the order is l…, and 谢谢谢谢谢谢谢谢谢…"), "the order is l…, and 谢谢谢谢谢谢谢谢谢…");
}

#[test]
fn a_secret_is_redacted_whatever_precedes_it() {
    let redactor = redactor();
    let keys = [
        "sk-proj-abcdefghijklmnop1234",
        "sk-0123456789abcdef0123456789abcdef",
        "sk-abcd-ef1h-ijkl-mnop",
        "sk_live_abcdefghij0123456789",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "AKIAIOSFODNN7EXAMPLE",
        "xoxb-123456789012-abcdef",
        "hf_abcdefghijklmnopqrstuvwxyz",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN",
        "bob@example.com",
    ];
    for key in keys {
        for before in [r"\n", r"\t", r"\r", r"\u000a", r"to\n", r"\\n", "k=", "\n"] {
            let text = format!("{before}{key}");
            let hidden = redactor.text(&text);
            assert_eq!(hidden, format!("{before}{MASK}"), "{text}");
        }
    }
    for key in &keys[..keys.len() - 1] {
        assert_eq!(redactor.text(&format!("my_{key}")), format!("my_{MASK}"));
    }
    for text in ["keysk-proj-abcdefghijklmnop1234", "keyAIzaSyA1234567890abcdefghijklmnopqrstuv", "ask-0123456789abcdef0123456789abcdef"] {
        assert!(redactor.text(text).ends_with(MASK), "{text}");
    }
    assert_eq!(redactor.text(r"\nbearer abcdefgh12345678"), r"\nbearer [redacted]");
}

#[test]
fn redacted_json_is_valid() {
    let redactor = redactor();
    for text in [
        r#"{"a": "to\nbob@example.com"}"#,
        r#"{"a": "\n@example.com"}"#,
        r#"{"a": "\u000abob@example.com", "b": "\u00e9bob@example.com"}"#,
        r#"{"password": "ab\"cdef", "b": "it's"}"#,
        r#"{"password": "ab\\", "b": "cdef@x"}"#,
        r#"{"a": "{\"password\": \"ab\\\"cdef\", \"n\": 1}", "b": 1}"#,
        r#"{"a": "{\"b\": \"{\\\"password\\\": \\\"cdef\\\"}\"}"}"#,
        r#"{"a": "http://h:80", "b": "cdef@example.com"}"#,
        r#"{"a": "password: 'cdef", "b": "'"}"#,
        r#"{"a": "token=cdef\n", "b": "cookie: a=cdef\\"}"#,
    ] {
        let hidden = redactor.text(text);
        let value: serde_json::Value = serde_json::from_str(&hidden).unwrap_or_else(|error| panic!("{text}: {hidden}: {error}"));
        let before: serde_json::Value = serde_json::from_str(text).unwrap();
        let names = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&value), names(&before), "{text}: {hidden}");
        assert!(
            hidden.contains(MASK) && !hidden.contains("bob") && (!hidden.contains("cdef") || text.contains("cdef@x\"")),
            "{text}: {hidden}"
        );
    }
}

#[test]
fn passwords_are_redacted_to_their_end_and_in_prose() {
    let redactor = redactor();
    for (text, hidden) in [
        (r#"{"password": "ab\"cdef", "n": 1}"#, r#"{"password": "[redacted]", "n": 1}"#),
        (r#"{"password": "it's", "n": 1}"#, r#"{"password": "[redacted]", "n": 1}"#),
        (r"{'password': 'ab\'cdef', 'n': 1}", "{'password': '[redacted]', 'n': 1}"),
        (r#"{\"password\": \"ab\\\"cdef\\n\", \"n\": 1}"#, r#"{\"password\": \"[redacted]\", \"n\": 1}"#),
        (r#"{\\\"password\\\": \\\"ab\\\", \\\"n\\\": 1}"#, r#"{\\\"password\\\": \\\"[redacted]\\\", \\\"n\\\": 1}"#),
        (
            r#"{"openaiApiKey": "abc", "dbPassword": "def", "secretKey": "x"}"#,
            r#"{"openaiApiKey": "[redacted]", "dbPassword": "[redacted]", "secretKey": "[redacted]"}"#,
        ),
        ("the password is: hunter2 so", "the password is: [redacted] so"),
        ("the password is: 'hunter two' so", "the password is: '[redacted]' so"),
        ("My password is hunter2, yes", "My password is [redacted], yes"),
    ] {
        assert_eq!(redactor.text(text), hidden, "{text}");
    }
    for plain in ["the password is wrong", "my password is", "the password isn't needed: go on"] {
        assert_eq!(redactor.text(plain), plain);
    }
}

#[test]
fn names_of_secret_attributes_match_in_any_case() {
    let names = &redactor().0.names;
    for name in [
        "openaiApiKey",
        "dbPassword",
        "clientSecret",
        "botToken",
        "db_password",
        "x-api-key",
        "token",
        "OPENAI_API_KEY",
        "githubAccessToken",
    ] {
        assert!(names.is_match(name), "{name}");
    }
    for name in ["maxTokens", "llm.token_count.total", "secretary", "nontoken", "passwordless"] {
        assert!(!names.is_match(name), "{name}");
    }
}

#[test]
fn the_users_patterns_are_redacted_and_an_invalid_one_is_named() {
    let own = Redactor::new(&["ORD-[0-9]+".to_owned(), "(zz)*".to_owned()]).unwrap();
    assert_eq!(own.text("order ORD-17 of ann@example.org"), "order [redacted] of [redacted]");
    assert!(Redactor::new(&["(".to_owned()]).unwrap_err().starts_with("\"(\" is not a regular expression"));
    assert!(Redactor::new(&["(a{1000}){1000}".to_owned()]).is_err());
}

#[test]
fn every_text_of_a_span_is_redacted() {
    let secret = "sk-abcdefghijklmnopqrst";
    let text = |name: &str| (name.to_owned(), Value::Text(format!("a {secret} b")));
    let nested = Value::List(vec![Value::Map(vec![
        text("x"),
        ("password".to_owned(), Value::Int(5)),
        ("token".to_owned(), Value::Int(5)),
        (secret.to_owned(), Value::Null),
        ("oauth_token".to_owned(), Value::Text(String::new())),
    ])]);
    let (trace, id) = (TraceId::new([1; 16]).unwrap(), SpanId::new([2; 8]).unwrap());
    let some_secret = || Some(secret.to_owned());
    // Every field is named, so that a new field does not compile before it has a secret here.
    let record = SpanRecord {
        trace_id: trace,
        stated_id: None,
        span_id: id,
        parent_id: None,
        name: secret.to_owned(),
        kind: SpanType::Other,
        status: RunStatus::Error,
        failed: true,
        failed_steps: 1,
        error: Some("message cut in sk-abcdef".to_owned()),
        start: 1,
        end: Some(2),
        until: 2,
        duration_ms: None,
        self_ms: None,
        agent: some_secret(),
        model: some_secret(),
        provider: some_secret(),
        tool: some_secret(),
        session: some_secret(),
        user: some_secret(),
        usage: UsageRecord::default(),
        answer: AnswerRecord { requested_model: some_secret(), ..AnswerRecord::default() },
        duplicate: false,
    };
    let payload = Payload {
        attributes: vec![text("x"), ("n".to_owned(), nested), ("http.request.header.x-api-key".to_owned(), Value::Text("q".to_owned()))],
        events: vec![Event { name: secret.to_owned(), time: 1, attributes: vec![text("exception.message")] }],
        links: vec![Link { trace, span: id, trace_state: secret.to_owned(), attributes: vec![text("x")] }],
        status_message: format!("message cut in {secret}"),
        resource: vec![("b".to_owned(), Value::Bytes(secret.as_bytes().to_vec()))],
        scope: (secret.to_owned(), secret.to_owned()),
        scope_attributes: vec![text("x")],
        trace_state: secret.to_owned(),
        dropped: Dropped::default(),
        span_kind: SpanKind::Internal,
        flags: 0x300,
        notes: vec![(secret.to_owned(), secret.to_owned())],
        run_metrics: None,
        session_metrics: None,
    };
    let mut span = ExportedSpan { record, status: Status::Error, depth: 0, payload };
    redactor().span(&mut span);
    let all = format!("{span:?}");
    assert!(!all.contains("sk-abcdef"), "{all}");
    assert_eq!(span.payload.attributes[2].1, Value::Text(MASK.to_owned()));
    assert_eq!(span.payload.resource[0].1, Value::Bytes(MASK.as_bytes().to_vec()));
    let Value::List(items) = &span.payload.attributes[1].1 else { panic!() };
    let Value::Map(entries) = &items[0] else { panic!() };
    assert_eq!((&entries[1].1, entries[3].0.as_str()), (&Value::Text(MASK.to_owned()), MASK));
    assert_eq!(entries[2].1, Value::Int(5), "a count of tokens");
    assert_eq!(entries[4].1, Value::Text(String::new()), "nothing is no secret");
    assert_eq!(span.record.error.as_deref(), Some("message cut in [redacted]"));
}

#[test]
fn every_text_of_a_trace_is_redacted() {
    let secret = "sk-abcdefghijklmnopqrst";
    let some_secret = || Some(secret.to_owned());
    // Every field is named, so that a new field does not compile before it has a secret here.
    let mut trace = TraceRecord {
        source: secret.to_owned(),
        trace_id: TraceId::new([1; 16]).unwrap(),
        name: secret.to_owned(),
        root: secret.to_owned(),
        label: secret.to_owned(),
        status: RunStatus::Ok,
        start: 1,
        end: Some(2),
        duration_ms: None,
        spans: 1,
        errors: 0,
        failed_steps: 0,
        failed: false,
        agent: some_secret(),
        session: some_secret(),
        user: some_secret(),
        other_traces: Vec::new(),
        covers_other_traces: false,
        until: 2,
        scope: Vec::new(),
        usage: UsageRecord::default(),
        approvals: vec![ApprovalRecord {
            span_id: SpanId::new([1; 8]).unwrap(),
            status: secret.to_owned(),
            waits: true,
            tool: secret.to_owned(),
            arguments: some_secret(),
            asked: None,
            answered: None,
            answered_by: some_secret(),
        }],
        scores: vec![ScoreRecord {
            span_id: SpanId::new([1; 8]).unwrap(),
            kind: secret.to_owned(),
            name: some_secret(),
            score: None,
            passed: None,
        }],
    };
    redactor().trace(&mut trace);
    let all = format!("{trace:?}");
    assert!(!all.contains("sk-abcdef"), "{all}");
}

#[test]
fn hostile_text_takes_linear_time() {
    let redactor = redactor();
    for piece in [
        "a@",
        "a.",
        "password",
        "sk-",
        "eyJaaaaaaaa.",
        "-----BEGIN PRIVATE KEY-----",
        "://a:",
        "\\\"",
        "bearer ",
        "\\n",
        "password: \"",
        "my password is ",
        "token: 1",
        "token=1",
        "curl -u a",
        "mysql -",
        "postgres://a:b/",
        "(b'token', '",
        "a.b.c.d.e",
        "Private-Lines: 1",
        "cookie: a=",
    ] {
        let text = piece.repeat(500_000 / piece.len());
        let started = Instant::now();
        let _ = redactor.text(&text);
        assert!(started.elapsed().as_secs() < 20, "{piece}: {:?}", started.elapsed());
    }
}

#[test]
fn the_error_text_is_as_long_as_in_the_row() {
    let message = "it failed, as it did before. ".repeat(20);
    let (trace, id) = (TraceId::new([1; 16]).unwrap(), SpanId::new([2; 8]).unwrap());
    let row_error: String = beginning(message.chars(), ERROR_PREVIEW).collect();
    let record = SpanRecord { error: Some(row_error.clone()), ..SpanRecord::new(trace, id, "x", 1, Some(2)) };
    let payload = Payload { status_message: message, ..Payload::default() };
    let mut span = ExportedSpan { record, status: Status::Error, depth: 0, payload };
    redactor().span(&mut span);
    assert_eq!(span.record.error, Some(row_error));
}
