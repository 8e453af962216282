//! `Source`: who asks, by which scheme and for which host, where trusted proxies may speak for a client.
//!
//! Each proxy puts the address that it sees behind what it was sent, so the list is read from the right, as far as those
//! who wrote it are trusted: the first address that is no trusted proxy's is the client. What stands left of it may be the
//! client's own invention. An entry that is no address ends the reading.
use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use clap::ValueEnum;
use mig33_peer::Trusted;
use serde::{Deserialize, Serialize};

use crate::accept::Peer;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Where a trusted proxy says for whom it speaks.
///
/// It is one or the other: a proxy that writes the one passes the other on as the client has sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// In X-Forwarded-For, -Proto and -Host.
    #[default]
    XForwarded,
    /// In Forwarded (RFC 7239).
    Forwarded,
}

/// A request's client, and what it has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Where the client is; none where a trusted proxy does not name one, and so stands for everybody.
    pub(crate) client: Option<IpAddr>,
    /// Whether the client came by https.
    pub(crate) is_secure: bool,
    /// The host, with the port where there is one, that the client has asked for.
    pub(crate) host: Option<String>,
}

/// What a connection, its headers and those whose word counts say about a request.
pub(crate) fn source(
    peer: Peer,
    headers: &HeaderMap,
    trusted: &Trusted,
    by: ForwardedHeader,
) -> Source {
    let direct = Source {
        client: Some(peer.ip),
        is_secure: peer.is_secure,
        host: headers.get(header::HOST).and_then(text).map(str::to_owned),
    };
    if !trusted.contains(peer.ip) {
        return direct;
    }
    let said = match by {
        ForwardedHeader::XForwarded => x_forwarded(headers, trusted),
        ForwardedHeader::Forwarded => forwarded(headers, trusted),
    };
    Source {
        client: said.client,
        is_secure: said
            .scheme
            .map_or(direct.is_secure, |scheme| scheme.eq_ignore_ascii_case("https")),
        host: said.host.map(str::to_owned).or(direct.host),
    }
}

/// What headers say.
#[derive(Default)]
struct Said<'a> {
    client: Option<IpAddr>,
    scheme: Option<&'a str>,
    host: Option<&'a str>,
}

/// Scheme and host have no list that belongs to the one of addresses: the nearest proxy's word counts.
fn x_forwarded<'a>(headers: &'a HeaderMap, trusted: &Trusted) -> Said<'a> {
    let mut client = None;
    for entry in from_the_right(headers, X_FORWARDED_FOR) {
        let Some(address) = address(entry) else { break };
        client = Some(address);
        if !trusted.contains(address) {
            break;
        }
    }
    let nearest = |name| from_the_right(headers, name).next().filter(|value| !value.is_empty());
    Said { client, scheme: nearest(X_FORWARDED_PROTO), host: nearest(X_FORWARDED_HOST) }
}

/// The scheme and the host that the proxy has seen which has seen the client.
fn forwarded<'a>(headers: &'a HeaderMap, trusted: &Trusted) -> Said<'a> {
    let mut said = Said::default();
    for element in from_the_right(headers, header::FORWARDED) {
        let found = element_of_forwarded(element);
        let Some(client) = found.client else { break };
        said = found;
        if !trusted.contains(client) {
            break;
        }
    }
    said
}

/// One element, `for=ADDRESS;proto=SCHEME;host=HOST` in any order. No value of these has a comma, a semicolon or an escape
/// in it, so quotes are only taken off: an open one further to the left swallows nothing.
fn element_of_forwarded(element: &str) -> Said<'_> {
    let mut said = Said::default();
    for pair in element.split(';') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let value = value.trim();
        let value =
            value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        match name.trim() {
            name if name.eq_ignore_ascii_case("for") => said.client = address(value),
            name if name.eq_ignore_ascii_case("proto") => said.scheme = Some(value),
            name if name.eq_ignore_ascii_case("host") => said.host = Some(value),
            _ => {}
        }
    }
    said
}

/// The entries of a header that is a list, from the last one to the first.
fn from_the_right(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines: Vec<&HeaderValue> = headers.get_all(name).iter().collect();
    lines
        .into_iter()
        .rev()
        .flat_map(|line| match text(line) {
            Some(line) => line.rsplit(','),
            // an entry that is no address
            None => "".rsplit(','),
        })
        .map(str::trim)
}

