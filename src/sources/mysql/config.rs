//! URLs, and what they say of connections.

use std::borrow::Cow;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use crate::sources::tls::{Mode, Roots, Tls};

/// A database, and how to connect to it.
#[derive(Clone, Debug)]
pub(in crate::sources) struct Config {
    /// The URL without password and options, for messages.
    pub(in crate::sources) name: String,
    pub(in crate::sources) user: String,
    pub(super) password: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) socket: Option<PathBuf>,
    pub(super) tls: Tls,
}

/// Whether a text is the URL of a MySQL or MariaDB database, such as SQLAlchemy's `mysql+pymysql://`.
#[must_use]
pub fn is_url(text: &str) -> bool {
    after_scheme(text).is_some()
}

fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let dialect = scheme.split('+').next().unwrap_or_default();
    ["mysql", "mariadb"].iter().any(|known| dialect.eq_ignore_ascii_case(known)).then_some(rest)
}

impl Config {
    /// Parses a URL. The error does not repeat it, because it may contain a password.
    pub(in crate::sources) fn parse(url: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let rest = after_scheme(url).ok_or("it does not begin with mysql:// or mariadb://")?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, _database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, address) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let decode =
            |text: &str| percent_decode_str(text).decode_utf8().map(Cow::into_owned).map_err(|_| "a part of it is not UTF-8".to_owned());
        let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':').unwrap_or_default()),
            None => address.rsplit_once(':').unwrap_or((address, "")),
        };
        let port = if port.is_empty() { Ok(3306) } else { port.parse() };
        let port = port.map_err(|_| "its port is not a number from 0 to 65535 (in a password, write / as %2F)")?;
        let (mut mode, mut roots, mut socket) = (None, None, None);
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = decode(value)?;
            match name {
                "sslmode" | "ssl_mode" | "ssl-mode" => mode = Some(parse_mode(&value)?),
                "ssl" if value == "true" || value == "1" => mode = mode.or(Some(Mode::Require)),
                "ssl_verify_cert" if value == "true" => mode = Some(Mode::VerifyCa),
                "ssl_verify_identity" if value == "true" => mode = Some(Mode::VerifyFull),
                "sslrootcert" | "ssl_ca" | "ssl-ca" => roots = Some(PathBuf::from(value)),
                "unix_socket" => socket = Some(PathBuf::from(value)),
                // What SQLAlchemy's drivers take and what changes nothing here.
                "ssl" | "ssl_verify_cert" | "ssl_verify_identity" | "charset" | "collation" | "connect_timeout" => {}
                name => tracing::warn!(setting = name, "a setting of the MySQL URL is ignored"),
            }
        }
        // As for PostgreSQL: a root certificate in the settings is verified.
        let mode = match mode {
            None | Some(Mode::Require) if roots.is_some() => Mode::VerifyCa,
            mode => mode.unwrap_or(Mode::Prefer),
        };
        let user = Some(decode(user)?).filter(|user| !user.is_empty()).or_else(|| environment("USER")).unwrap_or_else(|| "root".to_owned());
        let password = Some(decode(password)?).filter(|password| !password.is_empty()).or_else(|| environment("MYSQL_PWD"));
        let host = Some(decode(host)?).filter(|host| !host.is_empty()).unwrap_or_else(|| "localhost".to_owned());
        let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let shown = if port == 3306 { shown } else { format!("{shown}:{port}") };
        Ok(Self {
            name: format!("mysql://{user}@{shown}"),
            password: password.unwrap_or_default(),
            tls: Tls { mode, roots: roots.map_or(Roots::System, Roots::File), identity: None },
            user,
            host,
            port,
            socket,
        })
    }

    /// Replaces the password in a text by stars.
    pub(super) fn redact(&self, text: &str) -> String {
        if self.password.is_empty() { text.to_owned() } else { text.replace(&self.password, "***") }
    }
}

fn parse_mode(text: &str) -> Result<Mode, String> {
    Ok(match text.to_ascii_lowercase().replace('_', "-").as_str() {
        "disable" | "disabled" | "false" => Mode::Disable,
        "allow" | "prefer" | "preferred" => Mode::Prefer,
        "require" | "required" | "true" => Mode::Require,
        "verify-ca" => Mode::VerifyCa,
        "verify-full" | "verify-identity" => Mode::VerifyFull,
        _ => return Err("its sslmode is none of disable, prefer, require, verify-ca, verify-full".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn parse(url: &str) -> Result<Config, String> {
        Config::parse(url, |_| None)
    }

    #[test]
    fn urls_of_sqlalchemy_are_read() {
        let config = parse("mysql+pymysql://ada:p%40ss@db:3307/ai?charset=utf8mb4").unwrap();
        assert_eq!((config.name.as_str(), config.password.as_str(), config.tls.mode), ("mysql://ada@db:3307", "p@ss", Mode::Prefer));
        let config = parse("mariadb://[::1]/").unwrap();
        assert_eq!((config.name.as_str(), config.port), ("mysql://root@[::1]", 3306));
        for (option, mode) in
            [("sslmode=VERIFY_IDENTITY", Mode::VerifyFull), ("ssl_ca=/ca.pem", Mode::VerifyCa), ("ssl=true", Mode::Require)]
        {
            assert_eq!(parse(&format!("mysql://h/d?{option}")).unwrap().tls.mode, mode);
        }
        assert!(["MySQL+asyncmy://h", "mariadb+mariadbconnector://h"].iter().all(|url| is_url(url)));
        assert!(!is_url("postgres://h") && !is_url("mysqlx") && !is_url("mysql2://h"));
    }

    #[test]
    fn no_message_holds_the_password() {
        for url in ["mysql://u:secret@h:x/d", "mysql://u:secret@h/d?sslmode=maybe", "mysql://u:secret%ff@h/d"] {
            assert!(!parse(url).unwrap_err().contains("secret"), "{url}");
        }
        assert_eq!(parse("mysql://u:secret@h/d").unwrap().redact("for secret"), "for ***");
    }
}
