//! Walks the envelope of spans in protobuf: `ExportTraceServiceRequest`, `ResourceSpans`, `ScopeSpans`.
//!
//! The requests of logs and metrics have the same structure and the same field numbers.

use super::value::{ShallowValue, decode_attribute, decode_shallow, decode_text, key_value};
use super::wire::{DecodeError, FieldValue, Fields};
use crate::model::attributes::keep_last;
use crate::model::json::Scalar;
use crate::model::{Attribute, Payload};

/// What the spans of a `ScopeSpans` share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group<'a> {
    /// The encoded `Resource`.
    pub(crate) resource: &'a [u8],
    /// The encoded `InstrumentationScope`.
    pub(crate) scope: &'a [u8],
}

/// Calls `f` for every encoded span of a request, in order.
pub(crate) fn for_each_span<'a>(
    body: &'a [u8],
    mut f: impl FnMut(Group<'a>, &'a [u8]) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut requests = Fields(body);
    while let Some(field) = requests.find(1)? {
        let resource_spans = field.bytes()?;
        let resource = first_field(resource_spans)?;
        let mut scopes = Fields(resource_spans);
        while let Some(field) = scopes.find(2)? {
            let scope_spans = field.bytes()?;
            let group = Group { resource, scope: first_field(scope_spans)? };
            let mut spans = Fields(scope_spans);
            while let Some(field) = spans.find(2)? {
                f(group, field.bytes()?)?;
            }
        }
    }
    Ok(())
}

/// Returns field 1 of a message, which is nearly always encoded first; empty if it is missing.
fn first_field(message: &[u8]) -> Result<&[u8], DecodeError> {
    Fields(message).find(1)?.map_or(Ok(&[]), FieldValue::bytes)
}

/// Where spans come from, as their resource states it. A name may be invalid UTF-8, and is empty if it is not stated.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Origin<'a> {
    /// The name of the service.
    pub(crate) service: &'a [u8],
    host: &'a [u8],
    instance: &'a [u8],
}

impl<'a> Origin<'a> {
    /// Returns the name of the host; where none is stated, the instance of the service, which may be the only one on its host.
    pub(crate) fn host(&self) -> &'a [u8] {
        if self.host.is_empty() { self.instance } else { self.host }
    }
}

impl<'a> Group<'a> {
    /// Returns the name of the scope, which may be invalid UTF-8; empty if it has none.
    pub(crate) fn scope_name(&self) -> Result<&'a [u8], DecodeError> {
        first_field(self.scope)
    }

    /// Returns what the resource states of where the spans come from.
    pub(crate) fn origin(&self) -> Result<Origin<'a>, DecodeError> {
        let mut origin = Origin::default();
        let mut fields = Fields(self.resource);
        while let Some(field) = fields.find(1)? {
            let (key, value) = key_value(field.bytes()?)?;
            let stated = match key {
                b"service.name" => &mut origin.service,
                b"host.name" => &mut origin.host,
                b"service.instance.id" => &mut origin.instance,
                _ => continue,
            };
            if let ShallowValue::Scalar(Scalar::Text(name)) = decode_shallow(value)?
                && stated.is_empty()
            {
                *stated = name;
            }
        }
        Ok(origin)
    }

    /// Decodes the resource and the scope into the payload of a span.
    pub(crate) fn decode_into(&self, payload: &mut Payload) -> Result<(), DecodeError> {
        payload.resource = self.resource_attributes()?;
        let mut fields = Fields(self.scope);
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => payload.scope.0 = decode_text(field)?,
                2 => payload.scope.1 = decode_text(field)?,
                3 => payload.scope_attributes.push(decode_attribute(field.bytes()?)?),
                _ => {}
            }
        }
        keep_last(&mut payload.scope_attributes);
        Ok(())
    }

    /// Decodes the attributes of the resource.
    pub(crate) fn resource_attributes(&self) -> Result<Vec<Attribute>, DecodeError> {
        let mut attributes = Vec::new();
        let mut fields = Fields(self.resource);
        while let Some(field) = fields.find(1)? {
            attributes.push(decode_attribute(field.bytes()?)?);
        }
        keep_last(&mut attributes);
        Ok(attributes)
    }
}
