//! Makes a picture fit to be sent: decoded, so that it is one, without what the camera wrote into it, and smaller where it
//! has to be.
use std::rc::Rc;

use js_sys::{Array, Promise, Uint8Array};
use mig33_picture::{Facts, Inspector, Kind};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, BlobPropertyBag, CanvasRenderingContext2d, File, HtmlCanvasElement, ImageBitmap, Url,
};

use crate::isolated::isolated;

/// How large a picture may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes.
    pub(crate) bytes: u32,
    /// Pixels of the longer side.
    pub(crate) side: u32,
}

impl Limits {
    /// Sent by link (spec/wire.md section 4).
    pub(crate) const LINK: Self = Self { bytes: 5_000_000, side: 2560 };
    /// Sent inside a packet.
    pub(crate) const PACKET: Self = Self { bytes: 350_000, side: 1600 };
}

/// A picture that can be sent.
#[derive(Clone)]
pub(crate) struct Picture {
    /// Its bytes.
    pub(crate) blob: Blob,
    /// Its type: `image/png`.
    pub(crate) mime_type: &'static str,
    /// Its name.
    pub(crate) name: String,
}

/// Why a file cannot be sent as a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The browser cannot read it as one.
    NoPicture,
    /// It cannot be made small enough.
    TooLarge,
}

impl Unfit {
    /// For the person.
    pub(crate) fn words(self, name: &str) -> String {
        let name = isolated(name);
        match self {
            Self::NoPicture => format!("“{name}” is not a supported picture."),
            Self::TooLarge => format!("“{name}” is too large."),
        }
    }
}

/// Reads a file as a picture, by its bytes: what it is called, and what kind the browser takes it for, do not count. PNG,
/// GIF and WebP lose what is not shown; everything else is written anew as a JPEG, as is what is too large. What moves
/// stays as it is, or would stand still.
pub(crate) async fn fit(file: &File, limits: Limits) -> Result<Picture, Unfit> {
    let bitmap = decode(file).await.ok_or(Unfit::NoPicture)?;
    // of a large file, its beginning tells what it is
    let beginning = file.slice_with_f64_and_f64(0.0, limits.bytes.into());
    let bytes = bytes(&beginning.map_err(|_| Unfit::NoPicture)?).await.ok_or(Unfit::NoPicture)?;
    let fits = file.size() <= f64::from(limits.bytes);
    let small = bitmap.width().max(bitmap.height()) <= limits.side;
    let mut inspector = Inspector::new();
    let seen = inspector.update(&bytes);
    let facts = inspector.finish().ok();
    let moves = facts.is_some_and(|facts| facts.frames > 1);
    if let (Ok(()), Some(Facts { kind, .. }), true) = (seen, facts, fits && (small || moves))
        && let Some(stripped) = mig33_picture::strip(kind, &bytes)
    {
        let blob = typed_blob(&stripped, kind).ok_or(Unfit::NoPicture)?;
        return Ok(Picture { blob, mime_type: kind.mime_type(), name: file.name() });
    }
    if moves {
        return Err(Unfit::TooLarge);
    }
    for (side, quality) in attempts(limits.side) {
        let blob = draw(&bitmap, side, quality).await.ok_or(Unfit::NoPicture)?;
        if blob.size() <= f64::from(limits.bytes) {
            let mime_type = Kind::Jpeg.mime_type();
            return Ok(Picture { blob, mime_type, name: as_jpeg(&file.name()) });
        }
    }
    Err(Unfit::TooLarge)
}

/// The bytes of a blob.
pub(crate) async fn bytes(blob: &Blob) -> Option<Vec<u8>> {
    buffer(blob.array_buffer()).await
}

/// The bytes of a buffer that is on its way.
pub(crate) async fn buffer(coming: Promise) -> Option<Vec<u8>> {
    Some(Uint8Array::new(&JsFuture::from(coming).await.ok()?).to_vec())
}

/// A picture as the browser keeps it.
pub(crate) fn typed_blob(bytes: &[u8], kind: Kind) -> Option<Blob> {
    let parts = Array::of1(&Uint8Array::from(bytes));
    let options = BlobPropertyBag::new();
    options.set_type(kind.mime_type());
    Blob::new_with_u8_array_sequence_and_options(&parts, &options).ok()
}

