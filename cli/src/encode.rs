//! `mig33 encode`: packets in JSON in, their bytes out.
mod lines;
mod values;

use std::io::{self, BufRead, BufReader, IsTerminal as _, Read, Write};

use bytes::BytesMut;
use data_encoding::HEXLOWER;

use crate::args::Encode;
use crate::decode::Input;
use crate::encode::lines::{Line, LineError};
use crate::error::Failure;

/// What is wrong with the JSON, and where.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodeError {
    /// It is no JSON, or not that of a packet.
    #[error("line {line}, column {column}: {}", without_place(error))]
    Json { line: u64, column: u64, error: serde_json::Error },
    /// It is, but says something that no packet can.
    #[error("line {line}: {error}")]
    Line { line: u64, error: LineError },
}

/// Runs the command.
pub(crate) fn run(args: &Encode) -> Result<(), Failure> {
    let input = Input::open(args.file.as_deref())?;
    let name = input.name.clone();
    let stdout = io::stdout();
    let hex = args.hex || stdout.is_terminal();
    let mut out = io::BufWriter::new(stdout.lock());
    let mut objects = Objects::new(input);
    while let Some(object) = objects.next()? {
        let bytes = match object.and_then(|(line, object)| encode(args, line, &object)) {
            Ok(done) => done,
            Err(error) => {
                out.flush()?;
                return Err(Failure::Encode { input: name, error: Box::new(error) });
            }
        };
        if !hex {
            out.write_all(&bytes)?;
        } else if !bytes.is_empty() {
            writeln!(out, "{}", HEXLOWER.encode(&bytes))?;
        }
    }
    out.flush()?;
    Ok(())
}

/// The bytes of one object, if they are wanted.
fn encode(args: &Encode, line: u64, object: &Line) -> Result<BytesMut, EncodeError> {
    let mut bytes = BytesMut::new();
    let is_connection = args.connection.is_none_or(|number| object.connection == Some(number));
    let is_side = args.from.is_none_or(|from| object.from == Some(from));
    if is_connection && is_side {
        object.write_to(&mut bytes).map_err(|error| EncodeError::Line { line, error })?;
    }
    Ok(bytes)
}

/// The objects of an input, each with the line in which it begins.
struct Objects {
    input: BufReader<Input>,
    /// The place of the next byte, from 1.
    line: u64,
    column: u64,
}

impl Objects {
    fn new(input: Input) -> Self {
        Self { input: BufReader::new(input), line: 1, column: 1 }
    }

    /// The next object; nothing at the end.
    fn next(&mut self) -> io::Result<Option<Result<(u64, Line), EncodeError>>> {
        self.skip_space()?;
        let (line, column) = (self.line, self.column);
        let object = serde_json::Deserializer::from_reader(self).into_iter::<Line>().next();
        Ok(object.map(|object| match object {
            Ok(object) => Ok((line, object)),
            Err(error) => {
                // the error counts from the object's beginning
                let (down, right) = (error.line() as u64, error.column() as u64);
                let right = if down <= 1 { right + column - 1 } else { right };
                Err(EncodeError::Json { line: line + down.saturating_sub(1), column: right, error })
            }
        }))
    }

    fn skip_space(&mut self) -> io::Result<()> {
        loop {
            let there = self.input.fill_buf()?;
            let Some(space) = there.first().copied().filter(u8::is_ascii_whitespace) else {
                return Ok(());
            };
            self.input.consume(1);
            self.count(&[space]);
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.column += 1;
            if *byte == b'\n' {
                (self.line, self.column) = (self.line + 1, 1);
            }
        }
    }
}

impl Read for Objects {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(into)?;
        self.count(into.get(..length).unwrap_or_default());
        Ok(length)
    }
}

/// What an error says, without the place that it adds.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).map_or(text.clone(), str::to_owned)
}
