//! SIGTERM under load: every client is told when to come back, what was acknowledged has arrived, and the process ends.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::socket::{Protocol, connect};
use super::subject::Subject;
use super::traffic::{Traffic, packet};
use super::upstream::Upstream;
use super::{Extent, Setup};

/// Seconds that open connections are given, and as an argument.
const DRAIN: Duration = Duration::from_secs(2);
const DRAIN_ARGUMENT: &str = "2";
/// How much longer the process may take on a busy machine.
const SLACK: Duration = Duration::from_secs(1);
/// How long the process may take to end at once.
const AT_ONCE: Duration = Duration::from_millis(700);
/// How long a client waits for anything.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes without an answer that a client has on the way.
const WINDOW: usize = 8 * 1024;
/// Whom the upstream floods: a client that does not read.
const STUCK: u16 = u16::MAX;
/// The least that a client may be told to wait, in ms.
const LEAST_RETRY: u32 = 500;

/// What a client has seen until it was told to come back.
struct Told {
    number: u16,
    /// Bytes that came, which are what it sent, given back.
    came: usize,
    /// Bytes that the upstream has: the bridge says so, or it has given them back.
    arrived: usize,
    retry_ms: u32,
}

pub(super) async fn run(setup: &Setup<'_>, mut rng: Rng) -> Result<String> {
    let clients: u16 = if setup.extent == Extent::Short { 60 } else { 500 };
    let mut streams = Vec::new();
    for number in 0..clients {
        streams.push(Traffic::new(&mut rng, number, 300_000)?);
    }
    let streams: Arc<[Traffic]> = streams.into();
    let known = Arc::clone(&streams);
    let mut upstream = Upstream::start(move |stream| give_back(stream, Arc::clone(&known))).await?;
    let arguments = ["--drain-timeout", DRAIN_ARGUMENT];
    let mut subject = Subject::start(setup.program, upstream.address(), &arguments).await?;
    let _stuck = stuck(subject.page()).await?;
    let ready = Arc::new(Barrier::new(usize::from(clients) + 1));
    let mut talks = JoinSet::new();
    for number in 0..clients {
        let protocol = if number % 2 == 0 { Protocol::Plain } else { Protocol::Resume };
        let (page, streams, ready) = (subject.page(), Arc::clone(&streams), Arc::clone(&ready));
        talks.spawn(async move {
            let stream = streams.get(usize::from(number)).context("each has a stream")?;
            let told = talk(page, protocol, number, stream, &ready).await;
            told.with_context(|| format!("client {number}"))
        });
    }
    timeout(PATIENCE, ready.wait()).await.context("not all clients have got an answer")?;
    sleep(Duration::from_millis(rng.u64(..200))).await;
    subject.terminate()?;
    let start = Instant::now();
    let mut told = Vec::new();
    while let Some(talk) = talks.join_next().await {
        told.push(talk??);
    }
    // the client that does not read holds it up to the end of its time
    ensure!(
        connect(subject.page(), Protocol::Plain).await.is_err(),
        "a bridge that is being stopped took a connection"
    );
    let status = subject.ended(DRAIN + SLACK).await?;
    let took = start.elapsed();
    ensure!(status.code() == Some(0), "it ended with {status}");
    ensure!(took <= DRAIN + SLACK, "it took {took:?} to end");
    subject.quiet()?;
    let spread = (2 * (u32::from(clients) + 1)).clamp(1_000, 30_000);
    let mut got = vec![0; usize::from(clients)];
    for _ in 0..=clients {
        let (number, count) = upstream.ended(PATIENCE).await?;
        if let Some(got) = got.get_mut(usize::from(number)) {
            *got = count.with_context(|| format!("at the upstream, client {number}"))?;
        }
    }
    let mut under_way = 0;
    for told in &told {
        let got = got.get(usize::from(told.number)).copied().unwrap_or_default();
        ensure!(
            told.arrived <= got,
            "client {}: {} bytes are said to be at the upstream, which got {got}",
            told.number,
            told.arrived
        );
        ensure!(
            (LEAST_RETRY..LEAST_RETRY + spread).contains(&told.retry_ms),
            "client {} is told to come back after {} ms",
            told.number,
            told.retry_ms
        );
        under_way += usize::from(told.came < got);
    }
    at_once(setup).await.context("at a second signal")?;
    Ok(format!(
        "{clients} clients told to come back, {under_way} of them with answers under way; ended after {:.1} s with a client that does not read; at once at a second signal",
        took.as_secs_f64()
    ))
}

