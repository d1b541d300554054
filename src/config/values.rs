//! Settings' values that are more than a word or a number.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use crate::model::usage::NanoUsd;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// When to listen for spans, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Listen {
    /// Over both, unless a source is named.
    #[default]
    Auto,
    /// Over both in any case.
    #[serde(alias = "always", alias = "true", alias = "on")]
    Yes,
    /// Over gRPC in any case, over both if no source is named.
    Grpc,
    /// Over HTTP in any case, over both if no source is named.
    Http,
    /// In no case.
    #[serde(alias = "never", alias = "false", alias = "off")]
    No,
}

impl Listen {
    /// Whether to listen over gRPC and over HTTP; `alone` if no source is named.
    #[must_use]
    pub fn protocols(self, alone: bool) -> (bool, bool) {
        match self {
            Self::Auto => (alone, alone),
            Self::Yes => (true, true),
            Self::Grpc => (true, alone),
            Self::Http => (alone, true),
            Self::No => (false, false),
        }
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes(pub(super) u64);

/// US dollars, in billionths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dollars(pub(super) NanoUsd);

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        dollars(f64::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / 1e9)
    }
}

/// Reads US dollars: `0.5`, `$2`.
pub fn parse_dollars(text: &str) -> Result<NanoUsd, String> {
    let number = text.strip_prefix('$').unwrap_or(text);
    number.parse().map_err(|_| format!("{text:?} is no amount of dollars such as 0.5")).and_then(dollars)
}

fn dollars(amount: f64) -> Result<NanoUsd, String> {
    let is_amount = (0.0..=1e9).contains(&amount);
    if is_amount { Ok((amount * 1e9).round() as NanoUsd) } else { Err(format!("{amount} is no amount of dollars such as 0.5")) }
}

/// An address to listen on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address(pub(super) SocketAddr);

/// A header's name and value.
#[derive(Clone, Debug)]
pub(super) struct Header(pub(super) (String, String));

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Number(number) => number.to_string(),
            Written::Text(text) => text,
        };
        parse_bytes(&text).map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse_address(&String::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse_header(&String::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(bytes) = *self;
        match [("G", 3), ("M", 2), ("K", 1)].into_iter().find(|(_, power)| bytes.trailing_zeros() >= power * 10) {
            Some((unit, power)) => serializer.collect_str(&format_args!("{}{unit}", bytes >> (power * 10))),
            None => serializer.serialize_u64(bytes),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for Header {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, value) = &self.0;
        serializer.collect_str(&format_args!("{name}={value}"))
    }
}

/// Paths as text, as near as can be.
#[expect(clippy::ref_option, reason = "serde hands a field over so")]
pub(super) fn lossy<S: Serializer>(paths: &Option<Vec<PathBuf>>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().flatten().map(|path| path.to_string_lossy().into_owned()))
}

/// Reads a number of bytes, at least one: `4096`, `512K`, `16M`, `2GiB`. The units are powers of 1024.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no number of bytes, such as 512M or 2G");
    let trimmed = text.trim();
    let digits = trimmed.find(|char: char| !char.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err(wrong()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(wrong)
}

/// Reads an address to listen on: `0.0.0.0:4318`, `localhost:4318`, or a port alone, which is one of `127.0.0.1`.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let wrong = || format!("{text:?} is no address, such as 127.0.0.1:4318 or 4318");
    let text = text.trim();
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    if let Some(port) = text.strip_prefix("localhost:") {
        return parse_address(port).map_err(|_| wrong());
    }
    text.parse().ok().or_else(|| text.to_socket_addrs().ok()?.next()).ok_or_else(wrong)
}

/// Reads a header: `NAME=VALUE`, as `OTEL_EXPORTER_OTLP_HEADERS` has it, or `NAME: VALUE`.
pub fn parse_header(text: &str) -> Result<(String, String), String> {
    let at = text.find(['=', ':']).filter(|at| *at > 0);
    let (name, value) = at.map(|at| text.split_at(at)).ok_or_else(|| "a header is written NAME=VALUE".to_owned())?;
    Ok((name.trim().to_owned(), value[1..].trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units() {
        for (text, bytes) in [("1", 1), ("4096", 4096), ("512K", 512 << 10), (" 16 MiB ", 16 << 20), ("2g", 2 << 30)] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "M", "-1", "1.5G", "5T", "99999999999G"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_may_be_a_port_alone() {
        for (text, address) in [
            ("4318", "127.0.0.1:4318"),
            (":1", "127.0.0.1:1"),
            ("localhost:5", "127.0.0.1:5"),
            ("[::]:6", "[::]:6"),
            ("0.0.0.0:7", "0.0.0.0:7"),
        ] {
            assert_eq!(parse_address(text), Ok(address.parse().unwrap()), "{text}");
        }
        for text in ["", "x", "127.0.0.1", "99999", "localhost:x"] {
            assert!(parse_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_header_has_a_name_and_a_value() {
        assert_eq!(parse_header("Authorization=Basic a=="), Ok(("Authorization".to_owned(), "Basic a==".to_owned())));
        assert_eq!(parse_header("x-key: v"), Ok(("x-key".to_owned(), "v".to_owned())));
        assert!(parse_header("x").is_err() && parse_header("=x").is_err());
    }
}
