//! Links in what people write.
use linkify::{LinkFinder, LinkKind};

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Words.
    Words(&'a str),
    /// An address that is safe to open: http or https.
    Link(&'a str),
}

/// Cuts a text into words and links; together they are the whole text.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    if !text.contains("://") {
        return vec![Piece::Words(text)];
    }
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]);
    finder
        .spans(text)
        .map(|span| {
            if span.kind().is_some() && is_web(span.as_str()) {
                Piece::Link(span.as_str())
            } else {
                Piece::Words(span.as_str())
            }
        })
        .collect()
}

/// Whether an address is one of the web: `javascript:` and the like are not.
pub(crate) fn is_web(address: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

/// The path of an address on a host, whatever its port: what the page can fetch from where it came from itself. Behind
/// a proxy, a server knows its own port and not the proxy's.
pub(crate) fn path_on<'a>(address: &'a str, hostname: &str) -> Option<&'a str> {
    if !is_web(address) {
        return None;
    }
    let (_, rest) = address.split_once("://")?;
    let end = rest.find('/')?;
    let (authority, path) = rest.split_at(end);
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    // a browser takes `//` and `/\` at the beginning for another host
    let is_path = !path.starts_with("//") && !path.starts_with("/\\");
    (is_path && host.eq_ignore_ascii_case(hostname)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_among_words() {
        for (text, expected) in [
            ("hello", vec![Piece::Words("hello")]),
            (
                "see https://example.org/a?b=c#d.",
                vec![
                    Piece::Words("see "),
                    Piece::Link("https://example.org/a?b=c#d"),
                    Piece::Words("."),
                ],
            ),
            (
                "(http://example.org/x_(y))",
                vec![Piece::Words("("), Piece::Link("http://example.org/x_(y)"), Piece::Words(")")],
            ),
            ("HTTP://EXAMPLE.ORG", vec![Piece::Link("HTTP://EXAMPLE.ORG")]),
        ] {
            assert_eq!(pieces(text), expected, "{text}");
        }
    }

    #[test]
    fn other_schemes_are_words() {
        for text in ["javascript://example.org/%0aalert(1)", "ftp://example.org", "data://x"] {
            assert!(pieces(text).iter().all(|piece| matches!(piece, Piece::Words(_))), "{text}");
        }
    }

    #[test]
    fn nothing_is_lost() {
        let text = "a http://b.c, d://e https://f.g\nh";
        let together: String = pieces(text)
            .iter()
            .map(|piece| match piece {
                Piece::Words(text) | Piece::Link(text) => *text,
            })
            .collect();
        assert_eq!(together, text);
    }

    #[test]
    fn a_path_on_our_own_host() {
        for (address, path) in [
            ("http://127.0.0.1:8033/pictures/x", Some("/pictures/x")),
            ("http://127.0.0.1/pictures/x", Some("/pictures/x")),
            ("http://127.0.0.1.example.org/pictures/x", None),
            ("http://127.0.0.1@example.org/pictures/x", None),
            ("http://127.0.0.1", None),
            ("http://127.0.0.1//example.org/x", None),
            ("http://127.0.0.1/\\example.org/x", None),
            ("ftp://127.0.0.1/x", None),
        ] {
            assert_eq!(path_on(address, "127.0.0.1"), path, "{address}");
        }
        assert_eq!(path_on("http://[::1]:8033/p", "[::1]"), Some("/p"));
    }
}
