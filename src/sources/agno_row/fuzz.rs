//! Reads Agno's rows for the fuzz target in `fuzz/`.

use std::sync::LazyLock;

use super::{AgnoRow, payload, scan};
use crate::model::json;
use crate::model::payload_query::Condition;
use crate::model::{Batch, Origin, Pattern, PayloadQuery, PayloadRef, SourceId};
use crate::semconv::SpanBuilder;

/// The query that rows are searched for.
static PROBE: LazyLock<PayloadQuery> =
    LazyLock::new(|| PayloadQuery::new(Pattern::substring(&["er".to_owned()]).map(|pattern| (false, Condition::Text(vec![pattern])))));

/// Reads a row. Zero bytes separate the columns, attributes and status message first; missing columns are valid.
///
/// # Panics
///
/// If a row is rejected without a reason, or if its row and its payload disagree.
pub fn row(bytes: &[u8]) {
    let mut pieces = bytes.split(|byte| *byte == 0);
    let mut next = |usual: &'static [u8]| pieces.next().unwrap_or(usual);
    let (attributes, message, name, status) = (next(b"{}"), next(b""), next(b"Agent.run"), next(b"OK"));
    let (start, end) = (next(b"2026-11-22T05:59:04.123456+00:00"), next(b"2026-11-22T05:59:05+00:00"));
    let (id, trace, parent) = (next(b"b7ad6b7169203331"), next(b"0af7651916cd43dd8448eb211c80319c"), next(b""));
    let mut batch = Batch::new(SourceId(0), Origin::History);
    let columns = [id, trace, parent, name, status, message, start, end, attributes];
    if let Err(message) = AgnoRow(columns.map(Some)).span(PayloadRef(1), &mut batch) {
        assert!(!message.is_empty() && message.len() < 400, "{message}");
    }
    // The row and the payload must accept the same JSON.
    assert_eq!(scans(attributes), json::parse(attributes).is_ok());
    let payload = payload(attributes, message);
    // A control character in a string is shown as an escape, whose digits may complete the word.
    let has_controls = attributes.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace());
    if scans(attributes) && !has_controls {
        // Of an attribute that stands twice the last value is shown, and the search finds the others too.
        assert!(PROBE.matches_json(attributes, message) || !PROBE.matches(&payload));
    }
}

fn scans(attributes: &[u8]) -> bool {
    scan(attributes, &mut SpanBuilder::default()).is_ok()
}
