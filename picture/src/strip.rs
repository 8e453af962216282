//! The same picture without what is not shown: where and with what it was taken, comments, names of programs, anything
//! behind its end.
use alloc::vec::Vec;

use crate::Kind;
use crate::gif::colours;

/// Copies a PNG, GIF or WebP without its metadata, pixel for pixel the same; none where it is cut off or not built as its
/// kind says. A JPEG is not for cutting: it is written anew, as what cameras put into it is everywhere.
pub fn strip(kind: Kind, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut cut = Cut { rest: bytes, kept: Vec::with_capacity(bytes.len()) };
    match kind {
        Kind::Jpeg => return None,
        Kind::Png => cut.png()?,
        Kind::Gif => cut.gif()?,
        Kind::WebP => cut.webp()?,
    }
    Some(cut.kept)
}

/// What is not looked at yet, and what is kept of the rest.
struct Cut<'a> {
    rest: &'a [u8],
    kept: Vec<u8>,
}

impl<'a> Cut<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn keep(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.take(length)?;
        self.kept.extend_from_slice(taken);
        Some(taken)
    }

    /// Chunks that a decoder cannot do without begin with a capital; of the others, those that change what is seen stay.
    fn png(&mut self) -> Option<()> {
        self.keep(8)?;
        loop {
            let (length, kind) = (self.rest.first_chunk::<4>()?, self.rest.get(4..8)?);
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            let chunk = self.take(length.checked_add(12)?)?;
            let is_seen = match kind {
                b"tRNS" | b"gAMA" | b"cHRM" | b"sRGB" | b"iCCP" | b"cICP" | b"sBIT" | b"pHYs"
                | b"acTL" | b"fcTL" | b"fdAT" => true,
                [first, ..] => first.is_ascii_uppercase(),
                [] => false,
            };
            if is_seen {
                self.kept.extend_from_slice(chunk);
            }
            if kind == b"IEND" {
                return Some(());
            }
        }
    }

    /// Of extensions, those stay that say when and how often a frame is shown.
    fn gif(&mut self) -> Option<()> {
        let screen = self.keep(13)?;
        self.keep(usize::from(colours(*screen.get(10)?)))?;
        loop {
            match self.byte()? {
                b',' => {
                    self.kept.push(b',');
                    let image = self.keep(9)?;
                    self.keep(usize::from(colours(*image.last()?)) + 1)?;
                    let data = self.data()?;
                    self.kept.extend_from_slice(data);
                }
                b'!' => {
                    let label = self.byte()?;
                    let data = self.data()?;
                    let is_seen = label == 0xf9
                        || label == 0xff
                            && matches!(data.get(1..12), Some(b"NETSCAPE2.0" | b"ANIMEXTS1.0"));
                    if is_seen {
                        self.kept.extend_from_slice(&[b'!', label]);
                        self.kept.extend_from_slice(data);
                    }
                }
                b';' => {
                    self.kept.push(b';');
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Pieces of data of a GIF, up to and with the empty one.
    fn data(&mut self) -> Option<&'a [u8]> {
        let start = self.rest;
        loop {
            let length = usize::from(self.byte()?);
            self.take(length)?;
            if length == 0 {
                return start.get(..start.len() - self.rest.len());
            }
        }
    }

    fn webp(&mut self) -> Option<()> {
        let header = self.keep(12)?;
        let length = usize::try_from(u32::from_le_bytes(*header.get(4..)?.first_chunk()?)).ok()?;
        self.rest = self.rest.get(..length.checked_sub(4)?)?;
        while !self.rest.is_empty() {
            let (kind, length) = (self.rest.get(..4)?, self.rest.get(4..)?.first_chunk::<4>()?);
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            let chunk = self.take(length.checked_add(length & 1)?.checked_add(8)?)?;
            let start = self.kept.len();
            match kind {
                b"VP8X" => {
                    self.kept.extend_from_slice(chunk);
                    // that there is EXIF, that there is XMP
                    *self.kept.get_mut(start + 8)? &= !0b1100;
                }
                b"VP8 " | b"VP8L" | b"ALPH" | b"ANIM" | b"ANMF" | b"ICCP" => {
                    self.kept.extend_from_slice(chunk);
                }
                _ => {}
            }
        }
        let length = u32::try_from(self.kept.len() - 8).ok()?;
        self.kept.get_mut(4..8)?.copy_from_slice(&length.to_le_bytes());
        Some(())
    }
}
