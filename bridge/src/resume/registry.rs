//! `Registry`: the sessions that can be gone on with, by token, and how many of them wait for their clients.
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mig33_peer::{Crowd, Prefix};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::control::Reason;
use super::token::Token;
use crate::close::End;
use crate::limits::LimitSettings;
use crate::metrics::TunnelMetrics;
use crate::tunnel::Framing;
use crate::websocket::Reader;

/// What sessions may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a session waits for its client.
    pub grace: Duration,
    /// Bytes that are kept for a client that has not acknowledged them.
    pub buffer: usize,
    /// Sessions that wait, in all.
    pub detached: usize,
    /// Sessions that wait for clients from one address.
    pub detached_per_address: usize,
    /// What one client may.
    pub client: LimitSettings,
    /// What the streams are made of.
    pub framing: Framing,
}

/// All sessions of a bridge; `C` is what clients' sockets are.
#[derive(Debug)]
pub struct Registry<C> {
    limits: Limits,
    /// What a client of a session that begins now may.
    client: RwLock<LimitSettings>,
    metrics: Arc<TunnelMetrics>,
    sessions: Mutex<HashMap<Token, Arc<Slot<C>>>>,
    detached: Mutex<Detached>,
    /// Sockets that are told why they are closed, while their session goes on without them.
    farewells: TaskTracker,
}

#[derive(Debug, Default)]
struct Detached {
    count: usize,
    /// Of those that are counted by address.
    crowd: Crowd,
}

/// Where a session is handed a new connection.
#[derive(Debug)]
struct Slot<C> {
    state: Mutex<SlotState<C>>,
}

#[derive(Debug)]
struct SlotState<C> {
    is_closed: bool,
    newcomer: Option<Newcomer<C>>,
    session: Option<Waker>,
}

/// A connection whose client wants to go on with a session.
#[derive(Debug)]
pub(super) struct Newcomer<C> {
    /// The connection itself, and what else there is of it.
    pub(super) arrival: Arrival<C>,
    /// What the client came with.
    pub(super) token: Token,
    /// How much of the server's stream it has got.
    pub(super) received: u64,
    reply: oneshot::Sender<Refused<C>>,
}

/// A connection that belongs to no session yet.
#[derive(Debug)]
pub struct Arrival<C> {
    pub(super) socket: C,
    pub(super) reader: Reader,
    /// Its number in the log.
    pub(super) connection: u64,
    /// Where it comes from.
    pub(super) peer: Option<IpAddr>,
}

impl<C> Arrival<C> {
    /// A WebSocket whose handshake is done; its number in the log, and where it comes from.
    #[must_use]
    pub fn new(socket: C, connection: u64, peer: Option<IpAddr>) -> Self {
        Self { socket, reader: Reader::default(), connection, peer }
    }
}

/// A connection that got no session to go on with.
#[derive(Debug)]
pub(super) struct Refused<C> {
    pub(super) arrival: Arrival<C>,
    /// What becomes of it: a new session, and why, or its end.
    pub(super) instead: Result<Reason, End>,
}

impl<C> Registry<C> {
    /// No sessions. The sockets that sessions let go of are ended in `farewells`.
    #[must_use]
    pub fn new(limits: Limits, metrics: Arc<TunnelMetrics>, farewells: TaskTracker) -> Arc<Self> {
        Arc::new(Self {
            client: RwLock::new(limits.client.clone()),
            limits,
            metrics,
            sessions: Mutex::default(),
            detached: Mutex::default(),
            farewells,
        })
    }

