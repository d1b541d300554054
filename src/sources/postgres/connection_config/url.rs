//! Parses a URL into settings.

use std::borrow::Cow;
use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::{UrlError, invalid};

/// Whether a text is the URL of a PostgreSQL database, such as `postgres://` or SQLAlchemy's `postgresql+psycopg://`.
#[must_use]
pub fn is_url(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once("://") else { return false };
    let dialect = scheme.split('+').next().unwrap_or_default();
    dialect.eq_ignore_ascii_case("postgres") || dialect.eq_ignore_ascii_case("postgresql")
}

/// Adds the parts of a URL to the settings. Returns the passwords as the URL has them, percent-encoded.
pub(super) fn parse(url: &str, settings: &mut BTreeMap<String, String>) -> Result<Vec<String>, UrlError> {
    let rest =
        url.split_once("://").map(|(_, rest)| rest).filter(|_| is_url(url)).ok_or_else(|| invalid("it does not begin with postgres://"))?;
    let rest = rest.split('#').next().unwrap_or_default();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = authority.rsplit_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
    let mut secrets = Vec::new();
    let mut set = |name: &str, value: &str| {
        let value = decode(value).ok_or_else(|| invalid(format!("its {name} is not UTF-8")))?;
        if !value.is_empty() {
            settings.insert(name.to_owned(), value);
        }
        Ok(())
    };
    if let Some(user) = user {
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        secrets.push(password.to_owned());
        set("user", user)?;
        set("password", password)?;
    }
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = host_and_port(host);
        names.push(name);
        ports.push(port);
    }
    set("host", &if names.iter().all(|name| name.is_empty()) { String::new() } else { names.join(",") })?;
    set("port", &if ports.iter().all(|port| port.is_empty()) { String::new() } else { ports.join(",") })?;
    set("dbname", database)?;
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        if name == "password" {
            secrets.push(value.to_owned());
        }
        set(name, value)?;
    }
    Ok(secrets)
}

/// Splits a host, without the brackets of an IPv6 address, and a port; either may be empty.
fn host_and_port(text: &str) -> (&str, &str) {
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (address, rest.strip_prefix(':').unwrap_or_default());
    }
    text.rsplit_once(':').unwrap_or((text, ""))
}

fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}
