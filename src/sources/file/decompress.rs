//! Removes compression, and the frames of the OpenTelemetry collector's file exporter.

use crate::sources::compression::{ContentEncoding, decompress};

/// The most layers of compression and frames that are removed.
const MAX_LAYERS: usize = 4;

/// Removes compression and frames until there is none. The result has at most `limit` bytes.
pub(super) fn unpack(mut bytes: Vec<u8>, limit: usize) -> Result<Vec<u8>, String> {
    for _ in 0..MAX_LAYERS {
        bytes = match content_encoding(&bytes) {
            Some(encoding) => decompress(encoding, bytes.into(), limit).map_err(|error| error.to_string())?.into(),
            None => match unframe(&bytes, limit)? {
                Some(contents) => contents,
                None => return Ok(bytes),
            },
        };
    }
    Err("it is compressed too many times over".to_owned())
}

/// Detects compression by the magic number.
pub(super) fn content_encoding(bytes: &[u8]) -> Option<ContentEncoding> {
    match bytes {
        [0x1f, 0x8b, ..] => Some(ContentEncoding::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(ContentEncoding::Zstd),
        _ => None,
    }
}

/// Concatenates messages that are each preceded by their length in 4 bytes, big-endian; returns `None` if the bytes have no such frames.
/// Concatenated requests in protobuf are one request; requests in JSON get a line each.
fn unframe(bytes: &[u8], limit: usize) -> Result<Option<Vec<u8>>, String> {
    // A request in protobuf never begins with 0, and a frame of 16 MiB or more is not expected.
    if bytes.first() != Some(&0) {
        return Ok(None);
    }
    let mut contents = Vec::with_capacity(bytes.len());
    let (mut rest, mut frames) = (bytes, 0_usize);
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((frame, after)) = after.split_at_checked(length) else {
            // The file is truncated or still being written.
            break;
        };
        if length == 0 {
            return Ok(None);
        }
        match content_encoding(frame) {
            Some(encoding) => {
                let room = limit.saturating_sub(contents.len());
                let frame =
                    decompress(encoding, frame.to_vec().into(), room).map_err(|error| format!("message {}: {error}", frames + 1))?;
                contents.extend_from_slice(&frame);
            }
            None => contents.extend_from_slice(frame),
        }
        if contents.last() == Some(&b'}') {
            contents.push(b'\n');
        }
        (rest, frames) = (after, frames + 1);
    }
    Ok((frames > 0).then_some(contents))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(messages: &[&[u8]]) -> Vec<u8> {
        messages.iter().flat_map(|message| (message.len() as u32).to_be_bytes().into_iter().chain(message.iter().copied())).collect()
    }

    #[test]
    fn frames_and_compression_are_removed() {
        let zstd = zstd::encode_all(&b"{\"b\":2}"[..], 1).unwrap();
        let file = framed(&[b"{\"a\":1}", &zstd]);
        assert_eq!(unpack(file.clone(), 100), Ok(b"{\"a\":1}\n{\"b\":2}\n".to_vec()));
        assert_eq!(unpack(file[..file.len() - 3].to_vec(), 100), Ok(b"{\"a\":1}\n".to_vec()), "the last frame is truncated");
        assert_eq!(unpack(framed(&[b"\x0a\x01x", b"\x0a\x01y"]), 100), Ok(b"\x0a\x01x\x0a\x01y".to_vec()));
        assert!(unpack(zstd, 3).unwrap_err().contains("too large"));
        for plain in [&b""[..], b"{}", b"\0", b"\0\0\0\0", b"\0\0\0\x09x"] {
            assert_eq!(unpack(plain.to_vec(), 100), Ok(plain.to_vec()));
        }
    }
}
