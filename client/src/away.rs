//! A connection that is gone for a moment, as when the bridge is restarted: until it is expected back nothing is wrong,
//! and what the person wants is kept for it.
use mig33_codec::Encode;

use crate::change::Change;
use crate::requests::{Purpose, Then, Urgency};
use crate::session::{RESTARTING, Session, TOO_LARGE};
use crate::state::{ChatId, Link, Millis};

/// Milliseconds after which somebody who does something is back, where a bridge wants most of its clients later: it
/// spreads those who do nothing.
pub(crate) const SOON: Millis = 500;

impl Session {
    /// The other side stops and comes back; it may have said in how many milliseconds.
    pub(crate) fn await_restart(&mut self, now: Millis, pause: Option<Millis>) {
        self.lose(now, Some(RESTARTING));
        if let Link::Waiting { until, .. } = self.state.link {
            let until = pause.map_or(until, |pause| now + pause);
            self.change(Change::Link(Link::Waiting { until, reason: Some(RESTARTING.into()) }));
            self.change(Change::BackBy(until));
        }
    }

    /// The person does something: a restart that they would have noticed by that is not waited for any longer.
    pub(crate) fn hasten(&mut self, now: Millis) {
        if let Link::Waiting { until, reason } = &self.state.link
            && *until > now + SOON
            && self.state.is_away_briefly(now)
        {
            let reason = reason.clone();
            self.change(Change::Link(Link::Waiting { until: now + SOON, reason }));
        }
    }

    /// Whether what the person wants is done, now or once the connection is back.
    pub(crate) fn takes_wishes(&self, now: Millis) -> bool {
        self.state.link.is_up() || self.state.is_away_briefly(now)
    }

    /// Keeps a request for the next connection.
    pub(crate) fn hold(&mut self, now: Millis, packet: &dyn Encode, purpose: Purpose) {
        match mig33_codec::encode(packet, 0) {
            Ok(frame) => self.held.push((frame, purpose)),
            Err(_) => self.refused(now, purpose, TOO_LARGE),
        }
    }

    /// A room that was to be left is entered again: it is not left.
    pub(crate) fn stay_after_all(&mut self, room: &ChatId) {
        for (frame, purpose) in std::mem::take(&mut self.held) {
            if let Purpose::Do { action, then: Then::RoomLeft(chat) } = &purpose
                && chat == room
            {
                self.answer(*action, Ok(()));
            } else {
                self.held.push((frame, purpose));
            }
        }
    }

    /// Logged in again: asks for what was kept.
    pub(crate) fn send_held(&mut self, now: Millis) {
        for (frame, purpose) in std::mem::take(&mut self.held) {
            self.requests.add(now, frame, purpose, Urgency::Soon, &mut self.sending);
        }
    }

    /// Until when requests are kept; `Millis::MAX` where there are none.
    pub(crate) fn held_until(&self) -> Millis {
        if self.held.is_empty() { Millis::MAX } else { self.state.quiet_until() }
    }

    /// The connection is not back in time, or not wanted any more: the person hears of each.
    pub(crate) fn give_up_held(&mut self) {
        for (_, purpose) in std::mem::take(&mut self.held) {
            self.interrupted(purpose);
        }
    }
}
