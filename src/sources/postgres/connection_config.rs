//! The settings of a connection, from a URL, libpq's environment variables and its password file.
//!
//! It reads the URLs of libpq and of SQLAlchemy, so that the URL given to Agno works unchanged. `tokio_postgres::Config` can't parse them:
//! it rejects a driver in the scheme, an `@` in a password, options that it does not know and environment variables.

mod service;
mod url;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, TargetSessionAttrs};

use super::passfile;
use crate::model::sort;
use crate::sources::secret::mask;
use crate::sources::tls::{Identity, Mode, Roots, Tls};
pub use url::is_url;

/// The application name that the server shows.
pub(super) const APPLICATION: &str = "agno-top";
/// The default timeout of connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The directories of the server's Unix socket, as libpq has them.
const SOCKET_DIRS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// libpq's environment variables and the settings that they stand for.
const VARIABLES: [(&str, &str); 18] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGDATABASE", "dbname"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGPASSFILE", "passfile"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSERVICE", "service"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGOPTIONS", "options"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGREQUIREPEER", "requirepeer"),
];

/// Settings of libpq that ask for a check of the server that is not made here; `gssencmode` does if it is `require`.
const UNMET_CHECKS: [&str; 5] = ["gssencmode", "require_auth", "requirepeer", "sslcrl", "sslcrldir"];

/// Settings of libpq, and of the drivers that Agno uses, that change nothing for agno-top.
const WITHOUT_EFFECT: [&str; 13] = [
    "application_name",
    "async_fallback",
    "client_encoding",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "passfile",
    "prepared_statement_cache_size",
    "service",
    "tcp_user_timeout",
];

/// A database, and how to connect to it.
#[derive(Clone, Debug)]
pub(in crate::sources) struct ConnectionConfig {
    /// The URL without password and options, for messages.
    pub(in crate::sources) name: String,
    pub(in crate::sources) user: String,
    pub(super) config: Config,
    pub(super) tls: Tls,
    /// The password, decoded and as in the URL, to remove from messages.
    secrets: Vec<String>,
}

/// The reason why a URL is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(in crate::sources) struct UrlError(String);

impl ConnectionConfig {
    /// Parses a URL. `environment` returns the value of an environment variable.
    pub(in crate::sources) fn parse(url: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self, UrlError> {
        let mut settings: BTreeMap<String, String> = BTreeMap::new();
        for (variable, setting) in VARIABLES {
            if let Some(value) = environment(variable).filter(|value| !value.is_empty()) {
                settings.insert(setting.to_owned(), value);
            }
        }
        let home = environment("HOME").or_else(|| environment("USERPROFILE")).map(PathBuf::from);
        let mut of_url = BTreeMap::new();
        let mut secrets = url::parse(url, &mut of_url)?;
        // Like libpq: the URL outranks a service, and this the environment.
        let service = of_url.get("service").or_else(|| settings.get("service")).cloned();
        if let Some(name) = service {
            settings.extend(service::read(&name, home.as_deref(), &environment)?);
        }
        secrets.extend(settings.get("password").cloned());
        settings.extend(of_url);
        let user = settings
            .remove("user")
            .or_else(|| ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| environment(name)))
            .unwrap_or_else(|| "postgres".to_owned());
        let database = settings.remove("dbname").unwrap_or_else(|| user.clone());
        let mut config = Config::new();
        config.user(&user).dbname(&database).application_name(APPLICATION).tcp_user_timeout(Duration::from_secs(10));
        let (hosts, name) = set_hosts(&mut settings, &mut config)?;
        let password = settings.remove("password").or_else(|| {
            let file = settings.remove("passfile").map(PathBuf::from).or_else(|| passfile::default_path(home.as_deref()));
            hosts.iter().find_map(|(host, port)| passfile::password(file.as_deref()?, host, *port, &database, &user))
        });
        if let Some(password) = &password {
            config.password(password);
            secrets.push(password.clone());
        }
        set_options(&mut settings, &mut config)?;
        let tls = tls(&mut settings, home.as_deref())?;
        refuse_unmet(&settings)?;
        secrets.retain(|secret| !secret.is_empty());
        sort::by_key(&mut secrets, |secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        let name = format!("postgres://{user}@{name}/{database}");
        Ok(Self { name, user, config, tls, secrets })
    }

    /// Replaces the password in a text by stars.
    pub(super) fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| mask(&text, secret))
    }
}

/// Sets hosts and ports. Returns them, and their form in messages.
fn set_hosts(settings: &mut BTreeMap<String, String>, config: &mut Config) -> Result<(Vec<(String, u16)>, String), UrlError> {
    let ports = settings.remove("port").unwrap_or_else(|| "5432".to_owned());
    let ports = ports.split(',').map(|port| if port.is_empty() { Ok(5432) } else { port.parse::<u16>() });
    let ports: Vec<u16> =
        ports.collect::<Result<_, _>>().map_err(|_| invalid("its port is not a number from 0 to 65535 (in a password, write / as %2F)"))?;
    let addresses = settings.remove("hostaddr");
    let hosts = settings.remove("host").or_else(|| addresses.clone()).unwrap_or_else(|| local_host(ports[0]));
    let hosts: Vec<&str> = hosts.split(',').map(|host| if host.is_empty() { "localhost" } else { host }).collect();
    let port_of = |at: usize| if ports.len() == 1 { Some(ports[0]) } else { ports.get(at).copied() };
    let mut found = Vec::new();
    for (at, host) in hosts.iter().enumerate() {
        let port = port_of(at).ok_or_else(|| invalid("it names more hosts than ports"))?;
        config.host(*host).port(port);
        found.push(((*host).to_owned(), port));
    }
    if let Some(addresses) = addresses {
        for address in addresses.split(',') {
            config.hostaddr(address.parse().map_err(|_| invalid("its hostaddr is not an IP address"))?);
        }
    }
    let format = |(host, port): &(String, u16)| {
        let host = match host {
            address if address.contains(':') => format!("[{address}]"),
            host => host.replace('/', "%2F"),
        };
        if *port == 5432 { host } else { format!("{host}:{port}") }
    };
    let name = found.iter().map(format).collect::<Vec<_>>().join(",");
    Ok((found, name))
}

