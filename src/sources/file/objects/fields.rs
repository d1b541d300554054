//! Access to the fields of a JSON object, whatever their types.

use crate::model::{Attribute, Value};

/// The fields of a JSON object.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [Attribute]);

impl<'a> Fields<'a> {
    pub(super) fn of(value: Option<&'a Value>) -> Self {
        if let Some(Value::Map(entries)) = value { Self(entries) } else { Self(&[]) }
    }

    /// Returns the first of these fields that is neither missing nor null.
    pub(super) fn get(self, names: &[&str]) -> Option<&'a Value> {
        names
            .iter()
            .find_map(|name| self.0.iter().find(|(other, value)| other == name && !matches!(value, Value::Null)))
            .map(|(_, value)| value)
    }

    pub(super) fn text(self, names: &[&str]) -> Option<&'a str> {
        if let Value::Text(text) = self.get(names)? { Some(text) } else { None }
    }

    pub(super) fn owned_text(self, name: &str) -> String {
        self.text(&[name]).unwrap_or_default().to_owned()
    }

    pub(super) fn object(self, name: &str) -> Self {
        Self::of(self.get(&[name]))
    }

    pub(super) fn map(self, name: &str) -> Vec<Attribute> {
        self.object(name).0.to_vec()
    }

    pub(super) fn list(self, name: &str) -> &'a [Value] {
        if let Some(Value::List(items)) = self.get(&[name]) { items } else { &[] }
    }
}
