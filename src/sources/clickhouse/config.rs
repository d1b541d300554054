//! A database's URL: `clickhouse://user:password@host:8123/database`.

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;

use crate::sources::secret::mask;

/// The database that Agno's `ClickhouseDb` writes to.
const DATABASE: &str = "agno";
/// The ports of HTTP and HTTPS.
const PORTS: [u16; 2] = [8123, 8443];

/// A database, and how to ask for it.
#[derive(Clone)]
pub(in crate::sources) struct Config {
    /// The URL without password and options, for messages.
    pub(in crate::sources) name: String,
    pub(in crate::sources) user: String,
    pub(in crate::sources) database: String,
    /// The table of spans, if the URL names one.
    pub(super) table: Option<String>,
    /// Scheme, host and port.
    pub(super) origin: String,
    /// A PEM file of root certificates.
    pub(super) roots: Option<PathBuf>,
    /// The headers of every request.
    pub(super) headers: Vec<(String, String)>,
    /// The password, to remove from messages.
    secrets: Vec<String>,
}

/// Hides the password.
impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Whether a text names a ClickHouse database: `clickhouse://`, `clickhouses://` with TLS, or SQLAlchemy's `clickhouse+http://`.
#[must_use]
pub fn is_url(text: &str) -> bool {
    parts(text).is_some()
}

/// Returns whether the scheme asks for TLS, its driver, and what follows it.
fn parts(text: &str) -> Option<(bool, &str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let (dialect, driver) = scheme.split_once('+').unwrap_or((scheme, ""));
    let is = |name: &str| dialect.eq_ignore_ascii_case(name);
    let is_secure = is("clickhouses") || driver.eq_ignore_ascii_case("https");
    (is("clickhouse") || is("clickhouses") || is("clickhousedb")).then_some((is_secure, driver, rest))
}

