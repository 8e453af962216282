//! One tunnel on streams in memory and virtual time: heartbeat, backpressure, time limits.
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mig33_bridge::close::End;
use mig33_bridge::limits::{Idle, LimitSettings, Pace, Rate, Throttle};
use mig33_bridge::metrics::TunnelMetrics;
use mig33_bridge::tunnel::{Framing, Tunnel};
use mig33_codec::{HEADER_LEN, MAX_PARAMS_BEFORE_LOGIN};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::support::{close_code, closed, log_in, packet, receive, send};

/// Bytes that each of the two streams may hold.
const STREAM: usize = 1024;

struct Ends {
    client: WebSocketStream<DuplexStream>,
    upstream: DuplexStream,
    tunnel: JoinHandle<End>,
}

fn raw_ends(early: Vec<u8>) -> (DuplexStream, DuplexStream, JoinHandle<End>) {
    let (client, near) = duplex(STREAM);
    let (upstream, far) = duplex(STREAM);
    let tunnel = Tunnel::new(near, early, far, Arc::new(TunnelMetrics::default()));
    (client, upstream, tokio::spawn(tunnel.run(pending())))
}

async fn ends() -> Ends {
    let (client, upstream, tunnel) = raw_ends(Vec::new());
    let client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    Ends { client, upstream, tunnel }
}

