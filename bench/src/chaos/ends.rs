//! Upstreams that stall, reset, send what is no packet or stop in the middle of one, and clients that do not read: each
//! has the close that is documented, and a tunnel beside them notices nothing.
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use fastrand::Rng;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

use super::socket::{Protocol, connect};
use super::subject::Subject;
use super::traffic::{Traffic, packet, random_bytes};
use super::upstream::Upstream;
use super::{Extent, Setup};
use crate::link::{Link, Target};

/// How long a side stalls.
const STALL: Duration = Duration::from_secs(2);
/// How long anything may take besides.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a round trip of the tunnel beside may take, on a busy machine.
const MOST_TRIP: Duration = Duration::from_secs(1);
/// Bytes of a stream that is soon over, and of one that no socket holds whole.
const LITTLE: usize = 50_000;
const MUCH: usize = 10_000_000;
/// MiB that the bridge may take for each connection, and besides: it may not hold what a slow side does not take.
const MOST_EACH: f64 = 0.1;
const MOST_BESIDES: f64 = 4.0;
/// Bytes that a session's client acknowledges at once, and how long fewer of them wait (spec/resume.md).
const ACKNOWLEDGE_BYTES: usize = 16 * 1024;
const ACKNOWLEDGE_TIME: Duration = Duration::from_secs(1);
/// Bytes of a first packet, which says what the upstream has to do.
const FIRST: usize = 19;
/// Its number, where the upstream returns everything.
const ECHO: u16 = u16::MAX;

/// What is wrong with a connection.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Nothing: the upstream closes between two packets.
    Ends,
    /// The upstream closes inside a packet.
    Stops,
    /// The upstream resets.
    Resets,
    /// The upstream sends what is no packet.
    Garbage,
    /// The upstream reads nothing for a while.
    Stalls,
    /// The client reads nothing for a while.
    Deaf,
}

impl Fault {
    const ALL: [Self; 6] =
        [Self::Ends, Self::Stops, Self::Resets, Self::Garbage, Self::Stalls, Self::Deaf];

    /// What the upstream says.
    fn stream(self, seed: u32) -> Result<Traffic> {
        let length = if matches!(self, Self::Deaf) { MUCH } else { LITTLE };
        Traffic::new(&mut Rng::with_seed(u64::from(seed)), self as u16, length)
    }

    /// What the client says behind its first packet.
    fn request(self, seed: u32) -> Result<Option<Traffic>> {
        let stalls = matches!(self, Self::Stalls);
        let traffic =
            || Traffic::new(&mut Rng::with_seed(u64::from(seed) << 32), self as u16, MUCH);
        stalls.then(traffic).transpose()
    }

    /// The close that the client is sent; none where nothing is wrong for long, and it closes by itself.
    const fn close(self) -> Option<u16> {
        match self {
            Self::Ends => Some(1000),
            Self::Stops | Self::Resets | Self::Garbage => Some(1011),
            Self::Stalls | Self::Deaf => None,
        }
    }

    /// Whether everything that the upstream says has to arrive first.
    const fn is_whole(self) -> bool {
        matches!(self, Self::Ends | Self::Stalls | Self::Deaf)
    }
}

pub(super) async fn run(setup: &Setup<'_>, mut rng: Rng) -> Result<String> {
    let each = if setup.extent == Extent::Short { 3 } else { 6 };
    let mut upstream = Upstream::start(serve).await?;
    let subject = Subject::start(setup.program, upstream.address(), &[]).await?;
    let before = subject.resident()?;
    let mut clients = JoinSet::new();
    for fault in Fault::ALL {
        for protocol in Protocol::ALL {
            for _ in 0..each {
                let (page, seed) = (subject.page(), rng.u32(..));
                clients.spawn(async move {
                    let done = timeout(PATIENCE, meet(page, fault, protocol, seed)).await;
                    let done = done.context("it does not come to its end").flatten();
                    done.with_context(|| format!("{fault:?} over {protocol:?}"))
                });
            }
        }
    }
    let count = clients.len();
    let mut beside = Link::open(Target::Bridge(subject.page()), FIRST).await?;
    let trip = packet(ECHO, 0, &[])?.to_bytes();
    let (mut longest, mut trips, mut most) = (Duration::ZERO, 0, before);
    loop {
        if let Some(done) = clients.try_join_next() {
            done??;
            continue;
        }
        if clients.is_empty() {
            break;
        }
        let start = Instant::now();
        beside.round_trip(&trip).await.context("in the tunnel beside")?;
        longest = longest.max(start.elapsed());
        trips += 1;
        most = most.max(subject.resident()?);
        sleep(Duration::from_millis(10)).await;
    }
    ensure!(longest <= MOST_TRIP, "a round trip beside took {longest:?}");
    let taken = most - before;
    ensure!(
        taken <= MOST_BESIDES + MOST_EACH * count as f64,
        "the bridge took {taken:.1} MiB for {count} connections"
    );
    beside.close().await?;
    for _ in 0..=count {
        upstream.ended(PATIENCE).await?.context("at the upstream")?;
    }
    subject.empties(PATIENCE).await?;
    subject.unharmed().await?;
    Ok(format!(
        "{count} faults, each with its close; {trips} round trips beside them, the longest {:.1} ms; {taken:.1} MiB taken",
        longest.as_secs_f64() * 1e3
    ))
}

