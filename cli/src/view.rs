//! `PacketView`: a packet with what the catalogue says of each of its blocks, for every way to show it.
use bytes::Bytes;
use mig33_codec::{
    BLOCK_HEADER_LEN, Block, Command, Direction, FieldInfo, FieldKind, FieldProblem, Frame,
    HEADER_LEN, MAGIC, value_sets,
};

use crate::dialects::fields_of;
use crate::secrets::Secrets;
use crate::stream::{Broken, Problem};

/// A packet, and where it stands in its stream.
#[derive(Debug)]
pub(crate) struct PacketView {
    /// Where its first byte stands.
    pub(crate) offset: u64,
    pub(crate) command: Command,
    pub(crate) transaction: u16,
    /// How many bytes it has.
    pub(crate) length: usize,
    /// Its blocks in wire order; of a broken packet those that can be read.
    pub(crate) fields: Vec<FieldView>,
    /// The end of a broken packet, which is no block.
    pub(crate) rest: Option<Rest>,
    /// The request that it answers, if that was seen.
    pub(crate) answers: Option<Command>,
}

/// What follows the blocks of a broken packet that can be read.
#[derive(Debug)]
pub(crate) struct Rest {
    pub(crate) offset: u64,
    /// The bytes. They may hold a secret.
    pub(crate) bytes: Bytes,
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

impl PacketView {
    /// Looks at a packet.
    pub(crate) fn new(offset: u64, frame: &Frame, secrets: Secrets) -> Self {
        let mut view = Self {
            offset,
            command: frame.command,
            transaction: frame.transaction,
            length: frame.wire_len(),
            fields: Vec::new(),
            rest: None,
            answers: None,
        };
        view.read(frame.blocks(), secrets);
        view
    }

    /// Looks at a packet of which only the first blocks can be read.
    pub(crate) fn of_broken(broken: &Broken, secrets: Secrets) -> Self {
        let (blocks, rest) = broken.parts();
        let mut view = Self {
            offset: broken.offset,
            command: broken.command,
            transaction: broken.transaction,
            length: broken.bytes.len(),
            fields: Vec::new(),
            rest: None,
            answers: None,
        };
        view.read(blocks, secrets);
        let at = broken.bytes.len() - rest.len();
        view.rest = Some(Rest { offset: broken.offset + at as u64, bytes: rest });
        view
    }

    fn read(&mut self, blocks: impl IntoIterator<Item = Block>, secrets: Secrets) {
        let blocks: Vec<Block> = blocks.into_iter().collect();
        let known = fields_of(self.command, &blocks);
        let mut at = self.offset + HEADER_LEN as u64;
        for block in blocks {
            let info = known.iter().find(|field| field.id == block.id);
            let masked = secrets.hide(self.command, info, &block.content);
            let length = block.wire_len() as u64;
            self.fields.push(FieldView {
                offset: at,
                info,
                repeated: self.fields.iter().any(|before| before.block.id == block.id),
                value: if masked { Value::Masked } else { Value::read(info, &block.content) },
                block,
            });
            at += length;
        }
    }

    /// All its bytes, secrets included.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let rest = self.rest.as_ref().map_or(&[][..], |rest| &rest.bytes);
        let params: usize = self.fields.iter().map(|field| field.block.wire_len()).sum();
        let mut bytes = Vec::with_capacity(HEADER_LEN + params + rest.len());
        bytes.push(MAGIC);
        bytes.extend(self.command.0.to_be_bytes());
        bytes.extend(self.transaction.to_be_bytes());
        // PARAMS are below their limit of 358,400 bytes
        bytes.extend(((params + rest.len()) as u32).to_be_bytes());
        for FieldView { block, .. } in &self.fields {
            bytes.extend(block.id.to_be_bytes());
            bytes.extend((block.content.len() as u32).to_be_bytes());
            bytes.extend(&block.content);
        }
        bytes.extend(rest);
        bytes
    }

    /// What the blocks hold that they may not.
    pub(crate) fn problems(&self) -> impl Iterator<Item = Problem> {
        self.fields.iter().filter_map(|field| match (&field.value, field.info) {
            (Value::Misfit(problem), Some(info)) => Some(Problem::Field {
                offset: field.offset + BLOCK_HEADER_LEN as u64,
                command: self.command,
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

/// Whether what may be text or anything is text: what is none has a zero byte sooner or later.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.contains('\0')
}

/// Whether a field holds times, as ms since 1970.
pub(crate) fn holds_time(field: &FieldInfo) -> bool {
    field.name.contains("time") && matches!(field.kind, FieldKind::U64 | FieldKind::U64Array)
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
