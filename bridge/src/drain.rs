//! `Drain`: the end of all connections when the program is stopped, spread so that they do not all come back at once.
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Poll, Waker};

use tokio::task::coop::has_budget_remaining;
use tokio_util::sync::CancellationToken;

use crate::close::End;

/// Milliseconds that no client is asked to come back before: a restart takes about so long.
const LEAST_MS: u32 = 500;
/// Milliseconds over which the clients that come back are spread: so many for each, within these bounds.
const SPREAD_MS_EACH: u32 = 2;
const LEAST_SPREAD_MS: u32 = 1_000;
const MOST_SPREAD_MS: u32 = 30_000;

/// Whether the program is being stopped.
#[derive(Debug, Default)]
pub(crate) struct Drain {
    begun: CancellationToken,
    /// Whether it is: what tunnels look at for each packet, where a token has a lock for all of them.
    has_begun: AtomicBool,
    spread_ms: AtomicU32,
}

impl Drain {
    /// Tells so many connections that they end.
    pub(crate) fn begin(&self, connections: usize) {
        self.spread_ms.store(spread_ms(connections), Ordering::Relaxed);
        self.has_begun.store(true, Ordering::Release);
        self.begun.cancel();
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// Waits until a connection has to end; how it does.
    pub(crate) async fn end(&self) -> End {
        let mut begun = pin!(self.begun.cancelled());
        let mut waker: Option<Waker> = None;
        poll_fn(|cx| {
            let is_waiting = waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
            if is_waiting && !self.has_begun() {
                return Poll::Pending;
            }
            // without a budget a future may do no more than have the task come again
            waker = has_budget_remaining().then(|| cx.waker().clone());
            begun.as_mut().poll(cx)
        })
        .await;
        let spread_ms = self.spread_ms.load(Ordering::Relaxed).max(1);
        // where the system gives no random number all come back at the same time, which is no reason not to end
        let random = getrandom::u32().unwrap_or(0);
        End::Shutdown { retry_ms: LEAST_MS + random % spread_ms }
    }
}

fn spread_ms(connections: usize) -> u32 {
    u32::try_from(connections)
        .unwrap_or(u32::MAX)
        .saturating_mul(SPREAD_MS_EACH)
        .clamp(LEAST_SPREAD_MS, MOST_SPREAD_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_who_come_back_are_spread_by_how_many_they_are() {
        for (connections, most) in [(0, 1_500), (2_000, 4_500), (1_000_000, 30_500)] {
            let drain = Drain::default();
            assert!(!drain.has_begun());
            drain.begin(connections);
            let mut waits = Vec::new();
            for _ in 0..200 {
                let End::Shutdown { retry_ms } = drain.end().await else { panic!("another end") };
                assert!((LEAST_MS..most).contains(&retry_ms), "{retry_ms}");
                waits.push(retry_ms);
            }
            waits.sort_unstable();
            assert!(waits[190] - waits[10] > (most - LEAST_MS) / 2, "they are spread");
        }
    }
}
