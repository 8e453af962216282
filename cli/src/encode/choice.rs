//! `Choice`: which packets of a capture are written. Those of several streams make no stream together.
use std::collections::BTreeSet;

use super::lines::Line;
use crate::args::Encode;
use crate::print::Side;

/// What was asked for, and what there is.
#[derive(Debug)]
pub(super) struct Choice {
    connection: Option<u64>,
    from: Option<Side>,
    /// The connections that there are.
    connections: BTreeSet<u64>,
    /// The stream that is written, once that is known.
    stream: Option<(u64, Option<Side>)>,
    written: u64,
}

/// Why packets cannot be written as one stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChoiceError {
    #[error(
        "line {line}: there is more than one connection: choose one of {} with `--connection`",
        list(there)
    )]
    Connections { line: u64, there: BTreeSet<u64> },
    #[error(
        "line {line}: both sides have sent something: choose `--from client` or `--from server`"
    )]
    Sides { line: u64 },
    #[error("there is no connection {asked}; {}", none_or(there))]
    NoConnection { asked: u64, there: BTreeSet<u64> },
    #[error("there is nothing from the {} in it", .0.name())]
    NothingFrom(Side),
    #[error("there is no packet in it")]
    Nothing,
}

impl Choice {
    pub(super) fn new(args: &Encode) -> Self {
        Self {
            connection: args.connection,
            from: args.from,
            connections: BTreeSet::new(),
            stream: None,
            written: 0,
        }
    }

    /// Whether an object is to be written.
    pub(super) fn takes(&mut self, line: u64, object: &Line) -> Result<bool, ChoiceError> {
        self.connections.extend(object.connection);
        let is_connection = self.connection.is_none_or(|number| object.connection == Some(number));
        let is_side = self.from.is_none_or(|from| object.from == Some(from));
        if !is_connection || !is_side || !object.has_bytes() {
            return Ok(false);
        }
        self.written += 1;
        let Some(connection) = object.connection else {
            return Ok(true);
        };
        match *self.stream.get_or_insert((connection, object.from)) {
            (known, _) if known != connection => {
                Err(ChoiceError::Connections { line, there: self.connections.clone() })
            }
            (_, side) if side != object.from => Err(ChoiceError::Sides { line }),
            _ => Ok(true),
        }
    }

    /// Notes that an object is there, of which nothing is written any more; the error then tells of it.
    pub(super) fn note(&mut self, object: &Line, error: &mut ChoiceError) {
        if let (ChoiceError::Connections { there, .. }, Some(number)) = (error, object.connection) {
            there.insert(number);
        }
    }

    /// Says whether there was what was asked for.
    pub(super) fn finish(&self) -> Result<(), ChoiceError> {
        match (self.written, self.connection, self.from) {
            (1.., _, _) => Ok(()),
            (0, Some(asked), _) if !self.connections.contains(&asked) => {
                Err(ChoiceError::NoConnection { asked, there: self.connections.clone() })
            }
            (0, _, Some(from)) => Err(ChoiceError::NothingFrom(from)),
            (0, _, None) => Err(ChoiceError::Nothing),
        }
    }
}

fn list(numbers: &BTreeSet<u64>) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

fn none_or(numbers: &BTreeSet<u64>) -> String {
    if numbers.is_empty() {
        "none has a number".to_owned()
    } else {
        format!("there are {}", list(numbers))
    }
}