    /// What the clients of new sessions may from now on.
    pub fn set_client_limits(&self, client: &LimitSettings) {
        client.clone_into(&mut self.client.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// What the clients of new sessions may.
    pub(super) fn client_limits(&self) -> LimitSettings {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) const fn metrics(&self) -> &Arc<TunnelMetrics> {
        &self.metrics
    }

    pub(super) const fn farewells(&self) -> &TaskTracker {
        &self.farewells
    }

    /// Hands a connection to the session with this token; returns once the session has it.
    ///
    /// # Errors
    /// The connection again, where there is no such session or it cannot go on from there.
    pub(super) async fn hand_over(
        &self,
        arrival: Arrival<C>,
        token: Option<Token>,
        received: u64,
    ) -> Result<(), Refused<C>> {
        let slot =
            token.and_then(|token| Some((token, lock(&self.sessions).get(&token).cloned()?)));
        let Some((token, slot)) = slot else {
            return Err(Refused { arrival, instead: Ok(Reason::Unknown) });
        };
        let (reply, answer) = oneshot::channel();
        slot.put(Newcomer { arrival, token, received, reply });
        match answer.await {
            Ok(refused) => Err(refused),
            // nothing came back: the session has it
            Err(_) => Ok(()),
        }
    }

    /// Enters a new session.
    pub(super) fn enter(self: &Arc<Self>) -> Membership<C> {
        let slot = Arc::new(Slot {
            state: Mutex::new(SlotState { is_closed: false, newcomer: None, session: None }),
        });
        let token = Token::random();
        lock(&self.sessions).insert(token, Arc::clone(&slot));
        Membership { registry: Arc::clone(self), slot, token, previous: None }
    }

    /// A place among those who wait; none where there are too many. By address they are counted as connections are.
    pub(super) fn wait(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Waiting<C>> {
        let mut detached = lock(&self.detached);
        if detached.count >= self.limits.detached {
            return None;
        }
        if let Some(address) = peer.filter(|ip| Prefix::of(*ip).is_some()) {
            let most = u32::try_from(self.limits.detached_per_address).unwrap_or(u32::MAX);
            if most == 0 || detached.crowd.enter(address, most).is_err() {
                return None;
            }
        }
        detached.count += 1;
        self.metrics.detached();
        Some(Waiting { registry: Arc::clone(self), peer })
    }
}

/// A session's place among those that wait for their clients, until it is dropped.
#[derive(Debug)]
pub(super) struct Waiting<C> {
    registry: Arc<Registry<C>>,
    peer: Option<IpAddr>,
}

impl<C> Drop for Waiting<C> {
    fn drop(&mut self) {
        let mut detached = lock(&self.registry.detached);
        detached.count -= 1;
        self.registry.metrics.attached();
        if let Some(peer) = self.peer {
            detached.crowd.leave(peer);
        }
    }
}

/// A session's entry, until it is dropped: then its tokens are good for nothing.
#[derive(Debug)]
pub(super) struct Membership<C> {
    registry: Arc<Registry<C>>,
    slot: Arc<Slot<C>>,
    /// What was told last.
    token: Token,
    /// What the client came with, until it has shown that it got the newer one.
    previous: Option<Token>,
}

impl<C> Membership<C> {
    pub(super) const fn registry(&self) -> &Arc<Registry<C>> {
        &self.registry
    }

    /// What the client is told to come back with.
    pub(super) const fn token(&self) -> Token {
        self.token
    }

    /// A new token, where the client came with `used`: that stays good until [`confirm`](Self::confirm).
    pub(super) fn renew(&mut self, used: Token) {
        let new = Token::random();
        let mut sessions = lock(&self.registry.sessions);
        for old in [Some(self.token), self.previous].into_iter().flatten() {
            if old != used {
                sessions.remove(&old);
            }
        }
        sessions.insert(new, Arc::clone(&self.slot));
        self.token = new;
        self.previous = Some(used);
    }

    /// The client has the newest token.
    pub(super) fn confirm(&mut self) {
        if let Some(previous) = self.previous.take() {
            lock(&self.registry.sessions).remove(&previous);
        }
    }

    /// The connection that was handed over, if there is one; the task is woken when there is.
    pub(super) fn poll_newcomer(&self, cx: &Context<'_>) -> Poll<Newcomer<C>> {
        let mut state = lock(&self.slot.state);
        if let Some(newcomer) = state.newcomer.take() {
            return Poll::Ready(newcomer);
        }
        if !state.session.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.session = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl<C> Drop for Membership<C> {
    fn drop(&mut self) {
        {
            let mut sessions = lock(&self.registry.sessions);
            sessions.remove(&self.token);
            if let Some(previous) = self.previous {
                sessions.remove(&previous);
            }
        }
        let left = {
            let mut state = lock(&self.slot.state);
            state.is_closed = true;
            state.newcomer.take()
        };
        if let Some(newcomer) = left {
            newcomer.refuse(Ok(Reason::Unknown));
        }
    }
}

impl<C> Slot<C> {
    fn put(&self, newcomer: Newcomer<C>) {
        let (refused, session) = {
            let mut state = lock(&self.state);
            if state.is_closed {
                (Some((newcomer, Ok(Reason::Unknown))), None)
            } else {
                // two at once: the later one has it, as if the session had taken the first in between
                let replaced = state.newcomer.replace(newcomer);
                (replaced.map(|newcomer| (newcomer, Err(End::Replaced))), state.session.take())
            }
        };
        if let Some((newcomer, instead)) = refused {
            newcomer.refuse(instead);
        }
        if let Some(session) = session {
            session.wake();
        }
    }
}

impl<C> Newcomer<C> {
    /// Takes the connection, and tells who handed it over that it is taken.
    pub(super) fn into_arrival(self) -> Arrival<C> {
        self.arrival
    }

    /// Gives the connection back.
    pub(super) fn refuse(self, instead: Result<Reason, End>) {
        // who waits for the answer goes away only with the whole bridge
        let _ = self.reply.send(Refused { arrival: self.arrival, instead });
    }
}

/// No code panics while it holds one of these, and all of them are whole between any two statements.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn registry() -> Arc<Registry<&'static str>> {
        let limits = Limits {
            grace: Duration::from_secs(1),
            buffer: 10,
            detached: 3,
            detached_per_address: 2,
            client: LimitSettings::default(),
            framing: Framing::Checked,
        };
        Registry::new(limits, Arc::default(), TaskTracker::new())
    }

    fn arrival(socket: &'static str) -> Arrival<&'static str> {
        Arrival::new(socket, 1, None)
    }

    /// What the session is handed, by `token`: the name of the socket, or what becomes of it.
    async fn hand_over(
        registry: &Registry<&'static str>,
        membership: &Membership<&'static str>,
        token: Token,
    ) -> Result<&'static str, Result<Reason, End>> {
        let handing = registry.hand_over(arrival("new"), Some(token), 5);
        let taking = std::future::poll_fn(|cx| membership.poll_newcomer(cx));
        tokio::select! {
            biased;
            refused = handing => Err(refused.unwrap_err().instead),
            newcomer = taking => {
                assert_eq!((newcomer.token, newcomer.received), (token, 5));
                Ok(newcomer.into_arrival().socket)
            }
        }
    }

    #[tokio::test]
    async fn the_token_used_stays_good_until_the_next_is_confirmed() {
        let unknown = Err(Ok(Reason::Unknown));
        let registry = registry();
        let mut membership = registry.enter();
        let first = membership.token();
        assert_eq!(hand_over(&registry, &membership, first).await, Ok("new"));
        membership.renew(first);
        let second = membership.token();
        // the answer was lost
        assert_eq!(hand_over(&registry, &membership, first).await, Ok("new"));
        membership.renew(first);
        let third = membership.token();
        assert_eq!(hand_over(&registry, &membership, second).await, unknown);
        // it came this time, and nothing more
        assert_eq!(hand_over(&registry, &membership, third).await, Ok("new"));
        membership.renew(third);
        assert_eq!(hand_over(&registry, &membership, first).await, unknown);
        membership.confirm();
        assert_eq!(hand_over(&registry, &membership, third).await, unknown);
        let last = membership.token();
        assert_eq!(hand_over(&registry, &membership, last).await, Ok("new"));
        drop(membership);
        assert!(lock(&registry.sessions).is_empty());
    }

    #[tokio::test]
    async fn who_comes_as_the_session_ends_comes_back() {
        let registry = registry();
        let membership = registry.enter();
        let token = membership.token();
        let handing = registry.hand_over(arrival("late"), Some(token), 0);
        let ending = async { drop(membership) };
        let (refused, ()) = tokio::join!(handing, ending);
        let refused = refused.unwrap_err();
        assert_eq!((refused.arrival.socket, refused.instead), ("late", Ok(Reason::Unknown)));
    }

    #[tokio::test]
    async fn of_two_at_once_the_later_has_the_session_and_the_earlier_is_told() {
        let registry = registry();
        let membership = registry.enter();
        let token = Some(membership.token());
        // polled in this order
        let earlier = registry.hand_over(arrival("earlier"), token, 0);
        let later = registry.hand_over(arrival("later"), token, 0);
        let taking = async {
            let newcomer = std::future::poll_fn(|cx| membership.poll_newcomer(cx)).await;
            newcomer.into_arrival().socket
        };
        let (earlier, later, taken) = tokio::join!(biased; earlier, later, taking);
        let earlier = earlier.unwrap_err();
        assert_eq!((earlier.arrival.socket, earlier.instead), ("earlier", Err(End::Replaced)));
        assert_eq!((later.is_ok(), taken), (true, "later"));
    }

    #[test]
    fn those_who_wait_are_bounded_in_all_and_by_address() {
        let registry = registry();
        let [a, b] = [1, 2].map(|last| Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))));
        let first = registry.wait(a).unwrap();
        let second = registry.wait(a).unwrap();
        assert!(registry.wait(a).is_none(), "two by address");
        let third = registry.wait(b).unwrap();
        assert!(registry.wait(b).is_none(), "three in all");
        drop(first);
        let again = registry.wait(a).unwrap();
        drop((second, third, again));
        let detached = lock(&registry.detached);
        assert_eq!(detached.count, 0);
        assert!(detached.crowd.is_empty());
    }

    #[test]
    fn this_machine_and_proxies_that_name_nobody_are_counted_in_all_only() {
        for nobody in [None, Some("127.0.0.1"), Some("::1"), Some("::ffff:127.0.0.1")] {
            let registry = registry();
            let peer = nobody.map(|text| text.parse().unwrap());
            let waiting: Vec<_> = (0..4).map_while(|_| registry.wait(peer)).collect();
            assert_eq!(waiting.len(), 3, "{nobody:?}");
        }
    }

    #[test]
    fn a_network_of_64_bits_is_one_address() {
        let registry = registry();
        let [a, b, c] = ["2001:db8::1", "2001:db8::2", "2001:db8::3"].map(|a| a.parse().ok());
        let waiting = (registry.wait(a), registry.wait(b), registry.wait(c));
        assert!(waiting.0.is_some() && waiting.1.is_some() && waiting.2.is_none());
    }
}
