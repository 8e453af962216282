//! `Address`: a host and a port, as they stand on the command line.
use std::fmt;
use std::str::FromStr;

/// `HOST:PORT`. The host is a name, an IPv4 address, or an IPv6 address in brackets; names are looked up when they are
/// needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address(String);

/// A server's [`Address`], whose port is not 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upstream(pub(crate) Address);

/// Why text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    #[error("expected HOST:PORT, as in `localhost:9119`, and no URL")]
    Url,
    #[error("a port is missing: expected HOST:PORT, as in `localhost:9119`")]
    NoPort,
    #[error("a host is missing: expected HOST:PORT, as in `localhost:9119` or `0.0.0.0:9119`")]
    NoHost,
    #[error("an IPv6 address has brackets: `[::1]:9119`")]
    Brackets,
    #[error("{0:?} is no port, which is a number up to 65535")]
    Port(String),
    #[error("a server has no port 0")]
    PortZero,
}

impl Address {
    /// As the resolver takes it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.contains('/') {
            return Err(AddressError::Url);
        }
        let (host, port) = text.rsplit_once(':').ok_or(AddressError::NoPort)?;
        let is_bracketed = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() {
            return Err(AddressError::NoHost);
        }
        if host.contains(':') && !is_bracketed {
            return Err(AddressError::Brackets);
        }
        match port.parse::<u16>() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err(AddressError::Port(port.to_owned())),
        }
    }
}

impl FromStr for Upstream {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let address: Address = text.parse()?;
        match text.rsplit_once(':').map(|(_, port)| port.parse()) {
            Some(Ok(0_u16)) => Err(AddressError::PortZero),
            Some(_) | None => Ok(Self(address)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
