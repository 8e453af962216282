//! `Framing`: whether a tunnel passes packets or any bytes.
use clap::ValueEnum;
use mig33_codec::{Command, FrameError, Header, MAX_PACKET, Scan, Scanner};
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

/// Max length of a client's message or packet: small until the upstream has logged it in, because the bridge holds
/// unfinished ones for strangers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    max: usize,
}

impl Allowance {
    /// That of a client that has just come, of so many bytes before its log-in; none: as after it. Where there are no
    /// packets to tell a log-in by, there is none to wait for.
    pub(crate) fn new(framing: Framing, before_login: Option<usize>) -> Self {
        let limit = before_login.filter(|_| framing == Framing::Checked);
        Self { max: limit.map_or(MAX_PACKET, |limit| limit.min(MAX_PACKET)) }
    }

    /// Learns from a packet of the upstream's.
    pub(crate) const fn heed(&mut self, header: &Header) {
        if matches!(header.command, Command::LOGIN_OK | Command::SLIM_LOGIN_OK) {
            self.max = MAX_PACKET;
        }
    }

    /// The most bytes of a message, and of a packet with its header.
    pub(crate) const fn max(self) -> usize {
        self.max
    }
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
