//! Presence as a shape, so that it does not hang on colour alone.
use mig33_client::Presence;
use yew::prelude::*;

/// The mark of a presence: a full disc, a clock, a barred disc, an empty ring.
pub(crate) fn mark(presence: Presence) -> Html {
    let (class, lines) = match presence {
        Presence::AVAILABLE | Presence::ROAMING => {
            ("presence available", "M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1Z")
        }
        Presence::AWAY => (
            "presence away",
            "M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1ZM5.2 3h1.5v2.9l2.1 1.3-.8 1.2-2.8-1.7Z",
        ),
        Presence::BUSY => ("presence busy", "M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1ZM3 5h6v2H3Z"),
        _ => (
            "presence offline",
            "M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1ZM6 3a3 3 0 1 1 0 6 3 3 0 0 1 0-6Z",
        ),
    };
    html! {
        <svg {class} viewBox="0 0 12 12" aria-hidden="true" focusable="false">
            <path fill-rule="evenodd" d={lines} />
        </svg>
    }
}
