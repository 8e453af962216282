//! What the task of every kind of tunnel does whenever it is woken, until the tunnel ends.
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, sleep_until};

use crate::close::End;
use crate::timer::Timer;
use crate::websocket::{Scratch, scratch};

/// A tunnel, as its task sees it.
pub(crate) trait Driven {
    /// Moves what has arrived until neither side has more, or takes more.
    ///
    /// # Errors
    /// Why the tunnel has to end.
    fn advance(&mut self, scratch: &mut Scratch, cx: &mut Context<'_>) -> Result<(), End>;

    /// Does what is due.
    ///
    /// # Errors
    /// Why the tunnel has to end.
    fn time_passed(&mut self, now: Instant) -> Result<(), End>;

    /// When [`time_passed`](Self::time_passed) has something to do, or [`advance`](Self::advance) may do more.
    fn next_deadline(&self) -> Instant;
}

/// Drives a tunnel until it has to end, or `shutdown` is over; how it ends.
pub(crate) async fn drive(driven: &mut impl Driven, shutdown: impl Future<Output = End>) -> End {
    let mut shutdown = pin!(shutdown);
    let sleep = pin!(sleep_until(driven.next_deadline()));
    let mut timer = Timer::new(sleep);
    poll_fn(|cx| {
        if let Poll::Ready(end) = shutdown.as_mut().poll(cx) {
            return Poll::Ready(end);
        }
        match step(driven, &mut timer, cx) {
            Ok(()) => Poll::Pending,
            Err(end) => Poll::Ready(end),
        }
    })
    .await
}

fn step(driven: &mut impl Driven, timer: &mut Timer<'_>, cx: &mut Context<'_>) -> Result<(), End> {
    loop {
        if timer.poll(cx).is_ready() {
            driven.time_passed(Instant::now())?;
        }
        scratch::with(|scratch| driven.advance(scratch, cx))?;
        if timer.is_set(driven.next_deadline()) {
            return Ok(());
        }
        // without a budget nothing is heard of the timer or of a socket: the others have their turn first
        if !has_budget_remaining() {
            cx.waker().wake_by_ref();
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use super::*;

    /// A tunnel that is never done with its time.
    struct Restless {
        deadline: Instant,
        turns: u32,
    }

    impl Driven for Restless {
        fn advance(&mut self, _: &mut Scratch, _: &mut Context<'_>) -> Result<(), End> {
            self.turns += 1;
            assert!(self.turns < 100_000, "it has the thread for itself");
            Ok(())
        }

        fn time_passed(&mut self, _: Instant) -> Result<(), End> {
            Ok(())
        }

        fn next_deadline(&self) -> Instant {
            self.deadline
        }
    }

    #[tokio::test]
    async fn a_deadline_that_is_always_over_does_not_take_the_thread_from_others() {
        let mut restless = Restless { deadline: Instant::now() - Duration::from_secs(1), turns: 0 };
        let mut driving = pin!(drive(&mut restless, pending()));
        poll_fn(|cx| {
            assert!(driving.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    }
}
