//! Why a tunnel ends, and what the browser is told: the one table of close codes.
use std::borrow::Cow;

use mig33_codec::FrameError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

/// What stands for the code of a close that has none (RFC 6455 section 7.4.1).
pub const NO_CODE: u16 = 1005;

/// Why a tunnel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The upstream closed between two packets; all that it sent has gone to the client before the close.
    UpstreamEnded,
    /// The upstream closed inside a packet.
    UpstreamCut,
    /// The connection to the upstream was reset.
    UpstreamBroke,
    /// The upstream sent bytes that are no packet.
    UpstreamFraming(FrameError),
    /// No connection to the upstream could be made in time.
    UpstreamUnreachable,
    /// The client closed the WebSocket.
    ClientClosed {
        /// With which code; [`NO_CODE`] where it said none.
        code: u16,
    },
    /// The client's connection ended without a close.
    ClientGone,
    /// The client answered no ping.
    ClientDead,
    /// The client sent a text message.
    ClientText,
    /// The client sent text that is no UTF-8.
    ClientUtf8,
    /// The client sent bytes that are no packet.
    ClientFraming(FrameError),
    /// A client's message held no packet, or ended inside one.
    ClientPartial,
    /// The client broke the rules of WebSocket.
    ClientProtocol,
    /// A client's message was longer than the largest packet.
    ClientTooBig,
    /// A control message is none of spec/resume.md's, or not the one that is due.
    ClientControl,
    /// The client acknowledged what it had not got, or less than before.
    ClientAck,
    /// The client sent no first message in time.
    ClientSilent,
    /// The client sent no packet in time.
    NoPacket,
    /// The client of a session came back on another connection.
    Replaced,
    /// The client of a session came back with an offset that is gone.
    BadOffset,
    /// The client of a session did not come back in time.
    GraceOver,
    /// Nothing has moved for too long.
    Idle,
    /// The bridge is being stopped.
    Shutdown {
        /// Milliseconds after which the client may come back; they differ, so that not all come at once.
        retry_ms: u32,
    },
}

/// One of each, for what is told of all of them before they happen; the values in them say nothing.
pub(crate) const ALL: [End; 23] = {
    let framing = FrameError::BadMagic { offset: 0, found: 0 };
    [
        End::UpstreamEnded,
        End::UpstreamCut,
        End::UpstreamBroke,
        End::UpstreamFraming(framing),
        End::UpstreamUnreachable,
        End::ClientClosed { code: NO_CODE },
        End::ClientGone,
        End::ClientDead,
        End::ClientText,
        End::ClientUtf8,
        End::ClientFraming(framing),
        End::ClientPartial,
        End::ClientProtocol,
        End::ClientTooBig,
        End::ClientControl,
        End::ClientAck,
        End::ClientSilent,
        End::NoPacket,
        End::Replaced,
        End::BadOffset,
        End::GraceOver,
        End::Idle,
        End::Shutdown { retry_ms: 0 },
    ]
};

/// A row of the table: the code that is sent (none: nothing is sent), the metrics' label, and the reason's text.
type Row = (Option<CloseCode>, &'static str, &'static str);

/// The most bytes that the reason of a close may have (RFC 6455 section 5.5).
const MAX_REASON: usize = 123;

