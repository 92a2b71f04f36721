//! Who is at the other end of a connection, as far as the connection itself tells.
//!
//! What a proxy says of its clients counts only where the connection comes from a configured one
//! (`server.trusted_proxies`). Then the client is the right-most hop that is not itself a configured proxy, because
//! everything left of it was written by that hop. `X-Forwarded-For` counts before `Forwarded` (RFC 7239): the proxies
//! that set it append to it always, while many of them pass on whatever `Forwarded` a client made up.

use std::net::{IpAddr, SocketAddr};

use http::header::HeaderMap;

use crate::config::TrustedProxy;

/// Who is at the other end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The client's address; behind a trusted proxy, what that says. Without one on a unix socket that nobody speaks
    /// for.
    pub(crate) address: Option<IpAddr>,
    /// Whether the connection itself is TLS.
    pub(crate) tls: bool,
    /// The name in the client's certificate, which was verified.
    pub(crate) certificate_name: Option<String>,
    /// The number of the system's user at the other end of a unix socket.
    pub(crate) uid: Option<u32>,
    /// Whether the connection comes from a trusted proxy.
    pub(crate) proxied: bool,
}

impl Peer {
    /// The end of the connection itself; `None` is a unix socket.
    pub(super) fn direct(address: Option<IpAddr>) -> Self {
        Self { address: address.map(|address| address.to_canonical()), ..Self::default() }
    }

    /// The same end as one request tells it.
    pub(super) fn of_request(&self, headers: &HeaderMap, trusted: &[TrustedProxy]) -> Self {
        if !is_trusted(self.address, trusted) {
            return self.clone();
        }
        let address = client(self.address, headers, trusted);
        Self { address, proxied: true, ..self.clone() }
    }
}

/// Whether connections from there are those of a proxy; `None` is a unix socket.
pub(super) fn is_trusted(address: Option<IpAddr>, trusted: &[TrustedProxy]) -> bool {
    trusted.iter().any(|proxy| proxy.is(address))
}

/// The right-most hop that is no proxy of ours. At a hop that names no address nothing further left can be believed:
/// then it is the proxy that passed it on.
fn client(own: Option<IpAddr>, headers: &HeaderMap, trusted: &[TrustedProxy]) -> Option<IpAddr> {
    let mut nearest = own;
    for hop in hops(headers).iter().rev() {
        let Some(address) = hop else { return nearest };
        nearest = Some(*address);
        if !is_trusted(nearest, trusted) {
            return nearest;
        }
    }
    nearest
}

/// The hops from left to right; `None` where one is no address.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let list = |name: &str| {
        let values = headers.get_all(name).iter();
        let text: Vec<&str> = values.map(|value| value.to_str().unwrap_or("?")).collect();
        text.join(",")
    };
    if headers.contains_key("x-forwarded-for") {
        return list("x-forwarded-for").split(',').map(address).collect();
    }
    if headers.contains_key("forwarded") {
        return list("forwarded").split(',').map(forwarded_for).collect();
    }
    Vec::new()
}

/// The `for` of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(value.trim().trim_matches('"'))
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::header::{HeaderName, HeaderValue};

    use super::*;

    fn seen(socket: Option<&str>, fields: &[(&'static str, &'static str)]) -> Option<String> {
        let trusted: Vec<TrustedProxy> =
            ["127.0.0.1", "10.0.0.0/8", "unix"].iter().map(|text| text.parse().unwrap()).collect();
        let field = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers: HeaderMap = fields.iter().map(field).collect();
        let direct = Peer::direct(socket.map(|address| address.parse().unwrap()));
        direct.of_request(&headers, &trusted).address.map(|address| address.to_string())
    }

    const TOLD: (&str, &str) = ("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.1.2.3");

    #[test]
    fn the_client_is_the_right_most_hop_that_is_no_proxy() {
        let client = Some("198.51.100.7".to_owned());
        for socket in [Some("127.0.0.1"), Some("10.9.9.9"), Some("::ffff:127.0.0.1"), None] {
            assert_eq!(seen(socket, &[TOLD]), client, "{socket:?}");
        }
        let forwarded = ("forwarded", "for=203.0.113.9, For=\"198.51.100.7:4711\";proto=https, for=10.0.0.1");
        assert_eq!(seen(None, &[forwarded]), client);
        assert_eq!(seen(None, &[("forwarded", "for=\"[2001:db8::1]:80\"")]), Some("2001:db8::1".to_owned()));
        assert_eq!(seen(None, &[("x-forwarded-for", "10.0.0.1, 10.0.0.2")]), Some("10.0.0.1".to_owned()));
    }

    #[test]
    fn what_a_stranger_says_is_not_believed() {
        assert_eq!(seen(Some("192.0.2.1"), &[TOLD]), Some("192.0.2.1".to_owned()));
        let made_up = ("forwarded", "for=1.2.3.4");
        assert_eq!(seen(None, &[TOLD, made_up]), Some("198.51.100.7".to_owned()));
    }

    #[test]
    fn nothing_left_of_a_hop_without_an_address_is_believed() {
        let told = ("x-forwarded-for", "203.0.113.9, unknown, 10.1.2.3");
        assert_eq!(seen(None, &[told]), Some("10.1.2.3".to_owned()));
        assert_eq!(seen(Some("127.0.0.1"), &[("forwarded", "for=_hidden")]), Some("127.0.0.1".to_owned()));
        assert_eq!(seen(None, &[("forwarded", "proto=https")]), None);
        assert_eq!(seen(Some("127.0.0.1"), &[]), Some("127.0.0.1".to_owned()));
    }
}
