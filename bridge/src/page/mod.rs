//! The page: the files that are compiled into the program, and how they are answered.

mod encoding;
mod policy;

use std::borrow::Cow;
use std::collections::HashMap;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use rust_embed::Embed;
use sha2::{Digest, Sha256};

use self::encoding::Encoding;

/// What trunk has built.
#[derive(Embed)]
#[folder = "../dist"]
#[exclude = ".stage/*"]
#[allow_missing = true]
struct Dist;

/// The file that is the page itself.
const INDEX: &str = "index.html";
/// What is said where the page should be.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><title>mig33</title><p>The page is not in this program. \
    Run <code>cargo xtask build</code>, then start the program that it has made.</p></html>\n";

/// How long a file may be kept: one that has a hash in its name never changes, any other is asked for each time.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK: &str = "no-cache";

/// Content types by file name extension.
const TYPES: [(&str, &str); 14] = [
    ("css", "text/css; charset=utf-8"),
    ("gif", "image/gif"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff2", "font/woff2"),
];

/// All files of the page, ready to be answered.
#[derive(Debug)]
pub struct Page {
    files: HashMap<String, File>,
    /// The Content-Security-Policy that allows this page and nothing else.
    policy: HeaderValue,
}

/// One file, in the encodings that there are of it.
#[derive(Debug)]
struct File {
    content_type: &'static str,
    cache: &'static str,
    /// The beginning of the entity tags of all encodings.
    tag: String,
    plain: Bytes,
    compressed: Vec<(Encoding, Bytes)>,
}

impl Page {
    /// The page that is compiled into the program.
    #[must_use]
    pub fn embedded() -> Self {
        Self::of(Dist::iter().filter_map(|name| {
            let bytes = match Dist::get(&name)?.data {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => Bytes::from(bytes),
            };
            Some((name.into_owned(), bytes))
        }))
    }

    /// A page of these files, by their paths; `.br` and `.gz` beside a file are its encodings.
    #[must_use]
    pub fn of(files: impl IntoIterator<Item = (String, Bytes)>) -> Self {
        let mut all: HashMap<String, Bytes> = files.into_iter().collect();
        let names: Vec<String> =
            all.keys().filter(|name| !is_encoding_of_another(name, &all)).cloned().collect();
        let mut files = HashMap::new();
        for name in names {
            let Some(plain) = all.remove(&name) else { continue };
            let compressed = Encoding::ALL
                .into_iter()
                .filter_map(|encoding| {
                    Some((encoding, all.remove(&format!("{name}.{}", encoding.extension()))?))
                })
                .collect();
            let file = File::new(&name, plain, compressed);
            files.insert(name, file);
        }
        let index = files.get(INDEX).map_or_else(|| NOT_BUILT.as_bytes(), |file| &file.plain);
        let policy = policy::for_page(&String::from_utf8_lossy(index));
        Self { files, policy }
    }

    /// Whether the page has been built.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.files.contains_key(INDEX)
    }

    /// The Content-Security-Policy for everything that belongs to the page.
    #[must_use]
    pub const fn policy(&self) -> &HeaderValue {
        &self.policy
    }

    /// The answer to a request for a file; `/` is the page.
    #[must_use]
    pub fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Response {
        if method != Method::GET && method != Method::HEAD {
            return (
                StatusCode::METHOD_NOT_ALLOWED,
                [(header::ALLOW, "GET, HEAD")],
                "not allowed\n",
            )
                .into_response();
        }
        let name = match uri.path() {
            "/" => INDEX,
            path => path.strip_prefix('/').unwrap_or(path),
        };
        match self.files.get(name) {
            Some(file) => file.answer(headers),
            None if name == INDEX => (
                StatusCode::SERVICE_UNAVAILABLE,
                [
                    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                    (header::CACHE_CONTROL, "no-store"),
                ],
                NOT_BUILT,
            )
                .into_response(),
            None => (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, ASK)], "not found\n")
                .into_response(),
        }
    }
}

impl File {
    fn new(name: &str, plain: Bytes, compressed: Vec<(Encoding, Bytes)>) -> Self {
        let hash = HEXLOWER.encode(&Sha256::digest(&plain));
        Self {
            content_type: content_type(name),
            cache: if has_hash(name) { FOR_EVER } else { ASK },
            tag: hash.get(..32).unwrap_or_default().to_owned(),
            plain,
            compressed,
        }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let (encoding, body) = self.choose(headers);
        let tag = match encoding {
            Some(encoding) => format!("\"{}-{}\"", self.tag, encoding.extension()),
            None => format!("\"{}\"", self.tag),
        };
        let mut response = if names_tag(headers, &tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let mut response = Body::from(body.clone()).into_response();
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            if let Some(encoding) = encoding {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
            }
            response
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(self.cache));
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(header::ETAG, tag);
        }
        if !self.compressed.is_empty() {
            headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        response
    }

