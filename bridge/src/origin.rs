//! Which pages may open a tunnel: the rules about the headers Origin and Host.
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderValue, Uri, Version, header};
use serde::{Deserialize, Serialize, Serializer};

/// Where a page comes from: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

/// A text that is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin is written http://HOST, https://HOST or with :PORT behind it, and no path")]
pub struct BadOrigin;

/// Whether a request with these headers may open a tunnel.
///
/// Programs other than browsers send no Origin: they are let in. A browser's must be the host and port that the request
/// was sent to, or one of `others`.
#[must_use]
pub fn allowed(headers: &HeaderMap, host: Option<&str>, others: &[Origin]) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = match (origins.next(), origins.next()) {
        (None, _) => return true,
        (Some(only), None) => only,
        (Some(_), Some(_)) => return false,
    };
    let Some(origin) = text(origin).and_then(|text| text.parse::<Origin>().ok()) else {
        return false;
    };
    others.contains(&origin) || host.is_some_and(|host| origin.is_at(host))
}

/// Whether a request says once which host it is for; before HTTP/1.1 it need not say so (RFC 9112 section 3.2).
#[must_use]
pub fn names_one_host(version: Version, headers: &HeaderMap) -> bool {
    match headers.get_all(header::HOST).iter().count() {
        0 => version < Version::HTTP_11,
        count => count == 1,
    }
}

/// Whether a tunnel may be asked for at this host, where the bridge has a name of its `own`.
///
/// Somebody else's name can lead to this machine for as long as they like (DNS rebinding), and then their page is at the
/// host that it asks. Nobody else can give away an address or `localhost`, so checks and tests that use these pass; so do
/// the hosts of `others`, which the settings name.
#[must_use]
pub fn is_ours(host: Option<&str>, own: Option<&str>, others: &[Origin]) -> bool {
    let Some(own) = own else { return true };
    let Some((name, _)) = host.and_then(|host| split_port(host, 0)) else { return false };
    let name = without_root(name);
    let mut named = others.iter().map(|origin| origin.host.as_str()).chain([own, "localhost"]);
    is_address(name) || named.any(|known| without_root(known).eq_ignore_ascii_case(name))
}

/// The host that links start with.
#[must_use]
pub fn host_of(public_url: &str) -> Option<String> {
    let uri: Uri = public_url.parse().ok()?;
    uri.host().map(str::to_owned)
}

/// Whether it is no name, but an address; one of IPv6 stands in brackets.
fn is_address(name: &str) -> bool {
    let bracketed = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bracketed.unwrap_or(name).parse::<IpAddr>().is_ok()
}

/// A name without the dot that may stand behind it.
fn without_root(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

impl Origin {
    /// Whether a Host header names this origin's host and port.
    fn is_at(&self, host: &str) -> bool {
        split_port(host, self.default_port())
            .is_some_and(|(name, port)| name.eq_ignore_ascii_case(&self.host) && port == self.port)
    }

    fn default_port(&self) -> u16 {
        if self.scheme == "https" { 443 } else { 80 }
    }
}

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let (scheme, rest) = text.split_once("://").ok_or(BadOrigin)?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return Err(BadOrigin),
        };
        if rest.contains(['/', '?', '#', '@']) {
            return Err(BadOrigin);
        }
        let (host, port) = split_port(rest, default_port).ok_or(BadOrigin)?;
        Ok(Self { scheme, host: host.to_ascii_lowercase(), port })
    }
}

impl TryFrom<String> for Origin {
    type Error = BadOrigin;

    fn try_from(text: String) -> Result<Self, BadOrigin> {
        text.parse()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Host and port of `HOST` or `HOST:PORT`; an IPv6 address stands in brackets.
fn split_port(text: &str, default: u16) -> Option<(&str, u16)> {
    let name_end = match text.rfind(']') {
        Some(bracket) => bracket + 1,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at_checked(name_end)?;
    let port = match rest.strip_prefix(':') {
        Some(port) => port.parse().ok()?,
        None if rest.is_empty() => default,
        None => return None,
    };
    (!host.is_empty()).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_connect(host: &str, origins: &[&str], others: &[Origin]) -> bool {
        let mut headers = HeaderMap::new();
        for origin in origins {
            headers.append(header::ORIGIN, origin.parse().unwrap());
        }
        allowed(&headers, Some(host), others)
    }

    #[test]
    fn host_and_port_must_be_equal() {
        let cases = [
            ("127.0.0.1:8033", "http://127.0.0.1:8033", true),
            ("chat.example", "https://chat.example", true),
            ("chat.example", "http://chat.example", true),
            ("chat.example:443", "https://chat.example", true),
            ("chat.example:80", "https://chat.example", false),
            ("Chat.Example", "http://chat.example:80", true),
            ("[::1]:8033", "http://[::1]:8033", true),
            ("[::1]", "http://[::1]", true),
            ("chat.example", "http://chat.example:8033", false),
            ("chat.example", "http://evil.example", false),
            ("chat.example", "http://chat.example.evil.example", false),
            ("chat.example", "http://chat.example@evil.example", false),
            ("chat.example", "null", false),
            ("chat.example", "", false),
            ("chat.example", "file://chat.example", false),
        ];
        for (host, origin, expected) in cases {
            assert_eq!(may_connect(host, &[origin], &[]), expected, "{origin} at {host}");
        }
    }

    #[test]
    fn a_program_without_origin_is_let_in_and_two_origins_are_not() {
        assert!(may_connect("chat.example", &[], &[]));
        let twice = ["http://chat.example", "http://chat.example"];
        assert!(!may_connect("chat.example", &twice, &[]));
    }

    #[test]
    fn named_origins_are_let_in() {
        let others =
            ["http://127.0.0.1:8080".parse().unwrap(), "https://www.example".parse().unwrap()];
        assert!(may_connect("127.0.0.1", &["http://127.0.0.1:8080"], &others));
        assert!(may_connect("127.0.0.1", &["https://www.example:443"], &others));
        assert!(!may_connect("127.0.0.1", &["http://www.example"], &others));
    }

    #[test]
    fn a_bridge_with_a_name_is_not_asked_under_somebody_elses() {
        let others = ["http://other.example:8080".parse().unwrap()];
        let own = host_of("https://chat.example:8443/").unwrap();
        for (host, expected) in [
            (Some("chat.example"), true),
            (Some("Chat.Example:8443"), true),
            (Some("chat.example."), true),
            (Some("other.example"), true),
            (Some("127.0.0.1:8033"), true),
            (Some("[::1]:8033"), true),
            (Some("localhost:8033"), true),
            (Some("evil.example"), false),
            (Some("evil.example:8443"), false),
            (Some("chat.example.evil.example"), false),
            (Some("evil.example@chat.example"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(is_ours(host, Some(&own), &others), expected, "{host:?}");
            assert!(is_ours(host, None, &[]), "without a name of its own, any is");
        }
    }

    #[test]
    fn a_host_is_named_once() {
        let mut headers = HeaderMap::new();
        assert!(names_one_host(Version::HTTP_10, &headers));
        assert!(!names_one_host(Version::HTTP_11, &headers));
        headers.append(header::HOST, "chat.example".parse().unwrap());
        assert!(names_one_host(Version::HTTP_11, &headers));
        headers.append(header::HOST, "chat.example".parse().unwrap());
        assert!(!names_one_host(Version::HTTP_10, &headers));
        assert!(!names_one_host(Version::HTTP_11, &headers));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "example.org",
            "http://",
            "http://example.org/",
            "ftp://example.org",
            "http://a:b",
            "http://a:1:2",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(BadOrigin), "{text}");
        }
    }
}
