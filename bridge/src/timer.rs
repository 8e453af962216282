//! A task's one timer, set to the earliest of its deadlines, and asked only when it may have gone off.
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, Sleep};

/// A timer that costs next to nothing while it is not due.
pub(crate) struct Timer<'a> {
    sleep: Pin<&'a mut Sleep>,
    /// Whom it wakes; none: nobody yet.
    waker: Option<Waker>,
}

impl<'a> Timer<'a> {
    pub(crate) const fn new(sleep: Pin<&'a mut Sleep>) -> Self {
        Self { sleep, waker: None }
    }

    /// Whether it is due; the task is woken when it is.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_waiting = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if is_waiting && !self.sleep.is_elapsed() {
            return Poll::Pending;
        }
        // without a budget it only has the task come again
        let is_heard = has_budget_remaining();
        let polled = self.sleep.as_mut().poll(cx);
        // once it has gone off, it wakes nobody until it is asked again
        self.waker = (is_heard && polled.is_pending()).then(|| cx.waker().clone());
        polled
    }

    /// Sets it, once it has been polled, to `due`, unless it goes off in time by itself: a deadline that has moved away is
    /// looked at when the timer does. False where it was set, and has to be polled again.
    pub(crate) fn is_set(&mut self, due: Instant) -> bool {
        let is_set = !self.sleep.is_elapsed() && self.sleep.deadline() <= due;
        if !is_set {
            self.sleep.as_mut().reset(due);
            self.waker = None;
        }
        is_set
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::time::Duration;

    use tokio::task::coop::poll_proceed;
    use tokio::time::{advance, sleep_until};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_wakes_at_the_earliest_deadline_each_time_it_is_set() {
        let start = Instant::now();
        let mut sleep = pin!(sleep_until(start + Duration::from_secs(60)));
        let mut timer = Timer::new(sleep.as_mut());
        let mut due = start + Duration::from_secs(60);
        let mut rings = Vec::new();
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            loop {
                if timer.poll(cx).is_ready() {
                    rings.push(start.elapsed().as_secs());
                    due = Instant::now() + Duration::from_secs(7);
                } else if rings.is_empty() {
                    due = start + Duration::from_secs(5);
                }
                if rings.len() == 3 {
                    return Poll::Ready(());
                }
                if timer.is_set(due) {
                    return Poll::Pending;
                }
            }
        })
        .await;
        assert_eq!((rings, polls), (vec![5, 12, 19], 4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_without_a_budget_is_woken_all_the_same() {
        let start = Instant::now();
        let mut sleep = pin!(sleep_until(start + Duration::from_secs(1)));
        let mut timer = Timer::new(sleep.as_mut());
        let mut has_spent_all = false;
        poll_fn(|cx| {
            while !has_spent_all {
                match poll_proceed(cx) {
                    Poll::Ready(spent) => spent.made_progress(),
                    Poll::Pending => has_spent_all = true,
                }
            }
            timer.poll(cx)
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_last_is_woken() {
        let mut sleep = pin!(sleep_until(Instant::now() + Duration::from_secs(1)));
        let mut timer = Timer::new(sleep.as_mut());
        assert!(timer.poll(&mut Context::from_waker(Waker::noop())).is_pending());
        poll_fn(|cx| timer.poll(cx)).await;
        advance(Duration::from_secs(1)).await;
        assert!(timer.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
}
