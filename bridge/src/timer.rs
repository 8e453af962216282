//! A task's one timer, set to the earliest of its deadlines.
use std::pin::Pin;

use tokio::time::{Instant, Sleep};

/// Sets a timer that has been polled to `due`, unless it goes off in time by itself: a deadline that has moved away is
/// looked at when the timer does. False where it was set, and has to be polled again.
pub(crate) fn timer_is_set(mut timer: Pin<&mut Sleep>, due: Instant) -> bool {
    let is_set = !timer.is_elapsed() && timer.deadline() <= due;
    if !is_set {
        timer.as_mut().reset(due);
    }
    is_set
}
