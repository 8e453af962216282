//! `Command`: what kind of packet it is, and its name.
use core::fmt;

use crate::{PacketInfo, catalogue};

/// COMMAND1 of a header. Its constants and names come from the table of packets; a number that is in no table is kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Command(pub u16);

impl Command {
    /// The command with this name, which is one that [`name`](Self::name) gives.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        catalogue::command(name)
    }

    /// Its row in the catalogue.
    #[must_use]
    pub fn info(self) -> Option<&'static PacketInfo> {
        catalogue::packet(self)
    }

    /// The name in the catalogue, or of one of the commands outside the chat service.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        catalogue::name(self)
    }

    /// The name in the protocol article, for those that are in it: `LOGIN_1`, `CLIST_BUDDIES`, …
    #[must_use]
    pub fn seed_name(self) -> Option<&'static str> {
        self.info().and_then(|packet| packet.seed)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "command {}", self.0),
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
