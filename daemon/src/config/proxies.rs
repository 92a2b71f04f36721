//! Proxies that are believed: an address, a network, or whatever comes over a unix socket.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where a proxy's connections come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustedProxy {
    /// An address of this network; a single address is a network of one.
    Network(IpNet),
    /// A unix socket.
    Unix,
}

impl TrustedProxy {
    /// Whether a connection from there is this proxy's; `None` is a unix socket.
    pub fn is(&self, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (Self::Network(network), Some(address)) => network.contains(&address.to_canonical()),
            (Self::Unix, None) => true,
            _ => false,
        }
    }
}

/// What is written is neither an address nor a network nor `unix`.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is neither an address, nor a network such as 10.0.0.0/8, nor \"unix\"")]
pub struct BadProxy(String);

impl FromStr for TrustedProxy {
    type Err = BadProxy;

    fn from_str(text: &str) -> Result<Self, BadProxy> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
        let network = text.parse::<IpNet>().ok().or_else(single);
        network.map(|network| Self::Network(network.trunc())).ok_or_else(|| BadProxy(text.to_owned()))
    }
}

impl fmt::Display for TrustedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

impl Serialize for TrustedProxy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TrustedProxy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_networks_and_unix_sockets_can_be_named_and_nothing_else() {
        let is = |text: &str, address: &str| {
            text.parse::<TrustedProxy>().unwrap().is(Some(address.parse().unwrap()))
        };
        assert!(is("10.0.0.0/8", "10.255.255.255") && !is("10.0.0.0/8", "11.0.0.0"));
        assert!(is("127.0.0.1", "::ffff:127.0.0.1") && !is("127.0.0.1", "127.0.0.2"));
        assert!(is("2001:db8::/32", "2001:db8::5") && !is("unix", "127.0.0.1"));
        assert!(TrustedProxy::Unix.is(None) && !"0.0.0.0/0".parse::<TrustedProxy>().unwrap().is(None));
        for bad in ["", "localhost", "10.0.0.0/33", "Unix", "true"] {
            assert!(bad.parse::<TrustedProxy>().is_err(), "{bad}");
        }
    }
}