/// A client that meets a fault.
async fn meet(page: SocketAddr, fault: Fault, protocol: Protocol, seed: u32) -> Result<()> {
    let stream = fault.stream(seed)?;
    let mut socket = connect(page, protocol).await?;
    socket.send(Message::Binary(packet(fault as u16, seed, &[])?.to_bytes())).await?;
    if let Some(request) = fault.request(seed)? {
        let mut at = 0;
        while at < request.len() {
            let end = request.end_of_packet(at);
            socket.send(Message::Binary(request.part(at, end))).await?;
            at = end;
        }
    }
    if matches!(fault, Fault::Deaf) {
        sleep(STALL).await;
    }
    let Heard { came, code } =
        hear(&mut socket, protocol, &stream, fault.close().is_none()).await?;
    ensure!(code == fault.close(), "it was closed with {code:?}");
    ensure!(
        came == stream.len() || !fault.is_whole(),
        "{came} bytes came of {}, before the close",
        stream.len()
    );
    if code.is_none() {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        socket.close(Some(frame)).await?;
    }
    while let Some(message) = socket.next().await {
        ensure!(
            !message.context("after the close")?.is_binary(),
            "data came behind the last of it"
        );
    }
    Ok(())
}

/// What came, and the code of the close.
struct Heard {
    came: usize,
    code: Option<u16>,
}

/// Takes what comes until a close, or until all is there where none is due.
async fn hear(
    socket: &mut WebSocketStream<TcpStream>,
    protocol: Protocol,
    stream: &Traffic,
    is_all: bool,
) -> Result<Heard> {
    let (mut came, mut told) = (0, 0);
    while !is_all || came < stream.len() {
        match timeout(ACKNOWLEDGE_TIME, socket.next()).await {
            // late, where bytes come all the time; it is for the last of them
            Err(_) => {}
            Ok(message) => {
                let message = message.context("it ended without a close")?;
                match message.context("in place of a close")? {
                    Message::Binary(bytes) => came = stream.follow(came, &bytes)?,
                    Message::Close(frame) => {
                        let frame = frame.context("a close without a code")?;
                        return Ok(Heard { came, code: Some(frame.code.into()) });
                    }
                    // the bridge acknowledges what was sent
                    Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                }
                if protocol == Protocol::Resume && came - told < ACKNOWLEDGE_BYTES {
                    continue;
                }
            }
        }
        match protocol {
            Protocol::Plain => {
                ensure!(stream.is_between(came), "a message ended at {came}, inside a packet");
            }
            Protocol::Resume if came == told => {}
            Protocol::Resume => {
                told = came;
                // the bridge may have closed behind the last bytes
                let _ = socket.send(Message::text(format!("{{\"ack\":{came}}}"))).await;
            }
        }
    }
    Ok(Heard { came, code: None })
}

/// The upstream's end: does what the first packet says.
async fn serve(mut stream: TcpStream) -> Result<()> {
    let mut first = [0; FIRST];
    stream.read_exact(&mut first).await?;
    let [_, _, _, high, low, .., a, b, c, d] = first;
    let (number, seed) = (u16::from_be_bytes([high, low]), u32::from_be_bytes([a, b, c, d]));
    let Some(fault) = Fault::ALL.into_iter().find(|fault| *fault as u16 == number) else {
        ensure!(number == ECHO, "there is no fault {number}");
        stream.write_all(&first).await?;
        let (mut reading, mut writing) = stream.split();
        tokio::io::copy(&mut reading, &mut writing).await?;
        return Ok(());
    };
    let says = fault.stream(seed)?;
    if let Some(request) = fault.request(seed)? {
        sleep(STALL).await;
        let (mut got, mut buffer) = (0, vec![0; 64 * 1024]);
        while got < request.len() {
            let count = stream.read(&mut buffer).await?;
            ensure!(count > 0, "a request ended after {got} bytes");
            got = request.follow(got, buffer.get(..count).unwrap_or_default())?;
        }
    }
    let end = if matches!(fault, Fault::Stops) { says.len() - 1 } else { says.len() };
    stream.write_all(&says.part(0, end)).await?;
    match fault {
        Fault::Ends | Fault::Stops => stream.shutdown().await?,
        Fault::Resets => {
            stream.set_zero_linger()?;
            return Ok(());
        }
        Fault::Garbage => {
            let mut rng = Rng::with_seed(u64::from(seed));
            let mut garbage = random_bytes(&mut rng, |rng| rng.usize(1..5_000));
            if let Some(first) = garbage.first_mut().filter(|first| **first == mig33_codec::MAGIC) {
                *first = !mig33_codec::MAGIC;
            }
            stream.write_all(&garbage).await?;
        }
        Fault::Stalls | Fault::Deaf => {}
    }
    // the bridge ends it, in whatever way
    let mut rest = [0; 1024];
    loop {
        match timeout(PATIENCE, stream.read(&mut rest)).await {
            Err(_) => return Err(anyhow!("a connection with {fault:?} stays open")),
            Ok(Ok(1..)) => {}
            Ok(Ok(0) | Err(_)) => return Ok(()),
        }
    }
}
