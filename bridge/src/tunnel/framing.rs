//! `Framing`: whether a tunnel passes packets or any bytes.
use clap::ValueEnum;
use mig33_codec::Scanner;
use serde::Deserialize;

/// What a tunnel passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Framing {
    /// mig33 packets, whole ones in each message; anything else ends the tunnel.
    #[default]
    Checked,
    /// Any bytes: for tests, and for other protocols. A message's bytes go to the upstream as they are, and what is read
    /// from it at once is one message. No packets are counted, and `mig33.resume` is not offered.
    Raw,
}

impl Framing {
    /// What follows one direction's packets; nothing where there are none.
    pub(super) fn scanner(self) -> Option<Scanner> {
        match self {
            Self::Checked => Some(Scanner::new()),
            Self::Raw => None,
        }
    }
}
