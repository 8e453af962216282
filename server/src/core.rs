//! `Core`: what every handler works with; and `Call`, one request on its way to its handler.
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use mig33_codec::{Decode, Frame};

use crate::answer::Refused;
use crate::clock::{Clock, Entropy, Millis};
use crate::fanout::{Fanout, Mailbox};
use crate::guard::Guard;
use crate::ids::SessionNumber;
use crate::limits::{Accounts, Addresses, BeforeLogin};
use crate::metrics::Metrics;
use crate::passwords::{Password, Sealed, Sealer};
use crate::pictures::PictureFiles;
use crate::session::{Member, Phase, Session};
use crate::settings::{Limits, Settings};
use crate::store::{LEAD_MS, Store};

/// What every handler works with.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) settings: Settings,
    /// The settings' limits, for sessions to share.
    pub(crate) limits: Arc<Limits>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) fanout: Arc<dyn Fanout>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) sealer: Arc<Sealer>,
    /// What is decrypted when there is no account, so that an answer takes as long as if there were one.
    pub(crate) nobody: Sealed,
    pub(crate) guard: Guard,
    pub(crate) before_login: BeforeLogin,
    pub(crate) accounts: Accounts,
    pub(crate) addresses: Addresses,
    pub(crate) pictures: PictureFiles,
    pub(crate) metrics: Metrics,
    /// Where chats led the clock by a little at the start: up to when they may.
    pub(crate) lead_until: Millis,
    /// The service stops: who goes now is expected back.
    pub(crate) is_stopping: AtomicBool,
    next_session: AtomicU64,
}

/// What a [`Core`] is made of.
pub(crate) struct Parts {
    pub(crate) settings: Settings,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) fanout: Arc<dyn Fanout>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) sealer: Sealer,
    pub(crate) pictures: PictureFiles,
    pub(crate) metrics: Metrics,
}

/// The name that `Core::nobody` is sealed for: no account can have it.
pub(crate) const NOBODY: &str = "";

impl Core {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { settings, store, fanout, clock, entropy, sealer, pictures, metrics } = parts;
        let nobody = sealer.seal(&*entropy, NOBODY, &Password::new("nobody's password".to_owned()));
        Self {
            limits: Arc::new(settings.limits.clone()),
            guard: Guard::new(&settings.limits),
            accounts: Accounts::new(&settings.limits),
            addresses: Addresses::new(&settings.limits),
            before_login: BeforeLogin::new(settings.limits.login_bytes),
            settings,
            store,
            fanout,
            clock,
            entropy,
            sealer: Arc::new(sealer),
            nobody,
            pictures,
            metrics,
            lead_until: Millis(0),
            is_stopping: AtomicBool::new(false),
            next_session: AtomicU64::new(1),
        }
    }

    /// A number for a new connection.
    pub(crate) fn session_number(&self) -> SessionNumber {
        SessionNumber(self.next_session.fetch_add(1, Ordering::Relaxed))
    }

    /// The time of day.
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// From which time of its last message on a chat takes no other one.
    pub(crate) fn busy_from(&self, now: Millis) -> Millis {
        Millis(now.0.saturating_add(LEAD_MS)).max(self.lead_until)
    }
}

/// One request on its way to its handler.
pub(crate) struct Call<'a> {
    pub(crate) core: &'a Core,
    pub(crate) session: &'a mut Session,
    pub(crate) number: SessionNumber,
    pub(crate) mailbox: &'a Arc<Mailbox>,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) frame: &'a Frame,
    /// The time that limits are counted by.
    pub(crate) instant: Instant,
}

impl<'a> Call<'a> {
    /// The packet as this kind.
    pub(crate) fn packet<P: Decode>(&self) -> Result<P, Refused> {
        Ok(P::decode(self.frame)?)
    }

    /// Who asks. The command table lets nobody else through to a handler that calls this.
    pub(crate) fn member(self) -> Result<(&'a Core, &'a mut Member), Refused> {
        match &mut self.session.phase {
            Phase::Member(member) => Ok((self.core, member)),
            Phase::Open | Phase::Challenged(_) => Err(Refused::NotLoggedIn),
        }
    }
}
