//! `Line`: one JSON object, and the bytes that it stands for.
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use data_encoding::HEXLOWER_PERMISSIVE;
use mig33_codec::{Command, FieldInfo, Frame, FrameError, MAX_PARAMS};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::values::{ValueError, content};
use crate::dialects::fields_named;
use crate::names::{self, NoPacket};
use crate::print::Side;

/// What `decode --json` writes in a line, or somebody by hand.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) connection: Option<u64>,
    pub(super) from: Option<Side>,
    packet: Option<String>,
    command: Option<u16>,
    #[serde(default)]
    transaction: u16,
    #[serde(default)]
    fields: Fields,
    /// Bytes that belong to no whole packet.
    unread: Option<String>,
    masked: Option<bool>,
    missing: Option<u64>,
    // these have no bytes of their own
    problem: Option<IgnoredAny>,
    note: Option<IgnoredAny>,
    /// What could be read of bytes that are in `unread`.
    #[serde(rename = "broken")]
    _broken: Option<IgnoredAny>,
    #[serde(rename = "rest")]
    _rest: Option<IgnoredAny>,
    #[serde(rename = "client")]
    _client: Option<IgnoredAny>,
    #[serde(rename = "server")]
    _server: Option<IgnoredAny>,
    #[serde(rename = "upstream")]
    _upstream: Option<IgnoredAny>,
    #[serde(rename = "answers")]
    _answers: Option<IgnoredAny>,
    #[serde(rename = "time")]
    _time: Option<IgnoredAny>,
    #[serde(rename = "offset")]
    _offset: Option<IgnoredAny>,
    #[serde(rename = "bytes")]
    _bytes: Option<IgnoredAny>,
}

/// The blocks of a packet.
#[derive(Debug)]
enum Fields {
    /// In the order in which they are to be written.
    InOrder(Vec<Field>),
    /// By name, to be written by ascending id.
    ByName(Vec<(String, Field)>),
}

/// One block.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    id: Option<u16>,
    name: Option<String>,
    /// What it holds.
    pub(super) value: Option<Value>,
    /// Or its bytes.
    pub(super) hex: Option<String>,
    /// Bytes of an integer, if not the catalogue's.
    pub(super) width: Option<u64>,
    /// The value's name, which must be that of the value.
    pub(super) meaning: Option<Value>,
    #[serde(default)]
    pub(super) masked: bool,
    #[serde(rename = "offset")]
    _offset: Option<IgnoredAny>,
    #[serde(rename = "problem")]
    _problem: Option<IgnoredAny>,
}

/// What is wrong with one object.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    #[error("a packet needs a `packet`, which is its name, or a `command`, which is its number")]
    NoCommand,
    #[error("{0}")]
    UnknownPacket(NoPacket),
    #[error("`packet` says {name:?}, but `command` is that of {command}")]
    OtherCommand { name: String, command: Command },
    #[error("{command} has no field {name:?}; {}", instead_of_field(*command, name))]
    UnknownField { command: Command, name: String },
    #[error("a field of {0} needs a `name` or an `id`")]
    NoField(Command),
    #[error("{command}: `name` says {name:?}, which is not block {id}")]
    OtherField { command: Command, name: String, id: u16 },
    #[error("{command} has {name:?} twice")]
    Twice { command: Command, name: String },
    #[error("{command}, {field}: {error}")]
    Value { command: Command, field: String, error: ValueError },
    #[error("{command}: {length} bytes of blocks are over the limit of {MAX_PARAMS}")]
    TooLong { command: Command, length: usize },
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("these bytes are masked: decode with `--show-secrets` to encode them again")]
    MaskedBytes,
    #[error("`unread` has to be pairs of hex digits")]
    BadHex,
    #[error("{0} bytes are missing in the capture that this was made from")]
    Missing(u64),
}

impl Line {
    /// Whether it stands for bytes, and not only for what is said about some.
    pub(super) fn has_bytes(&self) -> bool {
        let is_packet = self.packet.is_some() || self.command.is_some();
        let is_unread =
            self.unread.is_some() || self.masked == Some(true) || self.missing.is_some();
        is_packet || is_unread || self.problem.is_none() && self.note.is_none()
    }

    /// Appends the bytes.
    pub(super) fn write_to(&self, out: &mut BytesMut) -> Result<(), LineError> {
        if let Some(count) = self.missing {
            return Err(LineError::Missing(count));
        }
        if let Some(hex) = &self.unread {
            let bytes = HEXLOWER_PERMISSIVE.decode(hex.as_bytes());
            out.put_slice(&bytes.map_err(|_| LineError::BadHex)?);
            return Ok(());
        }
        if self.masked == Some(true) {
            return Err(LineError::MaskedBytes);
        }
        self.packet()?.write_to(out);
        Ok(())
    }

