//! Cuts what a program writes into lines and finds cargo's progress bar among them.

/// One piece of a program's output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A line, with its colours.
    Line(String),
    /// How far cargo is: `12/34 bytes, serde`.
    Progress(String),
}

/// Collects bytes and gives whole pieces back.
#[derive(Default)]
pub(crate) struct Pieces {
    pending: Vec<u8>,
    after_return: bool,
}

impl Pieces {
    /// Takes bytes in, gives out what they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let mut found = Vec::new();
        for byte in bytes {
            match byte {
                // the second half of a line end that has two
                b'\n' if self.after_return => {}
                b'\n' => found.extend(self.cut(true)),
                b'\r' => found.extend(self.cut(false)),
                _ => self.pending.push(*byte),
            }
            self.after_return = *byte == b'\r';
        }
        found
    }

    /// What is left when the program has ended.
    pub(crate) fn rest(&mut self) -> Option<Piece> {
        self.cut(false)
    }

    fn cut(&mut self, keep_empty: bool) -> Option<Piece> {
        let bytes = std::mem::take(&mut self.pending);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let bare = plain(&text);
        if bare.trim().is_empty() {
            return keep_empty.then(|| Piece::Line(String::new()));
        }
        Some(match cargo_progress(&bare) {
            Some(progress) => Piece::Progress(progress),
            None => Piece::Line(text.trim_start_matches("\x1b[K").to_owned()),
        })
    }
}

/// Text without escape sequences (colours, erasing).
pub(crate) fn plain(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\x1b' {
            bare.push(c);
        } else if chars.next() == Some('[') {
            // ends with the first letter, or other byte from `@` on
            chars.by_ref().find(|c| ('@'..='~').contains(c));
        }
    }
    bare
}

/// `Building [=====>   ] 12/34: bytes, serde` as `12/34 bytes, serde`.
fn cargo_progress(line: &str) -> Option<String> {
    let (verb, rest) = line.trim().split_once(" [")?;
    let (_bar, rest) = rest.split_once("] ")?;
    let known = ["Building", "Checking", "Downloading", "Fetch", "Updating"];
    known.contains(&verb.trim()).then(|| rest.replacen(": ", " ", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_were_written() {
        let mut pieces = Pieces::default();
        assert_eq!(pieces.push(b"one\ntw"), [Piece::Line("one".into())]);
        let empty = Piece::Line(String::new());
        assert_eq!(pieces.push(b"o\r\n\nthr"), [Piece::Line("two".into()), empty]);
        assert_eq!(pieces.rest(), Some(Piece::Line("thr".into())));
        assert_eq!(pieces.rest(), None);
    }

    #[test]
    fn the_progress_bar_is_told_from_lines() {
        let mut pieces = Pieces::default();
        let out = pieces.push(
            b"    \x1b[1m\x1b[36mBuilding\x1b[0m [====>    ] 12/34: bytes, serde(build)\r\x1b[K   \x1b[32mCompiling\x1b[0m bytes v1\n",
        );
        assert_eq!(
            out,
            [
                Piece::Progress("12/34 bytes, serde(build)".into()),
                Piece::Line("   \x1b[32mCompiling\x1b[0m bytes v1".into()),
            ]
        );
    }

    #[test]
    fn a_line_with_brackets_is_no_progress() {
        assert_eq!(cargo_progress("    Finished `dev` profile [unoptimized] target(s)"), None);
        assert_eq!(cargo_progress("[2/5] building"), None);
    }

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(plain("\x1b[1;31merror\x1b[0m: \x1b[?25lno"), "error: no");
    }
}
