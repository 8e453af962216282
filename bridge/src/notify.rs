//! What systemd is told of the program (sd_notify): ready, reloading, stopping, alive. Without systemd it is nothing.
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use crate::bridge::Addresses;

/// It serves, and is to be counted as started; also after [`reloading`].
pub fn ready(addresses: Addresses) {
    let status = match addresses.tcp {
        Some(tcp) => format!("page on {}, TCP clients on {tcp}", addresses.page),
        None => format!("page on {}", addresses.page),
    };
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// It has begun to read its settings again; [`ready`] ends that, also where they were wrong.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        // without the time systemd would take the reload for failed, and stop the program
        Err(error) => warn!(%error, "the reload cannot be told to systemd: there is no clock"),
    }
}

/// It ends, and may take so long.
pub fn stopping(most: Duration) {
    let most_us = u32::try_from(most.as_micros()).unwrap_or(u32::MAX);
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("stopping: open connections are being ended"),
        NotifyState::ExtendTimeoutUsec(most_us),
    ]);
}

/// Tells systemd that the runtime still runs tasks, twice in the time that it has set (`WatchdogSec=`). It never ends,
/// unless nobody watches.
pub async fn alive() {
    let Some(most) = sd_notify::watchdog_enabled() else { return };
    let mut period = interval((most / 2).max(Duration::from_millis(1)));
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        period.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "systemd cannot be told how the program is");
    }
}
