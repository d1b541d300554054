//! Answers in the format `JSONCompact`.

use crate::model::Value;
use crate::model::json::{self, parse_value};

use super::error::Error;

/// The rows of an answer.
#[derive(Debug, Default)]
pub(in crate::sources) struct Rows {
    body: Vec<u8>,
    /// Where `data` is in the body.
    data: std::ops::Range<usize>,
    /// The number of rows.
    pub(in crate::sources) count: u64,
    /// The rows of tables that the server read.
    pub(super) read: u64,
}

impl Rows {
    /// Parses an answer. One that is cut, or that an error of the server ends, is an error.
    pub(super) fn parse(body: Vec<u8>) -> Result<Self, Error> {
        let (mut data, mut count, mut exception, mut read) = (None, None, None, 0);
        let parsed = json::fields(&body, |name, value| match name {
            b"data" => data = Some(value),
            b"rows" => count = number(value),
            b"exception" => exception = Some(value),
            b"statistics" => read = statistic(value),
            _ => {}
        });
        if let Some(exception) = exception {
            return Err(Error::of_server(500, &text(exception).unwrap_or_default()));
        }
        let (Ok(()), Some(data), Some(count)) = (parsed, data, count) else { return Err(Error::in_answer(&body)) };
        let mut rows = 0_u64;
        let listed = json::items(data, |_| rows += 1);
        if listed.is_err() || i64::try_from(rows) != Ok(count) {
            return Err(Error::in_answer(&body));
        }
        let from = data.as_ptr() as usize - body.as_ptr() as usize;
        let data = from..from + data.len();
        Ok(Self { body, data, count: rows, read })
    }

    /// Calls `f` with the cells of each row, as JSON.
    pub(in crate::sources) fn for_each(&self, mut f: impl FnMut(&[&[u8]])) {
        let mut cells = Vec::new();
        // The rows were parsed before.
        let _ = json::items(&self.body[self.data.clone()], |row| {
            cells.clear();
            let _ = json::items(row, |cell| cells.push(cell));
            f(&cells);
        });
    }

    /// Returns the number in a column of the first row.
    pub(in crate::sources) fn first_number(&self, column: usize) -> Option<i64> {
        let mut found = None;
        self.for_each(|cells| found = found.or_else(|| number(cells.get(column)?)));
        found
    }

    /// Returns the texts of a column.
    pub(in crate::sources) fn texts(&self, column: usize) -> Vec<String> {
        let mut found = Vec::new();
        self.for_each(|cells| found.extend(cells.get(column).and_then(|cell| text(cell))));
        found
    }
}

fn statistic(value: &[u8]) -> u64 {
    let mut read = 0;
    let _ = json::fields(value, |name, value| {
        if name == b"rows_read" {
            read = number(value).and_then(|read| u64::try_from(read).ok()).unwrap_or(0);
        }
    });
    read
}

/// Returns the text of a cell, of a number its digits; `None` for null.
pub(in crate::sources) fn text(cell: &[u8]) -> Option<String> {
    match parse_value(cell).ok()? {
        Value::Null => None,
        Value::Text(text) => Some(text),
        other => Some(other.to_json()),
    }
}

/// Returns an integer, with or without quotes.
pub(super) fn number(cell: &[u8]) -> Option<i64> {
    let digits = cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")).unwrap_or(cell);
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Returns the attributes of a map or of a value of the type JSON, whose dotted keys come nested: `{"error": "x", "error": {"type": "y"}}`.
/// Of equal keys all are kept.
pub(super) fn attributes(cell: &[u8]) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    flatten(cell, "", &mut found);
    found
}

/// Adds the fields of an object, whose names follow `prefix`. The depth is that of the text, which the scan of the answer has bounded.
fn flatten(object: &[u8], prefix: &str, found: &mut Vec<(String, Value)>) {
    const DEEPEST: usize = 64;
    let _ = json::entries(object, |name, value| {
        let name = format!("{prefix}{}", json::chars(name).collect::<String>());
        if value.first() == Some(&b'{') && prefix.matches('.').count() < DEEPEST {
            flatten(value, &format!("{name}."), found);
        } else if let Ok(value) = parse_value(value) {
            found.push((name, value));
        }
    });
}

/// Returns a text as the value of a parameter: the server reads it as a field of its format `TabSeparated`.
pub(super) fn escaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\\' => value.push_str("\\\\"),
            '\t' => value.push_str("\\t"),
            '\n' => value.push_str("\\n"),
            '\r' => value.push_str("\\r"),
            '\0' => value.push_str("\\0"),
            char => value.push(char),
        }
    }
    value
}

/// Returns texts as the value of a parameter of the type `Array(String)`.
pub(super) fn array<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<String> = texts.into_iter().map(|text| format!("'{}'", escaped(text.as_ref()).replace('\'', "\\'"))).collect();
    format!("[{}]", quoted.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"{"meta": [], "data": [["a", 1, "2", null], ["b\/\u00e9", -1, "9223372036854775807", {}]], "rows": 2,
        "statistics": {"elapsed": 0.1, "rows_read": "17", "bytes_read": 3}}"#;

    #[test]
    fn rows_are_read_with_integers_quoted_or_bare() {
        let rows = Rows::parse(ANSWER.into()).unwrap();
        assert_eq!((rows.count, rows.read, rows.first_number(1), rows.first_number(2)), (2, 17, Some(1), Some(2)));
        assert_eq!(rows.texts(0), ["a", "b/é"]);
        assert_eq!(rows.texts(3), ["{}"]);
        let mut numbers = Vec::new();
        rows.for_each(|cells| numbers.extend([number(cells[1]), number(cells[2])]));
        assert_eq!(numbers, [Some(1), Some(2), Some(-1), Some(i64::MAX)]);
    }

    #[test]
    fn an_answer_that_is_not_whole_is_an_error() {
        for cut in [10, 40, 80, ANSWER.len() - 2] {
            assert!(Rows::parse(ANSWER.as_bytes()[..cut].to_vec()).is_err(), "{cut}");
        }
        assert!(Rows::parse(ANSWER.replace("\"rows\": 2", "\"rows\": 3").into()).is_err());
        let failed =
            ANSWER.replace("\"rows\": 2", "\"rows\": 2, \"exception\": \"Code: 159. DB::Exception: Timeout exceeded. (TIMEOUT_EXCEEDED)\"");
        assert_eq!(Rows::parse(failed.into()).unwrap_err(), Error::Limit { code: 159, reason: "Timeout exceeded".to_owned() });
        let appended = format!("{}Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)", &ANSWER[..60]);
        assert!(matches!(Rows::parse(appended.into()).unwrap_err(), Error::Limit { code: 241, .. }));
    }

    #[test]
    fn attributes_of_both_types_are_flat_and_keep_equal_keys() {
        let json = br#"{"error": "x", "error": {"type": "y", "n": [1, 2.5]}, "a\/b": "5"}"#;
        let found = attributes(json);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["error", "error.type", "error.n", "a/b"]);
        assert_eq!(found[2].1, Value::List(vec![Value::Int(1), Value::Float(2.5)]));
        assert_eq!(found[3].1, Value::Text("5".to_owned()));
        assert_eq!(attributes(b"null"), []);
        let deep = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
        assert!(attributes(deep.as_bytes()).len() <= 1);
    }

    #[test]
    fn parameters_are_escaped() {
        assert_eq!(escaped("a\\b\tc\n"), "a\\\\b\\tc\\n");
        assert_eq!(array(["a'b", "c\\"]), r"['a\'b','c\\']");
        assert_eq!(array::<&str>([]), "[]");
    }
}
