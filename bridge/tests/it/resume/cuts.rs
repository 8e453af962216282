//! The connection cut at every byte, and at random: each byte arrives once, in order.
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex};
use tokio::time::timeout;

use super::client::Lost;
use super::{STREAM, Sessions, log_in};
use crate::support::packet;

/// How much passes before a line goes dead, client to bridge and back.
#[derive(Clone, Copy, Debug)]
struct Cut {
    up: usize,
    down: usize,
}

const NEVER: usize = usize::MAX;

/// A connection that is cut: after so many bytes in either direction both are gone.
fn cut_line(sessions: &Sessions, cut: Cut) -> DuplexStream {
    let (client, near) = duplex(STREAM);
    let far = sessions.connection();
    tokio::spawn(async move {
        let (near_read, near_write) = tokio::io::split(near);
        let (far_read, far_write) = tokio::io::split(far);
        tokio::select! {
            () = pass_on(near_read, far_write, cut.up) => {}
            () = pass_on(far_read, near_write, cut.down) => {}
        }
    });
    client
}

async fn pass_on(
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    mut left: usize,
) {
    let mut buffer = [0; 512];
    while left > 0 {
        let most = left.min(buffer.len());
        let Ok(count @ 1..) = from.read(&mut buffer[..most]).await else { return };
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
        left -= count;
    }
}

/// [`talk`], which would go on without end where something is lost.
async fn converse(
    to_server: &[u8],
    to_client: &[u8],
    cuts: &[Cut],
    pieces: &[usize],
) -> (Vec<u8>, Vec<u8>) {
    let talking = talk(to_server, to_client, cuts, pieces);
    timeout(Duration::from_secs(3_600), talking).await.expect("everything arrives")
}

/// A whole conversation over lines that are cut, one after the other, and then one that is not: what the server got and
/// what the client got.
async fn talk(
    to_server: &[u8],
    to_client: &[u8],
    cuts: &[Cut],
    pieces: &[usize],
) -> (Vec<u8>, Vec<u8>) {
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    log_in(&mut client, &mut server).await;
    let came_before = client.received.len();
    let (server_read, server_write) = tokio::io::split(server);
    let reading = tokio::spawn(read(server_read, to_server.len()));
    let writing = tokio::spawn(write(server_write, to_client.to_vec(), pieces.to_vec()));
    let mut sizes = pieces.iter().cycle();
    let whole = Cut { up: NEVER, down: NEVER };
    for cut in cuts.iter().copied().chain(std::iter::repeat(whole)) {
        let line = cut_line(&sessions, cut);
        let talking = async {
            assert_eq!(client.resume(line).await?["resumed"], true);
            while client.received.len() < came_before + to_client.len() || !reading.is_finished() {
                let at = client.sent.len();
                if at < to_server.len() {
                    let end = (at + sizes.next().unwrap()).min(to_server.len());
                    client.send(&to_server[at..end]).await?;
                }
                // a short wait, so that both directions are busy at once
                if let Ok(taken) = timeout(Duration::from_millis(1), client.take()).await {
                    taken?;
                }
                if client.received.len() - client.told >= 16 * 1024 {
                    client.acknowledge().await?;
                }
            }
            Ok::<(), Lost>(())
        };
        if talking.await.is_ok() {
            break;
        }
    }
    drop(writing.await.unwrap());
    (reading.await.unwrap(), client.received.split_off(came_before))
}

async fn read(mut from: ReadHalf<DuplexStream>, total: usize) -> Vec<u8> {
    let mut got = vec![0; total];
    from.read_exact(&mut got).await.unwrap();
    got
}

async fn write(
    mut to: WriteHalf<DuplexStream>,
    bytes: Vec<u8>,
    pieces: Vec<usize>,
) -> WriteHalf<DuplexStream> {
    let mut rest = bytes.as_slice();
    for size in pieces.iter().cycle() {
        let (piece, later) = rest.split_at((*size).min(rest.len()));
        to.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    to
}

#[tokio::test(start_paused = true)]
async fn cut_at_every_byte_in_both_directions() {
    let to_server = [packet(0), packet(40), packet(7)].concat();
    let to_client = [packet(11), packet(0), packet(50)].concat();
    for up in 0..300 {
        let cut = Cut { up, down: NEVER };
        let got = converse(&to_server, &to_client, &[cut, cut, cut], &[13, 29]).await;
        assert!(got == (to_server.clone(), to_client.clone()), "cut after {up} bytes upwards");
    }
    for down in 0..300 {
        let cut = Cut { up: NEVER, down };
        let got = converse(&to_server, &to_client, &[cut, cut, cut], &[13, 29]).await;
        assert!(got == (to_server.clone(), to_client.clone()), "cut after {down} bytes downwards");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn cut_at_random_again_and_again(
        up in prop::collection::vec(0..20_000_usize, 1..8),
        down in prop::collection::vec(0..20_000_usize, 1..8),
        cuts in prop::collection::vec((0..30_000_usize, 0..30_000_usize), 0..30),
        pieces in prop::collection::vec(1..5_000_usize, 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let [to_server, to_client] = [up, down].map(|lengths| lengths.iter().flat_map(|length| packet(*length)).collect::<Vec<u8>>());
        let cuts: Vec<Cut> = cuts.into_iter().map(|(up, down)| Cut { up, down }).collect();
        runtime.block_on(async {
            let got = converse(&to_server, &to_client, &cuts, &pieces).await;
            assert!(got.0 == to_server && got.1 == to_client);
        });
    }
}
