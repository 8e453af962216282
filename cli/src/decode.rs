//! `mig33 decode`: a dump or a capture in, packets out.
pub(crate) mod capture;
mod conversations;
pub(crate) mod hex;
mod link;
mod tcp;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::args::{Decode, Format};
use crate::decode::hex::HexReader;
use crate::error::Failure;
use crate::print::{Note, Origin, Printer};
use crate::stream::Reader;

/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;

/// Runs the command.
pub(crate) fn run(args: &Decode) -> Result<(), Failure> {
    let mut input = Input::open(args.file.as_deref())?;
    let is_guess = args.format == Format::Auto;
    let format = if is_guess { input.guess()? } else { args.format };
    let mut printer = Printer::to_stdout(args.show.clone());
    if is_guess {
        printer.guessed(format);
    }
    if format == Format::Capture {
        return capture::run(input, args, printer);
    }
    dump(input, format, is_guess, printer)
}

/// Prints the packets of one direction.
fn dump(
    mut input: Input,
    format: Format,
    is_guess: bool,
    mut printer: Printer,
) -> Result<(), Failure> {
    let is_hex = format == Format::Hex;
    let (mut reader, mut hex) = (Reader::new(), HexReader::new());
    let mut chunk = vec![0; CHUNK];
    let (mut bad_hex, mut is_empty) = (Ok(()), true);
    while bad_hex.is_ok() {
        let length = input.read(&mut chunk)?;
        let read = chunk.get(..length).unwrap_or_default();
        is_empty &= length == 0;
        let mut bytes = Vec::new();
        if !is_hex {
            bytes.extend_from_slice(read);
        } else if length == 0 {
            bad_hex = hex.finish(&mut bytes);
        } else {
            bad_hex = hex.push(read, &mut bytes);
        }
        let mut events = Vec::new();
        reader.push(&bytes, &mut events);
        if length == 0 {
            reader.finish(&mut events);
        }
        printer.events(Origin::default(), &events)?;
        printer.flush()?;
        if length == 0 {
            break;
        }
    }
    if is_empty {
        printer.note(Origin::default(), &Note::Said("the input is empty".to_owned()))?;
    }
    let name = input.name;
    bad_hex.map_err(|error| Failure::Hex { input: name.clone(), error, is_guess })?;
    printer.finish(&name)
}

/// What compressed files begin with, and what expands them.
const COMPRESSED: [(&[u8], &str); 4] = [
    (&[0x1f, 0x8b], "gzip"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
    (b"BZh", "bzip2"),
];

/// What a command reads from.
pub(crate) struct Input {
    /// What it is called in messages.
    pub(crate) name: String,
    path: Option<PathBuf>,
    source: Box<dyn Read + Send>,
    /// What was read ahead, the next byte first.
    ahead: io::Cursor<Vec<u8>>,
}

impl Input {
    /// Opens a file; nothing and `-` are standard input.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let path = path.filter(|path| *path != Path::new("-")).map(Path::to_owned);
        let (name, source): (String, Box<dyn Read + Send>) = match &path {
            None => ("standard input".to_owned(), Box::new(io::stdin())),
            Some(path) => {
                let file = File::open(path)
                    .map_err(|error| Failure::File { path: path.clone(), error })?;
                (path.display().to_string(), Box::new(file))
            }
        };
        Ok(Self { name, path, source, ahead: io::Cursor::default() })
    }

    /// What it holds, seen by its first bytes.
    fn guess(&mut self) -> Result<Format, Failure> {
        let start = self.look(6)?;
        let compressed = COMPRESSED.iter().find(|(magic, _)| start.starts_with(magic));
        if let Some((_, with)) = compressed {
            return Err(Failure::Compressed { input: self.name.clone(), with });
        }
        Ok(match start {
            _ if capture::seems_capture(start) => Format::Capture,
            _ if hex::seems_hex(start) => Format::Hex,
            _ => Format::Binary,
        })
    }

    /// The next bytes, at least `count` where there are so many; they are still to be read.
    pub(crate) fn look(&mut self, count: usize) -> Result<&[u8], Failure> {
        let mut chunk = [0; 4096];
        while self.ahead.get_ref().len() < count {
            // no more than there is: a connection may be at the other end, and wait
            let length = self.source.read(&mut chunk).map_err(|error| self.failed(error))?;
            if length == 0 {
                break;
            }
            self.ahead.get_mut().extend_from_slice(chunk.get(..length).unwrap_or_default());
        }
        Ok(self.ahead.get_ref())
    }

    /// Reads the next bytes; none at the end.
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Failure> {
        Read::read(self, into).map_err(|error| self.failed(error))
    }

    /// That it cannot be read.
    pub(crate) fn failed(&self, error: io::Error) -> Failure {
        match &self.path {
            Some(path) => Failure::File { path: path.clone(), error },
            None => Failure::Input(error),
        }
    }
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.ahead.read(into)? {
            0 => self.source.read(into),
            length => Ok(length),
        }
    }
}
