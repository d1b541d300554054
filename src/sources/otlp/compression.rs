//! Compressed bodies, inflated up to a limit.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sources) enum ContentEncoding {
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
pub(in crate::sources) enum InflateError {
    /// It is larger than the limit.
    #[error("it is too large when inflated")]
    TooLarge,
    /// It is not what its header says.
    #[error("it can't be inflated: {0}")]
    Broken(String),
}

impl ContentEncoding {
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
pub(in crate::sources) fn inflate(coding: ContentEncoding, body: Bytes, limit: usize) -> Result<Bytes, InflateError> {
    match coding {
        ContentEncoding::Identity if body.len() > limit => Err(InflateError::TooLarge),
        ContentEncoding::Identity => Ok(body),
        ContentEncoding::Gzip => read(MultiGzDecoder::new(&body[..]), body.len(), limit),
        ContentEncoding::Deflate if is_zlib(&body) => {
            let mut decoder = ZlibDecoder::new(&body[..]);
            let inflated = read(&mut decoder, body.len(), limit)?;
            ends_there(decoder.total_in(), &body).map(|()| inflated)
        }
        ContentEncoding::Deflate => {
            let mut decoder = DeflateDecoder::new(&body[..]);
            let inflated = read(&mut decoder, body.len(), limit)?;
            ends_there(decoder.total_in(), &body).map(|()| inflated)
        }
        ContentEncoding::Zstd => read(Frames { rest: &body, decoder: None }, body.len(), limit),
    }
}

fn ends_there(read: u64, body: &[u8]) -> Result<(), InflateError> {
    if read == body.len() as u64 { Ok(()) } else { Err(InflateError::Broken("something follows its end".to_owned())) }
}

/// Frames of zstd, one behind the other, with what is to be skipped between them: <https://datatracker.ietf.org/doc/html/rfc8878#section-3>.
struct Frames<'a> {
    /// Behind the frame that is being read.
    rest: &'a [u8],
    decoder: Option<StreamingDecoder<&'a [u8], FrameDecoder>>,
}

/// The lowest magic number of frames that are to be skipped; there are sixteen.
const SKIPPED: u32 = 0x184d_2a50;

impl Frames<'_> {
    /// Passes over frames that are to be skipped. Whether another frame follows.
    fn skip(&mut self) -> io::Result<bool> {
        while let Some((magic, after)) = self.rest.split_first_chunk()
            && u32::from_le_bytes(*magic) & !0xf == SKIPPED
        {
            let skipped = after.split_first_chunk().and_then(|(length, after)| after.get(u32::from_le_bytes(*length) as usize..));
            self.rest = skipped.ok_or_else(|| io::Error::other("it ends in the middle of a frame"))?;
        }
        Ok(!self.rest.is_empty())
    }
}

impl Read for Frames<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(decoder) = &mut self.decoder else {
                if !self.skip()? {
                    return Ok(0);
                }
                self.decoder = Some(StreamingDecoder::new(self.rest).map_err(|_| io::Error::other("it is no zstd"))?);
                continue;
            };
            let read = decoder.read(out)?;
            if read > 0 || out.is_empty() {
                return Ok(read);
            }
            let stated = decoder.decoder.get_checksum_from_data();
            if stated.is_some() && stated != decoder.decoder.get_calculated_checksum() {
                return Err(io::Error::other("its checksum is another one"));
            }
            self.rest = *decoder.get_ref();
            self.decoder = None;
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
            let coding = ContentEncoding::named(name).unwrap();
            assert!(inflate(coding, compressed.clone().into(), limit).as_deref() == Ok(&body[..]), "{name}");
            assert_eq!(inflate(coding, compressed.clone().into(), limit - 1), Err(InflateError::TooLarge), "{name}");
            if coding != ContentEncoding::Identity {
                let cut = compressed[..compressed.len() / 2].to_vec();
                assert!(matches!(inflate(coding, cut.into(), limit), Err(InflateError::Broken(_))), "{name}");
                assert!(matches!(inflate(coding, Bytes::from_static(b"no such thing"), limit), Err(InflateError::Broken(_))), "{name}");
            }
        }
        assert_eq!(ContentEncoding::named("br"), None);
    }

    #[test]
    fn all_of_a_body_counts() {
        let zstd = |body: &[u8]| ruzstd::encoding::compress_to_vec(body, ruzstd::encoding::CompressionLevel::Fastest);
        let inflate = |coding, body: Vec<u8>| inflate(coding, body.into(), 100);
        let skipped = [&SKIPPED.to_le_bytes()[..], &[3, 0, 0, 0, 9, 9, 9]].concat();
        let frames = [&skipped, &zstd(b"one, "), &skipped, &zstd(b""), &zstd(b"two"), &skipped].map(Vec::as_slice).concat();
        assert_eq!(inflate(ContentEncoding::Zstd, frames), Ok(Bytes::from_static(b"one, two")));
        assert_eq!(inflate(ContentEncoding::Gzip, [gzip(b"one, "), gzip(b"two")].concat()), Ok(Bytes::from_static(b"one, two")));
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(b"one").unwrap();
        let zlib = zlib.finish().unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::fast());
        bare.write_all(b"one").unwrap();
        let bare = bare.finish().unwrap();
        // The checksum stands last.
        let mut spoilt = zstd(b"one");
        *spoilt.last_mut().unwrap() ^= 1;
        for (coding, body) in [
            (ContentEncoding::Zstd, [zstd(b"one"), b"garbage".to_vec()].concat()),
            (ContentEncoding::Zstd, spoilt),
            (ContentEncoding::Zstd, skipped[..skipped.len() - 1].to_vec()),
            (ContentEncoding::Gzip, [gzip(b"one"), b"garbage".to_vec()].concat()),
            (ContentEncoding::Deflate, [&zlib[..], &zlib].concat()),
            (ContentEncoding::Deflate, [&bare[..], b"x"].concat()),
        ] {
            assert!(matches!(inflate(coding, body.clone()), Err(InflateError::Broken(_))), "{coding:?} {body:?}");
        }
    }

    #[test]
    fn a_bomb_is_stopped_early() {
        let bomb = gzip(&gzip(&vec![0; 64 << 20]));
        let bomb = inflate(ContentEncoding::Gzip, bomb.into(), 1 << 20).unwrap();
        let started = std::time::Instant::now();
        assert_eq!(inflate(ContentEncoding::Gzip, bomb, 1 << 20), Err(InflateError::TooLarge));
        assert!(started.elapsed().as_secs() < 1);
    }
}
