//! `HexReader`: hex digits with comments in, bytes out, in pieces of any size.

/// Reads pairs of hex digits. White space between pairs is left out, and so is what follows a `#` in a line.
#[derive(Debug)]
pub(crate) struct HexReader {
    line: u64,
    column: u64,
    in_comment: bool,
    /// The first digit of a pair, and where it stands.
    first: Option<(u8, u64)>,
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
}

impl HexReader {
    /// A reader at the start of a dump.
    pub(crate) const fn new() -> Self {
        Self { line: 1, column: 0, in_comment: false, first: None }
    }

    /// Reads the next piece of a dump and appends its bytes.
    pub(crate) fn push(&mut self, text: &[u8], bytes: &mut Vec<u8>) -> Result<(), HexError> {
        for &byte in text {
            self.column += 1;
            match byte {
                b'\n' => {
                    self.finish()?;
                    (self.line, self.column, self.in_comment) = (self.line + 1, 0, false);
                }
                _ if self.in_comment => {}
                b'#' => {
                    self.finish()?;
                    self.in_comment = true;
                }
                _ if byte.is_ascii_whitespace() => self.finish()?,
                _ => {
                    let digit = self.digit(byte)?;
                    match self.first.take() {
                        None => self.first = Some((digit, self.column)),
                        Some((first, _)) => bytes.push(first << 4 | digit),
                    }
                }
            }
        }
        Ok(())
    }

    /// Tells whether the dump may end here.
    pub(crate) fn finish(&self) -> Result<(), HexError> {
        match self.first {
            Some((_, column)) => Err(HexError::Half { line: self.line, column }),
            None => Ok(()),
        }
    }

    fn digit(&self, byte: u8) -> Result<u8, HexError> {
        // a digit of base 16 is below 16
        char::from(byte).to_digit(16).map(|digit| digit as u8).ok_or(HexError::NoDigit {
            line: self.line,
            column: self.column,
            found: byte,
        })
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
        reader.finish()?;
        Ok(bytes)
    }

    #[test]
    fn digits_come_in_pairs_anyhow_spaced() {
        assert_eq!(
            read(b"02 00C8\r\n# a comment: zz\n\t0a# more\n0B"),
            Ok(vec![2, 0, 200, 10, 11])
        );
        assert_eq!(read(b""), Ok(vec![]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        assert_eq!(read(b"02 00\n0g"), Err(HexError::NoDigit { line: 2, column: 2, found: b'g' }));
        assert_eq!(read(b"0"), Err(HexError::Half { line: 1, column: 1 }));
        assert_eq!(read(b"02 0 0"), Err(HexError::Half { line: 1, column: 4 }));
        assert_eq!(read(b"0#"), Err(HexError::Half { line: 1, column: 1 }));
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
