//! A line between a client and the bridge that is cut: after so many bytes either way, in one of several ways.
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// As many bytes as a line ever passes.
const NEVER: usize = usize::MAX;
/// How long a line that is closed in good order waits for the other ends.
const LINGER: Duration = Duration::from_secs(5);

/// How a line is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Both ends see the other close.
    Closed,
    /// Both ends see a reset.
    Reset,
    /// Neither end sees anything: all that is sent is lost from here on, also a close.
    Silent,
    /// The same in the direction that has had its bytes; the other goes on.
    HalfSilent,
}

impl Cut {
    pub(crate) const ALL: [Self; 4] = [Self::Closed, Self::Reset, Self::Silent, Self::HalfSilent];
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    /// Bytes that it passes from the client, and to it.
    pub(crate) up: usize,
    pub(crate) down: usize,
    pub(crate) cut: Cut,
    /// How long it is silent; then it is reset.
    pub(crate) silence: Duration,
}

impl Fate {
    /// A line that is never cut.
    pub(crate) const WHOLE: Self =
        Self { up: NEVER, down: NEVER, cut: Cut::Closed, silence: Duration::ZERO };

    /// Cut at random, in one of these ways.
    pub(crate) fn random(rng: &mut Rng, cuts: &[Cut]) -> Self {
        let (up, down) = match rng.u8(..4) {
            0 => (length(rng), NEVER),
            1 => (NEVER, length(rng)),
            _ => (length(rng), length(rng)),
        };
        let cut = *rng.choice(cuts).unwrap_or(&Cut::Closed);
        Self { up, down, cut, silence: Duration::from_secs(600) }
    }
}

/// In the handshake, in the first message or in its answer; else somewhere in what follows.
fn length(rng: &mut Rng) -> usize {
    if rng.u8(..) < 80 { rng.usize(..600) } else { rng.usize(..60_000) }
}

/// Makes lines to a bridge, and ends them with itself.
pub(crate) struct Lines {
    listener: TcpListener,
    bridge: SocketAddr,
    open: JoinSet<()>,
}

impl Lines {
    pub(crate) async fn to(bridge: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self { listener, bridge, open: JoinSet::new() })
    }

    /// A line; its client's end.
    pub(crate) async fn line(&mut self, fate: Fate) -> Result<TcpStream> {
        let connecting = TcpStream::connect(self.listener.local_addr()?);
        let (client, near) = tokio::join!(connecting, self.listener.accept());
        let (client, (near, _)) = (client?, near?);
        let far = TcpStream::connect(self.bridge).await?;
        for stream in [&client, &near, &far] {
            stream.set_nodelay(true)?;
        }
        while self.open.try_join_next().is_some() {}
        self.open.spawn(serve(near, far, fate));
        Ok(client)
    }
}

/// Why bytes are passed on no more.
enum Stop {
    /// There have been so many.
    Enough,
    /// One end has closed.
    Over,
}

/// A line from its beginning to its end.
async fn serve(mut near: TcpStream, mut far: TcpStream, fate: Fate) {
    let (mut up, mut down) = (fate.up, fate.down);
    let (mut near_read, mut near_write) = near.split();
    let (mut far_read, mut far_write) = far.split();
    let (stop, is_up) = tokio::select! {
        stop = pass_on(&mut near_read, &mut far_write, &mut up) => (stop, true),
        stop = pass_on(&mut far_read, &mut near_write, &mut down) => (stop, false),
    };
    match (stop, fate.cut) {
        (Stop::Over, _) => {
            // the other direction may have something left
            let rest = async {
                if is_up {
                    let _ = far_write.shutdown().await;
                    pass_on(&mut far_read, &mut near_write, &mut down).await;
                } else {
                    let _ = near_write.shutdown().await;
                    pass_on(&mut near_read, &mut far_write, &mut up).await;
                }
            };
            let _ = timeout(LINGER, rest).await;
        }
        (Stop::Enough, Cut::Closed) => {
            // unread bytes would make it a reset
            let _ = tokio::join!(far_write.shutdown(), near_write.shutdown());
            let rest = async { tokio::join!(swallow(&mut near_read), swallow(&mut far_read)) };
            let _ = timeout(LINGER, rest).await;
        }
        (Stop::Enough, Cut::Reset) => reset(&near, &far),
        (Stop::Enough, Cut::Silent) => {
            let rest = async { tokio::join!(swallow(&mut near_read), swallow(&mut far_read)) };
            let _ = timeout(fate.silence, rest).await;
            reset(&near, &far);
        }
        (Stop::Enough, Cut::HalfSilent) => {
            let mut never = NEVER;
            let rest = async {
                if is_up {
                    let passing = pass_on(&mut far_read, &mut near_write, &mut never);
                    tokio::join!(swallow(&mut near_read), passing);
                } else {
                    let passing = pass_on(&mut near_read, &mut far_write, &mut never);
                    tokio::join!(swallow(&mut far_read), passing);
                }
            };
            let _ = timeout(fate.silence, rest).await;
            reset(&near, &far);
        }
    }
}

async fn pass_on(from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>, left: &mut usize) -> Stop {
    let mut buffer = [0; 4096];
    while *left > 0 {
        let most = buffer.len().min(*left);
        let Some(room) = buffer.get_mut(..most) else { return Stop::Enough };
        let Ok(count @ 1..) = from.read(room).await else { return Stop::Over };
        if to.write_all(room.get(..count).unwrap_or_default()).await.is_err() {
            return Stop::Over;
        }
        *left -= count;
    }
    Stop::Enough
}

/// Reads and loses everything until the end.
async fn swallow(from: &mut ReadHalf<'_>) {
    let mut buffer = [0; 4096];
    while let Ok(1..) = from.read(&mut buffer).await {}
}

/// Has both connections reset when they are dropped.
fn reset(near: &TcpStream, far: &TcpStream) {
    for stream in [near, far] {
        // one that is gone needs no reset
        let _ = stream.set_zero_linger();
    }
}
