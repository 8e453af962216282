//! Control messages of `mig33.resume`: JSON in text (spec/resume.md, "Messages").
use serde::{Deserialize, Serialize};

use super::token::Token;
use crate::close::End;

/// The most bytes of a control message of a client's: the longest that means something has about 100.
const MAX_CONTROL: usize = 1024;

/// The first message of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum First {
    /// A new session.
    New,
    /// Go on with one.
    Resume {
        /// Which; none where the text cannot be one of our tokens.
        token: Option<Token>,
        /// How much of the server's stream the client has got.
        received: u64,
    },
}

/// The answer to it.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    pub(super) session: Token,
    pub(super) resumed: bool,
    /// How much of the client's stream is written to the server.
    pub(super) received: u64,
    pub(super) grace_s: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<Reason>,
}

/// Why a session is a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reason {
    /// The client asked for it.
    New,
    /// There is no such session.
    Unknown,
    /// What the client has got is not where we could go on.
    Offset,
}

/// The names of why a client cannot go on with its session.
pub(crate) const NOT_RESUMED: [&str; 2] = [Reason::Unknown.label(), Reason::Offset.label()];

impl Reason {
    /// Its name in metrics and logs, which is that on the wire.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Unknown => "unknown",
            Self::Offset => "offset",
        }
    }
}

/// Reads a client's first message.
///
/// # Errors
/// It is none.
pub(super) fn first(text: &str) -> Result<First, End> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        new: Option<bool>,
        #[serde(borrow)]
        resume: Option<std::borrow::Cow<'a, str>>,
        received: Option<u64>,
    }
    match read(text)? {
        Wire { new: Some(true), resume: None, received: _ } => Ok(First::New),
        Wire { new: None | Some(false), resume: Some(token), received: Some(received) } => {
            Ok(First::Resume { token: token.parse().ok(), received })
        }
        Wire { .. } => Err(End::ClientControl),
    }
}

/// Reads a later message: the offset of an acknowledgement; none where it means nothing to us.
///
/// # Errors
/// It is no JSON object, or its offset is no number.
pub(super) fn acknowledgement(text: &str) -> Result<Option<u64>, End> {
    #[derive(Deserialize)]
    struct Wire {
        ack: Option<u64>,
    }
    read(text).map(|Wire { ack }| ack)
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, End> {
    if text.len() > MAX_CONTROL || !text.trim_start().starts_with('{') {
        return Err(End::ClientControl);
    }
    serde_json::from_str(text).map_err(|_| End::ClientControl)
}

/// An acknowledgement of ours.
pub(super) fn acknowledge(offset: u64) -> String {
    format!("{{\"ack\":{offset}}}")
}

impl Answer {
    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("text, numbers and booleans can be written as JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_message_is_one_of_two() {
        assert_eq!(first(r#"{"new":true}"#), Ok(First::New));
        assert_eq!(first(r#" {"new": true, "later": [{"x": null}]} "#), Ok(First::New));
        let token = Token::random();
        let text = format!(r#"{{"received":7,"resume":"{}"}}"#, token.expose());
        assert_eq!(first(&text), Ok(First::Resume { token: Some(token), received: 7 }));
        let other = r#"{"resume":"\u0041 b","received":9007199254740993}"#;
        assert_eq!(
            first(other),
            Ok(First::Resume { token: None, received: 9_007_199_254_740_993 })
        );
        for bad in [
            "",
            "hello",
            "[]",
            "true",
            "{}",
            r#"{"new":false}"#,
            r#"{"new":1}"#,
            r#"{"resume":"x"}"#,
            r#"{"resume":"x","received":-1}"#,
            r#"{"resume":"x","received":1.5}"#,
            r#"{"resume":5,"received":1}"#,
            r#"{"new":true,"resume":"x","received":1}"#,
            r#"{"new":true}{"#,
        ] {
            assert_eq!(first(bad), Err(End::ClientControl), "{bad}");
        }
        let long = format!(r#"{{"new":true,"x":"{}"}}"#, "x".repeat(MAX_CONTROL));
        assert_eq!(first(&long), Err(End::ClientControl));
    }

    #[test]
    fn acknowledgements_are_read_as_they_are_written() {
        assert_eq!(acknowledgement(&acknowledge(u64::MAX)), Ok(Some(u64::MAX)));
        assert_eq!(acknowledgement(r#"{"later":1}"#), Ok(None));
        for bad in [r#"{"ack":-1}"#, r#"{"ack":"1"}"#, "1", r#"["ack"]"#] {
            assert_eq!(acknowledgement(bad), Err(End::ClientControl), "{bad}");
        }
    }

    #[test]
    fn an_answer_has_the_keys_of_the_specification() {
        let session = Token::random();
        let text = session.expose();
        let answer = Answer { session, resumed: true, received: 5, grace_s: 120, reason: None };
        assert_eq!(
            answer.to_text(),
            format!(r#"{{"session":"{text}","resumed":true,"received":5,"grace_s":120}}"#)
        );
        let answer = Answer { resumed: false, reason: Some(Reason::Unknown), ..answer };
        assert!(answer.to_text().ends_with(r#""reason":"unknown"}"#));
        assert!(!format!("{answer:?}").contains(&text));
    }
}
