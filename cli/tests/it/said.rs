//! What a reader says of a packet, in one form for every reader, so that two can be compared.
use std::time::{Duration, SystemTime};

use serde_json::Value;

/// A packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// Which connection of the capture, from 1.
    pub(crate) connection: u64,
    /// When its last byte came: since 1970.
    pub(crate) time: Duration,
    /// `client` or `server`.
    pub(crate) from: String,
    /// Where it begins in what that side sent.
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) name: Option<String>,
    pub(crate) command: u64,
    pub(crate) transaction: u64,
    pub(crate) fields: Vec<SaidField>,
}

/// A block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SaidField {
    /// Where it begins in the stream.
    pub(crate) offset: u64,
    pub(crate) id: u64,
    pub(crate) name: Option<String>,
    pub(crate) content: Content,
}

/// What a block holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A secret that is not shown.
    Masked,
    /// One value, or those of a list: as decimal digits or text, with their names.
    Values {
        values: Vec<(String, Option<String>)>,
        /// Of an integer that has another than the catalogue says.
        width: Option<u64>,
    },
    /// Bytes that are no text, in hex.
    Bytes(String),
    /// A content that does not fit its field, in hex.
    Misfit(String),
}

/// The packets in what `mig33 decode --json` prints of a capture.
pub(crate) fn from_json(text: &str) -> Vec<Said> {
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.filter(|line| line.get("command").is_some()).map(|line| packet(&line)).collect()
}

fn packet(line: &Value) -> Said {
    let time = humantime::parse_rfc3339(&text(line, "time")).expect("a time");
    let fields = line["fields"].as_array().expect("fields");
    Said {
        connection: number(line, "connection"),
        time: time.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970"),
        from: text(line, "from"),
        offset: number(line, "offset"),
        length: number(line, "bytes"),
        name: line["packet"].as_str().map(str::to_owned),
        command: number(line, "command"),
        transaction: number(line, "transaction"),
        fields: fields.iter().map(field).collect(),
    }
}

fn field(field: &Value) -> SaidField {
    SaidField {
        offset: number(field, "offset"),
        id: number(field, "id"),
        name: field["name"].as_str().map(str::to_owned),
        content: content(field),
    }
}

fn content(field: &Value) -> Content {
    if field.get("masked").is_some() {
        return Content::Masked;
    }
    if field.get("problem").is_some() {
        return Content::Misfit(text(field, "hex"));
    }
    if field.get("hex").is_some() {
        return Content::Bytes(text(field, "hex"));
    }
    let meaning = |meaning: &Value| meaning.as_str().map(str::to_owned);
    let values = match (&field["value"], &field["meaning"]) {
        (Value::Array(values), Value::Array(meanings)) => {
            assert_eq!(values.len(), meanings.len());
            values.iter().map(shown).zip(meanings.iter().map(meaning)).collect()
        }
        (Value::Array(values), _) => values.iter().map(|value| (shown(value), None)).collect(),
        (value, one) => vec![(shown(value), meaning(one))],
    };
    Content::Values { values, width: field["width"].as_u64() }
}

/// A value as Wireshark shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => u64::from(*value).to_string(),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn number(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or_else(|| panic!("no number {name} in {of}"))
}

fn text(of: &Value, name: &str) -> String {
    of[name].as_str().unwrap_or_else(|| panic!("no text {name} in {of}")).to_owned()
}
