//! What is measured of a bridge: latency, rate, bulk, idle memory, churn.
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use hdrhistogram::Histogram;

use crate::Bridge;
use crate::link::{Link, Target};
use crate::packet;
use crate::placement::OneProcessor;
use crate::programs::{Running, Usage};
use crate::report::{Figure, Report};

/// Bytes of text in a small packet, which is about 200 bytes long then, and in a large one.
const SMALL: usize = 160;
const LARGE: usize = 64 * 1024;
/// Large packets in flight.
const LARGE_WINDOW: usize = 4;
/// Round trips before those that count.
const WARM_UP: usize = 2_000;
/// Connections before those that count: what a process sets up once is not theirs.
const FIRST_CONNECTIONS: usize = 16;
/// How long a process is left alone before its memory is looked at.
const SETTLE: Duration = Duration::from_secs(1);

/// Starts everything, measures everything, so many times.
pub(crate) async fn run(options: &Bridge) -> Result<Report> {
    let (echo, upstream) = Running::echo().await?;
    let direct = Target::Tcp(upstream);
    let mut report = Report::default();
    for _ in 0..options.rounds.max(1) {
        // a new process each time, so that each round's memory starts from nothing
        let (bridge, page) =
            Running::bridge(&options.program.bridge, &["--upstream", &upstream.to_string()])
                .await?;
        let through = Target::Bridge(page);

        let placement = OneProcessor::keep(&[echo.pid(), bridge.pid()])?;
        let plain = latency(direct, options.trips).await?;
        let bridged = latency(through, options.trips).await?;
        report.add(Figure::LatencyMedian, Some(plain.median), bridged.median);
        report.add(Figure::LatencyP99, Some(plain.p99), bridged.p99);
        drop(placement);
        let plain = latency(direct, options.trips).await?;
        let bridged = latency(through, options.trips).await?;
        report.add(Figure::SpreadLatencyMedian, Some(plain.median), bridged.median);

        let plain =
            flood(direct, options.connections, options.window, SMALL, options.seconds).await?;
        let before = bridge.usage()?;
        let bridged =
            flood(through, options.connections, options.window, SMALL, options.seconds).await?;
        report.add(Figure::Rate, Some(plain.packets_per_second()), bridged.packets_per_second());
        report.add(
            Figure::CpuPerPacket,
            None,
            cpu_micros(before, bridge.usage()?) / bridged.packets,
        );

        let plain = flood(direct, 1, LARGE_WINDOW, LARGE, options.seconds).await?;
        let before = bridge.usage()?;
        let bridged = flood(through, 1, LARGE_WINDOW, LARGE, options.seconds).await?;
        report.add(
            Figure::Bulk,
            Some(plain.mebibytes_per_second()),
            bridged.mebibytes_per_second(),
        );
        report.add(
            Figure::CpuPerMebibyte,
            None,
            cpu_micros(before, bridge.usage()?) / bridged.mebibytes(),
        );

        report.add(Figure::IdleConnection, None, idle(&bridge, through, options.idle).await?);

        let plain = churn(direct, options.churn).await?;
        let before = bridge.usage()?;
        let bridged = churn(through, options.churn).await?;
        report.add(Figure::Churn, Some(plain), bridged);
        let count = options.churn as f64;
        report.add(Figure::CpuPerConnection, None, cpu_micros(before, bridge.usage()?) / count);
    }
    Ok(report)
}

fn cpu_micros(before: Usage, after: Usage) -> f64 {
    (after.cpu - before.cpu) * 1e6
}

/// Microseconds of a round trip.
struct Latency {
    median: f64,
    p99: f64,
}

/// One connection, one packet in flight.
async fn latency(target: Target, trips: usize) -> Result<Latency> {
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

/// What came back in a time.
struct Flood {
    packets: f64,
    bytes: f64,
    seconds: f64,
}

impl Flood {
    fn packets_per_second(&self) -> f64 {
        self.packets / self.seconds
    }

    fn mebibytes(&self) -> f64 {
        self.bytes / f64::from(1 << 20)
    }

    fn mebibytes_per_second(&self) -> f64 {
        self.mebibytes() / self.seconds
    }
}

/// Many connections, each with a window of packets in flight, until the time is over.
async fn flood(
    target: Target,
    connections: usize,
    window: usize,
    text: usize,
    seconds: u64,
) -> Result<Flood> {
    let packet = packet::message(text)?;
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(flood_one(target, packet.clone(), window, end)))
        .collect();
    let mut packets = 0;
    for task in tasks {
        packets += task.await??;
    }
    let packets = packets as f64;
    Ok(Flood {
        packets,
        bytes: packets * packet.len() as f64,
        seconds: start.elapsed().as_secs_f64(),
    })
}

async fn flood_one(target: Target, packet: Bytes, window: usize, end: Instant) -> Result<u64> {
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

/// KiB of the bridge for a connection that has been used once and is silent since.
async fn idle(bridge: &Running, target: Target, count: usize) -> Result<f64> {
    let packet = packet::message(40)?;
    let mut links = Vec::with_capacity(FIRST_CONNECTIONS + count);
    for _ in 0..FIRST_CONNECTIONS {
        links.push(used_once(target, &packet).await?);
    }
    tokio::time::sleep(SETTLE).await;
    let before = bridge.usage()?;
    for _ in 0..count {
        links.push(used_once(target, &packet).await?);
    }
    tokio::time::sleep(SETTLE).await;
    let after = bridge.usage()?;
    for mut link in links {
        link.round_trip(&packet).await.context("an idle connection does not work any more")?;
        link.close().await?;
    }
    Ok((after.resident - before.resident) / count as f64)
}

async fn used_once(target: Target, packet: &Bytes) -> Result<Link> {
    let mut link = Link::open(target, packet.len()).await?;
    link.round_trip(packet).await?;
    Ok(link)
}

/// Connections a second, one after the other: opened, used once, closed.
async fn churn(target: Target, count: usize) -> Result<f64> {
    let packet = packet::message(40)?;
    let start = Instant::now();
    for _ in 0..count {
        used_once(target, &packet).await?.close().await?;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}
