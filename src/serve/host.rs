//! Which `Host` a request may name: the guard against DNS rebinding.
//!
//! A web page from anywhere can make its own host name resolve to 127.0.0.1, and would then read this address as if it
//! were its own. Its requests name that host. An address can't be rebound, and neither can `localhost`; `kubectl
//! port-forward` uses one of these.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header};

/// Which hosts a request may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hosts {
    /// Addresses, and `localhost`.
    Local,
    /// Any. Who opens the address to the network has given it a name, and a proxy that asks who comes.
    Any,
}

impl Hosts {
    /// Those of the address that is listened on.
    pub(super) fn of(address: SocketAddr) -> Self {
        if address.ip().is_loopback() { Self::Local } else { Self::Any }
    }

    /// Whether a request with these headers may be answered. Without a `Host` it is no browser's.
    pub(super) fn take(self, headers: &HeaderMap) -> bool {
        let mut named = headers.get_all(header::HOST).iter();
        match self {
            Self::Any => true,
            Self::Local => named.all(|host| host.to_str().is_ok_and(is_local)),
        }
    }
}

/// Whether a host is an address or `localhost`, whatever the port.
fn is_local(host: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        Some(_) | None => host,
    };
    let is_localhost = |name: &str| {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        name == "localhost" || name.ends_with(".localhost")
    };
    match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_localhost(name) || name.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_name_that_could_be_rebound_is_refused() {
        for host in
            ["localhost", "localhost:8081", "LOCALHOST.", "a.localhost:1", "127.0.0.1", "10.0.0.7:8081", "[::1]:80"]
        {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8081",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "::1",
            "[evil]",
            "1",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }

    #[test]
    fn only_an_address_that_is_opened_to_the_network_has_names() {
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("classkeeper.example"))]);
        assert!(!Hosts::of("127.0.0.1:8081".parse().unwrap()).take(&headers));
        assert!(!Hosts::of("[::1]:8081".parse().unwrap()).take(&headers));
        assert!(Hosts::of("0.0.0.0:8081".parse().unwrap()).take(&headers));
        assert!(Hosts::Local.take(&HeaderMap::new()));
    }
}
