use proptest::prelude::*;

use super::*;

/// Parses with `serde_json`, for comparison.
fn oracle(text: &str) -> Option<Vec<Attribute>> {
    match serde_json::from_str(text).ok()? {
        serde_json::Value::Object(map) => Some(map.into_iter().map(|(key, value)| (key, convert(value))).collect()),
        serde_json::Value::Null => Some(Vec::new()),
        _ => None,
    }
}

fn convert(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Bool(flag),
        serde_json::Value::Number(number) => number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap()), Value::Int),
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Array(list) => Value::List(list.into_iter().map(convert).collect()),
        serde_json::Value::Object(map) => Value::Map(map.into_iter().map(|(key, value)| (key, convert(value))).collect()),
    }
}

/// The last of equal keys wins, as in `serde_json`.
fn last_wins(attributes: Vec<Attribute>) -> Vec<Attribute> {
    let mut kept: Vec<Attribute> = Vec::new();
    for (key, value) in attributes {
        let value = settled(value);
        match kept.iter_mut().find(|(other, _)| *other == key) {
            Some(slot) => slot.1 = value,
            None => kept.push((key, value)),
        }
    }
    kept
}

fn settled(value: Value) -> Value {
    match value {
        Value::Map(map) => Value::Map(last_wins(map)),
        Value::List(list) => Value::List(list.into_iter().map(settled).collect()),
        other => other,
    }
}

/// The values that the scan visits.
fn scanned(text: &str) -> Result<Vec<Attribute>, JsonError> {
    let mut attributes = Vec::new();
    scan(text.as_bytes(), |key, scalar| {
        let value = match scalar {
            Scalar::Int(number) => Value::Int(number),
            Scalar::Float(number) => Value::Float(number),
            Scalar::Bool(flag) => Value::Bool(flag),
            Scalar::Other(raw) => parse_value(raw).unwrap(),
            text => Value::Text(chars(text).collect()),
        };
        attributes.push((String::from_utf8(key.to_vec()).unwrap(), value));
    })?;
    Ok(attributes)
}

