//! A timer that is always the next one due, which makes all others cheap.
//!
//! Whoever sets a timer that is due before all others wakes the thread that waits for the next one, so that it waits
//! less long. Most of a connection's timers are like that on a quiet bridge, and each time costs two system calls and
//! often a switch between threads: much more than the timer itself, which hardly ever comes due. With this one running
//! no other is the next.
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often it is due: more often than anything that a connection waits for.
const PERIOD: Duration = Duration::from_millis(500);

/// Ticks until `stop`.
pub(crate) async fn tick(stop: CancellationToken) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let forever = async {
        loop {
            ticks.tick().await;
        }
    };
    // it never ends by itself
    stop.run_until_cancelled(forever).await;
}
