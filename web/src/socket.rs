//! The WebSocket to the bridge.
use bytes::Bytes;
use gloo_events::EventListener;
use js_sys::Array;
use mig33_client::Tunnel;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};
use yew::Callback;

/// Where the bridge's tunnel is, on the page's own host.
const PATH: &str = "/ws";
/// The subprotocol of a tunnel that survives its connection (spec/resume.md).
const RESUME: &str = "mig33.resume";
/// The subprotocol of a plain tunnel.
const PLAIN: &str = "mig33";

/// What the window is told when there is a connection again: for parts far from the app that wait for one.
pub(crate) const CONNECTED: &str = "mig33-connected";

/// What happened on a socket.
pub(crate) enum SocketEvent {
    /// It is open.
    Opened(Tunnel),
    /// A binary message has come.
    Bytes(Bytes),
    /// A text message has come.
    Text(String),
    /// It is closed, or could not be opened; with WebSocket's code, and what the other side said, for the person.
    Closed(u16, String),
}

/// Whether subprotocols are asked for. A proxy between may answer none, and the browser then refuses the connection: so
/// where the page's first one fails, it is tried without. Only when that works is nothing asked for any more: a server
/// that is down is no such proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Asking {
    /// They are asked for, and nothing is known yet.
    #[default]
    Unsure,
    /// They are asked for, and that has worked.
    Answered,
    /// It is being tried without.
    Without,
    /// They are not asked for, since that alone has worked.
    Never,
}

impl Asking {
    /// A connection is to be opened: whether to ask.
    pub(crate) fn begin(&mut self) -> bool {
        if *self == Self::Without {
            *self = Self::Unsure;
        }
        *self != Self::Never
    }

    /// It is open.
    pub(crate) const fn opened(&mut self) {
        *self = match self {
            Self::Unsure | Self::Answered => Self::Answered,
            Self::Without | Self::Never => Self::Never,
        };
    }

    /// It is closed: whether to try at once without.
    pub(crate) const fn closed(&mut self) -> bool {
        let (next, again) = match self {
            Self::Unsure => (Self::Without, true),
            Self::Without => (Self::Unsure, false),
            Self::Answered | Self::Never => return false,
        };
        *self = next;
        again
    }
}

/// An open or opening WebSocket. Dropped, it closes, and nothing of it is heard any more.
pub(crate) struct Socket {
    socket: WebSocket,
    _listeners: [EventListener; 3],
}

impl Socket {
    /// Opens one; `asks`: for subprotocols.
    pub(crate) fn open(asks: bool, on_event: &Callback<SocketEvent>) -> Result<Self, JsValue> {
        let protocols = if asks {
            Array::of2(&RESUME.into(), &PLAIN.into()).into()
        } else {
            JsValue::UNDEFINED
        };
        let socket = WebSocket::new_with_str_sequence(&address()?, &protocols)?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let (opened, socket_that_opens) = (on_event.clone(), socket.clone());
        let arrived = on_event.clone();
        let closed = on_event.clone();
        let listeners = [
            EventListener::new(&socket, "open", move |_| {
                let resumes = socket_that_opens.protocol() == RESUME;
                let tunnel = if resumes { Tunnel::Resume } else { Tunnel::Plain };
                opened.emit(SocketEvent::Opened(tunnel));
            }),
            EventListener::new(&socket, "message", move |event| {
                let data = event.unchecked_ref::<MessageEvent>().data();
                arrived.emit(match data.as_string() {
                    Some(text) => SocketEvent::Text(text),
                    None => SocketEvent::Bytes(js_sys::Uint8Array::new(&data).to_vec().into()),
                });
            }),
            EventListener::new(&socket, "close", move |event| {
                let event = event.unchecked_ref::<CloseEvent>();
                closed.emit(SocketEvent::Closed(event.code(), event.reason()));
            }),
        ];
        Ok(Self { socket, _listeners: listeners })
    }

    /// Sends bytes of packets. A socket that closes takes none, and the browser would complain: the session sends them
    /// again.
    pub(crate) fn send(&self, bytes: &[u8]) {
        if self.socket.ready_state() == WebSocket::OPEN {
            let _ = self.socket.send_with_u8_array(bytes);
        }
    }

    /// Sends a text message, under the same condition.
    pub(crate) fn send_text(&self, text: &str) {
        if self.socket.ready_state() == WebSocket::OPEN {
            let _ = self.socket.send_with_str(text);
        }
    }

    /// Closes it with this code, 1000 or 3000 to 4999, after what was sent; nothing of it is heard any more.
    pub(crate) fn close(self, code: u16) {
        let _ = self.socket.close_with_code(code);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // what was sent goes out before the close; one that closes already is left as it is
        let _ = self.socket.close_with_code(1000);
    }
}

fn address() -> Result<String, JsValue> {
    let location = web_sys::window().ok_or(JsValue::NULL)?.location();
    let scheme = if location.protocol()? == "https:" { "wss" } else { "ws" };
    Ok(format!("{scheme}://{}{PATH}", location.host()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_answers_no_subprotocol_is_asked_once() {
        let mut asking = Asking::default();
        assert!(asking.begin());
        assert!(asking.closed(), "tried without");
        asking.opened();
        assert!(!asking.closed());
        assert!(!asking.begin(), "and never again with");
    }

    #[test]
    fn a_server_that_is_down_is_asked_again() {
        let mut asking = Asking::default();
        for _ in 0..3 {
            assert!(asking.begin());
            assert!(asking.closed());
            assert!(!asking.closed(), "that did not work either");
        }
        assert!(asking.begin());
        assert!(asking.closed());
        // the session has given up meanwhile, and asks for another connection
        assert!(asking.begin());
    }

    #[test]
    fn once_answered_a_lost_connection_says_nothing() {
        let mut asking = Asking::default();
        asking.begin();
        asking.opened();
        for _ in 0..3 {
            assert!(!asking.closed());
            assert!(asking.begin());
        }
    }
}
