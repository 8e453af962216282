//! `Framing`: whether a tunnel passes packets or any bytes.
use clap::ValueEnum;
use mig33_codec::{FrameError, Header, Scan, Scanner};
use serde::{Deserialize, Serialize};

/// What a tunnel passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Framing {
    /// mig33 packets, whole ones in each message; anything else ends the tunnel.
    #[default]
    Checked,
    /// Any bytes: for tests, and for other protocols. A message's bytes go to the upstream as they are, and what is read
    /// from it at once is one message. No packets are counted, and a session whose client is away sends no PING.
    Raw,
}

/// Follows one direction of a stream: how much of it there was, and its packets where it has some.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    packets: Option<Scanner>,
    offset: u64,
}

impl Track {
    pub(crate) fn new(framing: Framing) -> Self {
        Self { packets: framing.scanner(), offset: 0 }
    }

    /// Goes over the stream's next bytes, and shows each packet's header once it is complete.
    ///
    /// # Errors
    /// They are no packets.
    pub(crate) fn advance(
        &mut self,
        bytes: &[u8],
        seen: impl FnMut(Header),
    ) -> Result<Scan, FrameError> {
        self.offset += bytes.len() as u64;
        match &mut self.packets {
            Some(packets) => packets.advance_with(bytes, seen),
            None => Ok(Scan::default()),
        }
    }

    /// Bytes of the stream so far.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether it does not stand inside a packet.
    pub(crate) fn at_boundary(&self) -> bool {
        self.packets.as_ref().is_none_or(Scanner::at_boundary)
    }

    /// Whether a packet of our own could stand here.
    pub(crate) fn takes_packet(&self) -> bool {
        self.packets.as_ref().is_some_and(Scanner::at_boundary)
    }
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
