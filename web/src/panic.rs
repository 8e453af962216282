//! A page that broke says so, instead of standing still.
use wasm_bindgen::JsValue;
use web_sys::console;

/// Makes a panic visible, to the person and on the console.
pub(crate) fn install() {
    // Yew would put its own in the place of one that was set without it
    yew::set_custom_panic_hook(Box::new(|info| {
        console::error_1(&JsValue::from_str(&info.to_string()));
        // where even this fails, there is nothing left to tell it with
        let _ = tell();
    }));
}

/// No part of the page can be relied on here: plain elements, and a link instead of a handler.
fn tell() -> Result<(), JsValue> {
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    let document = window.document().ok_or(JsValue::NULL)?;
    if document.get_element_by_id("broken").is_some() {
        return Ok(());
    }
    let notice = document.create_element("div")?;
    notice.set_id("broken");
    notice.set_class_name("broken");
    notice.set_attribute("role", "alert")?;
    let words = document.create_element("p")?;
    words.set_text_content(Some("Something broke. Your messages are safe."));
    let reload = document.create_element("a")?;
    reload.set_class_name("button primary");
    reload.set_attribute("href", &window.location().pathname()?)?;
    reload.set_text_content(Some("Reload"));
    notice.append_child(&words)?;
    notice.append_child(&reload)?;
    document.body().ok_or(JsValue::NULL)?.append_child(&notice)?;
    Ok(())
}
