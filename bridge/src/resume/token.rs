//! `Token`: what a client comes back with. Whoever has it has the session, so nothing prints it.
use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use serde::{Serialize, Serializer};

/// Random bytes of a token.
const LENGTH: usize = 24;

/// 192 random bits; as text 32 letters, digits, `-` and `_`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Token([u8; LENGTH]);

/// A text that is no token of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadToken;

impl Token {
    /// A new one.
    pub(super) fn random() -> Self {
        let mut bytes = [0; LENGTH];
        getrandom::fill(&mut bytes).expect("the system has random numbers once it is up");
        Self(bytes)
    }

    /// It as text, for the client alone.
    pub(super) fn expose(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }
}

impl FromStr for Token {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| BadToken)?;
        bytes.try_into().map(Self).map_err(|_| BadToken)
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.expose())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_from_its_text_and_is_not_printed() {
        let token = Token::random();
        let text = token.expose();
        assert_eq!(text.len(), 32);
        assert_eq!(text.parse(), Ok(token));
        assert_ne!(token, Token::random());
        assert_eq!(format!("{token:?}"), "Token(…)");
        for bad in ["", "x", &text[1..], &format!("{text}AAAA"), &text.replace(|_| true, "+")] {
            assert_eq!(bad.parse::<Token>(), Err(BadToken), "{bad}");
        }
    }
}
