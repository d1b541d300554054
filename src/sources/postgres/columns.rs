//! The SQL expressions that read the columns of a row, cut to what the row needs.
//!
//! Agents store whole conversations in `attributes`, so that sending all of it would cost more than everything else. The expressions are
//! generated from [`selection`]: a row that PostgreSQL cuts has the same facts as a row that is read whole.

use std::fmt::{Display, Write as _};

use crate::semconv::PREVIEW_WINDOW;
use crate::semconv::selection::{
    CALLED_TOOL, COUNT_ENDS, INPUT_MESSAGES, MESSAGE_CONTENT, MESSAGE_DIGITS, MESSAGE_ROLE, OTHER_THAN_TOOL, OUTPUT_MESSAGES, Part,
    SPAN_KIND_KEY, USAGE_PREFIX, USER_ROLE, end_pattern, part, row_keys,
};
use crate::sources::sql::{literal, text_array};

/// Attributes of fewer bytes are sent whole, which costs the server less than selecting.
const SMALL: u32 = 1500;

/// The text of a string value.
const TEXT: &str = "(value #>> '{}')";

/// Returns the expression that reads a column of this type.
pub(super) fn expression(column: &str, data_type: &str) -> String {
    match (column, data_type) {
        ("attributes", "jsonb") => attributes(),
        ("status_message", _) => format!("left({column}::text, {PREVIEW_WINDOW})"),
        _ => format!("{column}::text"),
    }
}

/// Selects the attributes that a row shows, each cut to the part that it needs. What is not an object is only quoted in a message.
fn attributes() -> String {
    let selected = format!(
        "(SELECT json_object_agg(key, {}) FROM (SELECT key, value, {} AS question FROM jsonb_each(attributes) WHERE {}) AS attribute \
         WHERE {})::text",
        value(),
        last_question(),
        is_selected(),
        is_last_question(),
    );
    format!(
        "CASE WHEN pg_column_size(attributes) < {SMALL} AND pg_column_compression(attributes) IS NULL THEN attributes::text \
         WHEN jsonb_typeof(attributes) = 'object' THEN {selected} ELSE left(attributes::text, {PREVIEW_WINDOW}) END"
    )
}

/// The condition on `key` under which a row may need the attribute.
fn is_selected() -> String {
    let message = |end: &str| format!("starts_with(key, {}) AND {}", literal(INPUT_MESSAGES), ends_with(end));
    format!(
        "key = ANY ({}) OR key ~ {} OR {} OR {} OR {} OR starts_with(key, {})",
        text_array(row_keys()),
        literal(&end_pattern()),
        is_count(),
        message(MESSAGE_ROLE),
        message(MESSAGE_CONTENT),
        literal(OUTPUT_MESSAGES),
    )
}

/// The condition on `key` under which it may be that of a token count in no known convention.
fn is_count() -> String {
    let ends: Vec<String> = COUNT_ENDS.iter().map(|end| format!("lower(right(key, {})) = {}", end.len(), literal(end))).collect();
    format!("(({}) AND (strpos(key, '.') = 0 OR strpos(key, {}) > 0))", ends.join(" OR "), literal(USAGE_PREFIX))
}

/// The number of the user's last message, over all attributes.
fn last_question() -> String {
    let pattern = |text: &str| text.replace('.', "\\.");
    format!(
        "max(CASE WHEN value = {}::jsonb AND key ~ '^{}(0|[1-9][0-9]{{0,{}}}){}$' THEN split_part(key, '.', {})::int END) OVER ()",
        literal(&format!("\"{USER_ROLE}\"")),
        pattern(INPUT_MESSAGES),
        MESSAGE_DIGITS - 1,
        pattern(MESSAGE_ROLE),
        INPUT_MESSAGES.matches('.').count() + 1,
    )
}

/// The condition that leaves out all input messages but the user's last.
fn is_last_question() -> String {
    let key = |end: &str| format!("{} || question || {}", literal(INPUT_MESSAGES), literal(end));
    format!("NOT starts_with(key, {}) OR key IN ({}, {})", literal(INPUT_MESSAGES), key(MESSAGE_ROLE), key(MESSAGE_CONTENT))
}