/// An address as it stands in these headers: alone, with a port, in brackets, or both.
fn address(entry: &str) -> Option<IpAddr> {
    let bracketed = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let found = match bracketed {
        Some(inner) => inner.parse().ok(),
        None => entry
            .parse()
            .ok()
            .or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip())),
    };
    found.map(|ip| ip.to_canonical())
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "192.0.2.1";

    fn trusted() -> Trusted {
        Trusted::new(["192.0.2.0/24", "2001:db8::/64"].map(|n| n.parse().unwrap()).into())
    }

    fn at(
        peer: &str,
        by: ForwardedHeader,
        headers: &[(&'static str, &str)],
    ) -> (Option<String>, bool, Option<String>) {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .fold(HeaderMap::new(), |mut all, (name, value)| {
                all.append(name, value);
                all
            });
        let peer = Peer { ip: peer.parse().unwrap(), is_secure: false };
        let Source { client, is_secure, host } = source(peer, &headers, &trusted(), by);
        (client.map(|ip| ip.to_string()), is_secure, host)
    }

    fn client(peer: &str, by: ForwardedHeader, lines: &[&str]) -> Option<String> {
        let name = match by {
            ForwardedHeader::XForwarded => "x-forwarded-for",
            ForwardedHeader::Forwarded => "forwarded",
        };
        let lines: Vec<_> = lines.iter().map(|line| (name, *line)).collect();
        at(peer, by, &lines).0
    }

    #[test]
    fn nobody_else_is_believed() {
        for by in [ForwardedHeader::XForwarded, ForwardedHeader::Forwarded] {
            let headers = [
                ("x-forwarded-for", "203.0.113.7"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "evil.example"),
                ("forwarded", "for=203.0.113.7;proto=https;host=evil.example"),
                ("host", "chat.example"),
            ];
            let expected = (Some("198.51.100.1".into()), false, Some("chat.example".into()));
            assert_eq!(at("198.51.100.1", by, &headers), expected);
        }
    }

    #[test]
    fn the_list_is_read_from_the_right_over_those_who_are_trusted() {
        let cases: [(&[&str], Option<&str>); 12] = [
            (&["203.0.113.7"], Some("203.0.113.7")),
            (&["10.9.8.7, 203.0.113.7"], Some("203.0.113.7")),
            (&["10.9.8.7, 203.0.113.7, 192.0.2.5"], Some("203.0.113.7")),
            (&["10.9.8.7", "203.0.113.7 , 192.0.2.5", "2001:db8::5"], Some("203.0.113.7")),
            (&["192.0.2.9, 192.0.2.5"], Some("192.0.2.9")),
            (&["203.0.113.7:4711"], Some("203.0.113.7")),
            (&["2001:db8:1::7"], Some("2001:db8:1::7")),
            (&["[2001:db8:1::7]:4711, [2001:db8::1]"], Some("2001:db8:1::7")),
            (&["::ffff:203.0.113.7"], Some("203.0.113.7")),
            (&["203.0.113.7, unknown, 192.0.2.5"], Some("192.0.2.5")),
            (&["203.0.113.7, nonsense"], None),
            (&[], None),
        ];
        for (lines, expected) in cases {
            let found = client(PROXY, ForwardedHeader::XForwarded, lines);
            assert_eq!(found.as_deref(), expected, "{lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_alike_and_an_open_quote_swallows_nothing() {
        let cases: [(&[&str], Option<&str>); 8] = [
            (&["for=203.0.113.7"], Some("203.0.113.7")),
            (&["for=10.9.8.7, For=\"203.0.113.7:4711\" ; by=192.0.2.1"], Some("203.0.113.7")),
            (&["for=\"[2001:db8:1::7]:4711\";proto=https"], Some("2001:db8:1::7")),
            (&["for=203.0.113.7", "for=\"[2001:db8::5]\""], Some("203.0.113.7")),
            (&["for=\"10.9.8.7, for=203.0.113.7"], Some("203.0.113.7")),
            (&["for=203.0.113.7, for=_hidden, for=192.0.2.5"], Some("192.0.2.5")),
            (&["proto=https"], None),
            (&["for=unknown"], None),
        ];
        for (lines, expected) in cases {
            let found = client(PROXY, ForwardedHeader::Forwarded, lines);
            assert_eq!(found.as_deref(), expected, "{lines:?}");
        }
    }

    #[test]
    fn only_the_header_that_was_chosen_counts() {
        let both = [("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=198.51.100.9")];
        let by = |by| at(PROXY, by, &both).0.unwrap();
        assert_eq!(by(ForwardedHeader::XForwarded), "203.0.113.7");
        assert_eq!(by(ForwardedHeader::Forwarded), "198.51.100.9");
    }

    #[test]
    fn scheme_and_host_come_from_who_is_trusted() {
        let headers = [
            ("host", "10.0.0.1:8033"),
            ("x-forwarded-for", "203.0.113.7"),
            ("x-forwarded-proto", "http, https"),
            ("x-forwarded-host", "chat.example"),
        ];
        let expected = (Some("203.0.113.7".into()), true, Some("chat.example".into()));
        assert_eq!(at(PROXY, ForwardedHeader::XForwarded, &headers), expected);

        let headers = [
            ("host", "10.0.0.1:8033"),
            (
                "forwarded",
                "host=evil.example;for=10.9.8.7, host=chat.example;proto=https;for=203.0.113.7, \
                 for=192.0.2.5;proto=http;host=inner",
            ),
        ];
        assert_eq!(at(PROXY, ForwardedHeader::Forwarded, &headers), expected);
        let without = (None, false, Some("10.0.0.1:8033".into()));
        assert_eq!(at(PROXY, ForwardedHeader::XForwarded, &headers), without);
    }
}