/// Returns the socket directory of a server on this machine, else `localhost`.
fn local_host(port: u16) -> String {
    let listens = |dir: &&str| cfg!(unix) && PathBuf::from(dir).join(format!(".s.PGSQL.{port}")).exists();
    SOCKET_DIRS.into_iter().find(listens).unwrap_or("localhost").to_owned()
}

fn set_options(settings: &mut BTreeMap<String, String>, config: &mut Config) -> Result<(), UrlError> {
    let seconds = match settings.remove("connect_timeout") {
        Some(text) => text.parse::<u64>().map_err(|_| invalid("its connect_timeout is not a number of seconds"))?,
        None => 0,
    };
    config.connect_timeout(if seconds == 0 { CONNECT_TIMEOUT } else { Duration::from_secs(seconds) });
    if let Some(options) = settings.remove("options") {
        config.options(options);
    }
    match settings.remove("target_session_attrs").as_deref() {
        Some("read-write" | "primary") => drop(config.target_session_attrs(TargetSessionAttrs::ReadWrite)),
        Some("read-only" | "standby") => drop(config.target_session_attrs(TargetSessionAttrs::ReadOnly)),
        None | Some("any" | "prefer-standby") => {}
        Some(_) => return Err(invalid("its target_session_attrs is none of any, read-write, read-only, primary, standby, prefer-standby")),
    }
    match settings.remove("channel_binding").as_deref() {
        Some("require") => drop(config.channel_binding(ChannelBinding::Require)),
        Some("disable") => drop(config.channel_binding(ChannelBinding::Disable)),
        None | Some("prefer") => {}
        Some(_) => return Err(invalid("its channel_binding is none of require, prefer, disable")),
    }
    Ok(())
}

/// Refuses settings that ask for a check of the server that is not made here, and tells which others are ignored.
fn refuse_unmet(settings: &BTreeMap<String, String>) -> Result<(), UrlError> {
    let is_unmet = |name: &&&str| settings.get(**name).is_some_and(|value| **name != "gssencmode" || value == "require");
    if let Some(name) = UNMET_CHECKS.iter().find(is_unmet) {
        return Err(invalid(format!("agno-top does not support {name}; remove it to connect without that check")));
    }
    for name in settings.keys().filter(|name| !WITHOUT_EFFECT.contains(&name.as_str())) {
        tracing::warn!(setting = name, "a setting of the PostgreSQL URL is ignored");
    }
    Ok(())
}

fn tls(settings: &mut BTreeMap<String, String>, home: Option<&Path>) -> Result<Tls, UrlError> {
    let root_cert = settings.remove("sslrootcert");
    let in_home = |name: &str| home.map(|home| home.join(".postgresql").join(name)).filter(|path| path.exists());
    // asyncpg calls it `ssl`.
    let mode = match settings.remove("sslmode").or_else(|| settings.remove("ssl")).as_deref() {
        None => None,
        Some("disable" | "false") => Some(Mode::Disable),
        Some("allow") => Some(Mode::Allow),
        Some("prefer") => Some(Mode::Prefer),
        Some("require" | "true") => Some(Mode::Require),
        Some("verify-ca") => Some(Mode::VerifyCa),
        Some("verify-full") => Some(Mode::VerifyFull),
        Some(_) => return Err(invalid("its sslmode is none of disable, allow, prefer, require, verify-ca, verify-full")),
    };
    let roots = match root_cert.as_deref() {
        Some("system") => Roots::System,
        Some(path) => Roots::File(PathBuf::from(path)),
        None => in_home("root.crt").map_or(Roots::System, Roots::File),
    };
    let certificate = settings.remove("sslcert").map(PathBuf::from).or_else(|| in_home("postgresql.crt"));
    let key = settings.remove("sslkey").map(PathBuf::from).or_else(|| in_home("postgresql.key"));
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
        (Some(_), None) => return Err(invalid("it has a sslcert and no sslkey")),
        (None, _) => None,
    };
    let mode = match mode {
        None if root_cert.as_deref() == Some("system") => Mode::VerifyFull,
        // Like libpq: a root certificate in the settings is verified.
        Some(Mode::Require) if root_cert.is_some() => Mode::VerifyCa,
        mode => mode.unwrap_or(Mode::Prefer),
    };
    Ok(Tls { mode, roots, identity })
}

fn invalid(what: impl Into<String>) -> UrlError {
    UrlError(what.into())
}

#[cfg(test)]
mod tests;
