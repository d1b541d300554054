//! Recognizes the JSON schema of a tool's arguments. Some programs record it under the key that others use for the arguments themselves.

use super::values;
use crate::model::json::Scalar;
use crate::model::{Attribute, Value};

/// Longer values are taken for arguments.
const MAX_CHARS: usize = 1 << 16;

/// Keys that a schema without properties may have.
const VOCABULARY: [&str; 10] =
    ["type", "properties", "required", "additionalProperties", "title", "description", "strict", "$defs", "definitions", "default"];

/// Parts of the text of every schema.
const SIGNS: [&[u8]; 3] = [b"schema", b"type", b"properties"];

/// Whether a text or a map is a JSON schema.
pub(super) fn is_in_scalar(value: Scalar<'_>) -> bool {
    let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = value else { return false };
    let may_be = SIGNS.iter().any(|sign| memchr::memmem::find(raw, sign).is_some());
    may_be && values::parse(value, MAX_CHARS).is_some_and(|value| is_schema(&value))
}

/// Whether a decoded attribute is a JSON schema, as a map or as JSON text.
pub(super) fn is_in_value(value: &Value) -> bool {
    match value {
        Value::Text(text) => is_in_scalar(Scalar::Text(text.as_bytes())),
        other => is_schema(other),
    }
}

fn is_schema(value: &Value) -> bool {
    let Value::Map(map) = value else { return false };
    let get = |name: &str| map.iter().find(|(other, _)| other == name).map(|(_, value)| value);
    let is_map = |name: &str| matches!(get(name), Some(Value::Map(_)));
    let is_type = |name: &str| matches!(get("type"), Some(Value::Text(text)) if text == name);
    let is_known = |(name, _): &Attribute| VOCABULARY.contains(&name.as_str());
    let is_object = is_type("object") && (is_map("properties") || map.iter().all(is_known));
    // The schema of a tool's definition, and the inner form of Zod's schemas.
    let is_wrapped = is_map("json_schema") || (is_type("function") && is_map("function")) || (is_map("def") && get("type").is_some());
    let is_untyped = is_map("properties") && matches!(get("required"), Some(Value::List(_)));
    get("$schema").is_some() || is_object || is_wrapped || is_untyped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_told_from_arguments() {
        let is_schema = |text: &str| {
            let escaped = text.replace('"', "\\\"");
            let found = is_in_scalar(Scalar::Text(text.as_bytes()));
            assert_eq!(is_in_scalar(Scalar::Escaped(escaped.as_bytes())), found, "{text}");
            assert_eq!(is_in_value(&Value::Text(text.to_owned())), found, "{text}");
            found
        };
        for schema in [
            r#"{"properties": {"city": {"title": "City", "type": "string"}}, "required": ["city"], "title": "args", "type": "object"}"#,
            r#"{"properties": {"city": {}}, "required": ["city"]}"#,
            r#"{"type": "object", "properties": {}}"#,
            r#"{"type": "object", "additionalProperties": false}"#,
            r#"{"def": {"type": "object", "shape": {"city": {"type": "string"}}}, "type": "object"}"#,
            r#"{"type": "json_schema", "json_schema": {"name": "x"}}"#,
            r#"{"type": "function", "function": {"name": "get_weather"}}"#,
            r#"{"$schema": "https://json-schema.org/draft/2020-12/schema"}"#,
        ] {
            assert!(is_schema(schema), "{schema}");
        }
        for arguments in [
            r#"{"city": "Lisbon"}"#,
            r#"{"type": "object", "colour": "red"}"#,
            r#"{"type": "pizza"}"#,
            r#"{"properties": "all"}"#,
            r#"{"def": "x", "type": "y"}"#,
            r#"["type", "properties"]"#,
            r#"{"type": "object""#,
            "properties of an object",
            "",
        ] {
            assert!(!is_schema(arguments), "{arguments}");
        }
    }
}
