//! `Problem`: what can be wrong with a stream, and where.
use mig33_codec::{Command, FieldProblem, FrameError};

use crate::secrets::may_hold;

/// What can be wrong with a stream, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// Bytes that are no packet, or a stream that ends inside one.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// The packet's blocks are broken, but its header says where it ends.
    #[error("{error}; in {command}, which starts at byte {start}")]
    Blocks { command: Command, start: u64, error: FrameError },
    /// The same, without what may be part of a secret.
    #[error(
        "at byte {offset}: a block runs past its packet; in {command}, which starts at byte {start}"
    )]
    Overrun { offset: u64, command: Command, start: u64 },
    /// A block's content does not fit its type.
    #[error("at byte {offset}: {command}, block {block} ({field}) of {length} bytes: {problem}")]
    Field {
        offset: u64,
        command: Command,
        block: u16,
        field: &'static str,
        length: usize,
        problem: FieldProblem,
    },
    /// Bytes are missing in the capture.
    #[error("at byte {offset}: {count} bytes are missing in the capture")]
    Missing { offset: u64, count: u64 },
    /// The capture began after the stream, inside a packet.
    #[error("at byte 0: the capture begins inside a packet")]
    Begins,
    /// Where reading goes on, or the stream's end.
    #[error("at byte {offset}: {count} bytes before this belong to no whole packet")]
    Passed { offset: u64, count: u64 },
    /// What who made the capture saw, and the capture does not show. Not `wrong` is what only says where reading goes on.
    #[error("{text}")]
    Recorded { text: String, wrong: bool },
}

impl Problem {
    /// Whether something is wrong, and not only said.
    pub(crate) const fn is_wrong(&self) -> bool {
        !matches!(self, Self::Passed { .. } | Self::Recorded { wrong: false, .. })
    }

    /// The same without what may be part of a secret: the id and the length of a block may be bytes of a password, if
    /// the length of a block before them is wrong.
    pub(crate) fn masked(self) -> Self {
        if let Self::Blocks { command, start, error: FrameError::BlockOverrun { offset, .. } } =
            self
            && may_hold(command)
        {
            return Self::Overrun { offset, command, start };
        }
        self
    }
}

/// An error that counts from a packet's first byte, counted from the start of the stream.
pub(super) fn in_stream(error: FrameError, start: u64) -> FrameError {
    match error {
        FrameError::BadMagic { offset, found } => {
            FrameError::BadMagic { offset: offset + start, found }
        }
        FrameError::TooLong { offset, length } => {
            FrameError::TooLong { offset: offset + start, length }
        }
        FrameError::BlockOverrun { offset, block, length, available } => {
            FrameError::BlockOverrun { offset: offset + start, block, length, available }
        }
        FrameError::TrailingBytes { offset, count } => {
            FrameError::TrailingBytes { offset: offset + start, count }
        }
        FrameError::Truncated { offset, count } => {
            FrameError::Truncated { offset: offset + start, count }
        }
    }
}
