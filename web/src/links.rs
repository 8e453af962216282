//! Links in what people write.
use js_sys::{JsString, RegExp};
use web_sys::Url;

thread_local! {
    /// An address of the web: up to white space, a quote or what ends a sentence where nobody writes a space after it,
    /// with round brackets only in pairs, and without marks at its end that belong to the sentence or set it off. The
    /// browser's own engine reads it, which costs the page nothing.
    static ADDRESS: RegExp = {
        const OUT: &str = r#"\s()<>"\u200b\u202a-\u202e\u2066-\u2069。、（）「」"#;
        let pair = format!(r"\((?:[^{OUT}]|\([^{OUT}]*\))*\)");
        let last = format!(r"[^{OUT}'.,;:!?\]}}*_~|`“”‘’«»…،؟؛！？，]");
        let rest = format!("(?:{pair}|[^{OUT}])*(?:{pair}|{last})");
        RegExp::new(&format!(r"(https?://(?:\[[\da-f:.]+\](?:{rest})?|{rest}))"), "i")
    };
    /// A host with letters of more scripts than are written together: Latin beside anything but those of East Asia, or
    /// Greek beside Cyrillic.
    static MIXED: RegExp = RegExp::new(
        r"^(?=.*\p{sc=Latin}).*(?![\p{sc=Latin}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Bopomofo}\p{sc=Hangul}\p{sc=Zyyy}])\p{L}|^(?=.*\p{sc=Greek}).*\p{sc=Cyrillic}",
        "u",
    );
}

/// A part of a text.
pub(crate) enum Piece {
    /// Words.
    Words(String),
    /// An address that is safe to open: http or https.
    Link(String),
}

/// Cuts a text into words and links; together they are the whole text.
pub(crate) fn pieces(text: &str) -> Vec<Piece> {
    if !text.contains(':') {
        return vec![Piece::Words(text.to_owned())];
    }
    // with what it splits at as every second part
    let parts = ADDRESS.with(|address| JsString::from(text).split_by_pattern(address));
    let parts = parts.iter().map(|part| String::from(JsString::from(part)));
    let piece = |(place, part)| if place % 2 == 1 { Piece::Link(part) } else { Piece::Words(part) };
    parts.enumerate().map(piece).collect()
}

/// How a link is shown: as it was written, unless letters of its host are taken for others, then as the browser asks
/// for it.
pub(crate) fn shown(address: &str) -> String {
    if address.is_ascii() {
        return address.to_owned();
    }
    let host =
        address.split(['/', '?', '#', '\\']).find(|part| !part.is_empty() && !part.ends_with(':'));
    let is_mixed = MIXED.with(|mixed| mixed.test(host.unwrap_or_default()));
    let asked = || Url::new(address).ok().map(|url| url.href());
    Some(()).filter(|()| is_mixed).and_then(|()| asked()).unwrap_or_else(|| address.to_owned())
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
    let (_scheme, rest) = address.split_once(':')?;
    let rest = rest.strip_prefix("//")?;
    let end = rest.find('/')?;
    let (authority, path) = rest.split_at(end);
    let without_port = authority.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let host = without_port.strip_suffix(':').unwrap_or(authority);
    // a browser takes `//` and `/\` at the beginning for another host
    let is_path = !path.starts_with("//") && !path.starts_with("/\\");
    (is_path && host.eq_ignore_ascii_case(hostname)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

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
