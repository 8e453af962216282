//! GIF: a screen, then blocks, of which each image is a frame.
use crate::inspector::{Bytes, Found, Next, Step};

/// What is looked at next in a GIF.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gif {
    /// The version and the screen.
    Screen,
    /// What kind of block it is.
    Block,
    /// What an extension is for.
    Extension,
    /// A frame's place, size and flags.
    Image,
    /// How its colours are packed.
    CodeSize,
    /// The length of a piece of data; the last one's is 0.
    Data,
}

impl Gif {
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::Screen => 10,
            Self::Image => 9,
            Self::Block | Self::Extension | Self::CodeSize | Self::Data => 1,
        }
    }

    pub(crate) fn take(self, bytes: &Bytes, found: &mut Found) -> Next {
        let to = |skip, step| Some((skip, Step::Gif(step)));
        let number = |a: &u8, b: &u8| u32::from(u16::from_le_bytes([*a, *b]));
        match (self, bytes) {
            (Self::Screen, [b'8', b'7' | b'9', b'a', w1, w2, h1, h2, flags, ..]) => {
                found.size(number(w1, w2), number(h1, h2));
                to(u64::from(colours(*flags)), Self::Block)
            }
            (Self::Block, [b'!', ..]) => to(0, Self::Extension),
            (Self::Block, [b',', ..]) => to(0, Self::Image),
            // the end, or nothing that a decoder could go on with
            (Self::Block, _) => Some((0, Step::End)),
            (Self::Extension | Self::CodeSize, _) => to(0, Self::Data),
            (Self::Image, [x1, x2, y1, y2, w1, w2, h1, h2, flags, ..]) => {
                found.frame();
                // a frame may make the screen larger
                found.size(number(x1, x2) + number(w1, w2), number(y1, y2) + number(h1, h2));
                to(u64::from(colours(*flags)), Self::CodeSize)
            }
            (Self::Data, [0, ..]) => to(0, Self::Block),
            (Self::Data, [length, ..]) => to(u64::from(*length), Self::Data),
            (Self::Screen, _) => None,
        }
    }
}

/// Bytes of the table of colours that flags announce.
pub(crate) const fn colours(flags: u8) -> u16 {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}
