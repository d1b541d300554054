//! Attributes of Arize Phoenix, which nests them at the dots of their names.

use std::collections::HashMap;

use super::fields::Fields;
use crate::model::{Attribute, Value};
use crate::semconv::JSON_TEXT_KEYS;

/// Returns the rows of a data frame that was written by columns: `{"name": {"0": "chat"}, "context.trace_id": {"0": "…"}}`, as pandas does
/// by default. A row has every column.
pub(super) fn rows(table: Vec<Attribute>) -> Vec<Vec<Attribute>> {
    let mut rows: Vec<Vec<Attribute>> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (column, cells) in table {
        let Value::Map(cells) = cells else { continue };
        for (row, value) in cells {
            let at = *known.entry(row).or_insert_with(|| {
                rows.push(Vec::new());
                rows.len() - 1
            });
            rows[at].push((column.clone(), value));
        }
    }
    rows
}

/// Restores the names under which Phoenix received attributes: it nests them at the dots, and returns a map, or columns
/// `attributes.<name>`.
pub(super) fn flatten_attributes(attributes: Vec<Attribute>, fields: Fields<'_>) -> Vec<Attribute> {
    let mut flat = Vec::new();
    for (name, value) in attributes {
        flatten(name, value, &mut flat);
    }
    for (name, value) in fields.0 {
        // A row has every column of its table; the columns that its span lacks are null, or NaN in Python.
        let is_missing = matches!(value, Value::Null) || matches!(value, Value::Float(number) if number.is_nan());
        if let (Some(name), false) = (name.strip_prefix("attributes."), is_missing) {
            flatten(name.to_owned(), value.clone(), &mut flat);
        }
    }
    join_json_texts(flat)
}

/// Restores attributes that are JSON as text and were flattened, too: `tool.parameters.city` belongs to `tool.parameters`.
fn join_json_texts(flat: Vec<Attribute>) -> Vec<Attribute> {
    let mut joined: Vec<Attribute> = Vec::new();
    for (name, value) in flat {
        let part = JSON_TEXT_KEYS.iter().find_map(|json| Some((*json, name.strip_prefix(json)?.strip_prefix('.')?)));
        match part {
            None => joined.push((name, value)),
            Some((json, path)) => nest(&mut joined, json, path, value),
        }
    }
    for (name, value) in &mut joined {
        if JSON_TEXT_KEYS.contains(&name.as_str()) && matches!(value, Value::Map(_)) {
            *value = Value::Text(value.to_json());
        }
    }
    joined
}

/// Inserts a value into the map `name`, at a path of keys separated by dots.
fn nest(entries: &mut Vec<Attribute>, name: &str, path: &str, value: Value) {
    let at = entries.iter().rposition(|(other, value)| other == name && matches!(value, Value::Map(_))).unwrap_or_else(|| {
        entries.push((name.to_owned(), Value::Map(Vec::new())));
        entries.len() - 1
    });
    let Value::Map(inner) = &mut entries[at].1 else { return };
    // The limit bounds the recursion. A longer path stays one key.
    match path.split_once('.').filter(|(_, rest)| rest.split('.').count() < 32) {
        Some((first, rest)) => nest(inner, first, rest, value),
        None => inner.push((path.to_owned(), value)),
    }
}

/// Appends an attribute, or the attributes that it becomes when it is flattened.
fn flatten(name: String, value: Value, flat: &mut Vec<Attribute>) {
    let are_maps = |items: &[Value]| !items.is_empty() && items.iter().all(|item| matches!(item, Value::Map(_)));
    match value {
        Value::Map(_) if JSON_TEXT_KEYS.iter().any(|json| name == *json || name.ends_with(&format!(".{json}"))) => {
            flat.push((name, Value::Text(value.to_json())));
        }
        Value::Map(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                flatten(format!("{name}.{key}"), value, flat);
            }
        }
        Value::List(items) if are_maps(&items) => {
            for (number, item) in items.into_iter().enumerate() {
                flatten(format!("{name}.{number}"), item, flat);
            }
        }
        other => flat.push((name, other)),
    }
}
