//! The URL of an AgentOS: `https://:KEY@host:7777/prefix?db_id=NAME`.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use ureq::http::Uri;

use crate::sources::http;

/// The paths to which OTLP is sent.
const OTLP_PATHS: [&str; 3] = ["/v1/traces", "/v1/logs", "/v1/metrics"];

/// Where an AgentOS is.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Scheme, host and port.
    pub(super) origin: String,
    /// The path before those of AgentOS, without a slash at its end.
    pub(super) prefix: String,
    /// The database, if one is named.
    pub(super) database: Option<String>,
    /// The key in the URL.
    pub(super) key: Option<String>,
    /// Whether the key would go unencrypted to another machine.
    pub(super) is_exposed: bool,
}

/// Hides the key.
impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Address").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Whether a text is the URL of an AgentOS, rather than a path.
#[must_use]
pub fn is_url(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
}

impl Address {
    /// Parses a URL. The error says what is wrong, without the URL, which may hold a key.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let form = "such as http://localhost:7777 or https://host/os?db_id=NAME";
        let (url, _) = url.split_once('#').unwrap_or((url, ""));
        let uri: Uri = url.parse().map_err(|_| format!("it is not the URL of an AgentOS, {form}"))?;
        let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
        let authority = uri.authority().map(ureq::http::uri::Authority::as_str).unwrap_or_default();
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        if uri.host().is_none_or(str::is_empty) || host.ends_with(':') {
            return Err(format!("it names no host, {form}"));
        }
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let key = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            None => None,
            Some(("", key)) if !key.is_empty() => Some(decode(key)),
            Some(_) => return Err("a key stands in the place of the password, without a user: https://:KEY@host".to_owned()),
        };
        let prefix = uri.path().trim_end_matches('/');
        if OTLP_PATHS.iter().any(|path| prefix.ends_with(path)) {
            return Err("OTLP is sent to this path, and none is read from it; agno-top itself listens for OTLP with --otlp".to_owned());
        }
        let mut database = None;
        for (name, value) in uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| part.split_once('=').unwrap_or((part, "")))
        {
            match (name, &database) {
                ("db_id", None) if !value.is_empty() => database = Some(decode(&value.replace('+', " "))),
                ("db_id", _) => return Err("db_id names one database; name the URL once for each".to_owned()),
                _ => return Err("its only parameter is db_id, the name of the database".to_owned()),
            }
        }
        let is_exposed = scheme == "http" && !http::is_own_host(uri.host().unwrap_or_default());
        Ok(Self { origin: format!("{scheme}://{host}"), prefix: prefix.to_owned(), database, key, is_exposed })
    }

    /// Returns the name that the user sees.
    pub(super) fn name(&self) -> String {
        let database = self.database.as_ref().map(|name| format!("?db_id={name}")).unwrap_or_default();
        format!("{}{}{database}", self.origin, self.prefix)
    }

    /// Returns the path of a request with its query, which is empty or begins with `?`.
    pub(super) fn path(&self, path: &str, query: &str) -> String {
        let encode = |name: &String| utf8_percent_encode(name, NON_ALPHANUMERIC).to_string();
        let database = self.database.as_ref().map(|name| format!("{}db_id={}", if query.is_empty() { '?' } else { '&' }, encode(name)));
        format!("{}{path}{query}{}", self.prefix, database.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_origin_prefix_database_and_key() {
        let address = Address::parse("https://:a%2Fb@h:7777/os/?db_id=my+db#x").unwrap();
        assert_eq!((address.origin.as_str(), address.prefix.as_str()), ("https://h:7777", "/os"));
        assert_eq!((address.database.as_deref(), address.key.as_deref()), (Some("my db"), Some("a/b")));
        assert_eq!(address.name(), "https://h:7777/os?db_id=my db");
        assert_eq!(address.path("/traces/1", "?span_id=2"), "/os/traces/1?span_id=2&db_id=my%20db");
        assert!(!format!("{address:?}").contains("a/b") && !address.is_exposed);
        let address = Address::parse("HTTP://localhost").unwrap();
        assert_eq!((address.name().as_str(), address.path("/config", "").as_str()), ("http://localhost", "/config"));
        assert!(is_url("HTTPS://h") && !is_url("http:/h") && !is_url("tmp/http"));
    }

    #[test]
    fn a_key_is_exposed_on_plain_connections_to_other_machines() {
        let exposed = |url: &str| Address::parse(url).unwrap().is_exposed;
        assert!(exposed("http://10.0.0.1:7777") && exposed("http://agents.example"));
        assert!(!exposed("http://127.0.0.1:7777") && !exposed("http://[::1]:7777") && !exposed("https://agents.example"));
    }

    #[test]
    fn other_urls_are_refused_without_their_secrets() {
        for url in [
            "http://",
            "http://:secret@",
            "http://secret@h",
            "http://u:secret@h",
            "http://h/v1/traces?secret",
            "http://h?key=secret",
            "http://h?db_id=a&db_id=secret",
            "http://h?db_id=",
            "http://secret h",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(!error.contains("secret"), "{url}: {error}");
        }
    }
}
