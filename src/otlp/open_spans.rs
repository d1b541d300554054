//! Removes spans that were only sent because they started, for receivers that know only spans that have ended.

use memchr::memmem;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::value::{ShallowValue, decode_shallow, key_value};
use super::wire::{DecodeError, Fields};
use crate::model::json::Scalar;
use crate::semconv::OPEN_KEY;

/// Field 1 of a request, 2 of `ResourceSpans` and 2 of `ScopeSpans` lead to the spans.
const PATH: [u32; 3] = [1, 2, 2];

/// The field of a span that holds an attribute.
const ATTRIBUTE: u32 = 9;

/// Whether a body, in either encoding, may hold such spans.
pub(crate) fn may_hold_open_spans(body: &[u8]) -> bool {
    memmem::find(body, OPEN_KEY.as_bytes()).is_some()
}

/// Returns a request in protobuf without them, and whether spans are left. All other bytes stay as they are.
pub(crate) fn without_open_spans(body: &[u8]) -> Result<(Vec<u8>, bool), DecodeError> {
    let (mut out, mut count) = (Vec::with_capacity(body.len()), 0);
    copy(body, &PATH, &mut out, &mut count)?;
    Ok((out, count > 0))
}

/// Copies a message, and counts the spans. `path` leads from it to the spans.
fn copy(message: &[u8], path: &[u32], out: &mut Vec<u8>, count: &mut u64) -> Result<(), DecodeError> {
    let Some((next, rest)) = path.split_first() else {
        out.extend_from_slice(message);
        return Ok(());
    };
    let mut fields = Fields(message);
    loop {
        let begin = message.len() - fields.0.len();
        let Some((number, value)) = fields.next()? else { return Ok(()) };
        let raw = &message[begin..message.len() - fields.0.len()];
        if number != *next {
            out.extend_from_slice(raw);
            continue;
        }
        let inner = value.bytes()?;
        if rest.is_empty() {
            if !is_open(inner)? {
                *count += 1;
                out.extend_from_slice(raw);
            }
            continue;
        }
        let mut copied = Vec::with_capacity(inner.len());
        copy(inner, rest, &mut copied, count)?;
        encode_key(number, WireType::LengthDelimited, out);
        encode_varint(copied.len() as u64, out);
        out.append(&mut copied);
    }
}

fn is_open(span: &[u8]) -> Result<bool, DecodeError> {
    let mut fields = Fields(span);
    while let Some(field) = fields.find(ATTRIBUTE)? {
        let (key, value) = key_value(field.bytes()?)?;
        if key == OPEN_KEY.as_bytes() && matches!(decode_shallow(value)?, ShallowValue::Scalar(Scalar::Bool(true))) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::otlp::json::encode_traces;

    #[test]
    fn only_open_spans_are_removed() {
        let span = |id: u8, attribute: &str, value: &str| {
            format!(
                r#"{{"traceId":"{id:032x}","spanId":"{id:016x}","name":"s{id}","attributes":[{{"key":"{attribute}","value":{value}}}]}}"#
            )
        };
        let request = |spans: &[String]| {
            let text = format!(
                r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"x"}}}}]}},
                "scopeSpans":[{{"scope":{{"name":"y"}},"spans":[{}]}}],"schemaUrl":"u"}}]}}"#,
                spans.join(",")
            );
            encode_traces(text.as_bytes()).unwrap().body
        };
        let open = span(1, OPEN_KEY, r#"{"boolValue":true}"#);
        let others = [span(2, OPEN_KEY, r#"{"boolValue":false}"#), span(3, "other", r#"{"stringValue":"agno_top.span.pending"}"#)];
        let all = request(&[&others[..1], std::slice::from_ref(&open), &others[1..]].concat());
        assert!(may_hold_open_spans(&all));
        assert_eq!(without_open_spans(&all), Ok((request(&others), true)));
        assert!(!without_open_spans(&request(&[open])).unwrap().1);
        assert!(without_open_spans(&all[..all.len() - 1]).is_err());
    }
}
