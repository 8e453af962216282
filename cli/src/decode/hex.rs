//! `HexReader`: a hex dump in, bytes out, in pieces of any size.
//!
//! Two layouts: pairs of digits, anyhow separated, and lines that begin with their offset, as `xxd`, `hexdump -C`,
//! `od -A x -t x1` and Wireshark write them. Which it is, the first line with digits tells.
mod line;

use self::line::{DumpLine, seems_dump};

/// The most bytes of a line with an offset; none that those programs write is as long.
const LONGEST_LINE: usize = 4096;
/// The most bytes that `*` may stand for: so many times the same line.
const MOST_REPEATED: u64 = 16 << 20;

/// Reads a hex dump. What follows a `#` in a line is left out.
#[derive(Debug)]
pub(crate) struct HexReader {
    line: u64,
    column: u64,
    layout: Layout,
    /// The line so far, where lines are looked at whole.
    text: Vec<u8>,
}

#[derive(Debug)]
enum Layout {
    /// Not yet known.
    Unknown,
    Pairs(Pairs),
    Lines(Lines),
}

/// Pairs of digits.
#[derive(Debug, Default)]
struct Pairs {
    in_comment: bool,
    /// The first digit of a pair, and where it stands.
    first: Option<(u8, u64)>,
}

/// Lines with offsets.
#[derive(Debug, Default)]
struct Lines {
    /// How many bytes there were.
    count: u64,
    /// Those of the last line.
    last: Vec<u8>,
    /// Whether a `*` came after it: it is repeated up to the next offset.
    repeated: bool,
}

/// What is wrong with a hex dump, and where. Lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HexError {
    /// A byte that is no hex digit.
    #[error("line {line}, column {column}: {:?} is no hex digit", char::from(*found))]
    NoDigit { line: u64, column: u64, found: u8 },
    /// A digit without a second one.
    #[error("line {line}, column {column}: a byte has two hex digits, here is one")]
    Half { line: u64, column: u64 },
    /// A line of a dump with offsets that is none.
    #[error(
        "line {line}: this is no line of a hex dump with offsets, as `xxd` and `hexdump -C` write them"
    )]
    NoLine { line: u64 },
    /// Words of two bytes in the machine's order.
    #[error("line {line}: `hexdump` swaps bytes without `-C`: take `hexdump -C` or `xxd`")]
    Swapped { line: u64 },
    /// A line that does not go on where the one before ends.
    #[error("line {line}: the offset says {found:#x}, but {expected:#x} bytes came before it")]
    Offset { line: u64, found: u64, expected: u64 },
}

impl HexReader {
    /// A reader at the start of a dump.
    pub(crate) const fn new() -> Self {
        Self { line: 1, column: 0, layout: Layout::Unknown, text: Vec::new() }
    }

    /// Reads the next piece of a dump and appends its bytes.
    pub(crate) fn push(&mut self, text: &[u8], bytes: &mut Vec<u8>) -> Result<(), HexError> {
        for &byte in text {
            self.column += 1;
            match &mut self.layout {
                Layout::Pairs(pairs) => pairs.push(byte, self.line, self.column, bytes)?,
                Layout::Unknown | Layout::Lines(_) => {
                    self.text.push(byte);
                    if byte == b'\n' || self.text.len() > LONGEST_LINE {
                        self.end_line(bytes)?;
                    }
                }
            }
            if byte == b'\n' {
                (self.line, self.column) = (self.line + 1, 0);
            }
        }
        Ok(())
    }

    /// Ends the dump.
    pub(crate) fn finish(&mut self, bytes: &mut Vec<u8>) -> Result<(), HexError> {
        self.end_line(bytes)?;
        match &self.layout {
            Layout::Pairs(pairs) => pairs.end_pair(self.line),
            Layout::Unknown | Layout::Lines(_) => Ok(()),
        }
    }

    fn end_line(&mut self, bytes: &mut Vec<u8>) -> Result<(), HexError> {
        let text = std::mem::take(&mut self.text);
        let without_comment = text.split(|byte| *byte == b'#').next().unwrap_or_default();
        if let Layout::Unknown = self.layout {
            if without_comment.iter().all(u8::is_ascii_whitespace) {
                return Ok(());
            }
            self.layout = if seems_dump(without_comment) {
                Layout::Lines(Lines::default())
            } else {
                Layout::Pairs(Pairs::default())
            };
        }
        match &mut self.layout {
            Layout::Lines(lines) => lines.push(&text, self.line, bytes),
            Layout::Pairs(pairs) => (1..)
                .zip(&text)
                .try_for_each(|(column, byte)| pairs.push(*byte, self.line, column, bytes)),
            Layout::Unknown => Ok(()),
        }
    }
}

impl Pairs {
    fn push(
        &mut self,
        byte: u8,
        line: u64,
        column: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<(), HexError> {
        match byte {
            b'\n' => {
                self.end_pair(line)?;
                self.in_comment = false;
            }
            _ if self.in_comment => {}
            b'#' => {
                self.end_pair(line)?;
                self.in_comment = true;
            }
            // `02 00`, `02:00`, `0x02, 0x00`
            b':' | b',' => self.end_pair(line)?,
            _ if byte.is_ascii_whitespace() => self.end_pair(line)?,
            b'x' | b'X' if matches!(self.first, Some((0, _))) => self.first = None,
            _ => {
                // a digit of base 16 is below 16
                let digit = char::from(byte).to_digit(16).map(|digit| digit as u8);
                let digit = digit.ok_or(HexError::NoDigit { line, column, found: byte })?;
                match self.first.take() {
                    None => self.first = Some((digit, column)),
                    Some((first, _)) => bytes.push(first << 4 | digit),
                }
            }
        }
        Ok(())
    }

    fn end_pair(&self, line: u64) -> Result<(), HexError> {
        match self.first {
            Some((_, column)) => Err(HexError::Half { line, column }),
            None => Ok(()),
        }
    }
}

impl Lines {
    fn push(&mut self, text: &[u8], line: u64, bytes: &mut Vec<u8>) -> Result<(), HexError> {
        match DumpLine::read(text, line)? {
            DumpLine::Empty => {}
            DumpLine::Repeated => self.repeated = true,
            DumpLine::Bytes { offset, content } => {
                self.repeat(offset, bytes);
                if offset != self.count {
                    return Err(HexError::Offset { line, found: offset, expected: self.count });
                }
                self.count += content.len() as u64;
                bytes.extend_from_slice(&content);
                self.last = content;
            }
        }
        Ok(())
    }

