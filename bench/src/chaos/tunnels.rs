//! Plain tunnels over lines that are cut: each side gets a beginning of what the other has sent, in whole packets, and
//! the upstream's connection ends.
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::line::{Cut, Fate, Lines};
use super::socket::{Protocol, handshake};
use super::subject::Subject;
use super::traffic::Traffic;
use super::upstream::Upstream;
use super::{Extent, Setup};

/// How long a line is silent before it is reset, where nobody waits for the bridge to notice.
const SHORT_SILENCE: Duration = Duration::from_millis(500);
/// Longer than the bridge takes to notice by itself: two periods of pings.
const LONG_SILENCE: Duration = Duration::from_secs(120);
/// How long the bridge may take to notice that, and to end a tunnel otherwise.
const NOTICE_TIME: Duration = Duration::from_secs(2 * 25 + 10);
const END_TIME: Duration = Duration::from_secs(10);
/// After how long a silence a client does not expect any more.
const DEAD: Duration = Duration::from_millis(800);
/// Where the upstream says that nobody has told it who it speaks to.
const NOBODY: u16 = u16::MAX;

/// What each side sends.
struct Pair {
    to_server: Traffic,
    to_client: Traffic,
}

/// Lines that are closed, reset, or silent for a while.
pub(super) async fn cut(setup: &Setup<'_>, rng: Rng) -> Result<String> {
    let tunnels = if setup.extent == Extent::Short { 100 } else { 1_000 };
    run(setup, rng, tunnels, &Cut::ALL, SHORT_SILENCE, END_TIME).await
}

/// Lines that stay silent, so that only its pings tell the bridge.
pub(super) async fn half_open(setup: &Setup<'_>, rng: Rng) -> Result<String> {
    let cuts = [Cut::Silent, Cut::HalfSilent];
    run(setup, rng, 100, &cuts, LONG_SILENCE, NOTICE_TIME).await
}

async fn run(
    setup: &Setup<'_>,
    mut rng: Rng,
    tunnels: u16,
    cuts: &[Cut],
    silence: Duration,
    end_time: Duration,
) -> Result<String> {
    let mut pairs = Vec::new();
    for number in 0..tunnels {
        let mut stream = || Traffic::new(&mut rng, number, 60_000);
        pairs.push(Pair { to_server: stream()?, to_client: stream()? });
    }
    let pairs: Arc<[Pair]> = pairs.into();
    let known = Arc::clone(&pairs);
    let mut upstream = Upstream::start(move |stream| serve(stream, Arc::clone(&known))).await?;
    let subject = Subject::start(setup.program, upstream.address(), &[]).await?;
    let lines = Arc::new(tokio::sync::Mutex::new(Lines::to(subject.page()).await?));
    let mut clients = JoinSet::new();
    for number in 0..tunnels {
        let fate = Fate { silence, ..Fate::random(&mut rng, cuts) };
        let (pairs, lines, rng) = (Arc::clone(&pairs), Arc::clone(&lines), rng.fork());
        clients.spawn(async move {
            let pair = pairs.get(usize::from(number)).context("each has a pair")?;
            let line = lines.lock().await.line(fate).await?;
            talk(line, pair, rng).await.with_context(|| format!("tunnel {number}"))
        });
    }
    let (mut came, mut got) = (0, 0);
    // nobody hangs up: a line that is silent stays so
    let mut open = Vec::new();
    while let Some(client) = clients.join_next().await {
        let (socket, count) = client??;
        came += count;
        open.extend(socket);
    }
    let opened = subject.figure("connections_total").await?;
    for _ in 0..opened {
        let (sender, result) = upstream.ended(end_time).await?;
        got += result.with_context(|| match sender {
            NOBODY => "at the upstream, before a packet".to_owned(),
            sender => format!("at the upstream, tunnel {sender}"),
        })?;
    }
    subject.empties(END_TIME).await?;
    drop(open);
    ensure!(upstream.ended_already().is_empty(), "more upstream connections than tunnels");
    subject.unharmed().await?;
    Ok(format!(
        "{tunnels} tunnels cut, {opened} after the handshake; {} KB arrived upstream, {} KB back",
        got / 1_000,
        came / 1_000
    ))
}

/// The client's end: sends and takes until nothing comes any more. Its end of the line, where it had a handshake, and
/// how much came.
async fn talk(
    line: TcpStream,
    pair: &Pair,
    mut rng: Rng,
) -> Result<(Option<WebSocketStream<TcpStream>>, usize)> {
    let Ok(Ok(socket)) = timeout(DEAD, handshake(line, Protocol::Plain)).await else {
        return Ok((None, 0));
    };
    let (mut sink, mut stream) = socket.split();
    let sending = async {
        let (traffic, mut at) = (&pair.to_server, 0);
        while at < traffic.len() {
            let mut end = at;
            for _ in 0..rng.usize(1..4) {
                end = traffic.end_of_packet(end);
            }
            let packets = Message::Binary(traffic.part(at, end));
            at = end;
            if sink.send(packets).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(rng.u64(..2))).await;
        }
        std::future::pending().await
    };
    let taking = async {
        let mut came = 0;
        // an end of any kind will do: it is what the line has made of it
        while let Ok(Some(Ok(message))) = timeout(DEAD, stream.next()).await {
            match message {
                Message::Binary(bytes) => came = pair.to_client.follow(came, &bytes)?,
                Message::Text(text) => anyhow::bail!("text came: {text}"),
                Message::Close(frame) => anyhow::bail!("the bridge closed: {frame:?}"),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
            ensure!(pair.to_client.is_between(came), "a message ended at {came}, inside a packet");
        }
        Ok(came)
    };
    let came = tokio::select! {
        came = taking => came?,
        () = sending => 0,
    };
    Ok((sink.reunite(stream).ok(), came))
}

/// The upstream's end: whose connection it was, and how much came until the bridge ended it.
async fn serve(mut stream: TcpStream, pairs: Arc<[Pair]>) -> (u16, Result<usize>) {
    let mut header = [0; mig33_codec::HEADER_LEN];
    let mut count = 0;
    while let Some(room @ [_, ..]) = header.get_mut(count..) {
        match stream.read(room).await {
            Ok(more @ 1..) => count += more,
            Ok(0) | Err(_) if count == 0 => return (NOBODY, Ok(0)),
            Ok(_) | Err(_) => {
                return (NOBODY, Err(anyhow::anyhow!("{count} bytes came, which is no packet")));
            }
        }
    }
    let sender = u16::from_be_bytes([header[3], header[4]]);
    let Some(pair) = pairs.get(usize::from(sender)) else {
        return (sender, Err(anyhow::anyhow!("there is no such tunnel")));
    };
    let (mut reading, mut writing) = stream.split();
    let got = async {
        let mut got = pair.to_server.follow(0, &header)?;
        let mut buffer = vec![0; 16 * 1024];
        // an end of any kind, as above
        while let Ok(count @ 1..) = reading.read(&mut buffer).await {
            got = pair.to_server.follow(got, buffer.get(..count).unwrap_or_default())?;
        }
        ensure!(pair.to_server.is_between(got), "it ended at {got}, inside a packet");
        Ok(got)
    };
    let answering = async {
        let (traffic, mut rng, mut at) = (&pair.to_client, Rng::with_seed(u64::from(sender)), 0);
        while at < traffic.len() {
            let piece = traffic.part(at, at + rng.usize(1..4_000));
            at += piece.len();
            if writing.write_all(&piece).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(rng.u64(..2))).await;
        }
        std::future::pending().await
    };
    let got = tokio::select! {
        got = got => got,
        () = answering => Ok(0),
    };
    (sender, got)
}
