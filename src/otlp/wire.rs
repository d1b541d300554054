//! Reads protobuf's wire format without copying: <https://protobuf.dev/programming-guides/encoding/>.
//!
//! `prost` allocates for every string and message, refuses a request for one string that is not UTF-8, and limits nesting. The row of a span
//! needs a few of its fields; they are read in place.

use prost::encoding::{DecodeContext, WireType, decode_varint, skip_field};

/// The reason why bytes are not a message of the expected type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DecodeError(pub(crate) &'static str);

/// The value of a field, encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FieldValue<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    /// Text, bytes or a message.
    Bytes(&'a [u8]),
}

/// An iterator over the fields of a message, in their encoded order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    /// Returns the number and the value of the next field; `None` at the end. Groups, which OTLP does not use, are skipped.
    #[expect(clippy::inline_always, reason = "inlined into its loop it takes half the time, and a span has twenty fields")]
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<(u32, FieldValue<'a>)>, DecodeError> {
        let input = &mut self.0;
        while !input.is_empty() {
            let key = u32::try_from(varint(input)?).map_err(|_| INVALID_KEY)?;
            let number = key >> 3;
            if number == 0 {
                return Err(INVALID_KEY);
            }
            let value = match key & 7 {
                0 => FieldValue::Varint(varint(input)?),
                2 => FieldValue::Bytes(length_delimited(input)?),
                1 => {
                    let (value, after) = input.split_first_chunk().ok_or(TRUNCATED)?;
                    *input = after;
                    FieldValue::Fixed64(u64::from_le_bytes(*value))
                }
                5 => {
                    let (value, after) = input.split_first_chunk().ok_or(TRUNCATED)?;
                    *input = after;
                    FieldValue::Fixed32(u32::from_le_bytes(*value))
                }
                3 => {
                    skip_group(number, input)?;
                    continue;
                }
                _ => return Err(INVALID_KEY),
            };
            return Ok(Some((number, value)));
        }
        Ok(None)
    }

    /// Returns the value of the next field with this number; `None` if no more follows.
    #[inline]
    pub(crate) fn find(&mut self, number: u32) -> Result<Option<FieldValue<'a>>, DecodeError> {
        while let Some((other, field)) = self.next()? {
            if other == number {
                return Ok(Some(field));
            }
        }
        Ok(None)
    }

    /// Returns the value of the next field if its key is this byte, which must be the key of a length-delimited field.
    #[inline]
    pub(crate) fn next_bytes(&mut self, key: u8) -> Result<Option<&'a [u8]>, DecodeError> {
        match self.0.split_first() {
            Some((first, mut input)) if *first == key => {
                let value = length_delimited(&mut input)?;
                self.0 = input;
                Ok(Some(value))
            }
            _ => Ok(None),
        }
    }
}

const INVALID_KEY: DecodeError = DecodeError("a field has an invalid number or type");
const TRUNCATED: DecodeError = DecodeError("it ends in the middle of a field");
const WRONG_TYPE: DecodeError = DecodeError("a field has another type than in OTLP");

/// Reads a varint. Nearly all are keys or lengths of one or two bytes.
#[inline]
fn varint(input: &mut &[u8]) -> Result<u64, DecodeError> {
    match **input {
        [low @ 0..0x80, ..] => {
            *input = &input[1..];
            Ok(u64::from(low))
        }
        [low, high @ 0..0x80, ..] => {
            *input = &input[2..];
            Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
        }
        _ => long_varint(input),
    }
}

/// Reads a length and as many bytes.
#[inline]
fn length_delimited<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let length = usize::try_from(varint(input)?).map_err(|_| TRUNCATED)?;
    let (value, after) = input.split_at_checked(length).ok_or(TRUNCATED)?;
    *input = after;
    Ok(value)
}

#[cold]
fn skip_group(number: u32, input: &mut &[u8]) -> Result<(), DecodeError> {
    skip_field(WireType::StartGroup, number, input, DecodeContext::default()).map_err(|_| DecodeError("a group is not closed"))
}

#[cold]
fn long_varint(input: &mut &[u8]) -> Result<u64, DecodeError> {
    decode_varint(input).map_err(|_| DecodeError("a number does not end"))
}

/// Returns the bytes after a length if they are exactly as many.
#[inline]
pub(crate) fn exact_length_delimited(mut input: &[u8]) -> Option<&[u8]> {
    let length = varint(&mut input).ok()?;
    (length == input.len() as u64).then_some(input)
}

impl<'a> FieldValue<'a> {
    /// Returns text, bytes or an encoded message.
    #[inline]
    pub(crate) fn bytes(self) -> Result<&'a [u8], DecodeError> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(WRONG_TYPE) }
    }

    /// Returns an integer, a boolean or an enum.
    #[inline]
    pub(crate) fn varint(self) -> Result<u64, DecodeError> {
        if let Self::Varint(number) = self { Ok(number) } else { Err(WRONG_TYPE) }
    }

    /// Returns a time or the bits of a double.
    #[inline]
    pub(crate) fn fixed64(self) -> Result<u64, DecodeError> {
        if let Self::Fixed64(number) = self { Ok(number) } else { Err(WRONG_TYPE) }
    }

    /// Returns flags.
    #[inline]
    pub(crate) fn fixed32(self) -> Result<u32, DecodeError> {
        if let Self::Fixed32(number) = self { Ok(number) } else { Err(WRONG_TYPE) }
    }
}

/// Returns the offset of `part` in `body`, which must contain it.
pub(crate) fn offset(body: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).wrapping_sub(body.as_ptr() as usize)
}