    /// Repeats the last line up to an offset, if a `*` says so.
    fn repeat(&mut self, offset: u64, bytes: &mut Vec<u8>) {
        let missing = offset.saturating_sub(self.count);
        let is_whole = !self.last.is_empty() && missing.is_multiple_of(self.last.len() as u64);
        if std::mem::take(&mut self.repeated) && is_whole && missing <= MOST_REPEATED {
            while self.count < offset {
                bytes.extend_from_slice(&self.last);
                self.count += self.last.len() as u64;
            }
        }
    }
}

/// Whether a file that begins so is taken for a hex dump.
pub(crate) fn seems_hex(start: &[u8]) -> bool {
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
    first.is_some_and(|byte| *byte == b'#' || byte.is_ascii_hexdigit())
        && start.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<u8>, HexError> {
        let whole = read_in(text, text.len().max(1));
        assert_eq!(read_in(text, 1), whole);
        whole
    }

    fn read_in(text: &[u8], piece: usize) -> Result<Vec<u8>, HexError> {
        let (mut reader, mut bytes) = (HexReader::new(), Vec::new());
        text.chunks(piece).try_for_each(|piece| reader.push(piece, &mut bytes))?;
        reader.finish(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn digits_come_in_pairs_anyhow_spaced() {
        assert_eq!(
            read(b"02 00C8\r\n# a comment: zz\n\t0a# more\n0B"),
            Ok(vec![2, 0, 200, 10, 11])
        );
        assert_eq!(read(b""), Ok(vec![]));
        for text in
            ["0200c8ff", "02:00:C8:ff", "0x02, 0x00, 0xc8,\n0xff", "0x0200c8ff", "#\n0200\nc8ff"]
        {
            assert_eq!(read(text.as_bytes()), Ok(vec![2, 0, 200, 255]), "{text}");
        }
    }

    #[test]
    fn dumps_with_offsets_are_read_whoever_wrote_them() {
        // 48 bytes: a line, the same line, another, and half a line
        let line: Vec<u8> = (0..16).map(|at| at * 17).collect();
        let whole = [&line[..], &[0; 16], &[0; 16], b"0123 |#"].concat();
        for dump in [
            "\
00000000: 0011 2233 4455 6677 8899 aabb ccdd eeff  ..\"3DUfw........
00000010: 0000 0000 0000 0000 0000 0000 0000 0000  ................
00000020: 0000 0000 0000 0000 0000 0000 0000 0000  ................
00000030: 3031 3233 207c 23                        0123 |#
",
            "\
00000000  00 11 22 33 44 55 66 77  88 99 aa bb cc dd ee ff  |..\"3DUfw........|
00000010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
*
00000030  30 31 32 33 20 7c 23                              |0123 |#|
00000037
",
            "\
000000 00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff
000010 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
*
000030 30 31 32 33 20 7c 23
000037
",
            "\
0000   00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff   ..\"3DUfw........
0010   00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00   ................
0020   00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00   ................
0030   30 31 32 33 20 7c 23                              0123 |#
",
        ] {
            assert_eq!(read(dump.as_bytes()), Ok(whole.clone()), "{dump}");
            assert_eq!(read(dump.replace('\n', "\r\n").as_bytes()), Ok(whole.clone()), "{dump}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        assert_eq!(read(b"02 00\n0g"), Err(HexError::NoDigit { line: 2, column: 2, found: b'g' }));
        assert_eq!(read(b"0"), Err(HexError::Half { line: 1, column: 1 }));
        assert_eq!(read(b"02 0 0"), Err(HexError::Half { line: 1, column: 4 }));
        assert_eq!(read(b"0#"), Err(HexError::Half { line: 1, column: 1 }));
        let line = "00000000: 0011  ..\n";
        let after = |text: &str| read(format!("{line}{text}").as_bytes());
        assert_eq!(
            after("00000004: 00  ."),
            Err(HexError::Offset { line: 2, found: 4, expected: 2 })
        );
        assert_eq!(
            after("*\n00000005: 00  ."),
            Err(HexError::Offset { line: 3, found: 5, expected: 2 })
        );
        assert_eq!(
            after("*\nffffffff: 00  ."),
            Err(HexError::Offset { line: 3, found: 0xffff_ffff, expected: 2 })
        );
        assert_eq!(after("zz"), Err(HexError::NoLine { line: 2 }));
        assert_eq!(after("00000002: 0x00"), Err(HexError::NoLine { line: 2 }));
        assert_eq!(read(b"0000000 0002 00c8 0001\n"), Err(HexError::Swapped { line: 1 }));
    }

    #[test]
    fn a_dump_is_told_from_bytes() {
        assert!(seems_hex(b"# LOGIN\n02 00"));
        assert!(seems_hex(b"\n 02"));
        assert!(!seems_hex(&[2, 0, 200]));
        assert!(!seems_hex(b"GET /"));
        assert!(!seems_hex(&[b'a', 0]));
    }
}
