//! PNG: chunks, of which the first says the size; those of APNG say how many frames there are.
use crate::inspector::{Bytes, Found, Next, Step};

/// Bytes of the checksum behind a chunk.
const CHECKSUM: u64 = 4;

/// What is looked at next in a PNG.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Png {
    /// The rest of the signature.
    Signature,
    /// The first chunk: length, type, width and height.
    Header,
    /// A chunk's length and type.
    Chunk,
    /// How many frames the chunk says that there are; so many bytes of it follow.
    Animation(u32),
}

impl Png {
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::Signature => 5,
            Self::Header => 16,
            Self::Chunk => 8,
            Self::Animation(_) => 4,
        }
    }

    pub(crate) fn take(self, bytes: &Bytes, found: &mut Found) -> Next {
        let to = |skip, step| Some((skip, Step::Png(step)));
        match (self, bytes) {
            (Self::Signature, [b'G', b'\r', b'\n', 0x1a, b'\n', ..]) => to(0, Self::Header),
            (
                Self::Header,
                [0, 0, 0, 13, b'I', b'H', b'D', b'R', w1, w2, w3, w4, h1, h2, h3, h4],
            ) => {
                let side = u32::from_be_bytes;
                found.size(side([*w1, *w2, *w3, *w4]), side([*h1, *h2, *h3, *h4]));
                to(5 + CHECKSUM, Self::Chunk)
            }
            (Self::Chunk, [l1, l2, l3, l4, k1, k2, k3, k4, ..]) => {
                let length = u32::from_be_bytes([*l1, *l2, *l3, *l4]);
                match &[*k1, *k2, *k3, *k4] {
                    b"acTL" if length >= 4 => return to(0, Self::Animation(length - 4)),
                    b"fcTL" => found.frame(),
                    b"IEND" => return Some((0, Step::End)),
                    _ => {}
                }
                to(u64::from(length) + CHECKSUM, Self::Chunk)
            }
            (Self::Animation(rest), [a, b, c, d, ..]) => {
                found.declared_frames(u32::from_be_bytes([*a, *b, *c, *d]));
                to(u64::from(rest) + CHECKSUM, Self::Chunk)
            }
            (Self::Signature | Self::Header, _) => None,
        }
    }
}
