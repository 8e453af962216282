//! `Trusted`: the networks whose word about a client counts.
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize, Serializer};

/// A network, written `ADDRESS/BITS`; an address alone is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network(IpNet);

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network: write ADDRESS or ADDRESS/BITS")]
pub struct BadNetwork(String);

/// All networks whose word counts; none at first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trusted(Vec<Network>);

impl Trusted {
    /// These networks.
    #[must_use]
    pub const fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    /// Whether an address is in one of them. An IPv4 address within IPv6 counts as the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.0.contains(&address))
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let one = |_| text.parse::<IpAddr>().map(IpNet::from);
        text.parse::<IpNet>().or_else(one).map(Self).map_err(|_| BadNetwork(text.to_owned()))
    }
}

impl TryFrom<String> for Network {
    type Error = BadNetwork;

    fn try_from(text: String) -> Result<Self, BadNetwork> {
        text.parse()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_its_network_only() {
        let trusted = Trusted::new(
            ["192.0.2.0/24", "198.51.100.7", "2001:db8::/32"].map(|n| n.parse().unwrap()).into(),
        );
        for (address, inside) in [
            ("192.0.2.255", true),
            ("::ffff:192.0.2.1", true),
            ("192.0.3.0", false),
            ("198.51.100.7", true),
            ("198.51.100.8", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(trusted.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!(!Trusted::default().contains("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_named() {
        for text in ["", "localhost", "192.0.2.0/33", "192.0.2/24", "192.0.2.1:80"] {
            let error = text.parse::<Network>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }
}
