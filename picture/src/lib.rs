//! What a picture is by its bytes: kind, size and frames (spec/wire.md section 4), and the same picture without metadata.
//! Nothing is decoded, nothing is allocated to look at one, and what a sender says of it does not count.
#![no_std]

extern crate alloc;

#[cfg(test)]
extern crate std;

mod gif;
mod inspector;
mod jpeg;
mod png;
mod strip;
mod webp;

pub use self::inspector::Inspector;
pub use self::strip::strip;

/// How many pixels a picture may have, those of all its frames together: 160 MB where a browser decodes them.
pub const MAX_PIXELS: u64 = 40_000_000;

/// A kind of picture that is taken and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// JPEG.
    Jpeg,
    /// PNG, animated ones (APNG) as well.
    Png,
    /// GIF.
    Gif,
    /// WebP.
    WebP,
}

impl Kind {
    /// Its MIME type.
    pub const fn mime_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
        }
    }
}

/// What a picture says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// What kind it is.
    pub kind: Kind,
    /// Pixels from left to right; not 0.
    pub width: u32,
    /// Pixels from top to bottom; not 0.
    pub height: u32,
    /// How many pictures it is made of: 1, or more where it moves.
    pub frames: u32,
}

impl Facts {
    /// The pixels of all frames together.
    pub const fn pixels(&self) -> u64 {
        let of_one = self.width as u64 * self.height as u64;
        of_one.saturating_mul(self.frames as u64)
    }
}

/// Why some bytes are not taken or shown as a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// They are no picture of a [`Kind`], or their size cannot be read.
    #[error("this is no JPEG, PNG, GIF or WebP picture")]
    NoPicture,
    /// It has more than [`MAX_PIXELS`].
    #[error("a picture has at most 40 megapixels, all frames together")]
    TooManyPixels,
}

/// Looks at a whole picture.
pub fn check(bytes: &[u8]) -> Result<Facts, PictureError> {
    let mut inspector = Inspector::new();
    inspector.update(bytes)?;
    inspector.finish()
}

#[cfg(test)]
mod tests;