    fn packet(&self) -> Result<Frame, LineError> {
        let command = self.command()?;
        let mut blocks = Vec::new();
        match &self.fields {
            Fields::InOrder(fields) => {
                let named =
                    fields.iter().filter_map(|field| Some((field.id, field.name.as_deref()?)));
                let known = fields_named(command, named);
                for field in fields {
                    blocks.push(field.block(command, known)?);
                }
            }
            Fields::ByName(fields) => {
                let named = fields.iter().map(|(name, _)| (None, name.as_str()));
                let known = fields_named(command, named);
                for (name, field) in fields {
                    let info = field_named(command, known, name)?;
                    if blocks.iter().any(|(id, _)| *id == info.id) {
                        return Err(LineError::Twice { command, name: name.clone() });
                    }
                    blocks.push((info.id, field.content(command, Some(info), name.clone())?));
                }
                blocks.sort_by_key(|(id, _)| *id);
            }
        }
        let mut params = BytesMut::new();
        for (id, content) in &blocks {
            // a block over the limit makes PARAMS over it, which is told below
            let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
            params.put_u16(*id);
            params.put_u32(length);
            params.put_slice(content);
        }
        if params.len() > MAX_PARAMS {
            return Err(LineError::TooLong { command, length: params.len() });
        }
        Ok(Frame::new(command, self.transaction, params.freeze())?)
    }

    fn command(&self) -> Result<Command, LineError> {
        let named = match &self.packet {
            Some(name) => Some(
                names::named(name)
                    .ok_or_else(|| LineError::UnknownPacket(NoPacket(name.clone())))?,
            ),
            None => None,
        };
        match (named, self.command.map(Command), &self.packet) {
            (Some(named), Some(command), Some(name)) if named != command => {
                Err(LineError::OtherCommand { name: name.clone(), command })
            }
            (Some(command), _, _) | (None, Some(command), _) => Ok(command),
            (None, None, _) => Err(LineError::NoCommand),
        }
    }
}

impl Field {
    fn block(
        &self,
        command: Command,
        known: &'static [FieldInfo],
    ) -> Result<(u16, Bytes), LineError> {
        let named = match &self.name {
            Some(name) => Some(field_named(command, known, name)?),
            None => None,
        };
        let id = match (self.id, named, &self.name) {
            (Some(id), Some(info), Some(name)) if info.id != id => {
                return Err(LineError::OtherField { command, name: name.clone(), id });
            }
            (Some(id), _, _) => id,
            (None, Some(info), _) => info.id,
            (None, None, _) => return Err(LineError::NoField(command)),
        };
        let info = named.or_else(|| known.iter().find(|field| field.id == id));
        let called = info.map_or_else(|| format!("block {id}"), |info| info.name.to_owned());
        Ok((id, self.content(command, info, called)?))
    }

    fn content(
        &self,
        command: Command,
        info: Option<&FieldInfo>,
        called: String,
    ) -> Result<Bytes, LineError> {
        let bytes = content(info, self);
        bytes.map(Bytes::from).map_err(|error| LineError::Value { command, field: called, error })
    }
}

fn field_named(
    command: Command,
    known: &'static [FieldInfo],
    name: &str,
) -> Result<&'static FieldInfo, LineError> {
    let found = known.iter().find(|field| field.name == name);
    found.ok_or_else(|| LineError::UnknownField { command, name: name.to_owned() })
}

fn instead_of_field(command: Command, name: &str) -> String {
    let fields = command.info().map_or(&[][..], |packet| packet.fields);
    match names::nearest(&name.to_lowercase(), fields.iter().map(|field| field.name)) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("`mig33 packets {}` lists them", command.0),
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self::InOrder(Vec::new())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyForm;

        impl<'de> Visitor<'de> for AnyForm {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of fields, or an object of fields by name")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = list.next_element()? {
                    fields.push(field);
                }
                Ok(Fields::InOrder(fields))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    let field = if value.is_object() {
                        serde_json::from_value(value).map_err(A::Error::custom)?
                    } else {
                        Field { value: Some(value), ..Field::default() }
                    };
                    fields.push((name, field));
                }
                Ok(Fields::ByName(fields))
            }
        }

        deserializer.deserialize_any(AnyForm)
    }
}
