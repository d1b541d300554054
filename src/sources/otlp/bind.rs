//! Binds the addresses to listen on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

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

/// Returns the address by which other machines reach a listener on every address of this machine; `None` for a listener on one address,
/// and where the machine has no network.
pub(super) fn reachable(address: SocketAddr) -> Option<SocketAddr> {
    if !address.ip().is_unspecified() {
        return None;
    }
    // Connecting a datagram socket sends nothing, but chooses the address that is used towards others; these are reserved for documentation.
    let towards = |own: IpAddr, other: IpAddr| {
        let socket = UdpSocket::bind((own, 0)).ok()?;
        socket.connect((other, 9)).ok()?;
        socket.local_addr().ok().map(|local| local.ip()).filter(|ip| !ip.is_unspecified() && !ip.is_loopback())
    };
    let v4 = || towards(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into());
    let v6 = || towards(Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into());
    let found = if address.is_ipv4() { v4() } else { v6().or_else(v4) };
    found.map(|ip| (ip, address.port()).into())
}

/// Binds an address.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::reachable;

    #[test]
    fn only_a_listener_on_every_address_needs_one_for_other_machines() {
        let reach = |address: &str| reachable(address.parse().unwrap());
        assert_eq!(reach("127.0.0.1:4318"), None);
        assert_eq!(reach("192.0.2.1:4318"), None);
        // A machine without a network has none.
        let found = reach("0.0.0.0:4318");
        assert!(found.is_none_or(|found| found.port() == 4318 && !found.ip().is_unspecified() && !found.ip().is_loopback()), "{found:?}");
    }
}
