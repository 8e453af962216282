//! `Inspector`: looks at a picture that comes in pieces.
use crate::gif::Gif;
use crate::jpeg::Jpeg;
use crate::png::Png;
use crate::webp::WebP;
use crate::{Facts, Kind, MAX_PIXELS, PictureError};

/// The most bytes that a step looks at.
const LONGEST_STEP: usize = 16;

/// What a step looks at: its bytes come first, what is behind them means nothing.
pub(crate) type Bytes = [u8; LONGEST_STEP];

/// Follows the structure of a picture as its bytes come, in pieces of any length. It holds a few bytes of it.
///
/// Where the structure breaks off or makes no sense, it counts no further, as a decoder shows nothing from there on.
#[derive(Clone, Debug)]
pub struct Inspector {
    step: Step,
    /// Bytes to pass over before the step.
    skip: u64,
    /// The first bytes of the step's.
    held: Bytes,
    held_len: usize,
    found: Found,
}

/// What is looked at next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// The first bytes of all kinds.
    Magic,
    Jpeg(Jpeg),
    Png(Png),
    Gif(Gif),
    WebP(WebP),
    /// Nothing more.
    End,
}

/// What is known of the picture so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    kind: Option<Kind>,
    width: u32,
    height: u32,
    frames: u32,
    declared_frames: u32,
}

impl Found {
    /// There is a canvas or frame of this size: the largest counts.
    pub(crate) fn size(&mut self, width: u32, height: u32) {
        self.width = self.width.max(width);
        self.height = self.height.max(height);
    }

    /// There is a frame.
    pub(crate) const fn frame(&mut self) {
        self.frames = self.frames.saturating_add(1);
    }

    /// It says that it has so many frames.
    pub(crate) const fn declared_frames(&mut self, frames: u32) {
        self.declared_frames = frames;
    }

    fn facts(&self) -> Option<Facts> {
        let (kind, width, height) = (self.kind?, self.width, self.height);
        let frames = self.frames.max(self.declared_frames).max(1);
        (width > 0 && height > 0).then_some(Facts { kind, width, height, frames })
    }
}

/// What follows on a step: so many bytes to pass over, and the next step; nothing where these bytes are no picture.
pub(crate) type Next = Option<(u64, Step)>;

impl Inspector {
    /// Nothing has come yet.
    pub const fn new() -> Self {
        let found = Found { kind: None, width: 0, height: 0, frames: 0, declared_frames: 0 };
        Self { step: Step::Magic, skip: 0, held: [0; LONGEST_STEP], held_len: 0, found }
    }

    /// Takes the next bytes. An error stands as soon as it is certain.
    pub fn update(&mut self, mut bytes: &[u8]) -> Result<(), PictureError> {
        while !bytes.is_empty() && !matches!(self.step, Step::End) {
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            self.skip -= skipped as u64;
            let needed = self.step.length().saturating_sub(self.held_len);
            let rest = bytes.get(skipped..).unwrap_or_default();
            let taken = if self.skip > 0 { 0 } else { needed.min(rest.len()) };
            for (place, byte) in
                self.held.iter_mut().skip(self.held_len).zip(rest.iter().take(taken))
            {
                *place = *byte;
            }
            self.held_len += taken;
            bytes = rest.get(taken..).unwrap_or_default();
            if self.skip == 0 && self.held_len == self.step.length() {
                self.take_step()?;
            }
        }
        Ok(())
    }

    /// The picture has ended.
    pub fn finish(&self) -> Result<Facts, PictureError> {
        self.found.facts().ok_or(PictureError::NoPicture)
    }

    fn take_step(&mut self) -> Result<(), PictureError> {
        let held = &self.held;
        let next = match self.step {
            Step::Magic => magic(held).map(|(kind, step)| {
                self.found.kind = Some(kind);
                (0, step)
            }),
            Step::Jpeg(step) => step.take(held, &mut self.found),
            Step::Png(step) => step.take(held, &mut self.found),
            Step::Gif(step) => step.take(held, &mut self.found),
            Step::WebP(step) => step.take(held, &mut self.found),
            Step::End => Some((0, Step::End)),
        };
        (self.skip, self.step) = next.ok_or(PictureError::NoPicture)?;
        self.held_len = 0;
        match self.found.facts() {
            Some(facts) if facts.pixels() > MAX_PIXELS => Err(PictureError::TooManyPixels),
            Some(_) | None => Ok(()),
        }
    }
}

impl Default for Inspector {
    fn default() -> Self {
        Self::new()
    }
}

impl Step {
    /// How many bytes it looks at; at least one, or it would wait for none.
    const fn length(self) -> usize {
        match self {
            Self::Magic => 3,
            Self::Jpeg(step) => step.length(),
            Self::Png(step) => step.length(),
            Self::Gif(step) => step.length(),
            Self::WebP(step) => step.length(),
            Self::End => 1,
        }
    }
}

const fn magic(first: &Bytes) -> Option<(Kind, Step)> {
    match first {
        [0xff, 0xd8, 0xff, ..] => Some((Kind::Jpeg, Step::Jpeg(Jpeg::Marker))),
        [0x89, b'P', b'N', ..] => Some((Kind::Png, Step::Png(Png::Signature))),
        [b'G', b'I', b'F', ..] => Some((Kind::Gif, Step::Gif(Gif::Screen))),
        [b'R', b'I', b'F', ..] => Some((Kind::WebP, Step::WebP(WebP::Riff))),
        _ => None,
    }
}
