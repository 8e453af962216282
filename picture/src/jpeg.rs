//! JPEG: segments behind markers, up to the first scan.
use crate::inspector::{Bytes, Found, Next, Step};

/// What is looked at next in a JPEG.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Jpeg {
    /// What may be the first byte of a marker.
    Sync,
    /// What follows on an `ff`.
    Marker,
    /// The length of a segment that says nothing of the size.
    Length,
    /// The length, and what a frame's header begins with.
    Frame,
}

impl Jpeg {
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::Sync | Self::Marker => 1,
            Self::Length => 2,
            Self::Frame => 7,
        }
    }

    pub(crate) fn take(self, bytes: &Bytes, found: &mut Found) -> Next {
        let to = |skip, step| Some((skip, Step::Jpeg(step)));
        let segment =
            |length: [u8; 2], read: u16| match u16::from_be_bytes(length).checked_sub(read) {
                Some(rest) => to(u64::from(rest), Self::Sync),
                None => Some((0, Step::End)),
            };
        match (self, bytes) {
            (Self::Sync, [0xff, ..]) => to(0, Self::Marker),
            (Self::Sync, _) => to(0, Self::Sync),
            // as many as one likes may stand before a marker
            (Self::Marker, [0xff, ..]) => to(0, Self::Marker),
            // not markers, or such as stand alone
            (Self::Marker, [0x00 | 0x01 | 0xd0..=0xd8, ..]) => to(0, Self::Sync),
            // the end, or a scan: a decoder knows the size by now
            (Self::Marker, [0xd9 | 0xda, ..]) => Some((0, Step::End)),
            // tables and the like, among the markers of frames
            (Self::Marker, [0xc4 | 0xc8 | 0xcc, ..]) => to(0, Self::Length),
            (Self::Marker, [0xc0..=0xcf, ..]) => to(0, Self::Frame),
            (Self::Marker, _) => to(0, Self::Length),
            (Self::Length, [a, b, ..]) => segment([*a, *b], 2),
            (Self::Frame, [a, b, _, h1, h2, w1, w2, ..]) => {
                let size = |side: [u8; 2]| u32::from(u16::from_be_bytes(side));
                found.size(size([*w1, *w2]), size([*h1, *h2]));
                segment([*a, *b], 7)
            }
        }
    }
}
