//! The frame around spans in protobuf: `ExportTraceServiceRequest`, resources and scopes.

use super::value::{attribute, text};
use super::wire::{DecodeError, Fields};
use crate::model::attributes::keep_last;
use crate::model::{Attribute, Payload};

/// What spans share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group<'a> {
    /// `Resource`, encoded.
    pub(crate) resource: &'a [u8],
    /// `InstrumentationScope`, encoded.
    pub(crate) scope: &'a [u8],
}

/// Hands out every encoded span of a request with what it shares, in order.
pub(crate) fn spans<'a>(body: &'a [u8], mut each: impl FnMut(Group<'a>, &'a [u8]) -> Result<(), DecodeError>) -> Result<(), DecodeError> {
    let mut requests = Fields(body);
    while let Some((number, field)) = requests.next()? {
        if number != 1 {
            continue;
        }
        let message = field.bytes()?;
        let resource = first(message)?;
        let mut scopes = Fields(message);
        while let Some((number, field)) = scopes.next()? {
            if number != 2 {
                continue;
            }
            let message = field.bytes()?;
            let group = Group { resource, scope: first(message)? };
            let mut spans = Fields(message);
            while let Some((number, field)) = spans.next()? {
                if number == 2 {
                    each(group, field.bytes()?)?;
                }
            }
        }
    }
    Ok(())
}

/// Field 1, wherever it lies; nearly always first.
fn first(message: &[u8]) -> Result<&[u8], DecodeError> {
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        if number == 1 {
            return field.bytes();
        }
    }
    Ok(&[])
}

impl<'a> Group<'a> {
    /// The scope's name, not checked to be UTF-8; empty if it has none.
    pub(crate) fn scope_name(&self) -> Result<&'a [u8], DecodeError> {
        first(self.scope)
    }

    /// Writes resource and scope into a span's payload.
    pub(crate) fn describe(&self, payload: &mut Payload) -> Result<(), DecodeError> {
        payload.resource = self.resource()?;
        let mut fields = Fields(self.scope);
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => payload.scope.0 = text(field)?,
                2 => payload.scope.1 = text(field)?,
                3 => payload.scope_attributes.push(attribute(field.bytes()?)?),
                _ => {}
            }
        }
        keep_last(&mut payload.scope_attributes);
        Ok(())
    }

    /// Reads the attributes of the resource.
    pub(crate) fn resource(&self) -> Result<Vec<Attribute>, DecodeError> {
        let mut attributes = Vec::new();
        let mut fields = Fields(self.resource);
        while let Some((number, field)) = fields.next()? {
            if number == 1 {
                attributes.push(attribute(field.bytes()?)?);
            }
        }
        keep_last(&mut attributes);
        Ok(attributes)
    }
}
