//! The filter language.

use std::str::from_utf8;

use crate::query::{Query, cursor_context, values_of, with_values};

/// The attributes of a span that the filter is applied to.
const JSON: &[u8] =
    br#"{"input.value": "say \"hi\" to Gr\u00f6\u00dfe", "llm.token_count.prompt": 5000, "tags": ["a", {"b": null}], "ok": true}"#;

/// Parses any text as a filter. An error has a position in the text; a filter can be edited, parsed again and applied to payloads.
///
/// # Panics
///
/// If the position is outside of the text, or if an edit does not keep a value.
pub fn filter(bytes: &[u8]) {
    let Ok(line) = from_utf8(bytes) else { return };
    let length = line.chars().count();
    match line.parse::<Query>() {
        Ok(query) => {
            let _ = query.start_bounds(1_800_000_000_000_000_000);
            let payload_query = query.payload_query();
            let _ = (payload_query.matches_json(JSON, b"it failed"), payload_query.required_substrings());
            let changed = with_values(line, "agent", &[line.to_owned()]);
            assert_eq!(values_of(&changed, "agent"), [line]);
        }
        Err(error) => assert!(error.at <= length),
    }
    assert!(cursor_context(line, length).at <= length);
}
