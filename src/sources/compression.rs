//! Decompression with a size limit.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::Decompress;
use flate2::read::{MultiGzDecoder, ZlibDecoder};

/// A compression, as `Content-Encoding` and `grpc-encoding` name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentEncoding {
    Identity,
    Gzip,
    /// The zlib format, as HTTP defines it, or the raw deflate stream that some clients send.
    Deflate,
    Zstd,
}

/// The names of all encodings, as `grpc-accept-encoding` lists them.
pub(super) const SUPPORTED_ENCODINGS: &str = "identity,gzip,deflate,zstd";

/// Why data can't be decompressed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecompressError {
    /// The decompressed data exceeds the limit.
    #[error("the decompressed data is too large")]
    TooLarge,
    /// The data is not valid in its format.
    #[error("the compressed data is malformed: {0}")]
    Malformed(String),
}

impl ContentEncoding {
    /// Parses the value of a header. Returns `None` for an unsupported encoding.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Decompresses `data`. Stops with [`DecompressError::TooLarge`] once the output exceeds `limit` bytes.
pub(super) fn decompress(encoding: ContentEncoding, data: Bytes, limit: usize) -> Result<Bytes, DecompressError> {
    match encoding {
        ContentEncoding::Identity if data.len() > limit => Err(DecompressError::TooLarge),
        ContentEncoding::Identity => Ok(data),
        ContentEncoding::Gzip => read(MultiGzDecoder::new(&data[..]), data.len(), limit),
        ContentEncoding::Deflate => {
            let mut decoder = ZlibDecoder::new_with_decompress(&data[..], Decompress::new(has_zlib_header(&data)));
            let output = read(&mut decoder, data.len(), limit)?;
            let has_ended = decoder.total_in() == data.len() as u64;
            if has_ended { Ok(output) } else { Err(DecompressError::Malformed("trailing bytes".to_owned())) }
        }
        ContentEncoding::Zstd => {
            let malformed = |error: io::Error| DecompressError::Malformed(error.to_string());
            read(zstd::Decoder::with_buffer(&data[..]).map_err(malformed)?, data.len(), limit)
        }
    }
}

/// Whether the data begins with the two bytes of a zlib header: the method, and a checksum over both.
fn has_zlib_header(data: &[u8]) -> bool {
    matches!(*data, [method, flags, ..] if method & 0xf == 8 && (u16::from(method) << 8 | u16::from(flags)) % 31 == 0)
}

fn read(decoder: impl Read, compressed: usize, limit: usize) -> Result<Bytes, DecompressError> {
    let mut output = Vec::with_capacity(compressed.saturating_mul(4).min(limit) + 1);
    let result: io::Result<usize> = decoder.take(limit as u64 + 1).read_to_end(&mut output);
    result.map_err(|error| DecompressError::Malformed(error.to_string()))?;
    if output.len() > limit {
        return Err(DecompressError::TooLarge);
    }
    Ok(output.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_encoding_round_trips() {
        let body: Vec<u8> = (0..100_000_u32).flat_map(|n| (n.wrapping_mul(n) / 7).to_le_bytes()).collect();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&body).unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(&body).unwrap();
        let zstd = zstd::encode_all(&body[..], 1).unwrap();
        let limit = body.len();
        for (name, compressed) in [
            ("gzip", gzip(&body)),
            ("GZIP", gzip(&body)),
            ("deflate", zlib.finish().unwrap()),
            ("deflate", raw.finish().unwrap()),
            ("zstd", zstd),
            ("", body.clone()),
            ("identity", body.clone()),
        ] {
            let encoding = ContentEncoding::parse(name).unwrap();
            assert!(decompress(encoding, compressed.clone().into(), limit).as_deref() == Ok(&body[..]), "{name}");
            assert_eq!(decompress(encoding, compressed.clone().into(), limit - 1), Err(DecompressError::TooLarge), "{name}");
            if encoding != ContentEncoding::Identity {
                let cut = compressed[..compressed.len() / 2].to_vec();
                assert!(matches!(decompress(encoding, cut.into(), limit), Err(DecompressError::Malformed(_))), "{name}");
                assert!(
                    matches!(decompress(encoding, Bytes::from_static(b"no such thing"), limit), Err(DecompressError::Malformed(_))),
                    "{name}"
                );
            }
        }
        assert_eq!(ContentEncoding::parse("br"), None);
    }

    #[test]
    fn all_members_and_frames_are_read_and_trailing_bytes_are_refused() {
        let zstd = |body: &[u8]| {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.include_checksum(true).unwrap();
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        };
        let decompress = |encoding, body: Vec<u8>| decompress(encoding, body.into(), 100);
        let skippable = [&0x184d_2a50_u32.to_le_bytes()[..], &[3, 0, 0, 0, 9, 9, 9]].concat();
        let frames = [&skippable, &zstd(b"one, "), &skippable, &zstd(b""), &zstd(b"two"), &skippable].map(Vec::as_slice).concat();
        assert_eq!(decompress(ContentEncoding::Zstd, frames), Ok(Bytes::from_static(b"one, two")));
        assert_eq!(decompress(ContentEncoding::Gzip, [gzip(b"one, "), gzip(b"two")].concat()), Ok(Bytes::from_static(b"one, two")));
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(b"one").unwrap();
        let zlib = zlib.finish().unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(b"one").unwrap();
        let raw = raw.finish().unwrap();
        // The last byte belongs to the checksum.
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(b"one").unwrap();
        let mut corrupt = encoder.finish().unwrap();
        *corrupt.last_mut().unwrap() ^= 1;
        for (encoding, body) in [
            (ContentEncoding::Zstd, [zstd(b"one"), b"garbage".to_vec()].concat()),
            (ContentEncoding::Zstd, corrupt),
            (ContentEncoding::Zstd, skippable[..skippable.len() - 1].to_vec()),
            (ContentEncoding::Gzip, [gzip(b"one"), b"garbage".to_vec()].concat()),
            (ContentEncoding::Deflate, [&zlib[..], &zlib].concat()),
            (ContentEncoding::Deflate, [&raw[..], b"x"].concat()),
        ] {
            assert!(matches!(decompress(encoding, body.clone()), Err(DecompressError::Malformed(_))), "{encoding:?} {body:?}");
        }
    }

    #[test]
    fn a_decompression_bomb_is_stopped_early() {
        let bomb = gzip(&gzip(&vec![0; 64 << 20]));
        let bomb = decompress(ContentEncoding::Gzip, bomb.into(), 1 << 20).unwrap();
        assert_eq!(decompress(ContentEncoding::Gzip, bomb, 1 << 20), Err(DecompressError::TooLarge));
    }
}