impl End {
    const fn row(self) -> Row {
        use CloseCode::{
            Again, Away, Error, Invalid, Normal, Policy, Protocol, Restart, Size, Unsupported,
        };
        match self {
            Self::UpstreamEnded => {
                (Some(Normal), "upstream_ended", "The chat service closed the connection.")
            }
            Self::UpstreamCut => {
                (Some(Error), "upstream_cut", "The chat service closed inside a packet.")
            }
            Self::UpstreamBroke => {
                (Some(Error), "upstream_broke", "The connection to the chat service broke.")
            }
            Self::UpstreamFraming(_) => {
                (Some(Error), "upstream_framing", "The chat service sent no packet")
            }
            Self::UpstreamUnreachable => (
                Some(Again),
                "upstream_unreachable",
                "The chat service cannot be reached at the moment.",
            ),
            Self::ClientClosed { .. } => (None, "client_closed", "closed by the client"),
            Self::ClientGone => (None, "client_gone", "gone without a close"),
            Self::ClientDead => (None, "client_dead", "no answer to a ping"),
            Self::ClientText => {
                (Some(Unsupported), "client_text", "Packets go in binary messages.")
            }
            Self::ClientUtf8 => (Some(Invalid), "client_utf8", "Text is UTF-8."),
            Self::ClientFraming(_) => (Some(Protocol), "client_framing", "No packet"),
            Self::ClientPartial => {
                (Some(Protocol), "client_partial", "A message holds one or more whole packets.")
            }
            Self::ClientProtocol => {
                (Some(Protocol), "client_protocol", "Against the WebSocket protocol.")
            }
            Self::ClientTooBig => (
                Some(Size),
                "client_too_big",
                "Larger than the largest packet, or than 8 KiB before the log-in.",
            ),
            Self::ClientControl => {
                (Some(Protocol), "client_control", "No control message, or not the one due.")
            }
            Self::ClientAck => {
                (Some(Protocol), "client_ack", "An acknowledgement of what was not sent.")
            }
            Self::ClientSilent => {
                (Some(Policy), "client_silent", "The first message did not come in time.")
            }
            Self::NoPacket => (Some(Policy), "no_packet", "The first packet did not come in time."),
            Self::Replaced => (
                Some(CloseCode::Library(4001)),
                "replaced",
                "The session goes on on another connection.",
            ),
            Self::BadOffset => (None, "bad_offset", "came back with an offset that is gone"),
            Self::GraceOver => (None, "grace_over", "did not come back in time"),
            Self::Idle => (Some(Away), "idle", "Nothing has moved for too long."),
            Self::Shutdown { .. } => (Some(Restart), "shutdown", "retry_ms="),
        }
    }

    /// The code that the client is sent; none where it sent its own or is no longer there.
    #[must_use]
    pub fn code(self) -> Option<u16> {
        self.row().0.map(u16::from)
    }

