//! The signals that end a measurement early.
use std::process::ExitCode;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

/// Waits for one; what to exit with, as a shell reports a program that a signal ended.
pub(crate) async fn signal_code() -> Result<ExitCode> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let kind = tokio::select! {
        _ = hangup.recv() => SignalKind::hangup(),
        _ = interrupt.recv() => SignalKind::interrupt(),
        _ = terminate.recv() => SignalKind::terminate(),
    };
    Ok(ExitCode::from(u8::try_from(128 + kind.as_raw_value())?))
}
