//! Writes messages of `opentelemetry-proto` as OTLP/JSON.
//!
//! The crate serializes a non-finite number as a number, for which `serde_json` writes `null`, so that the value is lost. OTLP/JSON has
//! names for these numbers: `"NaN"`, `"Infinity"`, `"-Infinity"`.

use std::collections::VecDeque;
use std::io::{self, Write};

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::model::attributes::non_finite_name;

/// Writes a message. `non_finite` are the non-finite numbers in it, in the order in which they are serialized.
pub(super) fn write(message: &impl Serialize, non_finite: impl IntoIterator<Item = f64>, out: &mut impl Write) -> io::Result<()> {
    let formatter = NonFiniteNames(non_finite.into_iter().collect());
    message.serialize(&mut Serializer::with_formatter(out, formatter))?;
    Ok(())
}

/// Returns the non-finite numbers of attributes in order.
pub(super) fn non_finite(attributes: &[KeyValue]) -> Vec<f64> {
    let mut found = Vec::new();
    for attribute in attributes {
        collect(attribute.value.as_ref(), &mut found);
    }
    found
}

/// Returns the non-finite numbers of a value in order.
pub(super) fn non_finite_value(value: Option<&AnyValue>) -> Vec<f64> {
    let mut found = Vec::new();
    collect(value, &mut found);
    found
}

fn collect(value: Option<&AnyValue>, found: &mut Vec<f64>) {
    match value.and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::DoubleValue(number)) if !number.is_finite() => found.push(*number),
        Some(any_value::Value::ArrayValue(list)) => list.values.iter().for_each(|item| collect(Some(item), found)),
        Some(any_value::Value::KvlistValue(map)) => map.values.iter().for_each(|entry| collect(entry.value.as_ref(), found)),
        _ => {}
    }
}

/// Writes the names of non-finite numbers. `serde_json` asks a formatter to write `null` for each of them, and the messages that are
/// exported contain no other `null`.
struct NonFiniteNames(VecDeque<f64>);

impl Formatter for NonFiniteNames {
    fn write_null<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        match self.0.pop_front().and_then(non_finite_name) {
            Some(name) => write!(writer, "\"{name}\""),
            None => writer.write_all(b"null"),
        }
    }
}