/// The second signal ends it, whoever is still there.
async fn at_once(setup: &Setup<'_>) -> Result<()> {
    let upstream = Upstream::start(|stream| give_back(stream, Arc::new([]))).await?;
    let mut subject = Subject::start(setup.program, upstream.address(), &[]).await?;
    let _stuck = stuck(subject.page()).await?;
    subject.terminate()?;
    let early = subject.ended(AT_ONCE).await;
    ensure!(early.is_err(), "it did not wait for its client at the first signal");
    subject.terminate()?;
    let status = subject.ended(AT_ONCE).await?;
    ensure!(status.code() == Some(1), "it ended with {status}");
    subject.quiet()
}

/// A client that reads nothing of what it is flooded with; it is, once this returns.
async fn stuck(page: SocketAddr) -> Result<WebSocketStream<TcpStream>> {
    let mut socket = connect(page, Protocol::Plain).await?;
    socket.send(Message::Binary(packet(STUCK, 0, &[])?.to_bytes())).await?;
    socket.next().await.context("the upstream sends nothing")??;
    Ok(socket)
}

/// Sends packets and takes them again until told to come back.
async fn talk(
    page: SocketAddr,
    protocol: Protocol,
    number: u16,
    stream: &Traffic,
    ready: &Barrier,
) -> Result<Told> {
    let mut socket = connect(page, protocol).await?;
    let (mut sent, mut came, mut acknowledged, mut is_ready) = (0, 0, 0, false);
    let close = loop {
        if sent < stream.len() && sent - came < WINDOW {
            let end = stream.end_of_packet(sent);
            socket.send(Message::Binary(stream.part(sent, end))).await?;
            sent = end;
            continue;
        }
        let message = timeout(PATIENCE, socket.next()).await.context("nothing comes")?;
        match message.context("it ended without a close")?? {
            Message::Binary(bytes) => {
                came = stream.follow(came, &bytes)?;
                if !std::mem::replace(&mut is_ready, true) {
                    ready.wait().await;
                }
                if protocol == Protocol::Plain {
                    ensure!(stream.is_between(came), "a message ended at {came}, in a packet");
                }
            }
            Message::Text(text) => {
                let offset = serde_json::from_str::<Value>(&text)?["ack"].as_u64();
                acknowledged = usize::try_from(offset.context("no acknowledgement")?)?;
            }
            Message::Close(frame) => break frame.context("a close without a code")?,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
        if protocol == Protocol::Resume && came > 0 && came % 3 == 0 {
            // a session's client acknowledges, or the bridge would stop to read
            socket.send(Message::text(format!("{{\"ack\":{came}}}"))).await?;
        }
    };
    ensure!(u16::from(close.code) == 1012, "it was closed with {close}");
    let retry_ms = close.reason.strip_prefix("retry_ms=").and_then(|rest| rest.parse().ok());
    let Some(retry_ms) = retry_ms else { bail!("its close says {:?}", close.reason) };
    // the answer to the close goes out, and the connection ends in good order
    while let Some(message) = socket.next().await {
        message.context("after the close")?;
    }
    Ok(Told { number, came, arrived: acknowledged.max(came), retry_ms })
}

/// The upstream's end: gives everything back, and follows it. Whose it was, and how much came.
async fn give_back(mut stream: TcpStream, streams: Arc<[Traffic]>) -> (u16, Result<usize>) {
    let mut header = [0; mig33_codec::HEADER_LEN];
    if stream.read_exact(&mut header).await.is_err() {
        return (STUCK, Ok(0));
    }
    let sender = u16::from_be_bytes([header[3], header[4]]);
    let served = match streams.get(usize::from(sender)) {
        None => flood(stream).await.map(|()| 0),
        Some(traffic) => echo(stream, &header, traffic).await,
    };
    (sender, served)
}

async fn echo(mut stream: TcpStream, header: &[u8], traffic: &Traffic) -> Result<usize> {
    let (mut buffer, mut is_heard) = (vec![0; 16 * 1024], true);
    let mut got = traffic.follow(0, header)?;
    is_heard &= stream.write_all(header).await.is_ok();
    // until the bridge closes, or resets because of answers that it does not read any more
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        let bytes = buffer.get(..count).unwrap_or_default();
        got = traffic.follow(got, bytes)?;
        is_heard = is_heard && stream.write_all(bytes).await.is_ok();
    }
    Ok(got)
}

async fn flood(mut stream: TcpStream) -> Result<()> {
    let packet = packet(STUCK, 0, &[0; 60_000])?.to_bytes();
    while stream.write_all(&packet).await.is_ok() {}
    Ok(())
}
