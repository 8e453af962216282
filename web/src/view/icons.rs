//! Small pictures for buttons and states, drawn for this page.
use yew::prelude::*;

/// Which picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icon {
    AddPerson,
    ArrowDown,
    Back,
    Check,
    CheckTwice,
    Clock,
    Close,
    Leave,
    Members,
    More,
    Picture,
    Read,
    Rooms,
    Search,
    Send,
    Warning,
}

/// Shows it; it says nothing to assistive technology, so what it stands in has to have a name.
pub(crate) fn icon(which: Icon) -> Html {
    // lines on a 24 by 24 grid
    let lines = match which {
        Icon::AddPerson => {
            "M15.5 19.5c0-3.3-2.7-5.5-6-5.5s-6 2.2-6 5.5M9.5 10.8a3.6 3.6 0 1 0 0-7.2 3.6 3.6 0 0 0 0 7.2ZM18.5 8v6M15.5 11h6"
        }
        Icon::ArrowDown => "M12 5v13M6.5 12.5 12 18l5.5-5.5",
        Icon::Back => "M14.5 5.5 8 12l6.5 6.5",
        Icon::Check => "M5.5 12.5 10 17l8.5-9.5",
        Icon::CheckTwice => "M2.5 12.5 7 17l8-9M11.5 15.5 13 17l8.5-9.5",
        Icon::Clock => "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16ZM12 8v4.2l2.8 1.8",
        Icon::Close => "m6.5 6.5 11 11M17.5 6.5l-11 11",
        Icon::Leave => {
            "M14 4.5H6.5a1 1 0 0 0-1 1v13a1 1 0 0 0 1 1H14M10.5 12h10M17 8.5l3.5 3.5-3.5 3.5"
        }
        Icon::Members => {
            "M14.5 19c0-3-2.4-4.9-5.5-4.9S3.5 16 3.5 19M9 11a3.3 3.3 0 1 0 0-6.6A3.3 3.3 0 0 0 9 11ZM16 4.8a3.3 3.3 0 0 1 0 5.9M17.5 14.4c1.9.7 3.1 2.3 3.1 4.6"
        }
        Icon::More => {
            "M12 5.2a.6.6 0 1 0 0 1.2.6.6 0 0 0 0-1.2ZM12 11.4a.6.6 0 1 0 0 1.2.6.6 0 0 0 0-1.2ZM12 17.6a.6.6 0 1 0 0 1.2.6.6 0 0 0 0-1.2Z"
        }
        Icon::Picture => {
            "M5 4.5h14a1 1 0 0 1 1 1v13a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-13a1 1 0 0 1 1-1ZM4.5 16.5l4.5-4.5 3.5 3.5 2.5-2.5 4.5 4.5M15.5 9h.01"
        }
        Icon::Read => {
            "M2.5 12S6 6 12 6s9.5 6 9.5 6-3.5 6-9.5 6-9.5-6-9.5-6ZM12 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z"
        }
        Icon::Rooms => "M9.5 4 7.5 20M16.5 4l-2 16M4.5 9h15.5M4 15h15.5",
        Icon::Search => "M10.8 17a6.2 6.2 0 1 0 0-12.4 6.2 6.2 0 0 0 0 12.4ZM15.5 15.5 20 20",
        Icon::Send => "M4.5 12 3.5 4.5 20.5 12 3.5 19.5 4.5 12ZM4.5 12H12",
        Icon::Warning => "M12 4 2.8 19.5h18.4L12 4ZM12 10v4.2M12 17h.01",
    };
    html! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d={lines} /></svg>
    }
}

/// The sign of the page: a bubble with a smile.
pub(crate) fn logo() -> Html {
    html! {
        <svg class="logo" viewBox="0 0 48 48" aria-hidden="true" focusable="false">
            <path class="logo-bubble" d="M24 4C12.4 4 3 12.1 3 22.1c0 5.8 3.2 11 8.1 14.3L9 44l9-4.6c1.9.5 3.9.700 6 .700 11.6 0 21-8.1 21-18S35.6 4 24 4Z" />
            <path class="logo-smile" d="M13.5 22.5c1.5 5.5 5.6 8.5 10.5 8.5s9-3 10.5-8.5" />
            <path class="logo-eyes" d="M17.5 15.5h.01M30.5 15.5h.01" />
        </svg>
    }
}
