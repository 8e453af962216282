//! `UpstreamSetting`: where the chat service is, as settings name it.
use std::fmt;
use std::str::FromStr;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::address::{Address, BadAddress};

/// Where the chat service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamSetting {
    /// In this program.
    Embedded,
    /// On mig33 servers; each tunnel leads to one of them. There is at least one.
    Servers(Vec<ServerAddress>),
}

/// A mig33 server's address: `HOST:PORT`, or `tls://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// Where it is.
    pub address: Address,
    /// Whether it is spoken to by TLS.
    pub is_tls: bool,
}

/// A text that names no upstream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUpstream {
    /// One of the servers has no address.
    #[error("{0}, tls://HOST:PORT or embedded")]
    Address(#[from] BadAddress),
    /// The service in the program cannot be one of several.
    #[error("`embedded` stands alone: no server can be named beside it")]
    Mixed,
    /// Nothing is named.
    #[error("no upstream is named")]
    None,
}

impl UpstreamSetting {
    /// All of them as one.
    ///
    /// # Errors
    /// There is none, or `embedded` is not the only one.
    pub fn join(all: impl IntoIterator<Item = Self>) -> Result<Self, BadUpstream> {
        let mut joined: Option<Self> = None;
        for next in all {
            joined = Some(match (joined, next) {
                (None, next) => next,
                (Some(Self::Servers(mut servers)), Self::Servers(more)) => {
                    servers.extend(more);
                    Self::Servers(servers)
                }
                (Some(_), _) => return Err(BadUpstream::Mixed),
            });
        }
        joined.ok_or(BadUpstream::None)
    }

    /// Whether any server is spoken to by TLS.
    #[must_use]
    pub fn needs_tls(&self) -> bool {
        match self {
            Self::Embedded => false,
            Self::Servers(servers) => servers.iter().any(|server| server.is_tls),
        }
    }
}

/// `embedded`, or one server or several with commas between them.
impl FromStr for UpstreamSetting {
    type Err = BadUpstream;

    fn from_str(text: &str) -> Result<Self, BadUpstream> {
        Self::join(
            text.split(',')
                .map(|one| match one.trim() {
                    "embedded" => Ok(Self::Embedded),
                    server => server.parse().map(|server| Self::Servers(vec![server])),
                })
                .collect::<Result<Vec<_>, _>>()?,
        )
    }
}

impl FromStr for ServerAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let (is_tls, address) = match text.strip_prefix("tls://") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        Ok(Self { address: address.parse()?, is_tls })
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_tls { "tls://" } else { "" }, self.address)
    }
}

impl Serialize for UpstreamSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Embedded => serializer.serialize_str("embedded"),
            Self::Servers(servers) => {
                let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
                serializer.serialize_str(&servers.join(","))
            }
        }
    }
}

/// In a file it is a text as above, or a list of such.
impl<'de> Deserialize<'de> for UpstreamSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = UpstreamSetting;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an upstream, or a list of them")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = list.next_element::<UpstreamSetting>()? {
                    all.push(one);
                }
                UpstreamSetting::join(all).map_err(A::Error::custom)
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(texts: &[&str]) -> UpstreamSetting {
        UpstreamSetting::Servers(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn one_several_or_the_one_in_the_program() {
        let of = |text: &str| text.parse::<UpstreamSetting>();
        assert_eq!(of("embedded"), Ok(UpstreamSetting::Embedded));
        assert_eq!(of("a:1"), Ok(servers(&["a:1"])));
        assert_eq!(of("a:1, tls://b:2"), Ok(servers(&["a:1", "tls://b:2"])));
        assert!(of("a:1,tls://b:2").unwrap().needs_tls() && !of("a:1").unwrap().needs_tls());
        assert_eq!(of("a:1,embedded"), Err(BadUpstream::Mixed));
        assert_eq!(of("embedded,embedded"), Err(BadUpstream::Mixed));
        for text in ["", "a", "a:1,", "http://a:1", "tls://a", "tls:a:1"] {
            assert!(matches!(of(text), Err(BadUpstream::Address(_))), "{text}");
        }
        let server: ServerAddress = "tls://b:2".parse().unwrap();
        assert_eq!(server.to_string(), "tls://b:2");
    }

    #[test]
    fn a_file_has_a_text_or_a_list() {
        #[derive(Debug, Deserialize)]
        struct File {
            upstream: UpstreamSetting,
        }
        let of = |text: &str| toml::from_str::<File>(text).map(|file| file.upstream);
        assert_eq!(of("upstream = 'a:1,b:2'").unwrap(), servers(&["a:1", "b:2"]));
        assert_eq!(of("upstream = ['a:1', 'tls://b:2']").unwrap(), servers(&["a:1", "tls://b:2"]));
        assert_eq!(of("upstream = 'embedded'").unwrap(), UpstreamSetting::Embedded);
        for (text, part) in [
            ("upstream = ['a:1', 'embedded']", "stands alone"),
            ("upstream = []", "no upstream"),
            ("upstream = ['a']", "`a`"),
        ] {
            let error = of(text).unwrap_err();
            assert!(error.message().contains(part), "{error}");
        }
    }
}
