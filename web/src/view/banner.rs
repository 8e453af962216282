//! Tells that the connection is not there, why, and when it is tried again.
use gloo_timers::callback::Interval;
use mig33_client::{Link, Millis};
use yew::prelude::*;

use crate::clock;
use crate::intent::Intent;
use crate::part::{Context, Part};
use crate::view::controls::{button, spinner};

#[derive(PartialEq)]
pub(crate) struct Props {
    pub(crate) link: Link,
    /// Until then there is nothing to tell.
    pub(crate) quiet_until: Millis,
    pub(crate) emit: Callback<Intent>,
}

/// Counts the seconds by itself, so that nothing else is drawn anew for them.
pub(crate) struct Banner {
    ticking: Option<Interval>,
}

impl Banner {
    fn tick(&mut self, ctx: &Context<Self>) {
        if matches!(ctx.props().link, Link::Idle | Link::Online) {
            self.ticking = None;
        } else if self.ticking.is_none() {
            let link = ctx.link().clone();
            self.ticking = Some(Interval::new(1000, move || link.send_message(())));
        }
    }
}

impl Part for Banner {
    type Message = ();
    type Props = Props;

    fn create(ctx: &Context<Self>) -> Self {
        let mut banner = Self { ticking: None };
        banner.tick(ctx);
        banner
    }

    fn changed(&mut self, ctx: &Context<Self>, _old: &Props) -> bool {
        self.tick(ctx);
        true
    }

    fn update(&mut self, _ctx: &Context<Self>, _tick: ()) -> bool {
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let Props { link, quiet_until, emit } = ctx.props();
        let now = clock::now();
        let try_now = || button("button small", "Try now", emit.reform(|_| Intent::ConnectNow));
        // the element stays, so that what comes into it is read aloud
        let nothing = html! { <div class="banner" role="status"></div> };
        let content = match link {
            Link::Idle | Link::Online => return nothing,
            _ if now < *quiet_until => return nothing,
            Link::Resuming { .. } => html! {
                <>{ spinner() }<span class="banner-text">{ "Connecting again…" }</span>{ try_now() }</>
            },
            Link::Connecting | Link::LoggingIn => html! {
                <>{ spinner() }<span>{ "Connecting…" }</span></>
            },
            Link::Waiting { until, reason } => {
                let seconds = until.saturating_sub(now).div_ceil(1000).max(1);
                html! {
                    <>
                        <span class="banner-text">
                            { "Connection lost." }
                            if let Some(reason) = reason {
                                { " " }<span class="banner-reason">{ &**reason }</span>
                            }
                        </span>
                        <span class="banner-when" aria-hidden="true">{ format!("Trying again in {seconds} s") }</span>
                        { try_now() }
                    </>
                }
            }
        };
        html! { <div class="banner on" role="status">{ content }</div> }
    }
}
