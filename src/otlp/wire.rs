//! Protobuf's wire format, walked without copying: <https://protobuf.dev/programming-guides/encoding/>.

use prost::encoding::{DecodeContext, WireType, decode_varint, skip_field};

/// Why bytes are no message of the expected type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DecodeError(pub(crate) &'static str);

/// A field's value, as it lies in the message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(&'a [u8]),
}

/// The fields of one message, in the order in which they lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next field's number and value; `None` at the end. Groups, which OTLP has none of, are passed over.
    #[expect(clippy::inline_always, reason = "in a loop of its own a field takes half the time, and there are twenty in a span")]
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, DecodeError> {
        let rest = &mut self.0;
        while !rest.is_empty() {
            let key = u32::try_from(varint(rest)?).map_err(|_| NO_FIELD)?;
            let number = key >> 3;
            if number == 0 {
                return Err(NO_FIELD);
            }
            let value = match key & 7 {
                0 => Value::Varint(varint(rest)?),
                2 => Value::Bytes(bytes(rest)?),
                1 => {
                    let (value, after) = rest.split_first_chunk().ok_or(TRUNCATED)?;
                    *rest = after;
                    Value::Fixed64(u64::from_le_bytes(*value))
                }
                5 => {
                    (_, *rest) = rest.split_first_chunk::<4>().ok_or(TRUNCATED)?;
                    // Flags, mostly: nothing here reads them.
                    Value::Fixed32
                }
                3 => {
                    skip_group(number, rest)?;
                    continue;
                }
                _ => return Err(NO_FIELD),
            };
            return Ok(Some((number, value)));
        }
        Ok(None)
    }

    /// The next field's value if the field begins with this byte, which must be the key of one that holds bytes.
    #[inline]
    pub(crate) fn next_bytes(&mut self, key: u8) -> Result<Option<&'a [u8]>, DecodeError> {
        match self.0.split_first() {
            Some((first, mut rest)) if *first == key => {
                let value = bytes(&mut rest)?;
                self.0 = rest;
                Ok(Some(value))
            }
            _ => Ok(None),
        }
    }
}

const NO_FIELD: DecodeError = DecodeError("a field's number or type is none");
const TRUNCATED: DecodeError = DecodeError("it ends in the middle of a field");
const WRONG: DecodeError = DecodeError("a field has another type than OTLP gives it");

/// Nearly every number here is a field's or a length, of one byte or two.
#[inline]
fn varint(rest: &mut &[u8]) -> Result<u64, DecodeError> {
    match **rest {
        [low @ 0..0x80, ..] => {
            *rest = &rest[1..];
            Ok(u64::from(low))
        }
        [low, high @ 0..0x80, ..] => {
            *rest = &rest[2..];
            Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
        }
        _ => long_varint(rest),
    }
}

/// As many bytes as the number at the beginning says.
#[inline]
fn bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let length = usize::try_from(varint(rest)?).map_err(|_| TRUNCATED)?;
    let (value, after) = rest.split_at_checked(length).ok_or(TRUNCATED)?;
    *rest = after;
    Ok(value)
}

#[cold]
fn skip_group(number: u32, rest: &mut &[u8]) -> Result<(), DecodeError> {
    skip_field(WireType::StartGroup, number, rest, DecodeContext::default()).map_err(|_| DecodeError("a group is not closed"))
}

#[cold]
fn long_varint(rest: &mut &[u8]) -> Result<u64, DecodeError> {
    decode_varint(rest).map_err(|_| DecodeError("a number does not end"))
}

/// What follows the length that `rest` begins with, if that goes to the very end.
#[inline]
pub(crate) fn last(mut rest: &[u8]) -> Option<&[u8]> {
    let length = varint(&mut rest).ok()?;
    (length == rest.len() as u64).then_some(rest)
}

impl<'a> Value<'a> {
    /// Text, bytes or a message.
    #[inline]
    pub(crate) fn bytes(self) -> Result<&'a [u8], DecodeError> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(WRONG) }
    }

    #[inline]
    pub(crate) fn varint(self) -> Result<u64, DecodeError> {
        if let Self::Varint(number) = self { Ok(number) } else { Err(WRONG) }
    }

    #[inline]
    pub(crate) fn fixed64(self) -> Result<u64, DecodeError> {
        if let Self::Fixed64(number) = self { Ok(number) } else { Err(WRONG) }
    }
}

/// Where `part` begins in `whole`, of which it must be a piece.
pub(crate) fn offset(whole: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize)
}

/// Writes a field that holds text, bytes or a message; nothing if that is empty.
#[cfg(test)]
pub(crate) fn put_bytes(number: u32, value: &[u8], out: &mut Vec<u8>) {
    if !value.is_empty() {
        prost::encoding::encode_key(number, WireType::LengthDelimited, out);
        prost::encoding::encode_varint(value.len() as u64, out);
        out.extend_from_slice(value);
    }
}
