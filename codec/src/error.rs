//! What can be wrong with bytes, with a packet, and with a value to be written.
use core::error::Error;
use core::fmt;

use crate::{Command, MAGIC, MAX_PARAMS, catalogue};

/// Bytes that are no packet. There is no way to find the next one: the connection ends (spec/wire.md section 2).
///
/// Every `offset` counts bytes from the start of the stream, or of the packet where it stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// A packet does not start with MAGIC.
    BadMagic {
        /// Where the byte stands.
        offset: u64,
        /// What stands there.
        found: u8,
    },
    /// PACK_LEN is over the limit.
    TooLong {
        /// Where PACK_LEN stands.
        offset: u64,
        /// What it says.
        length: u32,
    },
    /// A block says it is longer than what is left of its packet.
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
    TrailingBytes {
        /// Where the first of them stands.
        offset: u64,
        /// How many, 1 to 5.
        count: usize,
    },
    /// The stream ended inside a packet.
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

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: ", self.offset())?;
        match self {
            Self::BadMagic { found, .. } => {
                write!(f, "a packet starts with {MAGIC:02x}, not {found:02x}")
            }
            Self::TooLong { length, .. } if *length as usize > MAX_PARAMS => {
                write!(f, "PACK_LEN {length} is over the limit of {MAX_PARAMS} bytes")
            }
            // the reader has a lower one, as a server before log-in
            Self::TooLong { length, .. } => write!(f, "PACK_LEN {length} is over the limit"),
            Self::BlockOverrun { block, length, available, .. } => write!(
                f,
                "block {block} says {length} bytes where {available} are left of the packet"
            ),
            Self::TrailingBytes { count, .. } => write!(f, "{count} bytes after the last block"),
            Self::Truncated { count, .. } => {
                write!(f, "the stream ends inside a packet, after {count} bytes of it")
            }
        }
    }
}

impl Error for FrameError {}

/// A block whose content does not fit its type; the packet is well framed, so the connection can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Which packet.
    pub command: Command,
    /// Which block of it.
    pub block: u16,
    /// Where the block starts, in bytes from the packet's first.
    pub offset: usize,
    /// Bytes of its content.
    pub length: usize,
    /// What is wrong with it.
    pub problem: FieldProblem,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, block, offset, length, problem } = self;
        let field = self.field();
        write!(
            f,
            "{command}, block {block} ({field}) of {length} bytes at byte {offset}: {problem}"
        )
    }
}

impl Error for DecodeError {}

impl DecodeError {
    /// The block's name in the catalogue. Looked up, since who only counts errors does without the names.
    #[must_use]
    pub fn field(&self) -> &'static str {
        let fields = catalogue::packet(self.command).map_or(&[][..], |packet| packet.fields);
        fields.iter().find(|field| field.id == self.block).map_or("unknown", |field| field.name)
    }
}

/// What is wrong with a block's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldProblem {
    /// An integer has 1, 2, 4 or 8 bytes.
    IntegerLength,
    /// The value is larger than the field's type can hold.
    OutOfRange {
        /// What came.
        value: u64,
        /// The largest that fits.
        max: u64,
    },
    /// An array of 8-byte values has a length that is no multiple of 8.
    ArrayLength,
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IntegerLength => f.write_str("an integer has 1, 2, 4 or 8 bytes"),
            Self::OutOfRange { value, max } => write!(f, "the value {value} is over {max}"),
            Self::ArrayLength => f.write_str("8-byte values need a multiple of 8 bytes"),
        }
    }
}

impl Error for FieldProblem {}

/// A packet that is too large to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeError {
    /// Which packet.
    pub command: Command,
    /// How many bytes its PARAMS would have.
    pub length: usize,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, length } = self;
        write!(f, "{command} would have {length} bytes of PARAMS, over the limit of {MAX_PARAMS}")
    }
}

impl Error for EncodeError {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn errors_say_what_and_where() {
        let frame = [
            FrameError::BadMagic { offset: 3, found: 0xff },
            FrameError::TooLong { offset: 5, length: 400_000 },
            FrameError::BlockOverrun { offset: 9, block: 1, length: 7, available: 2 },
            FrameError::TrailingBytes { offset: 9, count: 4 },
            FrameError::Truncated { offset: 12, count: 3 },
        ];
        assert_eq!(
            frame.map(|error| error.to_string()),
            [
                "at byte 3: a packet starts with 02, not ff",
                "at byte 5: PACK_LEN 400000 is over the limit of 358400 bytes",
                "at byte 9: block 1 says 7 bytes where 2 are left of the packet",
                "at byte 9: 4 bytes after the last block",
                "at byte 12: the stream ends inside a packet, after 3 bytes of it",
            ]
        );
        let decode = |problem| DecodeError {
            command: Command::ERROR,
            block: 1,
            offset: 15,
            length: 3,
            problem,
        };
        let problems = [
            FieldProblem::IntegerLength,
            FieldProblem::OutOfRange { value: 256, max: 255 },
            FieldProblem::ArrayLength,
        ];
        assert_eq!(
            problems.map(|problem| decode(problem).to_string()),
            [
                "ERROR (0), block 1 (code) of 3 bytes at byte 15: an integer has 1, 2, 4 or 8 bytes",
                "ERROR (0), block 1 (code) of 3 bytes at byte 15: the value 256 is over 255",
                "ERROR (0), block 1 (code) of 3 bytes at byte 15: 8-byte values need a multiple of 8 bytes",
            ]
        );
        let encode = EncodeError { command: Command::OK, length: 400_000 };
        assert_eq!(
            encode.to_string(),
            "OK (1) would have 400000 bytes of PARAMS, over the limit of 358400"
        );
    }
}
