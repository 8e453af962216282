//! The table of packets as data, for who shows, documents or checks them.
use core::fmt;

use crate::field::read_integer;
use crate::{Command, FieldProblem, packets, values};

/// One kind of packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketInfo {
    /// COMMAND1.
    pub command: Command,
    /// Its name: `LOGIN`.
    pub name: &'static str,
    /// Its name in the protocol article: `LOGIN_1`.
    pub seed: Option<&'static str>,
    /// What it is for, in a sentence or two.
    pub about: &'static str,
    /// Who sends it.
    pub direction: Direction,
    /// Its blocks, by ascending id.
    pub fields: &'static [FieldInfo],
}

/// Who sends a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Clients.
    ClientToServer,
    /// Servers.
    ServerToClient,
    /// Both.
    Both,
}

/// One block of a kind of packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// The block's id.
    pub id: u16,
    /// Its name: `password_hash`.
    pub name: &'static str,
    /// How its content is read.
    pub kind: FieldKind,
    /// The set of values that it takes, by name.
    pub values: Option<&'static str>,
    /// Whether it is a password, a proof or a token, which is shown to nobody.
    pub secret: bool,
}

/// How a block's content is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// 1 byte.
    U8,
    /// 2 bytes, big-endian, as all integers.
    U16,
    /// 4 bytes.
    U32,
    /// 8 bytes.
    U64,
    /// 1 byte, 0 or 1.
    Bool,
    /// UTF-8.
    Text,
    /// Any bytes.
    Bytes,
    /// Strings joined by this character.
    List(char),
    /// Strings separated by a zero byte.
    StringArray,
    /// One byte a value.
    U8Array,
    /// Eight bytes a value.
    U64Array,
}

impl FieldKind {
    /// Bytes of an integer as the catalogue has it; nothing for what is none.
    #[must_use]
    pub const fn width(self) -> Option<usize> {
        match self {
            Self::U8 | Self::Bool => Some(1),
            Self::U16 => Some(2),
            Self::U32 => Some(4),
            Self::U64 => Some(8),
            Self::Text
            | Self::Bytes
            | Self::List(_)
            | Self::StringArray
            | Self::U8Array
            | Self::U64Array => None,
        }
    }

    /// The largest value of an integer; nothing for what is none.
    #[must_use]
    pub const fn max(self) -> Option<u64> {
        match (self, self.width()) {
            (Self::Bool, _) => Some(1),
            (_, Some(width)) => Some(u64::MAX >> (64 - 8 * width)),
            (_, None) => None,
        }
    }

    /// Checks a block's content as a typed packet would, and reads it if it is an integer, of any width
    /// (spec/wire.md section 2).
    ///
    /// # Errors
    /// [`FieldProblem`] when the content does not fit.
    pub fn integer(self, content: &[u8]) -> Result<Option<u64>, FieldProblem> {
        match self.max() {
            Some(max) => read_integer(content, max).map(Some),
            None if self == Self::U64Array && !content.len().is_multiple_of(8) => {
                Err(FieldProblem::ArrayLength)
            }
            None => Ok(None),
        }
    }
}

/// The kind's name in spec/packets.toml.
impl fmt::Display for FieldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::Bool => "bool",
            Self::Text => "string",
            Self::Bytes => "bytes",
            Self::List(separator) => return write!(f, "list({separator})"),
            Self::StringArray => "string_array",
            Self::U8Array => "u8_array",
            Self::U64Array => "u64_array",
        })
    }
}

/// The named values of a field: `Presence` has `AVAILABLE` = 1, …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueSet {
    /// Its name.
    pub name: &'static str,
    /// Names and numbers.
    pub entries: &'static [(&'static str, u16)],
}

/// Every kind of packet, by ascending command.
#[must_use]
pub const fn catalogue() -> &'static [PacketInfo] {
    packets::TABLE
}

/// Commands outside the chat service by number and name; nothing is known of their blocks.
#[must_use]
pub const fn other_commands() -> &'static [(u16, &'static str)] {
    packets::OTHER
}

/// Every set of named values.
#[must_use]
pub const fn value_sets() -> &'static [ValueSet] {
    values::SETS
}

pub(crate) fn packet(command: Command) -> Option<&'static PacketInfo> {
    let at = packets::TABLE.binary_search_by_key(&command, |packet| packet.command).ok()?;
    packets::TABLE.get(at)
}

pub(crate) fn command(name: &str) -> Option<Command> {
    let named = |table: &[(u16, &'static str)]| {
        table.iter().find(|(_, of)| *of == name).map(|(number, _)| Command(*number))
    };
    named(packets::NAMES).or_else(|| named(packets::OTHER))
}

pub(crate) fn name(command: Command) -> Option<&'static str> {
    let named = |table: &[(u16, &'static str)]| {
        table.iter().find(|(number, _)| *number == command.0).map(|(_, name)| *name)
    };
    named(packets::NAMES).or_else(|| named(packets::OTHER))
}
