//! What is filled into a form, read when it is sent: until then it lives in the document.
use wasm_bindgen::JsCast;
use web_sys::{FormData, HtmlFormElement};
use yew::prelude::*;

/// The values of the fields of these names, empty where there is none; the browser sends nothing by itself.
pub(crate) fn filled<const N: usize>(event: &SubmitEvent, names: [&str; N]) -> [String; N] {
    event.prevent_default();
    let form = event.target().and_then(|form| form.dyn_into::<HtmlFormElement>().ok());
    let data = form.and_then(|form| FormData::new_with_form(&form).ok());
    names.map(|name| data.as_ref().and_then(|data| data.get(name).as_string()).unwrap_or_default())
}
