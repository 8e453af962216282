//! Control messages of the tunnel, read by the browser's own JSON: a reader of ours would cost the page twice as much.
use js_sys::{JSON, Reflect};
use mig33_client::Control;
use wasm_bindgen::JsValue;

/// Reads a control message; nothing where it is no object, or where an offset is no whole number.
pub(crate) fn read(text: &str) -> Option<Control> {
    let object = JSON::parse(text).ok()?;
    let get = |key: &str| Reflect::get(&object, &JsValue::from_str(key)).ok();
    let integer = |key: &str| {
        let value = get(key)?;
        if value.is_undefined() {
            return Some(None);
        }
        let number = value.as_f64()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "compared with what it was"
        )]
        let integer = number as u64;
        #[expect(clippy::cast_precision_loss, reason = "the very thing that is looked for")]
        let is_exact = integer as f64 == number;
        is_exact.then_some(Some(integer))
    };
    Some(Control {
        session: get("session")?.as_string().map(Into::into),
        resumed: get("resumed")?.as_bool(),
        received: integer("received")?,
        grace_s: integer("grace_s")?,
        ack: integer("ack")?,
    })
}
