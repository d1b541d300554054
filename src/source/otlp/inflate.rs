//! Compressed bodies, inflated up to a limit.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use ruzstd::decoding::StreamingDecoder;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Coding {
    Identity,
    Gzip,
    /// Zlib's format, as HTTP means it, or the bare stream that some send instead.
    Deflate,
    Zstd,
}

/// The names of all codings, for who asks.
pub(super) const CODINGS: &str = "identity,gzip,deflate,zstd";

/// Why a body can't be inflated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::source) enum InflateError {
    /// It is larger than the limit.
    #[error("it is too large when inflated")]
    TooLarge,
    /// It is not what its header says.
    #[error("it can't be inflated: {0}")]
    Broken(String),
}

impl Coding {
    /// The coding that a header names; `None` if it is none of ours.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name.trim() {
            "" => Some(Self::Identity),
            name if name.eq_ignore_ascii_case("identity") => Some(Self::Identity),
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => Some(Self::Gzip),
            name if name.eq_ignore_ascii_case("deflate") => Some(Self::Deflate),
            name if name.eq_ignore_ascii_case("zstd") => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// The body as it was before it was compressed, if that is no longer than `limit` bytes. Stops as soon as it is.
pub(in crate::source) fn inflate(coding: Coding, body: Bytes, limit: usize) -> Result<Bytes, InflateError> {
    match coding {
        Coding::Identity if body.len() > limit => Err(InflateError::TooLarge),
        Coding::Identity => Ok(body),
        Coding::Gzip => read(MultiGzDecoder::new(&body[..]), body.len(), limit),
        Coding::Deflate if is_zlib(&body) => read(ZlibDecoder::new(&body[..]), body.len(), limit),
        Coding::Deflate => read(DeflateDecoder::new(&body[..]), body.len(), limit),
        Coding::Zstd => {
            let decoder = StreamingDecoder::new(&body[..]).map_err(|error| InflateError::Broken(error.to_string()))?;
            read(decoder, body.len(), limit)
        }
    }
}

/// Whether zlib's two bytes of header are there: the method, and a checksum over both.
fn is_zlib(body: &[u8]) -> bool {
    matches!(*body, [method, flags, ..] if method & 0xf == 8 && (u16::from(method) << 8 | u16::from(flags)) % 31 == 0)
}

fn read(decoder: impl Read, compressed: usize, limit: usize) -> Result<Bytes, InflateError> {
    let mut body = Vec::with_capacity(compressed.saturating_mul(4).min(limit) + 1);
    let outcome: io::Result<usize> = decoder.take(limit as u64 + 1).read_to_end(&mut body);
    outcome.map_err(|error| InflateError::Broken(error.to_string()))?;
    if body.len() > limit {
        return Err(InflateError::TooLarge);
    }
    Ok(body.into())
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
    fn every_coding_gives_back_what_went_in() {
        let body: Vec<u8> = (0..100_000_u32).flat_map(|n| (n.wrapping_mul(n) / 7).to_le_bytes()).collect();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&body).unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::fast());
        bare.write_all(&body).unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(&body[..], ruzstd::encoding::CompressionLevel::Fastest);
        let limit = body.len();
        for (name, compressed) in [
            ("gzip", gzip(&body)),
            ("GZIP", gzip(&body)),
            ("deflate", zlib.finish().unwrap()),
            ("deflate", bare.finish().unwrap()),
            ("zstd", zstd),
            ("", body.clone()),
            ("identity", body.clone()),
        ] {
            let coding = Coding::named(name).unwrap();
            assert!(inflate(coding, compressed.clone().into(), limit).as_deref() == Ok(&body[..]), "{name}");
            assert_eq!(inflate(coding, compressed.clone().into(), limit - 1), Err(InflateError::TooLarge), "{name}");
            if coding != Coding::Identity {
                let cut = compressed[..compressed.len() / 2].to_vec();
                assert!(matches!(inflate(coding, cut.into(), limit), Err(InflateError::Broken(_))), "{name}");
                assert!(matches!(inflate(coding, Bytes::from_static(b"no such thing"), limit), Err(InflateError::Broken(_))), "{name}");
            }
        }
        assert_eq!(Coding::named("br"), None);
    }

    #[test]
    fn a_bomb_is_stopped_early() {
        let bomb = gzip(&gzip(&vec![0; 64 << 20]));
        let bomb = inflate(Coding::Gzip, bomb.into(), 1 << 20).unwrap();
        let started = std::time::Instant::now();
        assert_eq!(inflate(Coding::Gzip, bomb, 1 << 20), Err(InflateError::TooLarge));
        assert!(started.elapsed().as_secs() < 1);
    }
}
