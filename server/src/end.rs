//! `End`: why a connection ends.
use std::io;

use mig33_codec::FrameError;

use crate::fanout::Ending;
use crate::session::Overdue;

/// Why a connection ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The session ends.
    Session(Ending),
    /// The client has closed its side.
    Closed,
    /// The stream broke.
    Broken(io::Error),
    /// The bytes are no packets.
    Framing(FrameError),
    /// Too much that was not whole yet, of those who are not logged in.
    BeforeLogin,
    /// A time limit.
    Overdue(Overdue),
}

impl End {
    /// Whether the client did not want it: it comes back by itself.
    pub(crate) const fn may_come_back(&self) -> bool {
        matches!(self, Self::Session(Ending::Shutdown) | Self::Closed | Self::Broken(_))
    }

    /// Its name in metrics.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Session(Ending::Kicked) => "kicked",
            Self::Session(Ending::TakenOver) => "taken over",
            Self::Session(Ending::Shutdown) => "shutdown",
            Self::Session(Ending::Logout) => "logout",
            Self::Session(Ending::CrowdedOut) => "crowded out",
            Self::Session(Ending::TooManyWrong) => "too many wrong answers",
            Self::Session(Ending::NotReading) => "not reading",
            Self::Closed => "closed",
            Self::Broken(_) => "broken",
            Self::Framing(_) => "framing",
            Self::BeforeLogin => "too much before log-in",
            Self::Overdue(Overdue::Silent) => "silent",
            Self::Overdue(Overdue::FirstPacket) => "no first packet",
            Self::Overdue(Overdue::Packet) => "packet not ended",
            Self::Overdue(Overdue::Login) => "no log-in",
        }
    }
}

/// All names that [`End::reason`] gives.
pub(crate) const REASONS: [&str; 15] = [
    "kicked",
    "taken over",
    "shutdown",
    "logout",
    "crowded out",
    "too many wrong answers",
    "not reading",
    "closed",
    "broken",
    "framing",
    "too much before log-in",
    "silent",
    "no first packet",
    "packet not ended",
    "no log-in",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_are_those_of_the_ends() {
        let ends = [
            End::Session(Ending::Kicked),
            End::Session(Ending::TakenOver),
            End::Session(Ending::Shutdown),
            End::Session(Ending::Logout),
            End::Session(Ending::CrowdedOut),
            End::Session(Ending::TooManyWrong),
            End::Session(Ending::NotReading),
            End::Closed,
            End::Broken(io::ErrorKind::Other.into()),
            End::Framing(FrameError::BadMagic { offset: 0, found: 0 }),
            End::BeforeLogin,
            End::Overdue(Overdue::Silent),
            End::Overdue(Overdue::FirstPacket),
            End::Overdue(Overdue::Packet),
            End::Overdue(Overdue::Login),
        ];
        assert_eq!(ends.map(|end| end.reason()), REASONS);
    }
}
