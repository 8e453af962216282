//! Noise: random bytes in place of requests and of frames. The bridge stays up, and nobody is left behind.
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use fastrand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::socket::{Protocol, connect, handshake};
use super::subject::Subject;
use super::traffic::{packet, random_bytes};
use super::{Extent, Setup};
use crate::programs::Running;

/// How many make noise at the same time.
const AT_ONCE: usize = 32;
/// How long one of them hears what is answered before it hangs up.
const HEARING: Duration = Duration::from_millis(30);
/// How long the bridge may take to be rid of them: what a side has to close after the other, with room to spare.
const GONE: Duration = Duration::from_secs(10);
/// A request that would be granted, as long as nobody changes it.
const REQUEST: &str = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mig33\r\n\r\n";

/// What somebody sends.
#[derive(Clone, Copy, Debug)]
enum Noise {
    /// Anything at all.
    Bytes,
    /// A request with some of its bytes changed, or its end missing.
    Request,
    /// Anything behind a handshake.
    Behind(Protocol),
    /// Frames behind a handshake, right but for what is in them, and sometimes for one byte.
    Frames(Protocol),
}

pub(super) async fn run(setup: &Setup<'_>, mut rng: Rng) -> Result<String> {
    let count = if setup.extent == Extent::Short { 1_500 } else { 20_000 };
    let (_echo, upstream) = Running::echo().await?;
    // a session whose client is gone ends soon after it
    let subject = Subject::start(setup.program, upstream, &["--resume-grace", "1"]).await?;
    let (mut making, mut sent) = (JoinSet::new(), 0);
    for _ in 0..count {
        if making.len() == AT_ONCE {
            sent += making.join_next().await.transpose()?.transpose()?.unwrap_or_default();
        }
        making.spawn(make(subject.page(), rng.fork()));
    }
    while let Some(made) = making.join_next().await {
        sent += made??;
    }
    subject.healthy().await?;
    subject.empties(GONE).await?;
    subject.unharmed().await?;
    let tunnels = subject.figure("connections_total").await?;
    Ok(format!(
        "{count} connections, {tunnels} of them tunnels for a while; {} KB of noise",
        sent / 1_000
    ))
}

/// One connection; how many bytes it sent.
async fn make(page: SocketAddr, mut rng: Rng) -> Result<usize> {
    let stream = async || TcpStream::connect(page).await.context("nobody is let in any more");
    let protocol = *rng.choice(&Protocol::ALL).unwrap_or(&Protocol::Plain);
    let noise = match rng.u8(..8) {
        0 => Noise::Bytes,
        1 | 2 => Noise::Request,
        3 | 4 => Noise::Behind(protocol),
        _ => Noise::Frames(protocol),
    };
    let mut stream = match noise {
        Noise::Bytes | Noise::Request => stream().await?,
        // a session, or in its place what may not come first
        Noise::Behind(protocol) | Noise::Frames(protocol) if rng.u8(..4) > 0 => {
            connect(page, protocol).await?.into_inner()
        }
        Noise::Behind(protocol) | Noise::Frames(protocol) => {
            handshake(stream().await?, protocol).await?.into_inner()
        }
    };
    let bytes = match noise {
        Noise::Bytes => random_bytes(&mut rng, |rng| rng.usize(..40_000)),
        Noise::Request => request(&mut rng),
        Noise::Behind(_) => random_bytes(&mut rng, |rng| rng.usize(..4_000)),
        Noise::Frames(_) => frames(&mut rng)?,
    };
    let hearing = async {
        let (mut reading, mut writing) = stream.split();
        let writing = async {
            // who is thrown out early cannot send it all
            let _ = writing.write_all(&bytes).await;
        };
        let reading = async {
            let mut buffer = [0; 4096];
            while let Ok(1..) = reading.read(&mut buffer).await {}
        };
        tokio::join!(writing, reading);
    };
    // whatever the bridge has made of it, we go now
    let _ = timeout(HEARING, hearing).await;
    if rng.bool() {
        let _ = stream.set_zero_linger();
    }
    Ok(bytes.len())
}

fn request(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = REQUEST.as_bytes().to_vec();
    for _ in 0..rng.usize(1..5) {
        let at = rng.usize(..bytes.len());
        match rng.u8(..4) {
            0 => bytes.truncate(at.max(1)),
            1 => {
                bytes.insert(at, rng.u8(..));
            }
            2 => {
                let more = random_bytes(rng, |rng| rng.usize(..20_000));
                bytes.splice(at..at, more);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = rng.u8(..);
                }
            }
        }
    }
    bytes
}

fn frames(rng: &mut Rng) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // some are right for long, so that what is wrong comes when something is under way
    let right = *rng.choice(&[1, 8, 100]).unwrap_or(&1);
    for _ in 0..rng.usize(1..12) {
        if rng.u8(..=right) > 0 {
            let content = random_bytes(rng, |rng| rng.usize(..500));
            let packet = packet(rng.u16(..), 0, &content)?;
            frame(rng, 0x82, &packet.to_bytes(), &mut bytes);
            continue;
        }
        if rng.u8(..8) == 0 {
            // a length that nothing comes of
            bytes.extend([0x82, 0xff]);
            bytes.extend((rng.u64(..) >> rng.u8(1..64)).to_be_bytes());
        }
        let content = match rng.u8(..4) {
            0 => random_bytes(rng, |rng| rng.usize(..3_000)),
            1 => random_bytes(rng, |rng| rng.usize(..126)),
            2 => format!("{{\"ack\":{}}}", rng.u64(..) >> rng.u8(..64)).into_bytes(),
            _ => format!("{{\"resume\":\"{}\",\"received\":0}}", "A".repeat(rng.usize(..40)))
                .into_bytes(),
        };
        let first = match rng.u8(..4) {
            // any opcode, any reserved bit, last or not
            0 => rng.u8(..),
            1 => 0x81,
            2 => *rng.choice(&[0x88, 0x89, 0x8a]).unwrap_or(&0x88),
            _ => 0x82,
        };
        frame(rng, first, &content, &mut bytes);
    }
    if rng.u8(..=right) == 0 {
        let at = rng.usize(..bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << rng.u8(..8);
        }
    }
    Ok(bytes)
}

/// A masked frame (RFC 6455 section 5.2).
fn frame(rng: &mut Rng, first: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(first);
    match u16::try_from(content.len()) {
        Ok(length @ ..126) => out.push(0x80 | length.to_be_bytes()[1]),
        Ok(length) => {
            out.push(0x80 | 126);
            out.extend(length.to_be_bytes());
        }
        Err(_) => {
            out.push(0x80 | 127);
            out.extend((content.len() as u64).to_be_bytes());
        }
    }
    let mask = rng.u32(..).to_be_bytes();
    out.extend(mask);
    out.extend(content.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}
