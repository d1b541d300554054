//! Servers that refuse, and answers that are none: a true sentence, without the password.

use agno_top::sources::State;

use crate::front::{Front, NOW, spans, watch};

#[test]
fn what_a_server_refuses_is_told_without_the_password() {
    let Some(front) = Front::shared() else { return };
    let database = front.agno();
    front.run(&spans(&database, 1, 5000, NOW, 1));
    for (user, message) in [
        ("wrong", "refuses the login of wrong; put user and password into CLICKHOUSE_USER"),
        ("page", "can't be read: a web page answers there, not ClickHouse"),
        ("broken", "the connection broke before the answer was complete"),
        ("denied", "may not read"),
        ("cut", "would answer only a part of a question: the profile of cut has read_overflow_mode = break"),
    ] {
        let mut watch = watch(&front.url_of(user, &database), 10);
        watch.until_message(message);
        let shown = format!("{:?}", watch.states);
        assert!(shown.contains(&format!("clickhouse://{user}@127.0.0.1")) && !shown.contains("pa55"), "{shown}");
        assert_eq!((watch.spans.len(), watch.skipped.len()), (0, 0));
        watch.end();
    }
    let mut nobody = watch("clickhouse://u:pa55word@127.0.0.1:1/d", 10);
    nobody.until_message("clickhouse://u@127.0.0.1:1/d can't be read: nothing listens there");
    nobody.end();
}

#[test]
fn a_restart_is_told_and_loses_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut front) = Front::in_folder(folder.path(), 0) else { return };
    let database = front.agno();
    front.run(&spans(&database, 1, 100, NOW, 1000));
    let mut watch = front.watch(&database);
    watch.until_spans(100);
    watch.until_watching();
    for (first, count) in [(1000, 200), (2000, 300)] {
        front.run(&spans(&database, first, 50, NOW, 1000));
        let port = front.kill();
        watch.until_message("nothing listens there");
        front = Front::in_folder(folder.path(), port).unwrap();
        front.run(&spans(&database, first + 50, 50, NOW, 1000));
        watch.until_spans(count);
        watch.until_watching();
    }
    assert!(watch.spans.values().all(|span| span.times == 1) && watch.skipped.is_empty());
    watch.end();
}

#[test]
fn a_table_of_another_shape_and_answers_that_come_too_late_are_told() {
    let Some(front) = Front::shared() else { return };
    let database = front.agno();
    front.run(&spans(&database, 1, 10, NOW, 1000));
    let mut late = watch(&front.url_of("slow", &database), 10);
    front.run(&format!("ALTER TABLE {database}.agno_spans RENAME COLUMN attributes TO properties"));
    let mut watch = front.watch(&database);
    watch.until_message("has no column attributes");
    front.run(&format!("ALTER TABLE {database}.agno_spans RENAME COLUMN properties TO attributes"));
    watch.until_spans(10);
    watch.until_watching();
    late.until_message("no answer within 25 seconds");
    for watch in [watch, late] {
        assert!(watch.spans.values().all(|span| span.times == 1) && watch.skipped.is_empty());
        watch.end();
    }
}

#[test]
fn users_who_may_not_change_settings_read_everything() {
    let Some(front) = Front::shared() else { return };
    let database = front.agno();
    front.run(&spans(&database, 1, 3000, NOW, 1));
    for user in ["reader", "strict", "blind"] {
        let mut watch = watch(&front.url_of(user, &database), u64::MAX);
        watch.until_spans(3000);
        watch.until_watching();
        assert_eq!(watch.states.last(), Some(&State::Watching { left_out: 0 }));
        watch.end();
    }
}

#[test]
fn a_limit_on_rows_ends_a_question_and_is_told() {
    let Some(front) = Front::shared() else { return };
    let database = front.agno();
    front.run(&spans(&database, 1, 30_000, NOW, 1));
    let mut watch = watch(&front.url_of("small", &database), u64::MAX);
    watch.until_message("a limit of clickhouse://small@127.0.0.1");
    watch.end();
}

#[test]
fn an_invalid_row_is_skipped_and_the_others_are_read() {
    let Some(front) = Front::shared() else { return };
    let database = front.agno();
    front.run(&spans(&database, 1, 3, NOW, 1));
    // NaN, which the engine's own functions would not parse; attributes that are cut; an id that is none.
    let row = |id: &str, attributes: &str| {
        format!(
            "INSERT INTO {database}.agno_spans VALUES ('{id}', '{:032x}', NULL, 'x', 'INTERNAL', 'OK', NULL, now64(6), now64(6), 0, '{attributes}', now64(6))",
            77
        )
    };
    front.run(&row("00000000000000aa", r#"{"openinference.span.kind": "LLM", "llm.token_count.prompt": 7, "a": NaN}"#));
    front.run(&row("00000000000000bb", r#"{"a": "#));
    front.run(&row("'' OR 1", "{}").replace("'''' OR 1'", "'\\' OR 1'"));
    let mut watch = front.watch(&database);
    watch.until_spans(4);
    watch.until_watching();
    let reasons = format!("{:?}", watch.skipped);
    assert_eq!(watch.skipped.len(), 2, "{reasons}");
    assert!(reasons.contains("attributes are no JSON object") && reasons.contains("span_id is not 16 hex digits"), "{reasons}");
    let payload = watch.payload(0xaa).unwrap();
    assert_eq!(payload.attributes.len(), 3);
    watch.end();
}
