//! `Address`: a host and a port, as settings name the places to listen on and to connect to.
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// `HOST:PORT`; the host is a name or an address, IPv6 in brackets. Port 0 means any free one to listen on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address(String);

/// A text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not HOST:PORT")]
pub struct BadAddress(String);

impl Address {
    /// It as text, which is what sockets take.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host, an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.0.rsplit_once(':').map_or(self.as_str(), |(host, _)| host);
        host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = || BadAddress(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        port.parse::<u16>().map_err(|_| bad())?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let plain =
            !host.contains(['[', ']', ':', '/', '@']) && !host.contains(char::is_whitespace);
        if host.is_empty() || !(bracketed || plain) {
            return Err(bad());
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Address {
    type Error = BadAddress;

    fn try_from(text: String) -> Result<Self, BadAddress> {
        text.parse()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_both_needed() {
        for good in ["127.0.0.1:0", "chat.example:9119", "[::1]:80", "localhost:65535"] {
            assert_eq!(good.parse::<Address>().unwrap().as_str(), good);
        }
        assert_eq!("[::1]:80".parse::<Address>().unwrap().host(), "::1");
        assert_eq!("chat.example:9119".parse::<Address>().unwrap().host(), "chat.example");
        for bad in
            ["", "127.0.0.1", ":80", "host:", "host:65536", "::1:80", "http://host:80", "a b:1"]
        {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
