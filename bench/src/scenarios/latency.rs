//! Latency: one connection, one packet in flight.
use std::time::Instant;

use anyhow::Result;
use hdrhistogram::Histogram;

use crate::link::{Link, Target};
use crate::packet;

/// Round trips before those that count.
const WARM_UP: usize = 2_000;

/// Microseconds of a round trip.
pub(super) struct Latency {
    pub(super) median: f64,
    pub(super) p99: f64,
}

/// So many round trips.
pub(super) async fn measure(target: Target, trips: usize) -> Result<Latency> {
    let packet = packet::message(40)?;
    let mut link = Link::open(target, packet.len()).await?;
    for _ in 0..WARM_UP {
        link.round_trip(&packet).await?;
    }
    let mut histogram = Histogram::<u64>::new(3)?;
    for _ in 0..trips {
        let start = Instant::now();
        link.round_trip(&packet).await?;
        histogram.record(u64::try_from(start.elapsed().as_nanos())?)?;
    }
    link.close().await?;
    let micros = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
    Ok(Latency { median: micros(0.5), p99: micros(0.99) })
}