    /// Its name in metrics and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        self.row().1
    }

    /// What it means, for a person; with the place where bytes are no packet.
    #[must_use]
    pub fn reason(self) -> Cow<'static, str> {
        let (_, _, text) = self.row();
        let framing = match self {
            Self::UpstreamFraming(error) | Self::ClientFraming(error) => error,
            Self::UpstreamEnded
            | Self::UpstreamCut
            | Self::UpstreamBroke
            | Self::UpstreamUnreachable
            | Self::ClientClosed { .. }
            | Self::ClientGone
            | Self::ClientDead
            | Self::ClientText
            | Self::ClientUtf8
            | Self::ClientPartial
            | Self::ClientProtocol
            | Self::ClientTooBig
            | Self::ClientControl
            | Self::ClientAck
            | Self::ClientSilent
            | Self::NoPacket
            | Self::Replaced
            | Self::BadOffset
            | Self::GraceOver
            | Self::Idle => return Cow::Borrowed(text),
            Self::Shutdown { retry_ms } => return Cow::Owned(format!("{text}{retry_ms}")),
        };
        let mut reason = format!("{text}: {framing}.");
        reason.truncate(reason.floor_char_boundary(MAX_REASON));
        Cow::Owned(reason)
    }

    /// The close that the client is sent.
    #[must_use]
    pub fn frame(self) -> Option<CloseFrame> {
        let code = self.row().0?;
        Some(CloseFrame { code, reason: self.reason().as_ref().into() })
    }

    /// Whether the client can still be told something, and read it.
    #[must_use]
    pub const fn client_is_there(self) -> bool {
        !matches!(self, Self::ClientGone | Self::ClientDead | Self::BadOffset | Self::GraceOver)
    }

    /// Whether the client of a tunnel has left by itself and in good order, and so has what was sent to it. One that is
    /// going away (1001) may not have looked at it: a page that is reloaded does not.
    #[must_use]
    pub const fn is_orderly(self) -> bool {
        matches!(self, Self::ClientClosed { code: 1000 | NO_CODE })
    }

    /// Whether the client of a session has ended it. What it has, it has acknowledged.
    #[must_use]
    pub const fn is_end_of_session(self) -> bool {
        matches!(self, Self::ClientClosed { code: 1000 | 1001 })
    }

    /// Whether a session that can be gone on with waits for its client (spec/resume.md, "Ending and detaching").
    #[must_use]
    pub const fn may_come_back(self) -> bool {
        match self {
            Self::ClientGone | Self::ClientDead => true,
            Self::ClientClosed { .. } => !self.is_end_of_session(),
            Self::UpstreamEnded
            | Self::UpstreamCut
            | Self::UpstreamBroke
            | Self::UpstreamFraming(_)
            | Self::UpstreamUnreachable
            | Self::ClientText
            | Self::ClientUtf8
            | Self::ClientFraming(_)
            | Self::ClientPartial
            | Self::ClientProtocol
            | Self::ClientTooBig
            | Self::ClientControl
            | Self::ClientAck
            | Self::ClientSilent
            | Self::NoPacket
            | Self::Replaced
            | Self::BadOffset
            | Self::GraceOver
            | Self::Idle
            | Self::Shutdown { .. } => false,
        }
    }

    /// Whether somebody has done what may not be done, or something that is needed was not there; not the ways in which
    /// connections of phones and pages come to their ends.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        match self {
            Self::UpstreamCut
            | Self::UpstreamBroke
            | Self::UpstreamFraming(_)
            | Self::UpstreamUnreachable
            | Self::ClientText
            | Self::ClientUtf8
            | Self::ClientFraming(_)
            | Self::ClientPartial
            | Self::ClientProtocol
            | Self::ClientTooBig
            | Self::ClientControl
            | Self::ClientAck
            | Self::ClientSilent
            | Self::NoPacket
            | Self::BadOffset => true,
            Self::UpstreamEnded
            | Self::ClientClosed { .. }
            | Self::ClientGone
            | Self::ClientDead
            | Self::Replaced
            | Self::GraceOver
            | Self::Idle
            | Self::Shutdown { .. } => false,
        }
    }

    /// Whether the upstream still takes what the client has sent.
    #[must_use]
    pub const fn upstream_is_there(self) -> bool {
        !matches!(
            self,
            Self::UpstreamEnded
                | Self::UpstreamCut
                | Self::UpstreamBroke
                | Self::UpstreamFraming(_)
                | Self::UpstreamUnreachable
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_contract() {
        let framing = FrameError::BadMagic { offset: 7, found: b'G' };
        let codes = [
            (End::UpstreamEnded, Some(1000)),
            (End::UpstreamCut, Some(1011)),
            (End::UpstreamBroke, Some(1011)),
            (End::UpstreamFraming(framing), Some(1011)),
            (End::UpstreamUnreachable, Some(1013)),
            (End::ClientClosed { code: NO_CODE }, None),
            (End::ClientGone, None),
            (End::ClientDead, None),
            (End::ClientText, Some(1003)),
            (End::ClientUtf8, Some(1007)),
            (End::ClientFraming(framing), Some(1002)),
            (End::ClientPartial, Some(1002)),
            (End::ClientProtocol, Some(1002)),
            (End::ClientTooBig, Some(1009)),
            (End::ClientControl, Some(1002)),
            (End::ClientAck, Some(1002)),
            (End::ClientSilent, Some(1008)),
            (End::NoPacket, Some(1008)),
            (End::Replaced, Some(4001)),
            (End::BadOffset, None),
            (End::GraceOver, None),
            (End::Idle, Some(1001)),
            (End::Shutdown { retry_ms: 1 }, Some(1012)),
        ];
        for (end, code) in codes {
            assert_eq!(end.code(), code, "{end:?}");
            assert!(end.reason().len() <= MAX_REASON, "{end:?}");
        }
        let labels = |ends: &[End]| ends.iter().map(|end| end.label()).collect::<Vec<_>>();
        assert_eq!(labels(&ALL), labels(&codes.map(|(end, _)| end)));
    }

    #[test]
    fn a_reason_says_where_or_when() {
        let end = End::ClientFraming(FrameError::BadMagic { offset: 7, found: b'G' });
        assert_eq!(end.reason(), "No packet: at byte 7: a packet starts with 02, not 47.");
        assert_eq!(End::Shutdown { retry_ms: 1_250 }.reason(), "retry_ms=1250");
        let end = End::UpstreamFraming(FrameError::TooLong { offset: u64::MAX, length: u32::MAX });
        assert!(end.reason().len() <= MAX_REASON);
    }
}
