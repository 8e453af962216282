//! `Scanner`: follows packets through a stream by their headers, for who passes bytes on without reading them.
use crate::frame::check_magic;
use crate::{FrameError, HEADER_LEN, Header};

/// Finds where packets end in a stream, and keeps nothing but a header.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    header: [u8; HEADER_LEN],
    /// How many bytes of the header are there.
    filled: usize,
    /// Bytes of the present packet's PARAMS that are still to come.
    left: usize,
    offset: u64,
}

/// What a slice of the stream held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Packets that ended in it.
    pub packets: usize,
    /// Bytes of it up to the end of the last of them; 0 when none ended.
    pub whole: usize,
}

impl Scanner {
    /// A scanner at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes over the stream's next bytes.
    ///
    /// # Errors
    /// [`FrameError::BadMagic`] or [`FrameError::TooLong`], as soon as the bytes that show it are there. The scanner
    /// is of no use after that.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Scan, FrameError> {
        self.advance_with(bytes, |_| {})
    }

    /// As [`advance`](Self::advance), and shows each header once it is complete.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub fn advance_with(
        &mut self,
        bytes: &[u8],
        mut seen: impl FnMut(Header),
    ) -> Result<Scan, FrameError> {
        let mut scan = Scan::default();
        let mut at = 0;
        while at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            if self.filled < HEADER_LEN {
                let taken = self.fill_header(rest);
                at += taken;
                if self.filled < HEADER_LEN {
                    self.check_magic()?;
                    self.offset += taken as u64;
                    break;
                }
                let start = self.offset + taken as u64 - HEADER_LEN as u64;
                self.offset += taken as u64;
                let header = Header::read(&self.header, start)?;
                self.left = header.length as usize;
                seen(header);
            } else {
                let taken = self.left.min(rest.len());
                self.left -= taken;
                self.offset += taken as u64;
                at += taken;
            }
            if self.left == 0 {
                self.filled = 0;
                scan.packets += 1;
                scan.whole = at;
            }
        }
        Ok(scan)
    }

    /// Whether the stream stands between two packets.
    #[must_use]
    pub const fn at_boundary(&self) -> bool {
        self.filled == 0
    }

    /// Bytes of the stream so far.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    fn fill_header(&mut self, from: &[u8]) -> usize {
        let free = self.header.get_mut(self.filled..).unwrap_or_default();
        let taken = free.len().min(from.len());
        for (to, from) in free.iter_mut().zip(from) {
            *to = *from;
        }
        self.filled += taken;
        taken
    }

    fn check_magic(&self) -> Result<(), FrameError> {
        let [first, ..] = self.header;
        check_magic(first, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// PING, then OK with one block of two bytes.
    const TWO: [u8; 26] =
        [2, 0, 2, 0, 4, 0, 0, 0, 0, 2, 0, 1, 0, 2, 0, 0, 0, 8, 0, 1, 0, 0, 0, 2, b'h', b'i'];

    #[test]
    fn every_cut_in_two_finds_the_same_packets() {
        for cut in 0..=TWO.len() {
            let mut scanner = Scanner::new();
            let mut commands = Vec::new();
            let first = scanner.advance_with(&TWO[..cut], |h| commands.push(h.command.0)).unwrap();
            assert_eq!(
                first.whole,
                match cut {
                    26 => 26,
                    9.. => 9,
                    _ => 0,
                }
            );
            assert_eq!(scanner.at_boundary(), [0, 9, 26].contains(&cut));
            let second = scanner.advance_with(&TWO[cut..], |h| commands.push(h.command.0)).unwrap();
            assert_eq!(first.packets + second.packets, 2);
            assert_eq!(commands, [2, 1]);
            assert!(scanner.at_boundary());
            assert_eq!(scanner.offset(), 26);
        }
    }

    #[test]
    fn bad_bytes_are_seen_at_once() {
        let mut scanner = Scanner::new();
        scanner.advance(&TWO).unwrap();
        assert_eq!(scanner.advance(b"G"), Err(FrameError::BadMagic { offset: 26, found: b'G' }));
        let mut scanner = Scanner::new();
        scanner.advance(&[2, 0, 2, 0]).unwrap();
        assert_eq!(
            scanner.advance(&[4, 0xff, 0, 0, 0]),
            Err(FrameError::TooLong { offset: 5, length: 0xff00_0000 })
        );
    }
}
