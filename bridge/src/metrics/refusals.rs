//! Why requests for a tunnel, and connections, are refused: the names of both in metrics and logs.

/// Why a request for a tunnel got none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no WebSocket handshake.
    NoHandshake,
    /// It names two hosts, or none.
    BadHost,
    /// It is for another host than this one.
    Host,
    /// The page comes from elsewhere.
    Origin,
    /// The bridge is being stopped.
    Draining,
    /// There are as many tunnels as there may be.
    Full,
    /// There are as many from its address.
    Address,
    /// There are as many from its /64 of IPv6.
    Network,
    /// They come too fast from its address.
    Arrivals,
}

impl Refusal {
    pub(super) const ALL: [Self; 9] = [
        Self::NoHandshake,
        Self::BadHost,
        Self::Host,
        Self::Origin,
        Self::Draining,
        Self::Full,
        Self::Address,
        Self::Network,
        Self::Arrivals,
    ];

    /// Its name in metrics and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoHandshake => "no_handshake",
            Self::BadHost => "bad_host",
            Self::Host => "host",
            Self::Origin => "origin",
            Self::Draining => "draining",
            Self::Full => "full",
            Self::Address => "address",
            Self::Network => "network",
            Self::Arrivals => "arrivals",
        }
    }
}

/// Why a connection that is no tunnel was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unserved {
    /// There are as many that are no tunnel as there may be, in all or from its address.
    Requests,
    /// It comes from a proxy, and did not begin with the header that it has to begin with.
    ProxyHeader,
    /// The handshake of TLS failed, or took too long.
    TlsHandshake,
    /// It took next to nothing of an answer for too long.
    SlowReader,
}

impl Unserved {
    pub(super) const ALL: [Self; 4] =
        [Self::Requests, Self::ProxyHeader, Self::TlsHandshake, Self::SlowReader];

    /// Its name in metrics and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::ProxyHeader => "proxy_header",
            Self::TlsHandshake => "tls_handshake",
            Self::SlowReader => "slow_reader",
        }
    }
}
