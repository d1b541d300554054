//! What is wrapped around spans in a file: compression, and the frames of the OpenTelemetry collector's file exporter.

use crate::sources::compression::{ContentEncoding, decompress};

/// Compressed within compressed: what unpacks to more layers than this is nothing that anybody writes.
const LAYERS: usize = 4;

/// Takes off compression and frames until neither is there. `Err` says what is wrong; `limit` is the most bytes that it may become.
pub(super) fn unwrap(mut bytes: Vec<u8>, limit: usize) -> Result<Vec<u8>, String> {
    for _ in 0..LAYERS {
        bytes = match coding(&bytes) {
            Some(coding) => decompress(coding, bytes.into(), limit).map_err(|error| error.to_string())?.into(),
            None => match unframe(&bytes, limit)? {
                Some(inside) => inside,
                None => return Ok(bytes),
            },
        };
    }
    Err("it is compressed too many times over".to_owned())
}

pub(super) fn coding(bytes: &[u8]) -> Option<ContentEncoding> {
    match bytes {
        [0x1f, 0x8b, ..] => Some(ContentEncoding::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(ContentEncoding::Zstd),
        _ => None,
    }
}

/// Messages that each have their length before them, four bytes, the highest first: the contents one after the other. Requests in
/// protobuf that follow each other are one request; JSON gets a line each. `None` if the bytes are not so framed.
fn unframe(bytes: &[u8], limit: usize) -> Result<Option<Vec<u8>>, String> {
    // A request in protobuf never begins with a zero, and nobody writes one of 16 MiB into one frame.
    if bytes.first() != Some(&0) {
        return Ok(None);
    }
    let mut inside = Vec::with_capacity(bytes.len());
    let (mut rest, mut frames) = (bytes, 0_usize);
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((frame, after)) = after.split_at_checked(length) else {
            // The last message of a file that was cut, or is being written.
            break;
        };
        if length == 0 {
            return Ok(None);
        }
        match coding(frame) {
            Some(coding) => {
                let room = limit.saturating_sub(inside.len());
                let frame = decompress(coding, frame.to_vec().into(), room).map_err(|error| format!("message {}: {error}", frames + 1))?;
                inside.extend_from_slice(&frame);
            }
            None => inside.extend_from_slice(frame),
        }
        if inside.last() == Some(&b'}') {
            inside.push(b'\n');
        }
        (rest, frames) = (after, frames + 1);
    }
    Ok((frames > 0).then_some(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(messages: &[&[u8]]) -> Vec<u8> {
        messages.iter().flat_map(|message| (message.len() as u32).to_be_bytes().into_iter().chain(message.iter().copied())).collect()
    }

    #[test]
    fn frames_and_compression_are_taken_off() {
        let zstd = ruzstd::encoding::compress_to_vec(&b"{\"b\":2}"[..], ruzstd::encoding::CompressionLevel::Fastest);
        let file = framed(&[b"{\"a\":1}", &zstd]);
        assert_eq!(unwrap(file.clone(), 100), Ok(b"{\"a\":1}\n{\"b\":2}\n".to_vec()));
        assert_eq!(unwrap(file[..file.len() - 3].to_vec(), 100), Ok(b"{\"a\":1}\n".to_vec()), "the last one is cut");
        assert_eq!(unwrap(framed(&[b"\x0a\x01x", b"\x0a\x01y"]), 100), Ok(b"\x0a\x01x\x0a\x01y".to_vec()));
        assert!(unwrap(zstd, 3).unwrap_err().contains("too large"));
        for plain in [&b""[..], b"{}", b"\0", b"\0\0\0\0", b"\0\0\0\x09x"] {
            assert_eq!(unwrap(plain.to_vec(), 100), Ok(plain.to_vec()));
        }
    }
}
