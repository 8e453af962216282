//! Content encodings that files are there in, and which of them a client accepts.
use axum::http::{HeaderMap, header};

/// A way in which a file has been compressed when the page was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    /// The smallest first.
    pub(super) const ALL: [Self; 2] = [Self::Brotli, Self::Gzip];

    /// Its name in HTTP.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// What a file's name ends with.
    pub(super) const fn extension(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gz",
        }
    }

    /// Whether Accept-Encoding (RFC 9110 section 12.5.3) has it, by name or by `*`, and not with `q=0`.
    pub(super) fn is_accepted(self, headers: &HeaderMap) -> bool {
        let mut any = false;
        for entry in headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
        {
            let mut parts = entry.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let accepted = !parts.any(is_zero_weight);
            if name.eq_ignore_ascii_case(self.name()) {
                return accepted;
            }
            any |= name == "*" && accepted;
        }
        any
    }
}

fn is_zero_weight(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, weight)| {
        name.eq_ignore_ascii_case("q") && weight.parse::<f32>().is_ok_and(|q| q <= 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_weights_and_the_star_are_understood() {
        let cases = [
            ("gzip, deflate, br, zstd", true, true),
            ("GZIP", false, true),
            ("br;q=0, gzip;q=0.5", false, true),
            ("*", true, true),
            ("*;q=0", false, false),
            ("br;q=0.0, *", false, true),
            ("identity", false, false),
            ("", false, false),
        ];
        for (accept, brotli, gzip) in cases {
            let headers =
                [(header::ACCEPT_ENCODING, accept.parse().unwrap())].into_iter().collect();
            assert_eq!(Encoding::Brotli.is_accepted(&headers), brotli, "{accept}");
            assert_eq!(Encoding::Gzip.is_accepted(&headers), gzip, "{accept}");
        }
        assert!(!Encoding::Brotli.is_accepted(&HeaderMap::new()));
    }
}
