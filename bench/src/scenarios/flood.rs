//! Flood: connections that each keep a window of packets in flight, until the time is over.
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;

use crate::link::{Link, Target};
use crate::packet;

/// What each connection does.
pub(super) struct Flood {
    /// Packets in flight.
    pub(super) window: usize,
    /// Bytes of text in a packet.
    pub(super) text: usize,
    pub(super) seconds: u64,
}

/// What came back in a time.
pub(super) struct Back {
    pub(super) packets: f64,
    bytes: f64,
    seconds: f64,
}

impl Flood {
    /// So many connections at once.
    pub(super) async fn run(&self, target: Target, connections: usize) -> Result<Back> {
        let packet = packet::message(self.text)?;
        let start = Instant::now();
        let end = start + Duration::from_secs(self.seconds);
        let tasks: Vec<_> = (0..connections)
            .map(|_| tokio::spawn(one(target, packet.clone(), self.window, end)))
            .collect();
        let mut packets = 0;
        for task in tasks {
            packets += task.await??;
        }
        let packets = packets as f64;
        let seconds = start.elapsed().as_secs_f64();
        Ok(Back { packets, bytes: packets * packet.len() as f64, seconds })
    }
}

impl Back {
    pub(super) fn packets_per_second(&self) -> f64 {
        self.packets / self.seconds
    }

    pub(super) fn mebibytes(&self) -> f64 {
        self.bytes / f64::from(1 << 20)
    }

    pub(super) fn mebibytes_per_second(&self) -> f64 {
        self.mebibytes() / self.seconds
    }
}

async fn one(target: Target, packet: Bytes, window: usize, end: Instant) -> Result<u64> {
    let mut link = Link::open(target, window * packet.len()).await?;
    let mut packets = 0;
    let mut in_flight = 0;
    while Instant::now() < end {
        while in_flight < window * packet.len() {
            link.send(&packet).await?;
            in_flight += packet.len();
            packets += 1;
        }
        let came = link.receive().await?.len();
        in_flight = in_flight.checked_sub(came).context("more came back than was sent")?;
    }
    while in_flight > 0 {
        let came = link.receive().await?.len();
        in_flight = in_flight.checked_sub(came).context("more came back than was sent")?;
    }
    link.close().await?;
    Ok(packets)
}