/// The address of a blob, for as long as this is there.
pub(crate) struct ObjectUrl(pub(crate) Rc<str>);

impl ObjectUrl {
    pub(crate) fn of(blob: &Blob) -> Option<Self> {
        Some(Self(Url::create_object_url_with_blob(blob).ok()?.into()))
    }
}

impl Drop for ObjectUrl {
    fn drop(&mut self) {
        let _ = Url::revoke_object_url(&self.0);
    }
}

/// Ever smaller ways to write a picture: longer side in pixels, JPEG quality.
fn attempts(largest: u32) -> impl Iterator<Item = (u32, f64)> {
    let steps = [
        (2560, 0.88),
        (2048, 0.85),
        (1600, 0.82),
        (1280, 0.78),
        (1024, 0.74),
        (800, 0.7),
        (640, 0.6),
        (480, 0.5),
    ];
    steps.into_iter().filter(move |(side, _)| *side <= largest)
}

/// A size whose longer side is at most this, in the same proportions.
fn scaled(width: u32, height: u32, side: u32) -> (u32, u32) {
    let longer = width.max(height);
    if longer <= side {
        return (width, height);
    }
    let scale = |length: u32| {
        let scaled = u64::from(length) * u64::from(side) / u64::from(longer);
        u32::try_from(scaled).unwrap_or(side).max(1)
    };
    (scale(width), scale(height))
}

fn as_jpeg(name: &str) -> String {
    let dot = name.bytes().rposition(|byte| byte == b'.');
    let stem = dot.and_then(|dot| name.get(..dot)).unwrap_or(name);
    format!("{stem}.jpg")
}

async fn decode(blob: &Blob) -> Option<ImageBitmap> {
    let decoding = web_sys::window()?.create_image_bitmap_with_blob(blob).ok()?;
    JsFuture::from(decoding).await.ok()?.dyn_into().ok()
}

async fn draw(bitmap: &ImageBitmap, side: u32, quality: f64) -> Option<Blob> {
    let (width, height) = scaled(bitmap.width(), bitmap.height(), side);
    let document = web_sys::window()?.document()?;
    let canvas: HtmlCanvasElement = document.create_element("canvas").ok()?.unchecked_into();
    canvas.set_width(width);
    canvas.set_height(height);
    let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.unchecked_into();
    let (width, height) = (f64::from(width), f64::from(height));
    // what shows through is white, as JPEG has no transparency
    context.set_fill_style_str("#fff");
    context.fill_rect(0.0, 0.0, width, height);
    context.draw_image_with_image_bitmap_and_dw_and_dh(bitmap, 0.0, 0.0, width, height).ok()?;
    let writing = Promise::new(&mut |resolve, reject| {
        let done = Closure::once_into_js(move |blob: JsValue| {
            let _ = resolve.call1(&JsValue::UNDEFINED, &blob);
        });
        let quality = JsValue::from_f64(quality);
        let written = canvas.to_blob_with_type_and_encoder_options(
            done.unchecked_ref(),
            "image/jpeg",
            &quality,
        );
        if let Err(error) = written {
            let _ = reject.call1(&JsValue::UNDEFINED, &error);
        }
    });
    JsFuture::from(writing).await.ok()?.dyn_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proportions_stay() {
        assert_eq!(scaled(4000, 3000, 1600), (1600, 1200));
        assert_eq!(scaled(3000, 4000, 1600), (1200, 1600));
        assert_eq!(scaled(800, 600, 1600), (800, 600));
        assert_eq!(scaled(100_000, 1, 1600), (1600, 1));
    }

    #[test]
    fn attempts_shrink_from_the_limit() {
        let sides: Vec<u32> = attempts(Limits::PACKET.side).map(|(side, _)| side).collect();
        assert_eq!(sides, [1600, 1280, 1024, 800, 640, 480]);
    }

    #[test]
    fn what_was_written_anew_is_named_so() {
        assert_eq!(as_jpeg("cat.in.hat.png"), "cat.in.hat.jpg");
        assert_eq!(as_jpeg("cat"), "cat.jpg");
    }
}
