//! Binds the addresses to listen on.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};

use super::options::Options;
use crate::sources::{Port, PortError};

/// A bound address.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
}

/// Why an address can't be bound, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("can't listen on {address}: {reason}; {}", advice(*kind, flag))]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    flag: &'static str,
    kind: io::ErrorKind,
    reason: String,
}

fn advice(kind: io::ErrorKind, flag: &str) -> String {
    match kind {
        io::ErrorKind::AddrInUse => format!("stop the program that listens there, or choose another address with {flag} ADDR"),
        _ => format!("choose another address with {flag} ADDR"),
    }
}

impl BindError {
    /// Returns the port for the traffic report.
    pub(super) fn port(&self) -> Port {
        let is_in_use = self.kind == io::ErrorKind::AddrInUse;
        let error = PortError { is_in_use, message: self.to_string(), flag: self.flag };
        Port { address: self.address, warning: None, error: Some(error) }
    }

    /// Tries to bind the address again.
    pub(super) fn retry(&self) -> io::Result<TcpListener> {
        bind(self.address)
    }
}

/// Binds the configured addresses. `127.0.0.1` also binds `::1` if possible: `localhost` may resolve to either.
pub(super) fn all(options: &Options) -> (Vec<Bound>, Vec<BindError>) {
    let (mut bound, mut failed) = (Vec::new(), Vec::new());
    for (address, flag) in [(options.grpc, "--grpc"), (options.http, "--http")] {
        let Some(address) = address else { continue };
        match bind(address).and_then(|listener| Ok(Bound { address: listener.local_addr()?, listener })) {
            Ok(first) => {
                let ipv6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), first.address.port());
                bound.push(first);
                if address.ip() == IpAddr::from([127, 0, 0, 1])
                    && let Ok(listener) = bind(ipv6)
                {
                    bound.push(Bound { listener, address: ipv6 });
                }
            }
            Err(error) => {
                let is_in_use = error.kind() == io::ErrorKind::AddrInUse;
                let reason = if is_in_use { "it is in use".to_owned() } else { error.to_string() };
                failed.push(BindError { address, flag, kind: error.kind(), reason });
            }
        }
    }
    (bound, failed)
}

/// Returns a warning if other machines can reach the address.
pub(super) fn open_port_warning(address: SocketAddr, has_token: bool) -> Option<String> {
    let token = if has_token { " with the token" } else { "; --otlp-token TOKEN requires a token" };
    let warning = || format!("{address} is open to other machines: everyone who reaches it can send spans{token}");
    (!address.ip().is_loopback()).then(warning)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
