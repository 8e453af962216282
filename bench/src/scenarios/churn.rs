//! Churn: connections that are opened, used once and closed, one after the other.
use std::time::Instant;

use anyhow::Result;

use crate::link::{Link, Target};
use crate::packet;

/// Connections a second.
pub(super) async fn rate(target: Target, count: usize) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..count {
        used_once(target, 0).await?.close().await?;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

/// A connection that has been used once; `number` says how many there are already.
pub(super) async fn used_once(target: Target, number: usize) -> Result<Link> {
    let packet = packet::message(40)?;
    let mut link = Link::open_one_of_many(target, packet.len(), number).await?;
    link.round_trip(&packet).await?;
    Ok(link)
}