/// The part of `value` that a row needs.
fn value() -> String {
    let mut parts: Vec<(Part, Vec<&str>)> = Vec::new();
    for key in row_keys() {
        let part = part(key);
        match parts.iter_mut().find(|(other, _)| *other == part) {
            Some((_, keys)) => keys.push(key),
            None => parts.push((part, vec![key])),
        }
    }
    let is_called_tool = format!("starts_with(key, {}) AND {}", literal(OUTPUT_MESSAGES), ends_with(CALLED_TOOL));
    // Of other response messages only the presence counts.
    let mut cases =
        format!("CASE WHEN starts_with(key, {}) AND NOT {} THEN 'null'::jsonb", literal(OUTPUT_MESSAGES), ends_with(CALLED_TOOL));
    cases.push_str(" WHEN jsonb_typeof(value) <> 'string' THEN value");
    let _ = write!(cases, " WHEN starts_with(key, {}) OR {is_called_tool} THEN {}", literal(INPUT_MESSAGES), cut(PREVIEW_WINDOW));
    for (part, keys) in parts {
        if let Some((condition, chars)) = cut_condition(part) {
            let _ = write!(cases, " WHEN key = ANY ({}) AND {condition} THEN {}", text_array(keys), cut(chars));
        }
    }
    cases.push_str(" ELSE value END");
    cases
}

/// The condition under which a text is cut, and to how many characters; `None` if it never is.
fn cut_condition(part: Part) -> Option<(String, String)> {
    match part {
        Part::Whole => None,
        Part::Beginning => Some(("true".to_owned(), PREVIEW_WINDOW.to_string())),
        Part::Arguments { max_chars, signs } => {
            let is_no_tool = format!("lower(attributes ->> {}) = ANY ({})", literal(SPAN_KIND_KEY), text_array(OTHER_THAN_TOOL));
            let has_sign = contains_any(&format!("left({TEXT}, {PREVIEW_WINDOW})"), signs);
            let has_question =
                format!("length({TEXT}) <= {max_chars} AND (left({TEXT}, 1) = '\"' OR left({TEXT}, 1) IN ('{{', '[') AND {has_sign})");
            Some((format!("{is_no_tool} AND NOT ({has_question})"), PREVIEW_WINDOW.to_string()))
        }
        Part::Matching { prefix, max_chars, words, otherwise } => {
            Some((format!("NOT ({})", matches(prefix, max_chars, words)), otherwise.to_string()))
        }
        Part::Answer { prefix, max_chars, words, otherwise, max_reason, reasons } => {
            let may_be_reason = format!("status_code::text ~* '(error|2)$' AND {}", matches(None, max_reason, reasons));
            Some((
                format!("NOT ({} OR {may_be_reason})", matches(Some(prefix), max_chars, words)),
                format!("CASE WHEN left(ltrim({TEXT}, E' \\t\\r\\n'), 1) IN ('{{', '[') THEN 1 ELSE {otherwise} END"),
            ))
        }
    }
}

fn matches(prefix: Option<&str>, max_chars: usize, words: &[&str]) -> String {
    let mut sql = format!("length({TEXT}) <= {max_chars}");
    if !words.is_empty() {
        let _ = write!(sql, " AND {}", contains_any(TEXT, words));
    }
    if let Some(prefix) = prefix {
        let _ = write!(sql, " OR starts_with({TEXT}, {})", literal(prefix));
    }
    sql
}

/// The condition under which a text contains one of the words.
fn contains_any(text: &str, words: &[&str]) -> String {
    let contains = |word: &&str| format!("strpos({text}, {}) > 0", literal(word));
    format!("({})", words.iter().map(contains).collect::<Vec<_>>().join(" OR "))
}

fn ends_with(end: &str) -> String {
    format!("right(key, {}) = {}", end.chars().count(), literal(end))
}

fn cut(chars: impl Display) -> String {
    format!("to_jsonb(left({TEXT}, {chars}))")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_jsonb_is_selected_on_the_server() {
        assert!(expression("attributes", "jsonb").contains("jsonb_each"));
        assert_eq!(expression("attributes", "json"), "attributes::text");
        assert_eq!(expression("name", "character varying"), "name::text");
    }

    #[test]
    fn every_key_of_a_row_is_selected() {
        let sql = attributes();
        for key in row_keys().chain([INPUT_MESSAGES, OUTPUT_MESSAGES]) {
            assert!(sql.contains(&literal(key)), "{key}");
        }
    }
}
