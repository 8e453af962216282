//! `PacketView`: a packet with what the catalogue says of each of its blocks, for every way to show it.
use mig33_codec::{
    BLOCK_HEADER_LEN, Block, Command, Direction, FieldInfo, FieldKind, FieldProblem, Frame,
    HEADER_LEN, value_sets,
};

use crate::secrets::Secrets;
use crate::stream::Problem;

/// A packet, and where it stands in its stream.
#[derive(Debug)]
pub(crate) struct PacketView<'a> {
    /// Where its first byte stands.
    pub(crate) offset: u64,
    /// The packet.
    pub(crate) frame: &'a Frame,
    /// Its blocks in wire order.
    pub(crate) fields: Vec<FieldView>,
}

/// One block, and what it means.
#[derive(Debug)]
pub(crate) struct FieldView {
    /// Where its first byte, that of its id, stands.
    pub(crate) offset: u64,
    /// The block.
    pub(crate) block: Block,
    /// Its row in the catalogue, if it has one.
    pub(crate) info: Option<&'static FieldInfo>,
    /// Whether a block with this id came before it, so that this one does not count.
    pub(crate) repeated: bool,
    /// What it holds.
    pub(crate) value: Value,
}

/// What a block holds. Each of these leads back to the same bytes, but for what is masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A secret that is not shown.
    Masked,
    /// An integer, and its width in bytes where that is not the catalogue's.
    Integer(u64, Option<usize>),
    /// The same for a truth value.
    Bool(bool, Option<usize>),
    /// Text, or bytes that are one.
    Text(String),
    /// Strings of a list or an array.
    Strings(Vec<String>),
    /// Integers of an array.
    Integers(Vec<u64>),
    /// Bytes that are nothing of these.
    Bytes,
    /// A content that does not fit the field's type.
    Misfit(FieldProblem),
}

impl<'a> PacketView<'a> {
    /// Looks at a packet.
    pub(crate) fn new(offset: u64, frame: &'a Frame, secrets: Secrets) -> Self {
        let known = frame.command.info().map_or(&[][..], |packet| packet.fields);
        let mut at = offset + HEADER_LEN as u64;
        let mut fields: Vec<FieldView> = Vec::new();
        for block in frame.blocks() {
            let info = known.iter().find(|field| field.id == block.id);
            let masked = secrets.hide(frame.command, info) && !block.content.is_empty();
            fields.push(FieldView {
                offset: at,
                info,
                repeated: fields.iter().any(|before| before.block.id == block.id),
                value: if masked { Value::Masked } else { Value::read(info, &block.content) },
                block,
            });
            if let Some(added) = fields.last() {
                at += added.block.wire_len() as u64;
            }
        }
        Self { offset, frame, fields }
    }

    /// What the blocks hold that they may not.
    pub(crate) fn problems(&self) -> impl Iterator<Item = Problem> {
        self.fields.iter().filter_map(|field| match (&field.value, field.info) {
            (Value::Misfit(problem), Some(info)) => Some(Problem::Field {
                offset: field.offset + BLOCK_HEADER_LEN as u64,
                command: self.frame.command,
                block: info.id,
                field: info.name,
                length: field.block.content.len(),
                problem: *problem,
            }),
            (_, _) => None,
        })
    }
}

impl FieldView {
    /// The name of an integer's value.
    pub(crate) fn meaning(&self, value: u64) -> Option<&'static str> {
        value_name(self.info?, value)
    }
}

impl Value {
    fn read(info: Option<&FieldInfo>, content: &[u8]) -> Self {
        let Some(info) = info else {
            return Self::Bytes;
        };
        match info.kind.integer(content) {
            Err(problem) => Self::Misfit(problem),
            Ok(Some(value)) => {
                let width = Some(content.len()).filter(|width| Some(*width) != info.kind.width());
                if info.kind == FieldKind::Bool {
                    Self::Bool(value == 1, width)
                } else {
                    Self::Integer(value, width)
                }
            }
            Ok(None) => Self::read_other(info.kind, content),
        }
    }

    fn read_other(kind: FieldKind, content: &[u8]) -> Self {
        let text = std::str::from_utf8(content).ok();
        let split = |separator: char| {
            let parts = text?.split(separator).map(str::to_owned).collect();
            Some(Self::Strings(if content.is_empty() { Vec::new() } else { parts }))
        };
        match kind {
            FieldKind::Text => text.map(|text| Self::Text(text.to_owned())),
            FieldKind::Bytes => {
                text.filter(|text| is_plain(text)).map(|text| Self::Text(text.to_owned()))
            }
            FieldKind::List(separator) => split(separator),
            FieldKind::StringArray => split('\0'),
            FieldKind::U8Array => {
                Some(Self::Integers(content.iter().copied().map(u64::from).collect()))
            }
            FieldKind::U64Array => {
                let values = content.as_chunks::<8>().0.iter();
                Some(Self::Integers(values.map(|value| u64::from_be_bytes(*value)).collect()))
            }
            FieldKind::U8 | FieldKind::U16 | FieldKind::U32 | FieldKind::U64 | FieldKind::Bool => {
                None
            }
        }
        .unwrap_or(Self::Bytes)
    }
}

/// Whether text is without control characters but those that lay it out.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

/// The name of a field's value.
pub(crate) fn value_name(field: &FieldInfo, value: u64) -> Option<&'static str> {
    let set = value_sets().iter().find(|set| Some(set.name) == field.values)?;
    set.entries.iter().find(|(_, number)| u64::from(*number) == value).map(|(name, _)| *name)
}

/// Who sends this kind of packet, if that is known.
pub(crate) fn direction(command: Command) -> Option<Direction> {
    command.info().map(|packet| packet.direction)
}
