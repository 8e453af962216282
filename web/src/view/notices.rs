//! What the service has to say outside of any chat, and what went wrong; each can be put away.
use std::rc::Rc;

use mig33_client::{Action, Notice, NoticeKind};
use yew::prelude::*;

use crate::intent::Intent;
use crate::links::is_web;
use crate::view::controls::icon_button;
use crate::view::icons::{Icon, icon};
use crate::view::message::words;

/// Something that went wrong, outside of any dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageError {
    /// For dismissing it.
    pub(crate) id: u32,
    /// For the person.
    pub(crate) text: Rc<str>,
}

/// Everything that was not put away.
pub(crate) fn notices(
    notices: &[Rc<Notice>],
    errors: &[PageError],
    emit: &Callback<Intent>,
) -> Html {
    let notices = notices.iter().map(|notice| {
        let (class, role, label) = match notice.kind {
            NoticeKind::MessageOfTheDay => ("toast motd", "status", "Message of the day"),
            NoticeKind::Alert => ("toast alert", "alert", "Alert"),
            NoticeKind::System => ("toast system", "status", "Notice"),
            NoticeKind::Problem => ("toast problem", "alert", "Problem"),
        };
        let id = notice.id;
        let dismiss = emit.reform(move |_| Intent::Act(Action::Dismiss { notice: id }));
        html! {
            <div key={format!("notice {id}")} class={class} role={role} aria-label={label}>
                <div class="toast-text">
                    if notice.kind == NoticeKind::MessageOfTheDay { <strong>{ label }</strong> }
                    <p>{ words(&notice.text) }</p>
                    if let Some(url) = notice.url.as_deref().filter(|url| is_web(url)) {
                        <p><a href={url.to_owned()} target="_blank" rel="noopener noreferrer">{ "Open" }</a></p>
                    }
                </div>
                { icon_button("Dismiss", Icon::Close, dismiss) }
            </div>
        }
    });
    let errors = errors.iter().map(|error| {
        let id = error.id;
        html! {
            <div key={format!("error {id}")} class="toast problem" role="alert">
                { icon(Icon::Warning) }
                <div class="toast-text"><p>{ &*error.text }</p></div>
                { icon_button("Dismiss", Icon::Close, emit.reform(move |_| Intent::DismissError(id))) }
            </div>
        }
    });
    html! { <div class="toasts"><div class="slot">{ for notices }</div><div class="slot">{ for errors }</div></div> }
}
