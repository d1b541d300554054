//! Parses a URL into settings.

use std::borrow::Cow;
use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::{UrlError, invalid};

/// The settings that a connection string of libpq may begin with.
const FIRST_SETTINGS: [&str; 7] = ["host", "hostaddr", "port", "dbname", "user", "password", "service"];

/// Whether a text names a PostgreSQL database: a URL such as `postgres://`, SQLAlchemy's `postgresql+psycopg://` or Java's
/// `jdbc:postgresql://`, or a connection string of libpq, such as `host=db dbname=agents`.
#[must_use]
pub fn is_url(text: &str) -> bool {
    is_connection_string(text) || after_scheme(text).is_some()
}

fn is_connection_string(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| FIRST_SETTINGS.contains(&name.trim()))
}

/// Returns what follows the scheme of a URL; `None` if it is another database's.
fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.strip_prefix("jdbc:").unwrap_or(scheme);
    let dialect = scheme.split('+').next().unwrap_or_default();
    (dialect.eq_ignore_ascii_case("postgres") || dialect.eq_ignore_ascii_case("postgresql")).then_some(rest)
}

/// Adds the parts of a URL to the settings. Returns the passwords as the URL has them, percent-encoded.
pub(super) fn parse(url: &str, settings: &mut BTreeMap<String, String>) -> Result<Vec<String>, UrlError> {
    if is_connection_string(url) {
        return parse_connection_string(url, settings);
    }
    let rest = after_scheme(url).ok_or_else(|| invalid("it does not begin with postgres://"))?;
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
    let pairs: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    // SQLAlchemy takes several hosts, each with its port.
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for (_, host) in pairs.iter().filter(|(name, _)| *name == "host") {
        let has_port =
            host.starts_with('[') || host.split_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let (name, port) = if has_port { host_and_port(host) } else { (*host, "") };
        names.push(name);
        ports.push(port);
    }
    set("host", &names.join(","))?;
    set("port", &if ports.iter().all(|port| port.is_empty()) { String::new() } else { ports.join(",") })?;
    for (name, value) in pairs.into_iter().filter(|(name, _)| *name != "host") {
        if name == "password" {
            secrets.push(value.to_owned());
        }
        set(name, value)?;
    }
    Ok(secrets)
}

/// Adds the settings of a connection string: `name=value` or `name='a value'`, in which a backslash escapes the next character.
fn parse_connection_string(text: &str, settings: &mut BTreeMap<String, String>) -> Result<Vec<String>, UrlError> {
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|char| char.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Ok(settings.get("password").cloned().into_iter().collect());
        }
        let mut name = String::new();
        while let Some(char) = chars.next_if(|&char| char != '=') {
            name.push(char);
        }
        if chars.next().is_none() {
            return Err(invalid("a setting has no value; it is name=value"));
        }
        while chars.next_if(|char| char.is_whitespace()).is_some() {}
        let is_quoted = chars.next_if_eq(&'\'').is_some();
        let mut value = String::new();
        loop {
            match chars.next() {
                None if is_quoted => return Err(invalid("a quoted value does not end")),
                Some('\'') if is_quoted => break,
                Some(char) if char.is_whitespace() && !is_quoted => break,
                Some('\\') => value.extend(chars.next()),
                Some(char) => value.push(char),
                None => break,
            }
        }
        if !value.is_empty() {
            settings.insert(name.trim().to_owned(), value);
        }
    }
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
