use super::is_value;

#[test]
fn json_is_detected() {
    for text in [
        "{}",
        "[]",
        "null",
        "true",
        "-1.5e3",
        r#""text""#,
        r#"{"a": [1, {"b": null}], "c": "d"}"#,
        " [1]\n",
        "{\"a\":1}\n{\"b\":2}",
        r#"{"a": "cut"#,
        r#"{"a": [1, 2"#,
        r#"{"a":"#,
        "[",
    ] {
        assert!(is_value(text), "{text}");
    }
}

#[test]
fn repr_is_detected() {
    for text in [
        "{'a': 1}",
        "None",
        "[True, None]",
        "(1, 2)",
        "(1,)",
        "{1, 2}",
        "'text'",
        "{'a': datetime.datetime(2024, 1, 2, tzinfo=utc)}",
        "Message(role='user', content=None)",
        "[<Role.USER: 'user'>]",
        "{(1, 2): 'x'}",
        "{'a': b'x'}",
        "[1, 2,]",
        r#"{"a": True}"#,
        "{'a': 'cut",
        "[nan, inf]",
        "f()",
        "{'a': [...]}",
        "{1: {2: 3}, 4: 5}",
    ] {
        assert!(is_value(text), "{text}");
    }
}

#[test]
fn other_text_is_plain() {
    for text in [
        "",
        " ",
        "Hello",
        "Hello world",
        "[INFO] started",
        "[1], [2]",
        "(see above)",
        "'tis the season",
        r#""Refund" she said"#,
        r#""open"#,
        "{a b}",
        "[1 2]",
        "{\"a\" 1}",
        "[1}",
        "]",
        "it's",
        "Note(s): this",
        "# Title",
        "{\"a\": 1} trailing",
        "<p>text",
        "1, 2",
        "a (b)",
        "{:}",
        "[,]",
        "[1,,2]",
        "{\"a\":}",
        "{\"a\":1:2}",
        "[\"a\":1]",
        "(a=)",
    ] {
        assert!(!is_value(text), "{text}");
    }
}
