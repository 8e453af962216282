//! What can be wrong with bytes, with a packet, and with a value to be written.
use crate::{Command, MAX_PARAMS};

/// Bytes that are no packet. There is no way to find the next one: the connection ends (spec/wire.md section 2).
///
/// Every `offset` counts bytes from the start of the stream, or of the packet where it stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A packet does not start with MAGIC.
    #[error("at byte {offset}: a packet starts with 02, not {found:02x}")]
    BadMagic {
        /// Where the byte stands.
        offset: u64,
        /// What stands there.
        found: u8,
    },
    /// PACK_LEN is over the limit.
    #[error("at byte {offset}: PACK_LEN {length} is over the limit of {MAX_PARAMS} bytes")]
    TooLong {
        /// Where PACK_LEN stands.
        offset: u64,
        /// What it says.
        length: u32,
    },
    /// A block says it is longer than what is left of its packet.
    #[error(
        "at byte {offset}: block {block} says {length} bytes where {available} are left of the packet"
    )]
    BlockOverrun {
        /// Where the block starts.
        offset: u64,
        /// Its id.
        block: u16,
        /// The length it declares.
        length: u32,
        /// How many bytes there are.
        available: usize,
    },
    /// Fewer bytes than a block's header are left at the end of a packet.
    #[error("at byte {offset}: {count} bytes after the last block")]
    TrailingBytes {
        /// Where the first of them stands.
        offset: u64,
        /// How many, 1 to 5.
        count: usize,
    },
    /// The stream ended inside a packet.
    #[error("at byte {offset}: the stream ends inside a packet, after {count} bytes of it")]
    Truncated {
        /// Where the stream ended.
        offset: u64,
        /// How many bytes of the packet there were.
        count: usize,
    },
}

impl FrameError {
    /// Where in the stream the bad bytes stand.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        match self {
            Self::BadMagic { offset, .. }
            | Self::TooLong { offset, .. }
            | Self::BlockOverrun { offset, .. }
            | Self::TrailingBytes { offset, .. }
            | Self::Truncated { offset, .. } => *offset,
        }
    }
}

/// A block whose content does not fit its type; the packet is well framed, so the connection can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{command}, block {block} ({field}) of {length} bytes: {problem}")]
pub struct DecodeError {
    /// Which packet.
    pub command: Command,
    /// Which block of it.
    pub block: u16,
    /// The block's name in the catalogue.
    pub field: &'static str,
    /// Bytes of its content.
    pub length: usize,
    /// What is wrong with it.
    pub problem: FieldProblem,
}

/// What is wrong with a block's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldProblem {
    /// An integer has 1, 2, 4 or 8 bytes.
    #[error("an integer has 1, 2, 4 or 8 bytes")]
    IntegerLength,
    /// The value is larger than the field's type can hold.
    #[error("the value {value} is over {max}")]
    OutOfRange {
        /// What came.
        value: u64,
        /// The largest that fits.
        max: u64,
    },
    /// An array of 8-byte values has a length that is no multiple of 8.
    #[error("8-byte values need a multiple of 8 bytes")]
    ArrayLength,
}

/// A packet that is too large to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{command} would have {length} bytes of PARAMS, over the limit of {MAX_PARAMS}")]
pub struct EncodeError {
    /// Which packet.
    pub command: Command,
    /// How many bytes its PARAMS would have.
    pub length: usize,
}