#[test]
fn extensions_of_python_are_parsed() {
    let found = parse(br#"{"a": NaN, "b": -Infinity, "c": "half \ud83d pair", "d": 123456789012345678901}"#).unwrap();
    assert!(matches!(found[0].1, Value::Float(number) if number.is_nan()));
    assert_eq!(found[1].1, Value::Float(f64::NEG_INFINITY));
    assert_eq!(found[2].1, Value::Text("half \u{fffd} pair".to_owned()));
    assert_eq!(found[3].1, Value::Float(123_456_789_012_345_678_901.0));
    assert_eq!(parse(b"null"), Ok(Vec::new()));
    assert_eq!(parse(b"{\"a\": \"\n\"}"), Ok(vec![("a".to_owned(), Value::Text("\n".to_owned()))]));
}

#[test]
fn a_key_may_be_escaped() {
    assert_eq!(scanned(r#"{"llm\u002emodel": 1}"#).unwrap(), [("llm.model".to_owned(), Value::Int(1))]);
}

#[test]
fn errors_have_a_position() {
    for (text, what) in [
        ("", "the text ends too early at byte 0"),
        ("[]", "not an object at byte 0"),
        (r#"{"a": 1} x"#, "text after the end at byte 9"),
        (r#"{"a": "b"#, "a string without end at byte 8"),
        (r#"{"a": 1,}"#, "expected a key at byte 8"),
        (r#"{"a" 1}"#, "expected a colon at byte 5"),
        (r#"{"a": 01}"#, "a number with a leading zero at byte 8"),
        (r#"{"a": "\x"}"#, "an invalid escape at byte 7"),
        ("{'a': None}", "expected a key at byte 1"),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap_err().to_string(), what);
        assert_eq!(scanned(text).unwrap_err().to_string(), what);
    }
}

#[test]
fn deep_values_are_cut_and_do_not_exhaust_the_stack() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [MAX_NESTING, MAX_NESTING + 1, 127, 128, 130, 1_000_000] {
            let value = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let text = format!("{{\"a\": {value}, \"b\": \"]}}\"}}");
            let parsed = parse(text.as_bytes()).unwrap_or_else(|error| panic!("{depth}: {error}"));
            assert_eq!(parsed[1], ("b".to_owned(), Value::Text("]}".to_owned())), "{depth}");
            assert_eq!(parsed[0].1.to_json().contains(TOO_DEEP), depth > MAX_NESTING, "{depth}");
            assert_eq!(scanned(&text).unwrap().len(), 2, "{depth}");
            let unfinished = &text[..text.len() / 2];
            assert!(parse(unfinished.as_bytes()).is_err() && scanned(unfinished).is_err(), "{depth}");
        }
    }
}

#[test]
fn escapes_are_found_at_any_position() {
    // Names and values of all lengths around a block of 64 bytes, with escaped and unescaped quotes.
    let ends = ["", r"\\", r"\\\\", r#"\""#, r#"\\\""#, r"\n", r"\u00e9", r"\\u00e9", r#"\"\"\"\""#, r"\/\/"];
    for (length, end) in (0..140).flat_map(|length| ends.map(|end| (length, end))) {
        let runs = r"\\".repeat(length);
        for text in
            ["a".repeat(length) + end, runs.clone() + end, "é".repeat(length) + end + &runs, format!("{end}{}{end}", "b".repeat(length))]
        {
            let text = format!(r#"{{"{text}": "{text}", "k": ["{text}"], "z": "{text}"}}"#);
            let expected = oracle(&text).unwrap();
            assert_eq!(last_wins(parse(text.as_bytes()).unwrap()), expected, "{text}");
            assert_eq!(last_wins(scanned(&text).unwrap()), expected, "{text}");
        }
    }
}

#[test]
fn invalid_strings_have_a_position() {
    for length in 0..140 {
        let filled = |rest: &str| format!(r#"{{"{}{rest}"#, "a".repeat(length));
        for (rest, at, what) in [
            ("", 0, "a string without end"),
            ("bc", 2, "a string without end"),
            (r"\", 0, "an invalid escape"),
            (r"\\", 2, "a string without end"),
            (r#"\""#, 2, "a string without end"),
            (r#"\x""#, 0, "an invalid escape"),
            (r#"\\\x" \y"#, 2, "an invalid escape"),
            (r"\u00e", 0, "an invalid escape"),
            (r#"\u00e""#, 0, "an invalid escape"),
            (r#"\n\u12x4""#, 2, "an invalid escape"),
            (r#"" \""#, 2, "expected a colon"),
        ] {
            assert_eq!(parse(filled(rest).as_bytes()), Err(JsonError { at: 2 + length + at, what }), "{length} {rest}");
        }
    }
}

#[test]
fn invalid_utf8_is_replaced() {
    let text = b"{\"a\": \"x\xff\xe2\x82y\", \"b\": \"\\n\xff\"}";
    assert_eq!(parse(text).unwrap()[0].1, Value::Text("x\u{fffd}\u{fffd}y".to_owned()));
    assert_eq!(parse(text).unwrap()[1].1, Value::Text("\n\u{fffd}".to_owned()));
}

fn json() -> impl Strategy<Value = String> {
    let text =
        prop_oneof!["[a-z.]{0,12}", any::<String>(), "[\\\\\"\n\u{1F600}é/]{0,20}"].prop_map(|text| serde_json::to_string(&text).unwrap());
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|flag| flag.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<i32>().prop_map(|number| (f64::from(number) / 64.0).to_string()),
        text.clone(),
        Just(r#""\ud83d\ude00 \u00e9 \/""#.to_owned()),
    ];
    let value = leaf.prop_recursive(3, 20, 5, move |inner| {
        let key = prop_oneof!["[a-z.]{0,12}", any::<String>()].prop_map(|text| serde_json::to_string(&text).unwrap());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((key, inner), 0..5).prop_map(|items| format!(
                "{{{}}}",
                items.iter().map(|(key, value)| format!("{key}:{value}")).collect::<Vec<_>>().join(" ,")
            )),
        ]
    });
    let key = text;
    prop::collection::vec((key, value), 0..8)
        .prop_map(|items| format!("{{{}}}", items.iter().map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join(", ")))
}

proptest! {
    #[test]
    fn valid_text_is_parsed_like_serde_json(text in json()) {
        let expected = oracle(&text).unwrap();
        prop_assert_eq!(&parse(text.as_bytes()).unwrap(), &expected);
        prop_assert_eq!(&last_wins(scanned(&text).unwrap()), &expected);
    }

    #[test]
    fn damaged_text_is_refused_like_serde_json(text in json(), at in any::<prop::sample::Index>(), with in "[\"\\\\{}\\[\\],:0-9eE.+ntu x\n-]{0,3}", cut in any::<bool>()) {
        let chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        let damaged: String = chars[..at].iter().copied().chain(with.chars()).chain(chars[at..].iter().skip(1).take(if cut { 0 } else { usize::MAX }).copied()).collect();
        // `serde_json` also refuses lone surrogates, line breaks in strings and numbers beyond a double.
        if damaged.contains("\\ud") || damaged.contains(['e', 'E', '\n']) {
            return Ok(());
        }
        let expected = oracle(&damaged);
        prop_assert_eq!(parse(damaged.as_bytes()).ok(), expected.clone());
        prop_assert_eq!(scanned(&damaged).ok().map(last_wins), expected);
    }
}

#[test]
fn letters_of_nested_json_are_decoded_and_it_stays_json() {
    let decoded = |text: &str| decode_letters(text.chars(), true).collect::<String>();
    for (text, expected) in [
        (r#"{"q": "\u5317\u4eac"}"#, r#"{"q": "北京"}"#),
        (r#"["\ud83d\ude00", "\u00E9"]"#, r#"["😀", "é"]"#),
        (r#""a\n\u0022\u005c\u000a""#, r#""a\n\u0022\u005c\u000a""#),
        (r#""\\u5317 \ud83d \u12 \u"#, r#""\\u5317 \ud83d \u12 \u"#),
        (r"\", r"\"),
        (r"\u5317", "北"),
        ("", ""),
    ] {
        assert_eq!(decoded(text), expected, "{text}");
    }
}
