//! What makes two metrics or two series the same.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use crate::model::{Attribute, Metric, Value};

/// Hashes what [`is_same_metric`] compares.
pub(super) fn hash_metric(hasher: &impl BuildHasher, metric: &Metric) -> u64 {
    let mut state = hasher.build_hasher();
    (&metric.name, &metric.unit, metric.kind, &*metric.scope).hash(&mut state);
    hash_attributes(&metric.resource, &mut state);
    state.finish()
}

/// Whether both are the same metric. Its description may change.
pub(super) fn is_same_metric(one: &Metric, other: &Metric) -> bool {
    let is_same_resource = || Arc::ptr_eq(&one.resource, &other.resource) || is_same_attributes(&one.resource, &other.resource);
    (&one.name, &one.unit, one.kind, &one.scope) == (&other.name, &other.unit, other.kind, &other.scope) && is_same_resource()
}

/// Hashes a metric, of which there is one copy, and attributes.
pub(super) fn hash_series(hasher: &impl BuildHasher, metric: &Arc<Metric>, attributes: &[Attribute]) -> u64 {
    let mut state = hasher.build_hasher();
    (Arc::as_ptr(metric) as usize).hash(&mut state);
    hash_attributes(attributes, &mut state);
    state.finish()
}

/// Whether both lists state the same. A value that is not a number is equal to itself.
pub(super) fn is_same_attributes(one: &[Attribute], other: &[Attribute]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && is_same_value(&one.1, &other.1))
}

fn is_same_value(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Float(one), Value::Float(other)) => one.to_bits() == other.to_bits(),
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same_value(one, other))
        }
        (Value::Map(one), Value::Map(other)) => is_same_attributes(one, other),
        (one, other) => one == other,
    }
}

fn hash_attributes(attributes: &[Attribute], state: &mut impl Hasher) {
    attributes.len().hash(state);
    for (name, value) in attributes {
        name.hash(state);
        hash_value(value, state);
    }
}

fn hash_value(value: &Value, state: &mut impl Hasher) {
    std::mem::discriminant(value).hash(state);
    match value {
        Value::Null => {}
        Value::Bool(flag) => flag.hash(state),
        Value::Int(number) => number.hash(state),
        Value::Float(number) => number.to_bits().hash(state),
        Value::Text(text) => text.hash(state),
        Value::Bytes(bytes) => bytes.hash(state),
        Value::List(values) => {
            values.len().hash(state);
            for value in values {
                hash_value(value, state);
            }
        }
        Value::Map(attributes) => hash_attributes(attributes, state),
    }
}