/// Lets so many seconds of virtual time pass, and all happen that happens in them.
async fn pass(seconds: u64) {
    assert!(timeout(Duration::from_secs(seconds), pending::<()>()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_pings_stays_and_one_that_does_not_is_dead() {
    let mut ends = ends().await;
    let begin = Instant::now();
    for beat in 1..=5_u64 {
        assert!(matches!(ends.client.next().await, Some(Ok(Message::Ping(_)))));
        assert_eq!(begin.elapsed().as_secs(), 25 * beat);
        // reading on sends the answer
    }
    // nothing is read any more: the last ping is not answered
    assert_eq!(ends.upstream.read(&mut [0]).await.unwrap(), 0, "the upstream is told of the end");
    assert_eq!(begin.elapsed().as_secs(), 25 * 6);
    drop(ends.upstream);
    assert_eq!(ends.tunnel.await.unwrap(), End::ClientDead);
}

#[tokio::test(start_paused = true)]
async fn any_bytes_are_a_sign_of_life() {
    let (mut client, _upstream, tunnel) = raw_ends(Vec::new());
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(300) {
        // one byte of a long frame now and then, and no pong
        tokio::time::advance(Duration::from_secs(20)).await;
        let frame = [0x82, 0xfe, 0x01, 0x00, 1, 2, 3, 4];
        let at = (begin.elapsed().as_secs() / 20 - 1) as usize;
        client.write_all(&[*frame.get(at).unwrap_or(&0x77)]).await.unwrap();
        tokio::task::yield_now().await;
        assert!(!tunnel.is_finished(), "after {:?}", begin.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_is_not_dead() {
    let (mut client, mut upstream, tunnel) = raw_ends(Vec::new());
    let flood =
        tokio::spawn(async move { while upstream.write_all(&packet(500)).await.is_ok() {} });
    for _ in 0..20 {
        // its answers to pings would be a long way behind what it has to read first
        pass(20).await;
        client.read_exact(&mut [0; STREAM]).await.unwrap();
    }
    assert!(!tunnel.is_finished());
    flood.abort();
    assert_eq!(tunnel.await.unwrap(), End::ClientDead, "once it reads no more, it is");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_stops_the_upstream_from_being_read() {
    let mut ends = ends().await;
    let packet = packet(500);
    let mut sent = 0;
    while timeout(Duration::from_secs(1), ends.upstream.write_all(&packet)).await.is_ok() {
        sent += packet.len();
    }
    assert!((STREAM..STREAM * 2 + 200_000).contains(&sent), "{sent} bytes were taken");
    let writing = tokio::spawn(async move {
        // the packet that was cut off by the time limit is ended first
        let done = sent;
        (ends.upstream, done)
    });
    let (_upstream, done) = writing.await.unwrap();
    let mut got = 0;
    while got < done - packet.len() {
        got += receive(&mut ends.client).await.len();
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_does_not_read_stops_the_client_from_being_read() {
    let mut ends = ends().await;
    let packet = packet(500);
    let mut sent = 0;
    while timeout(Duration::from_secs(1), ends.client.send(Message::binary(packet.clone())))
        .await
        .is_ok()
    {
        sent += packet.len();
        assert!(sent < 1_000_000, "the client is read without end");
    }
    let mut got = vec![0; packet.len()];
    for _ in 0..sent / packet.len() {
        ends.upstream.read_exact(&mut got).await.unwrap();
        assert_eq!(got, packet);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_is_not_dead_while_it_is_not_read() {
    let mut ends = ends().await;
    while timeout(Duration::from_secs(1), ends.client.send(Message::binary(packet(500))))
        .await
        .is_ok()
    {}
    pass(300).await;
    assert!(!ends.tunnel.is_finished());
    // once the upstream goes on, so does the client
    let mut got = vec![0; packet(500).len()];
    ends.upstream.read_exact(&mut got).await.unwrap();
    assert_eq!(got, packet(500));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_by_who_does_not_read_is_bounded() {
    let (mut client, _upstream, tunnel) = raw_ends(Vec::new());
    let ping = [&[0x89, 0xfd, 0, 0, 0, 0][..], &[7; 125]].concat();
    let mut sent = 0;
    while timeout(Duration::from_secs(1), client.write_all(&ping)).await.is_ok() {
        sent += ping.len();
        assert!(sent < 300_000, "answers pile up");
    }
    assert_eq!(tunnel.await.unwrap(), End::ClientDead);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_take_the_rest_is_waited_for_a_bounded_time() {
    let mut ends = ends().await;
    // a message that fills the stream, so that the close does not fit any more
    ends.upstream.write_all(&packet(STREAM - 9 - 4)).await.unwrap();
    drop(ends.upstream);
    let begin = Instant::now();
    assert_eq!(ends.tunnel.await.unwrap(), End::UpstreamEnded);
    assert!(begin.elapsed() <= Duration::from_secs(11), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_on_sending_after_the_close_is_left_in_bounded_time() {
    let mut ends = ends().await;
    ends.client.send(Message::text("no")).await.unwrap();
    let begin = Instant::now();
    assert_eq!(ends.tunnel.await.unwrap(), End::ClientText);
    assert!(begin.elapsed() <= Duration::from_secs(4), "{:?}", begin.elapsed());
    assert_eq!(close_code(&mut ends.client).await, Some(1003));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_the_close_is_not_waited_for() {
    let mut ends = ends().await;
    send(&mut ends.client, &packet(3)).await;
    drop(ends.upstream);
    let begin = Instant::now();
    assert_eq!(close_code(&mut ends.client).await, Some(1000));
    // the client keeps its socket
    assert_eq!(ends.tunnel.await.unwrap(), End::UpstreamEnded);
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_a_client_sends_behind_its_handshake_is_not_lost() {
    let ping = [2, 0, 2, 0, 4, 0, 0, 0, 0];
    let frame = [&[0x82, 0x89, 0, 0, 0, 0][..], &ping].concat();
    let (_client, mut upstream, _tunnel) = raw_ends(frame);
    let mut got = [0; 9];
    upstream.read_exact(&mut got).await.unwrap();
    assert_eq!(got, ping);
}

#[tokio::test]
async fn a_tunnel_at_rest_is_small() {
    let (near, _client) = duplex(STREAM);
    let (far, _upstream) = duplex(STREAM);
    let tunnel = Tunnel::new(near, Vec::new(), far, Arc::new(TunnelMetrics::default()));
    let size = size_of_val(&tunnel.run(pending()));
    assert!(size <= 1536, "{size} bytes");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_ahead_of_its_pace_is_read_later_and_loses_nothing() {
    let (client, near) = duplex(STREAM);
    let (mut upstream, far) = duplex(STREAM);
    let now = Instant::now();
    let packets = Rate { per_s: 10, burst: 20 };
    let throttle = Throttle::of(Pace::new(Rate::UNLIMITED, packets, now));
    let tunnel = Tunnel::new(near, Vec::new(), far, Arc::new(TunnelMetrics::default()))
        .limited(throttle, Idle::default());
    tokio::spawn(tunnel.run(pending()));
    let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    let reading = tokio::spawn(async move {
        let mut got = vec![0; 120 * 209];
        upstream.read_exact(&mut got).await.unwrap();
        got
    });
    for _ in 0..120 {
        send(&mut client, &packet(200)).await;
    }
    assert!(reading.await.unwrap() == packet(200).repeat(120));
    // the first 20 at once, and what is read together is paid for together
    assert!((8..=10).contains(&now.elapsed().as_secs()), "{:?}", now.elapsed());
}

#[tokio::test(start_paused = true)]
async fn before_the_log_in_a_client_cannot_have_much_held() {
    let header = |first, length: u16| [&[first, 0xfe][..], &length.to_be_bytes(), &[0; 4]].concat();
    // in one frame, of which nothing more comes, and in parts
    let at_once = header(0x82, 8202);
    let in_parts = [header(0x02, 5000), vec![0; 5000], header(0x80, 3202), vec![0; 3202]].concat();
    for bytes in [at_once, in_parts] {
        let mut ends = limited_ends().await;
        ends.client.get_mut().write_all(&bytes).await.unwrap();
        assert_eq!(close_code(&mut ends.client).await, Some(1009));
    }
    let mut ends = limited_ends().await;
    let reading = tokio::spawn(async move {
        let mut got = vec![0; HEADER_LEN + MAX_PARAMS_BEFORE_LOGIN];
        ends.upstream.read_exact(&mut got).await.unwrap();
        ends.upstream
    });
    send(&mut ends.client, &packet(MAX_PARAMS_BEFORE_LOGIN)).await;
    let mut upstream = reading.await.unwrap();
    log_in(&mut ends.client, &mut upstream).await;
    let reading = tokio::spawn(async move {
        let mut got = vec![0; 300_009];
        upstream.read_exact(&mut got).await.unwrap();
    });
    send(&mut ends.client, &packet(300_000)).await;
    reading.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn where_there_are_no_packets_there_is_no_log_in() {
    let (client, near) = duplex(STREAM);
    let (mut upstream, far) = duplex(STREAM);
    let tunnel = Tunnel::new(near, Vec::new(), far, Arc::new(TunnelMetrics::default()));
    tokio::spawn(tunnel.with_framing(Framing::Raw).before_login(Some(8192)).run(pending()));
    let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    let reading = tokio::spawn(async move {
        let mut got = vec![0; 100_000];
        upstream.read_exact(&mut got).await.unwrap();
    });
    send(&mut client, &[7; 100_000]).await;
    reading.await.unwrap();
}

/// How many bytes a stream takes in 10 s of `first` once and then of `rest` for ever, while what comes back is read.
async fn taken_in_10_s(stream: DuplexStream, first: &[u8], rest: &[u8]) -> usize {
    let (mut answers, mut to_tunnel) = tokio::io::split(stream);
    let reading = tokio::spawn(async move {
        while answers.read(&mut [0; STREAM]).await.is_ok_and(|count| count > 0) {}
    });
    let mut taken = 0;
    let writing = async {
        let mut part = first;
        loop {
            match to_tunnel.write(part).await {
                Ok(count) if taken < 100_000 => {
                    taken += count;
                    part = part.get(count..).filter(|left| !left.is_empty()).unwrap_or(rest);
                }
                _ => return,
            }
        }
    };
    let _ = timeout(Duration::from_secs(10), writing).await;
    reading.abort();
    taken
}

#[tokio::test(start_paused = true)]
async fn whatever_a_client_sends_counts_for_its_pace() {
    let mask = [0; 4];
    let pong = [&[0x8a, 0x84][..], &mask, b"pong"].concat();
    let ping = [&[0x89, 0x84][..], &mask, b"ping"].concat();
    let nothing_yet = [&[0x02, 0x80][..], &mask].concat();
    let still_nothing = [&[0x00, 0x80][..], &mask].concat();
    let long = [&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0x1f, 0x00][..], &mask].concat();
    let packets = [&[0x82, 0x8a][..], &mask, &packet(1)].concat();
    for (what, first, rest) in [
        ("pongs", &pong[..], &pong[..]),
        ("pings", &ping, &ping),
        ("parts of no message", &nothing_yet, &still_nothing),
        ("a message that does not end", &long, &[2, 1, 244]),
        ("packets", &packets, &packets),
    ] {
        let (client, near) = duplex(STREAM);
        let (mut upstream, far) = duplex(STREAM);
        tokio::spawn(async move {
            while upstream.read(&mut [0; STREAM]).await.is_ok_and(|count| count > 0) {}
        });
        let bytes = Rate { per_s: 500, burst: 1000 };
        let throttle = Throttle::of(Pace::new(bytes, Rate::UNLIMITED, Instant::now()));
        let tunnel = Tunnel::new(near, Vec::new(), far, Arc::new(TunnelMetrics::default()))
            .limited(throttle, Idle::default());
        tokio::spawn(tunnel.run(pending()));
        let taken = taken_in_10_s(client, first, rest).await;
        // 6,000 are allowed, one read may be ahead, and a stream is full behind it
        assert!(taken <= 6000 + 2 * STREAM, "{taken} bytes of {what}");
        assert!(taken >= 5000, "{taken} bytes of {what}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_told_to_go_is_not_listened_to_for_long() {
    let mut ends = ends().await;
    ends.client.send(Message::text("no")).await.unwrap();
    let (stream, mut sent) = (ends.client.get_mut(), 0);
    let flood = async {
        while let Ok(count) = stream.write(&[0; STREAM]).await {
            sent += count;
            assert!(sent < 10_000_000, "what comes behind the end is read without end");
        }
    };
    let _ = timeout(Duration::from_secs(10), flood).await;
    assert_eq!(ends.tunnel.await.unwrap(), End::ClientText);
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_in_which_nothing_moves_is_closed_with_1001_where_that_is_set() {
    let (client, near) = duplex(STREAM);
    let (mut upstream, far) = duplex(STREAM);
    let tunnel = Tunnel::new(near, Vec::new(), far, Arc::new(TunnelMetrics::default()))
        .limited(Throttle::default(), Idle::new(Some(Duration::from_secs(60))));
    let tunnel = tokio::spawn(tunnel.run(pending()));
    let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    let begin = Instant::now();
    pass(20).await;
    upstream.write_all(&packet(1)).await.unwrap();
    assert_eq!(receive(&mut client).await, packet(1));
    // pings are answered, and do not count
    assert_eq!(close_code(&mut client).await, Some(1001));
    assert_eq!(begin.elapsed().as_secs(), 80);
    drop(upstream);
    assert_eq!(tunnel.await.unwrap(), End::Idle);
}

/// A client of a tunnel whose limits are the default ones.
async fn limited_ends() -> Ends {
    let (client, near) = duplex(STREAM);
    let (upstream, far) = duplex(STREAM);
    let tunnel = Tunnel::new(near, Vec::new(), far, Arc::new(TunnelMetrics::default()))
        .limited(Throttle::default(), Idle::of(&LimitSettings::default()))
        .before_login(LimitSettings::default().login_bytes());
    let tunnel = tokio::spawn(tunnel.run(pending()));
    let client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    Ends { client, upstream, tunnel }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_no_packet_is_closed_with_1008_whatever_the_server_sends() {
    let mut ends = limited_ends().await;
    let begin = Instant::now();
    ends.upstream.write_all(&packet(1)).await.unwrap();
    assert_eq!(receive(&mut ends.client).await, packet(1));
    pass(10).await;
    ends.upstream.write_all(&packet(1)).await.unwrap();
    // its answer to our ping, 25 s after the beginning, is no packet
    let (_, close) = closed(&mut ends.client).await;
    assert_eq!(close, Some((1008, "The first packet did not come in time.".to_owned())));
    assert_eq!(begin.elapsed(), Duration::from_secs(30));
    drop(ends.upstream);
    assert_eq!(ends.tunnel.await.unwrap(), End::NoPacket);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_sent_one_may_be_silent_for_ever() {
    let mut ends = limited_ends().await;
    pass(24).await;
    send(&mut ends.client, &packet(1)).await;
    ends.upstream.read_exact(&mut [0; 10]).await.unwrap();
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(600) {
        assert!(matches!(ends.client.next().await, Some(Ok(Message::Ping(_)))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_chunking_of_both_streams_arrives_as_the_same_bytes(
        lengths in prop::collection::vec(0..2_000_usize, 1..8),
        chunks in prop::collection::vec(1..700_usize, 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let Ends { mut client, upstream, tunnel } = ends().await;
            let packets: Vec<Vec<u8>> = lengths.iter().map(|length| packet(*length)).collect();
            let stream = packets.concat();
            let (mut from_tunnel, mut to_tunnel) = tokio::io::split(upstream);
            let expected = stream.clone();
            let echo = tokio::spawn(async move {
                let mut got = vec![0; expected.len()];
                from_tunnel.read_exact(&mut got).await.unwrap();
                assert!(got == expected);
            });
            let writing = tokio::spawn(async move {
                let mut rest = stream.as_slice();
                for size in chunks.iter().cycle() {
                    let (chunk, later) = rest.split_at((*size).min(rest.len()));
                    to_tunnel.write_all(chunk).await.unwrap();
                    tokio::task::yield_now().await;
                    rest = later;
                    if rest.is_empty() {
                        break;
                    }
                }
                stream
            });
            for packet in &packets {
                send(&mut client, packet).await;
            }
            let mut got = Vec::new();
            let total: usize = packets.iter().map(Vec::len).sum();
            while got.len() < total {
                let message = receive(&mut client).await;
                let mut scanner = mig33_codec::Scanner::new();
                let scan = scanner.advance(&message).unwrap();
                assert!(scanner.at_boundary() && scan.packets > 0, "whole packets only");
                got.extend(message);
            }
            assert!(got == writing.await.unwrap());
            echo.await.unwrap();
            drop(client);
            tunnel.await.unwrap();
        });
    }
}

#[tokio::test(start_paused = true)]
async fn the_rest_comes_before_the_close() {
    let mut ends = ends().await;
    let stream = [packet(700), packet(900), packet(3)].concat();
    let sent = stream.clone();
    let writing = tokio::spawn(async move { ends.upstream.write_all(&sent).await });
    let (got, close) = closed(&mut ends.client).await;
    writing.await.unwrap().unwrap();
    assert!(got == stream);
    assert_eq!(close.unwrap().0, 1000);
}
