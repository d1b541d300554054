//! Types of settings that are more than text, a number or a boolean, with how each is written.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use hyper::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use tracing::level_filters::LevelFilter;

use crate::model::usage::NanoUsd;

/// The text is not a value of the expected type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct InvalidValue {
    text: String,
    expected: &'static str,
}

impl InvalidValue {
    fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.to_owned(), expected }
    }
}

/// Whether to listen for OTLP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ListenMode {
    /// Both protocols, unless a source is named.
    #[default]
    Auto,
    /// Both protocols.
    #[serde(alias = "always", alias = "true", alias = "on")]
    Yes,
    /// gRPC; also HTTP unless a source is named.
    Grpc,
    /// HTTP; also gRPC unless a source is named.
    Http,
    /// Neither protocol.
    #[serde(alias = "never", alias = "false", alias = "off")]
    No,
}

impl ListenMode {
    /// Returns whether to listen over gRPC and over HTTP.
    #[must_use]
    pub fn protocols(self, is_source_named: bool) -> (bool, bool) {
        match self {
            Self::Auto => (!is_source_named, !is_source_named),
            Self::Yes => (true, true),
            Self::Grpc => (true, !is_source_named),
            Self::Http => (!is_source_named, true),
            Self::No => (false, false),
        }
    }
}

/// The detail of the log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// No log file.
    Off,
    /// Failures.
    Error,
    /// Also skipped spans and retries.
    Warn,
    /// Also what is opened and closed.
    Info,
    /// Also each batch.
    Debug,
    /// Everything.
    Trace,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Off => Self::OFF,
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

/// A number of bytes, at least one: `4096`, `512K`, `16M`, `2GiB`. The units are powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub struct Bytes(pub u64);

impl TryFrom<toml::Value> for Bytes {
    type Error = InvalidValue;

    fn try_from(value: toml::Value) -> Result<Self, Self::Error> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let invalid = || InvalidValue::new(&text, "a number of bytes, such as 512M or 2G");
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let shift = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            _ => return Err(invalid()),
        };
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
        bytes.filter(|bytes| *bytes > 0).map(Self).ok_or_else(invalid)
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

/// US dollars, in billionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dollars(pub NanoUsd);

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let amount = f64::deserialize(deserializer)?;
        let is_amount = (0.0..=1e9).contains(&amount);
        let invalid = || D::Error::custom(format_args!("{amount} is not an amount of dollars, such as 0.5"));
        if is_amount { Ok(Self((amount * 1e9).round() as NanoUsd)) } else { Err(invalid()) }
    }
}

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / 1e9)
    }
}

/// An address to listen on: `0.0.0.0:4318`, `localhost:4318`, or a port of `127.0.0.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct ListenAddress(pub SocketAddr);

impl ListenAddress {
    /// Returns a port of `127.0.0.1`.
    #[must_use]
    pub const fn local(port: u16) -> Self {
        Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let trimmed = text.trim();
        let port = trimmed.strip_prefix("localhost:").or(trimmed.strip_prefix(':')).unwrap_or(trimmed);
        if let Ok(port) = port.parse() {
            return Ok(Self::local(port));
        }
        let address = trimmed.parse().ok().or_else(|| trimmed.to_socket_addrs().ok()?.next());
        address.map(Self).ok_or_else(|| InvalidValue::new(&text, "an address, such as 127.0.0.1:4318 or 4318"))
    }
}

/// A header of HTTP: `NAME=VALUE`, as `OTEL_EXPORTER_OTLP_HEADERS` has it, or `NAME: VALUE`.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// The header's name.
    pub name: String,
    /// The header's value, which may be secret.
    pub value: String,
}

/// Hides the value.
impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Header").field("name", &self.name).finish_non_exhaustive()
    }
}

impl std::str::FromStr for Header {
    type Err = InvalidHeader;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let separator = text.find(['=', ':']).filter(|separator| *separator > 0).ok_or(InvalidHeader)?;
        let (name, value) = (text[..separator].trim().to_owned(), text[separator + 1..].trim().to_owned());
        if HeaderName::try_from(&name).is_ok() { Ok(Self { name, value }) } else { Err(InvalidHeader) }
    }
}

