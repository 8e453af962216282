//! From a value in JSON to the content of a block, by what the catalogue says of the field.
use data_encoding::HEXLOWER_PERMISSIVE;
use mig33_codec::{FieldInfo, FieldKind, value_sets};
use serde_json::Value;

use super::lines::Field;
use crate::view::value_name;

/// What is wrong with a field's value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ValueError {
    #[error("it is masked: decode with `--show-secrets` to encode it again")]
    Masked,
    #[error("it needs a `value` or a `hex`")]
    Nothing,
    #[error("it has both a `value` and a `hex`")]
    Both,
    #[error("`hex` has to be pairs of hex digits")]
    BadHex,
    #[error("it is not in the catalogue, so its bytes have to be given as `hex`")]
    Unknown,
    #[error("{value} is not {expected}")]
    Type { value: Value, expected: String },
    #[error("{value} is over {max}")]
    TooLarge { value: u64, max: u64 },
    #[error("{name:?} is no {set}; there are {}", names(set))]
    NoName { name: String, set: &'static str },
    #[error("`value` is {value}, which does not mean {meaning}")]
    OtherMeaning { value: Value, meaning: Value },
    #[error("`width` has to be 1, 2, 4 or 8, and only integers have one")]
    BadWidth,
    #[error("{entry:?} has {separator:?} in it, which separates the entries")]
    Separator { entry: String, separator: char },
}

/// The bytes of a field.
pub(super) fn content(info: Option<&FieldInfo>, field: &Field) -> Result<Vec<u8>, ValueError> {
    if field.masked {
        return Err(ValueError::Masked);
    }
    let value = match (&field.value, &field.hex) {
        (Some(_), Some(_)) => return Err(ValueError::Both),
        (None, None) => return Err(ValueError::Nothing),
        (None, Some(hex)) => {
            let bytes = HEXLOWER_PERMISSIVE.decode(hex.as_bytes());
            return bytes.map_err(|_| ValueError::BadHex);
        }
        (Some(value), None) => value,
    };
    let info = info.ok_or(ValueError::Unknown)?;
    if let Some(width) = info.kind.width() {
        let number = integer(info, value)?;
        check_meaning(info, field, value)?;
        return integer_of_width(number, field.width.unwrap_or(width as u64));
    }
    if field.width.is_some() {
        return Err(ValueError::BadWidth);
    }
    check_meaning(info, field, value)?;
    match info.kind {
        FieldKind::List(separator) => joined(value, separator),
        FieldKind::StringArray => joined(value, '\0'),
        FieldKind::U8Array => {
            let one = |value| Ok(vec![integer(info, value)? as u8]);
            Ok(entries(value)?.iter().map(one).collect::<Result<Vec<_>, _>>()?.concat())
        }
        FieldKind::U64Array => {
            let one = |value| Ok(integer(info, value)?.to_be_bytes());
            Ok(entries(value)?.iter().map(one).collect::<Result<Vec<_>, _>>()?.concat())
        }
        FieldKind::Text
        | FieldKind::Bytes
        | FieldKind::U8
        | FieldKind::U16
        | FieldKind::U32
        | FieldKind::U64
        | FieldKind::Bool => Ok(text(value)?.as_bytes().to_vec()),
    }
}

/// An integer that the field, or an entry of its array, may have: by number, by name, or as a truth value.
fn integer(info: &FieldInfo, value: &Value) -> Result<u64, ValueError> {
    let entry_max = if info.kind == FieldKind::U8Array { u64::from(u8::MAX) } else { u64::MAX };
    let max = info.kind.max().unwrap_or(entry_max);
    if info.kind == FieldKind::Bool {
        return value.as_bool().map(u64::from).ok_or_else(|| not("true or false", value));
    }
    if let (Some(set), Some(name)) = (info.values, value.as_str()) {
        let of_name = entries_of(set).iter().find(|(entry, _)| *entry == name);
        let no_name = || ValueError::NoName { name: name.to_owned(), set };
        return of_name.map(|(_, number)| u64::from(*number)).ok_or_else(no_name);
    }
    let value = value.as_u64().ok_or_else(|| not(&format!("an integer from 0 to {max}"), value))?;
    if value > max {
        return Err(ValueError::TooLarge { value, max });
    }
    Ok(value)
}

fn integer_of_width(value: u64, width: u64) -> Result<Vec<u8>, ValueError> {
    if !matches!(width, 1 | 2 | 4 | 8) {
        return Err(ValueError::BadWidth);
    }
    let max = u64::MAX >> (64 - 8 * width);
    if value > max {
        return Err(ValueError::TooLarge { value, max });
    }
    // the width is at most 8
    Ok(value.to_be_bytes().into_iter().skip(8 - width as usize).collect())
}

/// A `meaning` beside the value, if there is one, must be the value's name.
fn check_meaning(info: &FieldInfo, field: &Field, value: &Value) -> Result<(), ValueError> {
    let name = |value: &Value| -> Result<Value, ValueError> {
        Ok(value_name(info, integer(info, value)?).map_or(Value::Null, Value::from))
    };
    let expected = match (&field.meaning, value) {
        (None, _) => return Ok(()),
        (Some(_), Value::Array(values)) => {
            Value::Array(values.iter().map(name).collect::<Result<_, _>>()?)
        }
        (Some(_), value) => name(value)?,
    };
    match &field.meaning {
        Some(meaning) if *meaning != expected => {
            Err(ValueError::OtherMeaning { value: value.clone(), meaning: meaning.clone() })
        }
        Some(_) | None => Ok(()),
    }
}

fn joined(value: &Value, separator: char) -> Result<Vec<u8>, ValueError> {
    let parts = entries(value)?.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    if let Some(entry) = parts.iter().find(|entry| entry.contains(separator)) {
        return Err(ValueError::Separator { entry: (*entry).to_owned(), separator });
    }
    Ok(parts.join(&separator.to_string()).into_bytes())
}

fn text(value: &Value) -> Result<&str, ValueError> {
    value.as_str().ok_or_else(|| not("a string", value))
}

fn entries(value: &Value) -> Result<&[Value], ValueError> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| not("a list", value))
}

fn not(expected: &str, value: &Value) -> ValueError {
    ValueError::Type { value: value.clone(), expected: expected.to_owned() }
}

fn entries_of(set: &str) -> &'static [(&'static str, u16)] {
    value_sets().iter().find(|of| of.name == set).map_or(&[], |set| set.entries)
}

fn names(set: &str) -> String {
    entries_of(set).iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
