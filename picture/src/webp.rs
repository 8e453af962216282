//! WebP: chunks of a RIFF file. Those of pictures and of the canvas say the size; each ANMF is a frame.
use crate::inspector::{Bytes, Found, Next, Step};

/// What is looked at next in a WebP.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WebP {
    /// The rest of the file's header.
    Riff,
    /// A chunk's type and length.
    Chunk,
    /// The canvas of a picture with extras; so many bytes of the chunk follow.
    Canvas(u32),
    /// A frame of one that moves.
    Frame(u32),
    /// A lossy picture.
    Lossy(u32),
    /// One without loss.
    Lossless(u32),
}

impl WebP {
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::Riff => 9,
            Self::Chunk => 8,
            Self::Canvas(_) | Self::Lossy(_) => 10,
            Self::Frame(_) => 12,
            Self::Lossless(_) => 5,
        }
    }

    pub(crate) fn take(self, bytes: &Bytes, found: &mut Found) -> Next {
        let to = |skip: u32, step| Some((u64::from(skip), Step::WebP(step)));
        match (self, bytes) {
            (Self::Riff, [b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..]) => to(0, Self::Chunk),
            (Self::Chunk, [k1, k2, k3, k4, l1, l2, l3, l4, ..]) => {
                let length = u32::from_le_bytes([*l1, *l2, *l3, *l4]);
                // of an odd length, one more byte follows
                let padded = length.saturating_add(length & 1);
                let read = |step: fn(u32) -> Self| match padded
                    .checked_sub(u32::try_from(step(0).length()).unwrap_or(u32::MAX))
                {
                    Some(rest) => to(0, step(rest)),
                    None => Some((0, Step::End)),
                };
                match &[*k1, *k2, *k3, *k4] {
                    b"VP8X" => read(Self::Canvas),
                    b"ANMF" => read(Self::Frame),
                    b"VP8 " => read(Self::Lossy),
                    b"VP8L" => read(Self::Lossless),
                    _ => to(padded, Self::Chunk),
                }
            }
            (Self::Canvas(rest), [_, _, _, _, w1, w2, w3, h1, h2, h3, ..]) => {
                found.size(number(&[*w1, *w2, *w3]) + 1, number(&[*h1, *h2, *h3]) + 1);
                to(rest, Self::Chunk)
            }
            (Self::Frame(rest), [x1, x2, x3, y1, y2, y3, w1, w2, w3, h1, h2, h3, ..]) => {
                found.frame();
                let (x, y) = (number(&[*x1, *x2, *x3]), number(&[*y1, *y2, *y3]));
                let (width, height) = (number(&[*w1, *w2, *w3]) + 1, number(&[*h1, *h2, *h3]) + 1);
                found.size(2 * x + width, 2 * y + height);
                to(rest, Self::Chunk)
            }
            (Self::Lossy(rest), [_, _, _, 0x9d, 0x01, 0x2a, w1, w2, h1, h2, ..]) => {
                // the other two bits say how to enlarge it
                found.size(number(&[*w1, *w2]) & 0x3fff, number(&[*h1, *h2]) & 0x3fff);
                to(rest, Self::Chunk)
            }
            (Self::Lossless(rest), [0x2f, a, b, c, d, ..]) => {
                let sides = number(&[*a, *b, *c, *d]);
                found.size((sides & 0x3fff) + 1, (sides >> 14 & 0x3fff) + 1);
                to(rest, Self::Chunk)
            }
            // no decoder takes a picture that begins otherwise
            (Self::Lossy(_) | Self::Lossless(_), _) => Some((0, Step::End)),
            (Self::Riff, _) => None,
        }
    }
}

/// A number of at most four bytes, the lowest first.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}
