//! Packets as JSON, one object a line. `mig33 encode` reads what is written here.
use std::io::{self, Write};

use data_encoding::HEXLOWER;
use serde::Serialize;
use serde::ser::SerializeMap as _;

use super::{Note, Origin, Side};
use crate::stream::Problem;
use crate::view::{FieldView, PacketView, Value, value_name};

#[derive(Serialize)]
struct Line<'a, T: Serialize> {
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Side>,
    #[serde(flatten)]
    what: &'a T,
}

/// Writes a packet. Of a broken one its bytes are the part that can be encoded again, if they are shown.
pub(super) fn packet(
    out: &mut dyn Write,
    origin: Origin,
    packet: &PacketView,
    shown: bool,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Whole<'a> {
        offset: u64,
        bytes: usize,
        #[serde(flatten)]
        packet: Packet<'a>,
    }
    #[derive(Serialize)]
    struct Broken<'a> {
        offset: u64,
        bytes: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        unread: Option<String>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        masked: bool,
        broken: Packet<'a>,
        rest: Rest,
    }
    #[derive(Serialize)]
    struct Packet<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        packet: Option<&'static str>,
        command: u16,
        transaction: u16,
        /// The request, by name or by number.
        #[serde(skip_serializing_if = "Option::is_none")]
        answers: Option<String>,
        fields: Vec<Field<'a>>,
    }
    #[derive(Serialize)]
    struct Rest {
        offset: u64,
        bytes: usize,
    }
    let PacketView { offset, command, transaction, length: bytes, .. } = *packet;
    let from = origin.from.or_else(|| Side::sender(command));
    let origin = Origin { from, ..origin };
    let fields = packet.fields.iter().map(Field).collect();
    let answers = packet.answers.map(|request| match request.name() {
        Some(name) => name.to_owned(),
        None => request.0.to_string(),
    });
    let what = Packet { packet: command.name(), command: command.0, transaction, answers, fields };
    match &packet.rest {
        None => line(out, origin, &Whole { offset, bytes, packet: what }),
        Some(rest) => {
            let unread = shown.then(|| HEXLOWER.encode(&packet.bytes()));
            let rest = Rest { offset: rest.offset, bytes: rest.bytes.len() };
            line(out, origin, &Broken { offset, bytes, unread, masked: !shown, broken: what, rest })
        }
    }
}

/// Writes what is wrong.
pub(super) fn problem(out: &mut dyn Write, origin: Origin, problem: &Problem) -> io::Result<()> {
    #[derive(Serialize)]
    struct Wrong {
        problem: String,
    }
    line(out, origin, &Wrong { problem: problem.to_string() })
}

/// Writes bytes that belong to no whole packet.
pub(super) fn unread(
    out: &mut dyn Write,
    origin: Origin,
    offset: u64,
    bytes: &[u8],
    shown: bool,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Unread {
        offset: u64,
        bytes: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        unread: Option<String>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        masked: bool,
    }
    let unread = shown.then(|| HEXLOWER.encode(bytes));
    line(out, origin, &Unread { offset, bytes: bytes.len(), unread, masked: !shown })
}

/// Writes that bytes are missing in a capture.
pub(super) fn missing(
    out: &mut dyn Write,
    origin: Origin,
    offset: u64,
    count: u64,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Missing {
        offset: u64,
        missing: u64,
    }
    line(out, origin, &Missing { offset, missing: count })
}

/// Writes what happens to a connection.
pub(super) fn note(out: &mut dyn Write, origin: Origin, note: &Note) -> io::Result<()> {
    #[derive(Serialize)]
    struct Said<'a> {
        note: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        client: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        server: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        upstream: Option<String>,
    }
    let what = match note {
        Note::Opened { client, server, upstream, begins } => Said {
            note: if *begins { "opened" } else { "open already" },
            client: Some(client.to_string()),
            server: Some(server.to_string()),
            upstream: upstream.map(|upstream| upstream.to_string()),
        },
        Note::Closed => Said { note: "closed", client: None, server: None, upstream: None },
        Note::Said(text) => Said { note: text, client: None, server: None, upstream: None },
    };
    line(out, origin, &what)
}

fn line(out: &mut dyn Write, origin: Origin, what: &impl Serialize) -> io::Result<()> {
    let time = origin.time.map(|time| humantime::format_rfc3339_micros(time).to_string());
    let line = Line { connection: origin.connection, time, from: origin.from, what };
    serde_json::to_writer(&mut *out, &line)?;
    writeln!(out)
}

/// A block: what it is, where, and its content under one of `value`, `hex` and `masked`.
struct Field<'a>(&'a FieldView);

impl Serialize for Field<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(field) = self;
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("offset", &field.offset)?;
        object.serialize_entry("id", &field.block.id)?;
        if let Some(info) = field.info {
            object.serialize_entry("name", info.name)?;
        }
        let hex = || HEXLOWER.encode(&field.block.content);
        match &field.value {
            Value::Masked => object.serialize_entry("masked", &true)?,
            Value::Integer(value, width) => {
                object.serialize_entry("value", value)?;
                if let Some(name) = field.meaning(*value) {
                    object.serialize_entry("meaning", name)?;
                }
                if let Some(width) = width {
                    object.serialize_entry("width", width)?;
                }
            }
            Value::Bool(value, width) => {
                object.serialize_entry("value", value)?;
                if let Some(width) = width {
                    object.serialize_entry("width", width)?;
                }
            }
            Value::Text(text) => object.serialize_entry("value", text)?,
            Value::Strings(entries) => object.serialize_entry("value", entries)?,
            Value::Integers(values) => {
                object.serialize_entry("value", values)?;
                if let Some(info) = field.info.filter(|info| info.values.is_some()) {
                    let names: Vec<_> =
                        values.iter().map(|value| value_name(info, *value)).collect();
                    object.serialize_entry("meaning", &names)?;
                }
            }
            Value::Bytes => object.serialize_entry("hex", &hex())?,
            Value::Misfit(problem) => {
                object.serialize_entry("hex", &hex())?;
                object.serialize_entry("problem", &problem.to_string())?;
            }
        }
        object.end()
    }
}
