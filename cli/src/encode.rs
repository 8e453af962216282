//! `mig33 encode`: packets in JSON in, their bytes out.
mod choice;
mod lines;
mod values;

use std::io::{self, BufRead, BufReader, IsTerminal as _, Read, Write};

use bytes::BytesMut;
use data_encoding::HEXLOWER;
use serde_json::error::Category;

use crate::args::Encode;
use crate::decode::Input;
use crate::encode::choice::{Choice, ChoiceError};
use crate::encode::lines::{Line, LineError};
use crate::error::Failure;

/// What is wrong with the JSON, and where.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodeError {
    /// It is no JSON, or not that of a packet.
    #[error("line {line}, column {column}: {}", in_words(error))]
    Json { line: u64, column: u64, error: serde_json::Error },
    /// It is, but says something that no packet can.
    #[error("line {line}: {error}")]
    Line { line: u64, error: LineError },
    /// It is no JSON object.
    #[error("line {line}: a packet is a JSON object, as in {{\"packet\":\"PING\"}}")]
    NoObject { line: u64 },
    /// What is wanted of it is not one stream.
    #[error("{0}")]
    Choice(#[from] ChoiceError),
}

/// Runs the command.
pub(crate) fn run(args: &Encode) -> Result<(), Failure> {
    let input = Input::open(args.file.as_deref())?;
    let name = input.name.clone();
    let stdout = io::stdout();
    let hex = args.hex || stdout.is_terminal();
    let mut out = io::BufWriter::new(stdout.lock());
    let mut objects = Objects::new(input);
    let mut choice = Choice::new(args);
    loop {
        let bytes = match encode(&mut objects, &mut choice) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => break,
            Err(Failed::Read(error)) => return Err(objects.input.get_ref().failed(error)),
            Err(Failed::Encode(error)) => {
                out.flush()?;
                return Err(Failure::Encode { input: name, error: Box::new(error) });
            }
        };
        let done = match hex {
            false => out.write_all(&bytes),
            true if bytes.is_empty() => Ok(()),
            true => writeln!(out, "{}", HEXLOWER.encode(&bytes)),
        };
        done?;
    }
    Ok(out.flush()?)
}

/// Why no more is written.
enum Failed {
    Read(io::Error),
    Encode(EncodeError),
}

/// The bytes of the next object, none if they are not wanted; nothing at the end.
fn encode(objects: &mut Objects, choice: &mut Choice) -> Result<Option<BytesMut>, Failed> {
    let mut bytes = BytesMut::new();
    let Some(object) = objects.next().map_err(Failed::Read)? else {
        return match choice.finish() {
            Ok(()) => Ok(None),
            Err(error) => Err(Failed::Encode(error.into())),
        };
    };
    let (line, object) = object.map_err(Failed::Encode)?;
    match choice.takes(line, &object) {
        Ok(true) => {
            let done = object.write_to(&mut bytes);
            done.map_err(|error| Failed::Encode(EncodeError::Line { line, error }))?;
        }
        Ok(false) => {}
        Err(mut error) => {
            // which others there are, as far as they can be read
            while let Ok(Some(Ok((_, object)))) = objects.next() {
                choice.note(&object, &mut error);
            }
            return Err(Failed::Encode(error.into()));
        }
    }
    Ok(Some(bytes))
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
        if self.input.fill_buf()?.first().is_some_and(|first| *first != b'{') {
            return Ok(Some(Err(EncodeError::NoObject { line })));
        }
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

/// What an error says, without the place that it adds and the names of types.
fn in_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    match error.classify() {
        Category::Eof => "the JSON ends within an object".to_owned(),
        Category::Syntax => format!("this is no JSON: {text}"),
        Category::Io => text.to_owned(),
        Category::Data => {
            let mut text = text.to_owned();
            for (name, words) in TYPES {
                text = text.replace(name, words);
            }
            text
        }
    }
}

/// How types are called in errors, and what to say instead.
const TYPES: [(&str, &str); 6] = [
    ("expected struct Field", "expected an object with `name` or `id`, and `value` or `hex`"),
    ("expected u16", "expected a number from 0 to 65535"),
    ("expected u64", "expected a whole number that is not below 0"),
    ("expected a boolean", "expected true or false"),
    ("floating point `", "`"),
    ("integer `", "`"),
];
