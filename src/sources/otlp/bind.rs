//! Binds the addresses to listen on.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};

use super::options::Options;
use crate::sources::PortError;

/// Binds the configured addresses. `127.0.0.1` also binds `::1` if possible: `localhost` may resolve to either.
pub(super) fn bind_all(options: &Options) -> (Vec<TcpListener>, Vec<(SocketAddr, PortError)>) {
    let (mut bound, mut failed) = (Vec::new(), Vec::new());
    for (address, flag) in [(options.grpc, "--grpc"), (options.http, "--http")] {
        let Some(address) = address else { continue };
        match bind(address).and_then(|listener| Ok((listener.local_addr()?.port(), listener))) {
            Ok((port, listener)) => {
                bound.push(listener);
                if address.ip() == IpAddr::from([127, 0, 0, 1]) {
                    bound.extend(bind((Ipv6Addr::LOCALHOST, port).into()));
                }
            }
            Err(error) => {
                failed.push((address, port_error(address, &error, flag)));
            }
        }
    }
    (bound, failed)
}

/// Explains why an address can't be bound. `flag` sets another address.
pub(super) fn port_error(address: SocketAddr, error: &io::Error, flag: &'static str) -> PortError {
    let is_in_use = error.kind() == io::ErrorKind::AddrInUse;
    let reason = if is_in_use { "it is in use".to_owned() } else { error.to_string() };
    let remedy = if is_in_use { "stop the program that listens there, or choose" } else { "choose" };
    let message = format!("can't listen on {address}: {reason}; {remedy} another address with {flag} ADDR");
    PortError { is_in_use, message, flag }
}

/// Returns a warning if other machines can reach the address.
pub(super) fn open_port_warning(address: SocketAddr, has_token: bool) -> Option<String> {
    let token = if has_token { " with the token" } else { "; --otlp-token TOKEN requires a token" };
    let warning = || format!("{address} is open to other machines: everyone who reaches it can send spans{token}");
    (!address.ip().is_loopback()).then(warning)
}

/// Binds an address.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
