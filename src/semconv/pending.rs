//! Logfire's records of spans that have started.
//!
//! When a span starts, Logfire sends a record with an id of its own: a child of the started span, with the attributes
//! `logfire.span_type = "pending_span"` and `logfire.pending_parent_id`, the started span's parent.

use super::keys::Field;
use crate::model::{Attribute, Value};

/// The value of `logfire.span_type` on a record of a started span.
pub(super) const PENDING: &str = "pending_span";

/// Removes the attributes that mark a record of a started span, for an export under the id of the span itself. Without them a reader would
/// take the span for a record of its parent.
pub fn remove_pending_marker(attributes: &mut Vec<Attribute>) {
    let keys = [Field::RecordType, Field::PendingParent].map(Field::keys).concat();
    let is_pending = |(key, value): &Attribute| keys.contains(&key.as_str()) && matches!(value, Value::Text(text) if text == PENDING);
    if attributes.iter().any(is_pending) {
        attributes.retain(|(key, _)| !keys.contains(&key.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_of_a_pending_span_is_removed_and_other_attributes_stay() {
        let attribute = |name: &str, value: &str| (name.to_owned(), Value::Text(value.to_owned()));
        let (kind, parent, other) =
            (|kind| attribute("logfire.span_type", kind), attribute("logfire.pending_parent_id", "0"), attribute("a", "pending_span"));
        let mut pending = vec![other.clone(), kind("pending_span"), parent.clone()];
        remove_pending_marker(&mut pending);
        assert_eq!(pending, [other]);
        let mut ended = vec![kind("span"), parent];
        remove_pending_marker(&mut ended);
        assert_eq!(ended.len(), 2);
    }
}