impl Header {
    /// Returns the header with the value that it names: `@FILE` stands for the text of a file.
    ///
    /// # Errors
    ///
    /// If the file can't be used, or HTTP allows no such value; the message says why.
    pub fn resolve(&self) -> Result<Self, String> {
        let Self { name, value } = self;
        let value = resolve_secret(value)?;
        if HeaderValue::try_from(&value).is_err() {
            return Err(format!("the header {name} has a character that HTTP does not allow, such as a line break"));
        }
        Ok(Self { name: name.clone(), value })
    }
}

/// The most bytes of a file that holds a secret.
const MAX_SECRET: u64 = 64 << 10;

/// Returns a secret as it is, or the text of the file that `@FILE` names: other users of the machine see the arguments of a program.
///
/// # Errors
///
/// If the file can't be used; the message says why.
pub fn resolve_secret(text: &str) -> Result<String, String> {
    let Some(path) = text.strip_prefix('@') else { return Ok(text.to_owned()) };
    let invalid = |reason: String| format!("can't use the file {path}: {reason}");
    // A pipe or a device may never end.
    let metadata = std::fs::metadata(path).map_err(|error| invalid(error.to_string()))?;
    if !metadata.is_file() || metadata.len() > MAX_SECRET {
        return Err(invalid("it is no small file".to_owned()));
    }
    let secret = std::fs::read_to_string(path).map_err(|error| invalid(error.to_string()))?;
    let secret = secret.trim();
    if secret.is_empty() { Err(invalid("it is empty".to_owned())) } else { Ok(secret.to_owned()) }
}

/// The text is not a header. The text itself may be secret, so the error does not quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a header is written NAME=VALUE, its name without spaces")]
pub struct InvalidHeader;

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Header {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}={}", self.name, self.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units() {
        for (text, bytes) in [("1", 1), ("4096", 4096), ("512K", 512 << 10), (" 16 MiB ", 16 << 20), ("2g", 2 << 30)] {
            assert_eq!(Bytes::try_from(toml::Value::from(text)), Ok(Bytes(bytes)), "{text}");
        }
        assert_eq!(Bytes::try_from(toml::Value::from(7)), Ok(Bytes(7)));
        for text in ["", "0", "M", "-1", "1.5G", "5T", "99999999999G"] {
            assert!(Bytes::try_from(toml::Value::from(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_may_be_in_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| format!("@{}", directory.path().join(name).display());
        std::fs::write(directory.path().join("token"), "abc def\n").unwrap();
        std::fs::write(directory.path().join("empty"), "\n").unwrap();
        assert_eq!(resolve_secret(&path("token")), Ok("abc def".to_owned()));
        assert_eq!(resolve_secret("a@b"), Ok("a@b".to_owned()));
        assert!(resolve_secret(&path("none")).is_err() && resolve_secret("@/dev/zero").is_err());
        assert!(resolve_secret(&path("empty")).unwrap_err().ends_with("it is empty"));
        let header: Header = format!("authorization={}", path("token")).parse().unwrap();
        assert_eq!(header.resolve().unwrap().value, "abc def");
    }

    #[test]
    fn a_header_that_http_does_not_allow_is_refused_without_its_value() {
        for text in ["a b=c", "a\nb=c", "=c", "abc"] {
            assert_eq!(text.parse::<Header>(), Err(InvalidHeader), "{text:?}");
        }
        let header: Header = "authorization=abc\ndef".parse().unwrap();
        let message = header.resolve().unwrap_err();
        assert!(message.contains("the header authorization") && !message.contains("abc"), "{message}");
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
            assert_eq!(ListenAddress::try_from(text.to_owned()), Ok(ListenAddress(address.parse().unwrap())), "{text}");
        }
        for text in ["", "x", "127.0.0.1", "99999", "localhost:x"] {
            assert!(ListenAddress::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_header_has_a_name_and_a_value() {
        let header = |text: &str| text.parse::<Header>().map(|header| (header.name, header.value));
        assert_eq!(header("Authorization=Basic a=="), Ok(("Authorization".to_owned(), "Basic a==".to_owned())));
        assert_eq!(header("x-key: v"), Ok(("x-key".to_owned(), "v".to_owned())));
        assert!(header("x").is_err() && header("=x").is_err());
    }
}
