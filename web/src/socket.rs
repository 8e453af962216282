//! The WebSocket to the bridge.
use bytes::Bytes;
use gloo_events::EventListener;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};
use yew::Callback;

/// Where the bridge's tunnel is, on the page's own host.
const PATH: &str = "/ws";

/// What happened on a socket.
pub(crate) enum SocketEvent {
    /// It is open.
    Opened,
    /// A message has come: whole packets.
    Bytes(Bytes),
    /// It is closed, or could not be opened; with what the other side said, for the person.
    Closed(String),
}

/// An open or opening WebSocket. Dropped, it closes, and nothing of it is heard any more.
pub(crate) struct Socket {
    socket: WebSocket,
    _listeners: [EventListener; 3],
}

impl Socket {
    /// Opens one. It asks for no subprotocol: a proxy between may not answer one, and then the browser refuses.
    pub(crate) fn open(on_event: &Callback<SocketEvent>) -> Result<Self, JsValue> {
        let socket = WebSocket::new(&address()?)?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let opened = on_event.clone();
        let arrived = on_event.clone();
        let closed = on_event.clone();
        let listeners = [
            EventListener::new(&socket, "open", move |_| opened.emit(SocketEvent::Opened)),
            EventListener::new(&socket, "message", move |event| {
                let data = event.unchecked_ref::<MessageEvent>().data();
                if data.is_instance_of::<js_sys::ArrayBuffer>() {
                    let bytes = js_sys::Uint8Array::new(&data).to_vec();
                    arrived.emit(SocketEvent::Bytes(bytes.into()));
                }
            }),
            EventListener::new(&socket, "close", move |event| {
                closed.emit(SocketEvent::Closed(event.unchecked_ref::<CloseEvent>().reason()));
            }),
        ];
        Ok(Self { socket, _listeners: listeners })
    }

    /// Sends whole packets. A socket that closes takes none, and the browser would complain: the session sends them again.
    pub(crate) fn send(&self, bytes: &[u8]) {
        if self.socket.ready_state() == WebSocket::OPEN {
            let _ = self.socket.send_with_u8_array(bytes);
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // what was sent goes out before the close
        let _ = self.socket.close_with_code(1000);
    }
}

fn address() -> Result<String, JsValue> {
    let location = web_sys::window().ok_or(JsValue::NULL)?.location();
    let scheme = if location.protocol()? == "https:" { "wss" } else { "ws" };
    Ok(format!("{scheme}://{}{PATH}", location.host()?))
}
