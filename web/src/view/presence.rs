//! Presence as a shape, so that it does not hang on colour alone.
use mig33_client::Presence;
use yew::prelude::*;

/// The mark of a presence: a full disc, a crescent, a barred disc, an empty ring.
pub(crate) fn mark(presence: Presence) -> Html {
    let (class, lines) = match presence {
        Presence::AVAILABLE | Presence::ROAMING => {
            ("presence available", "M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1Z")
        }
        Presence::AWAY => ("presence away", "M4.5 1.2A5 5 0 1 0 10.8 7.5 4.2 4.2 0 0 1 4.5 1.2Z"),
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