impl Config {
    /// Parses a URL. `environment` returns the value of an environment variable. The error does not repeat the URL.
    pub(in crate::sources) fn parse(url: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let (mut is_secure, driver, rest) = parts(url).ok_or("it does not begin with clickhouse://")?;
        if !["", "http", "https", "connect"].iter().any(|known| driver.eq_ignore_ascii_case(known)) {
            return Err(format!(
                "ClickHouse is read over HTTP, not with the driver {driver:?}: write clickhouse:// and the port of HTTP (8123)"
            ));
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        // A password may hold a slash; a host does not.
        let (login, place) = rest.rsplit_once('@').map_or((None, rest), |(login, place)| (Some(login), place));
        let (host, database) = place.split_once('/').unwrap_or((place, ""));
        let decode = |what: &str, text: &str| {
            percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| format!("its {what} is not UTF-8"))
        };
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        let (user, password) =
            login.map_or(("", None), |login| login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password))));
        let mut secrets: Vec<String> = password.map(ToOwned::to_owned).into_iter().collect();
        let mut user = Some(decode("user", user)?).filter(|user| !user.is_empty()).or_else(|| variable("CLICKHOUSE_USER"));
        let mut password = password.map(|password| decode("password", password)).transpose()?;
        let (mut table, mut roots) = (None, None);
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = decode(name, value)?;
            match name.to_ascii_lowercase().as_str() {
                "secure" | "ssl" | "protocol" => is_secure |= matches!(value.as_str(), "1" | "true" | "True" | "https"),
                "table" => table = Some(value).filter(|table| !table.is_empty()),
                "sslrootcert" | "ca_cert" => roots = Some(PathBuf::from(value)),
                "user" | "username" => user = Some(value),
                "password" => password = Some(value),
                "verify" if matches!(value.as_str(), "0" | "false" | "False") => {
                    return Err("the certificate is always verified; name its authority with sslrootcert=FILE".to_owned());
                }
                _ => {}
            }
        }
        let password = password.or_else(|| variable("CLICKHOUSE_PASSWORD"));
        let host = if host.is_empty() { "localhost" } else { host };
        let (address, port) = if let Some((_, rest)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            (&host[..host.len() - rest.len()], rest.strip_prefix(':').unwrap_or_default())
        } else {
            host.rsplit_once(':').unwrap_or((host, ""))
        };
        let usual = PORTS[usize::from(is_secure)];
        let port = match port {
            "" => usual,
            port => port.parse().map_err(|_| "its port is not a number from 0 to 65535 (in a password, write / as %2F)".to_owned())?,
        };
        let database = Some(decode("database", database)?).filter(|name| !name.is_empty()).unwrap_or_else(|| DATABASE.to_owned());
        let mut headers = Vec::new();
        if user.is_some() || password.is_some() {
            let login = format!("{}:{}", user.as_deref().unwrap_or("default"), password.as_deref().unwrap_or_default());
            headers.push(("authorization".to_owned(), format!("Basic {}", BASE64_STANDARD.encode(login))));
        }
        secrets.extend(password);
        secrets.retain(|secret| !secret.is_empty());
        let user = user.unwrap_or_else(|| "default".to_owned());
        let shown_port = if port == usual { String::new() } else { format!(":{port}") };
        let shown_scheme = if is_secure { "clickhouses" } else { "clickhouse" };
        Ok(Self {
            name: format!("{shown_scheme}://{user}@{address}{shown_port}/{database}"),
            user,
            database,
            table,
            origin: format!("{}://{address}:{port}", if is_secure { "https" } else { "http" }),
            roots,
            headers,
            secrets,
        })
    }

    /// Replaces the password in a text by stars.
    pub(super) fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| mask(&text, secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Config, String> {
        Config::parse(url, |_| None)
    }

    #[test]
    fn a_url_names_origin_database_and_login() {
        for (url, origin, name) in [
            ("clickhouse://", "http://localhost:8123", "clickhouse://default@localhost/agno"),
            ("clickhouse://me:se%2Fcret@h/d", "http://h:8123", "clickhouse://me@h/d"),
            ("clickhouse://me:se/cret@h:9/d?x=1#y", "http://h:9", "clickhouse://me@h:9/d"),
            ("clickhouses://h", "https://h:8443", "clickhouses://default@h/agno"),
            ("clickhouse://[::1]:8124/d?secure=1", "https://[::1]:8124", "clickhouses://default@[::1]:8124/d"),
            ("clickhouse+https://h", "https://h:8443", "clickhouses://default@h/agno"),
            ("ClickHouseDB+connect://u@h", "http://h:8123", "clickhouse://u@h/agno"),
        ] {
            let config = parse(url).unwrap();
            assert_eq!((config.origin.as_str(), config.name.as_str()), (origin, name), "{url}");
            assert!(!format!("{config:?}").contains("cret"));
        }
        let config = parse("clickhouse://me:p%40ss@h/d?table=t&sslrootcert=/a.pem").unwrap();
        assert_eq!(config.headers, [("authorization".to_owned(), format!("Basic {}", BASE64_STANDARD.encode("me:p@ss")))]);
        assert_eq!((config.table.as_deref(), config.roots), (Some("t"), Some(PathBuf::from("/a.pem"))));
        assert!(!is_url("clickhouse.db") && !is_url("postgres://h") && is_url("clickhouse://"));
    }

    #[test]
    fn the_environment_supplies_the_login() {
        let environment = |name: &str| Some(name.replace("CLICKHOUSE_", "").to_lowercase());
        let config = Config::parse("clickhouse://h", environment).unwrap();
        assert_eq!(config.headers[0].1, format!("Basic {}", BASE64_STANDARD.encode("user:password")));
        assert_eq!(config.redact("a password, passwords"), "a ***, ***s");
        let config = Config::parse("clickhouse://me:secret@h", environment).unwrap();
        assert_eq!(config.headers[0].1, format!("Basic {}", BASE64_STANDARD.encode("me:secret")));
    }

    #[test]
    fn a_wrong_url_is_refused_without_its_password() {
        for (url, part) in [
            ("clickhouse://u:secret@h:x/d", "its port is not a number"),
            ("clickhouse+native://u:secret@h/d", "not with the driver \"native\""),
            ("clickhouse://u:%ffsecret@h/d", "its password is not UTF-8"),
            ("clickhouses://u:secret@h/d?verify=0", "always verified"),
        ] {
            let error = parse(url).unwrap_err();
            assert!(error.contains(part) && !error.contains("secret"), "{url}: {error}");
        }
    }
}
