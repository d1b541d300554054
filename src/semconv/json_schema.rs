//! Recognizes the schema of a tool's arguments: JSON schema, as JSON or as Python prints it, Zod's schemas, and the definition of a tool
//! around one. Some programs record it under the key that others use for the arguments themselves.

use super::values;
use crate::model::json::{Scalar, chars};
use crate::model::{Attribute, Value};

/// Longer values are only known by their beginnings.
const MAX_CHARS: usize = 1 << 16;

/// Characters of a text that can't be parsed in which the beginning of a schema is looked for.
const PREFIX: usize = 200;

/// Keys that a schema without properties may have.
const VOCABULARY: [&str; 10] =
    ["type", "properties", "required", "additionalProperties", "title", "description", "strict", "$defs", "definitions", "default"];

/// Keys beside the schema in the definition of a tool.
const DEFINITION: [&str; 8] = ["name", "title", "description", "type", "strict", "annotations", "outputSchema", "output_schema"];

/// Keys of the schema in the definition of a tool.
const DEFINED: [&str; 3] = ["parameters", "input_schema", "inputSchema"];

/// Parts of the text of every schema.
const SIGNS: [&[u8]; 4] = [b"schema", b"type", b"properties", b"~standard"];

/// The beginnings, without blanks, of schemas whose ends were cut.
const BEGINNINGS: [&str; 4] = ["{\"type\":\"object\",\"properties\":{", "{\"$schema\":", "{\"_def\":{", "{\"def\":{\"type\":"];

/// The types of JSON schema.
const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "array", "object", "null"];

/// Keys of the schema of one property.
const PROPERTY: [&str; 14] = [
    "type",
    "name",
    "title",
    "description",
    "default",
    "enum",
    "items",
    "properties",
    "required",
    "format",
    "minimum",
    "maximum",
    "pattern",
    "examples",
];

/// The depth to which definitions are searched.
const MAX_DEPTH: usize = 4;

/// Whether a text or a map is a schema.
pub(super) fn is_in_scalar(value: Scalar<'_>) -> bool {
    let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = value else { return false };
    let may_be = SIGNS.iter().any(|sign| memchr::memmem::find(raw, sign).is_some());
    may_be && (values::parse_printed(value, MAX_CHARS).map_or_else(|| is_cut_schema(value), |value| is_schema(&value, MAX_DEPTH)))
}

/// Whether a decoded attribute is a schema, as a map or as text.
pub(super) fn is_in_value(value: &Value) -> bool {
    match value {
        Value::Text(text) => is_in_scalar(Scalar::Text(text.as_bytes())),
        other => is_schema(other, MAX_DEPTH),
    }
}

/// Whether a text that can't be parsed begins as a schema does.
fn is_cut_schema(value: Scalar<'_>) -> bool {
    let beginning: String = values::unprinted(chars(value).take(PREFIX)).chars().filter(|c| !c.is_whitespace()).collect();
    BEGINNINGS.iter().any(|known| beginning.starts_with(known))
}

fn is_schema(value: &Value, depth: usize) -> bool {
    let map = match value {
        Value::Map(map) => map,
        Value::List(items) => {
            let is_named =
                |item: &Value| is_property(item) && matches!(item, Value::Map(map) if map.iter().any(|(name, _)| name == "name"));
            return depth > 0 && !items.is_empty() && items.iter().all(|item| is_schema(item, depth - 1) || is_named(item));
        }
        _ => return false,
    };
    let get = |name: &str| map.iter().find(|(other, _)| other == name).map(|(_, value)| value);
    let is_map = |name: &str| matches!(get(name), Some(Value::Map(_)));
    let is_type = |name: &str| matches!(get("type"), Some(Value::Text(text)) if text == name);
    let is_known = |(name, _): &Attribute| VOCABULARY.contains(&name.as_str());
    let is_object = is_type("object") && (is_map("properties") || map.iter().all(is_known));
    let is_wrapped = is_map("json_schema") || (is_type("function") && is_map("function"));
    // Zod's schemas: of version 4, of version 3, and the interface that both share with others.
    let states_type = |map: &[Attribute]| map.iter().any(|(name, _)| ["type", "_type", "typeName"].contains(&name.as_str()));
    let is_version_3 = matches!(get("_def"), Some(Value::Map(inner)) if states_type(inner));
    let is_zod = (is_map("def") && states_type(map)) || is_version_3 || is_map("~standard");
    let is_definition = depth > 0
        && map.iter().all(|(name, _)| DEFINITION.contains(&name.as_str()) || DEFINED.contains(&name.as_str()))
        && DEFINED.iter().filter_map(|name| get(name)).any(|schema| is_schema(schema, depth - 1));
    let is_untyped = is_map("properties") && matches!(get("required"), Some(Value::List(_)));
    let is_properties = !map.is_empty() && map.iter().all(|(_, value)| is_property(value));
    get("$schema").is_some() || is_object || is_wrapped || is_untyped || is_zod || is_definition || is_properties
}

/// Whether a value is the schema of one property.
fn is_property(value: &Value) -> bool {
    let Value::Map(map) = value else { return false };
    let has_type = map.iter().any(|(name, value)| name == "type" && matches!(value, Value::Text(text) if TYPES.contains(&text.as_str())));
    has_type && map.iter().all(|(name, _)| PROPERTY.contains(&name.as_str()))
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
            r#"{"_type": "ZodObject", "def": {"shape": {}}}"#,
            r#"{"_def": {"typeName": "ZodObject", "unknownKeys": "strip"}, "_cached": null}"#,
            r#"{"~standard": {"version": 1, "vendor": "zod"}}"#,
            r#"{"name": "get_weather", "description": "d", "input_schema": {"type": "object", "properties": {}}}"#,
            r#"[{"type": "function", "function": {"name": "get_weather"}}]"#,
            r#"{"city": {"type": "string", "description": "c"}, "days": {"type": "integer"}}"#,
            r#"[{"name": "city", "type": "string", "required": true}]"#,
            "{'type': 'object', 'properties': {'city': {'type': 'string', 'default': None}}, 'strict': True}",
            r#"{'properties': {'city': {'title': "The city's name"}}, 'required': ['city'], 'type': 'object'}"#,
            r#"{"type": "object", "properties": {"city": {"ty"#,
            "{'type': 'object', 'properties': {'city': {'ty",
        ] {
            assert!(is_schema(schema), "{schema}");
        }
        for arguments in [
            r#"{"city": "Lisbon"}"#,
            r#"{"type": "object", "colour": "red"}"#,
            r#"{"type": "pizza"}"#,
            r#"{"order": {"type": "pizza"}}"#,
            r#"{"order": {"type": "string", "size": 3}}"#,
            r#"{"city": {"type": "string"}, "days": 3}"#,
            r#"[{"type": "string"}]"#,
            r#"{"properties": "all"}"#,
            r#"{"def": "x", "type": "y"}"#,
            r#"["type", "properties"]"#,
            r#"{"type": "object""#,
            "{'type': 'pizza', 'properties': 'all'}",
            r#"{"def": {"x": 1}}"#,
            r#"{"_def": {"x": 1}, "type": "y"}"#,
            r#"{"name": "n", "parameters": {"type": "pizza"}}"#,
            r#"{"parameters": {"type": "object", "properties": {}}, "city": "Lisbon"}"#,
            "it's of type 'object'",
            "properties of an object",
            "",
        ] {
            assert!(!is_schema(arguments), "{arguments}");
        }
    }
}
