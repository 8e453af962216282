//! Makes a picture fit to be sent: decoded, so that it is one, and smaller where it has to be.
use js_sys::Promise;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, CanvasRenderingContext2d, File, HtmlCanvasElement, ImageBitmap};

/// Kinds that everybody can show, and that go out as they are where they fit. A JPEG is written anew: cameras put into it
/// where it was taken.
const KINDS: [&str; 3] = ["image/png", "image/gif", "image/webp"];

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
    pub(crate) mime_type: String,
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
        match self {
            Self::NoPicture => format!("“{name}” is not a picture that can be sent."),
            Self::TooLarge => format!("“{name}” is too large a picture to be sent."),
        }
    }
}

/// Reads a file as a picture, writes a JPEG anew, and reduces what is too large. A GIF stays as it is, since it may move.
pub(crate) async fn fit(file: &File, limits: Limits) -> Result<Picture, Unfit> {
    let bitmap = decode(file).await.ok_or(Unfit::NoPicture)?;
    let kind = file.type_();
    let fits = file.size() <= f64::from(limits.bytes);
    let small = bitmap.width().max(bitmap.height()) <= limits.side;
    if KINDS.contains(&kind.as_str()) && fits && (small || kind == "image/gif") {
        return Ok(Picture { blob: file.clone().into(), mime_type: kind, name: file.name() });
    }
    if kind == "image/gif" {
        return Err(Unfit::TooLarge);
    }
    for (side, quality) in attempts(limits.side) {
        let blob = draw(&bitmap, side, quality).await.ok_or(Unfit::NoPicture)?;
        if blob.size() <= f64::from(limits.bytes) {
            let mime_type = "image/jpeg".to_owned();
            return Ok(Picture { blob, mime_type, name: as_jpeg(&file.name()) });
        }
    }
    Err(Unfit::TooLarge)
}

/// The bytes of a blob.
pub(crate) async fn bytes(blob: &Blob) -> Option<Vec<u8>> {
    let buffer = JsFuture::from(blob.array_buffer()).await.ok()?;
    Some(js_sys::Uint8Array::new(&buffer).to_vec())
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
