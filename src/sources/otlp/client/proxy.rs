//! The proxy of an endpoint, as the environment states it for most programs: `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in
//! lower or upper case.

use std::net::IpAddr;

use hyper::Uri;
use ureq::{Proxy, ProxyProtocol};

use super::EndpointError;
use crate::sources::http::is_own_host;

/// Returns the proxy for requests to `uri`; `None` if they go directly. An endpoint on this machine never has one.
pub(super) fn choose(uri: &Uri, environment: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, EndpointError> {
    // The lower-case name goes first, as in other programs.
    let variable = |name: &str| {
        let names = [name.to_owned(), name.to_ascii_uppercase()];
        names.into_iter().find_map(|name| environment(&name).filter(|value| !value.trim().is_empty()).map(|value| (name, value)))
    };
    let is_https = uri.scheme_str() == Some("https");
    let names = [if is_https { "https_proxy" } else { "http_proxy" }, "all_proxy"];
    let Some((name, url)) = names.into_iter().find_map(variable) else { return Ok(None) };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).trim_end_matches('.');
    let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    let is_excepted = variable("no_proxy").is_some_and(|(_, list)| is_in_list(&list, host, port));
    if is_own_host(host) || is_excepted {
        return Ok(None);
    }
    // The message must not quote the URL, which may hold a password.
    let proxy = Proxy::new(url.trim()).map_err(|_| EndpointError::InvalidProxy(name.clone()))?;
    match proxy.protocol() {
        ProxyProtocol::Http => Ok(Some(proxy)),
        ProxyProtocol::Https if is_https => Ok(Some(proxy)),
        _ => Err(EndpointError::UnsupportedProxy(name)),
    }
}

/// Whether a value of `no_proxy` names a host: its name, a domain above it, its address, a network that holds it, or `*`. An entry with a
/// port is about this port only.
fn is_in_list(list: &str, host: &str, port: u16) -> bool {
    let entries = list.split([',', ' ']).filter(|entry| !entry.is_empty());
    let host = host.to_ascii_lowercase();
    entries.map(str::to_ascii_lowercase).any(|entry| {
        let (entry, stated_port) = split_port(&entry);
        stated_port.is_none_or(|stated| stated == port) && (entry == "*" || names(entry, &host))
    })
}

/// Splits `host:port` and `[address]:port`. An address of IPv6 without brackets has no port.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    let (host, port) = match entry.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()),
        _ => (entry, None),
    };
    if port.is_none() { (entry.trim_matches(['[', ']']), None) } else { (host.trim_matches(['[', ']']), port) }
}

fn names(entry: &str, host: &str) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        let (network, bits) = match entry.split_once('/') {
            Some((network, bits)) => (network, bits.parse().ok()),
            None => (entry, Some(128)),
        };
        return network.parse().is_ok_and(|network| bits.is_some_and(|bits| is_in_network(address, network, bits)));
    }
    let domain = entry.trim_start_matches("*.").trim_matches('.');
    let above = host.strip_suffix(domain);
    !domain.is_empty() && above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

/// Whether the first `bits` of both addresses are equal.
fn is_in_network(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let differing_from = |a: u128, b: u128, length: u32| (a ^ b).leading_zeros() + length - 128;
    match (address.to_canonical(), network.to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => differing_from(a.to_bits().into(), b.to_bits().into(), 32) >= bits.min(32),
        (IpAddr::V6(a), IpAddr::V6(b)) => differing_from(a.to_bits(), b.to_bits(), 128) >= bits.min(128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns host and port of the proxy for a URL, or the error.
    fn proxy(url: &str, variables: &[(&str, &str)]) -> Result<Option<String>, EndpointError> {
        let environment = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let proxy = choose(&url.parse().unwrap(), environment)?;
        Ok(proxy.map(|proxy| format!("{}:{}", proxy.host(), proxy.port())))
    }

    #[test]
    fn the_scheme_decides_which_variable_counts() {
        let all = [("http_proxy", "http://plain:1"), ("https_proxy", "secure:2"), ("all_proxy", "http://all:3")];
        assert_eq!(proxy("http://a", &all), Ok(Some("plain:1".to_owned())));
        assert_eq!(proxy("https://a", &all), Ok(Some("secure:2".to_owned())));
        assert_eq!(proxy("https://a", &all[2..]), Ok(Some("all:3".to_owned())));
        assert_eq!(proxy("https://a", &all[..1]), Ok(None));
        assert_eq!(proxy("http://a", &[("http_proxy", " "), ("HTTP_PROXY", "upper")]), Ok(Some("upper:80".to_owned())));
        assert_eq!(proxy("http://a", &[("HTTP_PROXY", "upper"), ("http_proxy", "lower")]), Ok(Some("lower:80".to_owned())));
    }

    #[test]
    fn this_machine_has_no_proxy() {
        let set = [("all_proxy", "http://all:3")];
        for host in ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9:4318", "[::1]:4318", "[::ffff:127.0.0.1]", "0.0.0.0"]
        {
            assert_eq!(proxy(&format!("http://{host}"), &set), Ok(None), "{host}");
        }
        for host in ["localhost.example", "128.0.0.1", "[::2]", "notlocalhost"] {
            assert!(proxy(&format!("http://{host}"), &set).unwrap().is_some(), "{host}");
        }
    }

    #[test]
    fn exceptions_are_names_domains_ports_addresses_and_networks() {
        let is_direct = |host: &str, list: &str| {
            proxy(&format!("http://{host}"), &[("all_proxy", "http://all:3"), ("NO_PROXY", list)]).unwrap().is_none()
        };
        for (host, list) in [
            ("a.example.com", "x, *"),
            ("a.example.com", "x,Example.com"),
            ("example.com", ".example.com"),
            ("b.a.example.com", "*.example.com"),
            ("a.example.com:4318", "example.com:4318"),
            ("a.example.com", "example.com:80 x"),
            ("10.1.2.3", "10.1.2.3"),
            ("10.1.2.3", "10.0.0.0/8"),
            ("10.1.2.3", "0.0.0.0/0"),
            ("[fd00::1]:4318", "[fd00::1]:4318"),
            ("[fd00::1]", "fd00::/8"),
            ("[fd00::1]", "fd00::1"),
        ] {
            assert!(is_direct(host, list), "{host} {list}");
        }
        for (host, list) in [
            ("a.example.com", ""),
            ("a.example.com", ",.,*.,"),
            ("anexample.com", "example.com"),
            ("a.example.com:4317", "example.com:4318"),
            ("10.1.2.3", "10.1.2.4"),
            ("11.1.2.3", "10.0.0.0/8"),
            ("10.1.2.3", "10.0.0.0/x"),
            ("[fc00::1]", "fd00::/8"),
            ("110.1.2.3", "10.1.2.3"),
        ] {
            assert!(!is_direct(host, list), "{host} {list}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_an_error_without_its_value() {
        for value in ["http://user:hunter2@", "socks5://user:hunter2@host", "https://user:hunter2@host"] {
            let error = proxy("http://a", &[("ALL_PROXY", value)]).unwrap_err().to_string();
            assert!(error.contains("ALL_PROXY") && !error.contains("hunter2"), "{error}");
        }
        assert_eq!(proxy("https://a", &[("all_proxy", "https://host")]), Ok(Some("host:443".to_owned())));
    }
}