    /// The smallest form of the file that the client takes.
    fn choose(&self, headers: &HeaderMap) -> (Option<Encoding>, &Bytes) {
        self.compressed
            .iter()
            .find(|(encoding, _)| encoding.is_accepted(headers))
            .map_or((None, &self.plain), |(encoding, body)| (Some(*encoding), body))
    }
}

fn is_encoding_of_another(name: &str, all: &HashMap<String, Bytes>) -> bool {
    Encoding::ALL.iter().any(|encoding| {
        name.strip_suffix(encoding.extension())
            .and_then(|rest| rest.strip_suffix('.'))
            .is_some_and(|plain| all.contains_key(plain))
    })
}

fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    TYPES
        .iter()
        .find(|(known, _)| *known == extension)
        .map_or("application/octet-stream", |(_, found)| found)
}

/// Whether a part of the path carries a hash of the content, as trunk writes it: `-` and 64 bits in hexadecimal digits,
/// without leading zeros. One in 2^28 is shorter than the ten digits that tell it from a word, and is asked for each time.
fn has_hash(name: &str) -> bool {
    name.split(['/', '.', '_'])
        .filter_map(|part| part.rsplit_once('-'))
        .any(|(_, hash)| hash.len() >= 10 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether If-None-Match says that the client has what carries this tag.
fn names_tag(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        let files = [
            ("index.html", "<html>"),
            ("index.html.br", "brotli"),
            ("index.html.gz", "gzip"),
            ("mig33-web-0123456789abcdef_bg.wasm", "\0asm"),
            ("snippets/loader-0123456789abcdef/inline0.js", "js"),
            ("sw.js", "js"),
            ("archive.gz", "a file of its own"),
        ];
        Page::of(files.map(|(name, bytes)| (name.to_owned(), Bytes::from_static(bytes.as_bytes()))))
    }

    fn get(page: &Page, path: &str, headers: &[(&str, &str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| {
            (header::HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap())
        });
        page.answer(&Method::GET, &path.parse().unwrap(), &headers.collect())
    }

    fn header<'a>(response: &'a Response, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn a_hash_may_lack_its_leading_zeros() {
        for name in
            ["chat-b685f80be35ef37.css", "web-0123456789abcdef_bg.wasm", "a/b-00123456789/c.js"]
        {
            assert!(has_hash(name), "{name}");
        }
        for name in
            ["sw.js", "chat.css", "icon-decade.svg", "login-j2me-4.20.hex", "b-0123456789abcdeg.js"]
        {
            assert!(!has_hash(name), "{name}");
        }
    }

    #[test]
    fn files_with_a_hash_stay_and_others_are_asked_for() {
        let page = page();
        let cases = [
            ("/", "text/html; charset=utf-8", ASK),
            ("/sw.js", "text/javascript; charset=utf-8", ASK),
            ("/mig33-web-0123456789abcdef_bg.wasm", "application/wasm", FOR_EVER),
            (
                "/snippets/loader-0123456789abcdef/inline0.js",
                "text/javascript; charset=utf-8",
                FOR_EVER,
            ),
            ("/archive.gz", "application/octet-stream", ASK),
        ];
        for (path, content_type, cache) in cases {
            let response = get(&page, path, &[]);
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(header(&response, "content-type"), content_type, "{path}");
            assert_eq!(header(&response, "cache-control"), cache, "{path}");
        }
    }

    #[test]
    fn an_unknown_path_is_never_the_page() {
        for path in ["/chat/bob", "/index.html.br", "/../index.html", "/missing.js"] {
            assert_eq!(get(&page(), path, &[]).status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn the_smallest_accepted_encoding_is_sent_and_each_has_its_tag() {
        let page = page();
        let mut tags = Vec::new();
        for (accept, encoding, length) in
            [("gzip, deflate, br", "br", "6"), ("gzip", "gzip", "4"), ("", "", "6")]
        {
            let response = get(&page, "/", &[("accept-encoding", accept)]);
            assert_eq!(header(&response, "content-encoding"), encoding);
            assert_eq!(header(&response, "content-length"), length);
            assert_eq!(header(&response, "vary"), "Accept-Encoding");
            let tag = header(&response, "etag").to_owned();
            let again = get(&page, "/", &[("accept-encoding", accept), ("if-none-match", &tag)]);
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
            assert!(!tags.contains(&tag));
            tags.push(tag);
        }
    }

    #[test]
    fn other_methods_are_refused() {
        let response = page().answer(&Method::POST, &Uri::from_static("/"), &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn a_program_without_the_page_says_so() {
        let response = get(&Page::of([]), "/", &[]);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(NOT_BUILT.contains("cargo xtask build"));
    }
}
