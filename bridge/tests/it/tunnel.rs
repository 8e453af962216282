//! Packets and closes, through a whole bridge over real sockets.
use futures_util::SinkExt;
use mig33_bridge::Bridge;
use mig33_codec::MAX_PACKET;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::support::{
    bridge, client, close_code, closed, ends, log_in, packet, receive, send, settings, upstream,
};

/// What still comes from the bridge, and whether its stream ends in good order then.
async fn rest(upstream: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut got = Vec::new();
    let is_orderly = upstream.read_to_end(&mut got).await.is_ok();
    (got, is_orderly)
}

#[tokio::test]
async fn packets_go_both_ways_as_they_are() {
    let mut ends = ends().await;
    let two = [packet(0), packet(300)].concat();
    send(&mut ends.client, &two).await;
    let mut got = vec![0; two.len()];
    ends.upstream.read_exact(&mut got).await.unwrap();
    assert_eq!(got, two);

    ends.upstream.write_all(&two).await.unwrap();
    assert_eq!(receive(&mut ends.client).await, two, "what is there at once is one message");
}

#[tokio::test]
async fn a_message_is_sent_once_its_packet_is_whole() {
    let mut ends = ends().await;
    let (first, second) = (packet(10), packet(20));
    ends.upstream.write_all(&first).await.unwrap();
    ends.upstream.write_all(&second[..7]).await.unwrap();
    assert_eq!(receive(&mut ends.client).await, first);
    ends.upstream.write_all(&second[7..]).await.unwrap();
    assert_eq!(receive(&mut ends.client).await, second);
}

#[tokio::test]
async fn the_largest_packet_passes_both_ways() {
    let mut ends = ends().await;
    log_in(&mut ends.client, &mut ends.upstream).await;
    let largest = packet(MAX_PACKET - 9);
    send(&mut ends.client, &largest).await;
    let mut got = vec![0; largest.len()];
    ends.upstream.read_exact(&mut got).await.unwrap();
    assert!(got == largest);
    let sent = largest.clone();
    let mut upstream = ends.upstream;
    let writing = tokio::spawn(async move {
        upstream.write_all(&sent).await.unwrap();
        upstream
    });
    assert!(receive(&mut ends.client).await == largest);
    drop(writing.await.unwrap());
}

#[tokio::test]
async fn what_a_client_may_not_send_has_its_close_code() {
    let text = Message::text("hello");
    let half = Message::binary(packet(10)[..12].to_vec());
    let garbage = Message::binary(b"GET / HTTP/1.1".to_vec());
    let long_packet = Message::binary(vec![2, 0, 2, 0, 4, 0, 5, 0x78, 1]);
    let long_message = Message::binary(vec![0; MAX_PACKET + 1]);
    for (message, code) in
        [(text, 1003), (half, 1002), (garbage, 1002), (long_packet, 1002), (long_message, 1009)]
    {
        let mut ends = ends().await;
        log_in(&mut ends.client, &mut ends.upstream).await;
        send(&mut ends.client, &packet(1)).await;
        ends.client.send(message).await.unwrap();
        assert_eq!(close_code(&mut ends.client).await, Some(code));
        let end = rest(&mut ends.upstream).await;
        assert_eq!(
            end,
            (packet(1), false),
            "what came before is delivered, then the stream breaks"
        );
    }
}

#[tokio::test]
async fn a_frame_against_the_protocol_is_1002() {
    let mut ends = ends().await;
    // a client's frame without a mask
    ends.client.get_mut().write_all(&[0x82, 1, 2]).await.unwrap();
    assert_eq!(close_code(&mut ends.client).await, Some(1002));
}

#[tokio::test]
async fn the_code_is_seen_although_more_is_on_the_way() {
    let (listener, address) = upstream().await;
    let bridge = bridge(address).await;
    let (client, upstream) = tokio::join!(client(&bridge), listener.accept());
    let _upstream = upstream.unwrap();
    let (mut sink, mut stream) = futures_util::StreamExt::split(client);
    let sending = tokio::spawn(async move {
        // two megabytes behind what ends the connection
        let _ = sink.send(Message::text("hello")).await;
        for _ in 0..8 {
            let _ = sink.send(Message::binary(packet(256 * 1024))).await;
        }
    });
    let mut code = None;
    while let Some(Ok(message)) = futures_util::StreamExt::next(&mut stream).await {
        if let Message::Close(Some(frame)) = message {
            code = Some(u16::from(frame.code));
        }
    }
    sending.await.unwrap();
    assert_eq!(code, Some(1003));
}

#[tokio::test]
async fn the_upstreams_end_comes_after_the_rest_and_is_1000() {
    let mut ends = ends().await;
    let rest = [packet(5), packet(100_000), packet(6)].concat();
    let sent = rest.clone();
    let mut upstream = ends.upstream;
    tokio::spawn(async move {
        upstream.write_all(&sent).await.unwrap();
    });
    let (got, close) = closed(&mut ends.client).await;
    assert!(got == rest);
    assert_eq!(close.unwrap().0, 1000);
}

#[tokio::test]
async fn a_reset_or_half_a_packet_or_garbage_from_the_upstream_is_1011() {
    let mut reset = ends().await;
    reset.upstream.write_all(&packet(3)).await.unwrap();
    assert_eq!(receive(&mut reset.client).await, packet(3));
    reset.upstream.set_zero_linger().unwrap();
    drop(reset.upstream);
    assert_eq!(close_code(&mut reset.client).await, Some(1011));

    let mut cut = ends().await;
    cut.upstream.write_all(&[packet(3), packet(9)[..10].to_vec()].concat()).await.unwrap();
    drop(cut.upstream);
    let (got, close) = closed(&mut cut.client).await;
    assert_eq!((got, close.unwrap().0), (packet(3), 1011));

    let mut garbage = ends().await;
    garbage.upstream.write_all(b"HTTP/1.1 400 Bad Request\r\n").await.unwrap();
    let (_, close) = closed(&mut garbage.client).await;
    let (code, reason) = close.unwrap();
    assert_eq!(code, 1011);
    assert!(reason.contains("48"), "{reason}");
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_1013_with_a_reason() {
    let (listener, address) = upstream().await;
    drop(listener);
    let bridge = bridge(address).await;
    let (_, close) = closed(&mut client(&bridge).await).await;
    let (code, reason) = close.unwrap();
    assert_eq!(code, 1013);
    assert!(reason.contains("cannot be reached"), "{reason}");
}

#[tokio::test]
async fn the_clients_close_is_answered_and_the_upstream_gets_what_came_before_it() {
    let mut ends = ends().await;
    log_in(&mut ends.client, &mut ends.upstream).await;
    for size in [1, 50_000] {
        send(&mut ends.client, &packet(size)).await;
    }
    let leaving = CloseFrame { code: 1000.into(), reason: "bye".into() };
    ends.client.close(Some(leaving)).await.unwrap();
    assert_eq!(closed(&mut ends.client).await.1, Some((1000, "bye".to_owned())));
    let (got, is_orderly) = rest(&mut ends.upstream).await;
    assert!(got == [packet(1), packet(50_000)].concat() && is_orderly);
}

#[tokio::test]
async fn a_client_that_is_gone_breaks_the_upstream_off_after_what_it_sent() {
    let mut ends = ends().await;
    send(&mut ends.client, &packet(1)).await;
    drop(ends.client);
    assert_eq!(rest(&mut ends.upstream).await, (packet(1), false));
}

#[tokio::test]
async fn a_ping_is_answered() {
    let mut ends = ends().await;
    ends.client.send(Message::Ping("there?".into())).await.unwrap();
    let answer = futures_util::StreamExt::next(&mut ends.client).await.unwrap().unwrap();
    assert_eq!(answer, Message::Pong("there?".into()));
}

#[tokio::test]
async fn stopping_is_1012_for_every_tunnel_and_ends() {
    let (listener, address) = upstream().await;
    let bridge = bridge(address).await;
    let page = bridge.addresses().page;
    let mut clients = Vec::new();
    let mut upstreams = Vec::new();
    for _ in 0..3 {
        let (client, upstream) = tokio::join!(client(&bridge), listener.accept());
        clients.push(client);
        upstreams.push(upstream.unwrap().0);
    }
    send(&mut clients[0], &packet(4)).await;
    let mut got = vec![0; 13];
    upstreams[0].read_exact(&mut got).await.unwrap();
    let watching = tokio::spawn(async move {
        for client in &mut clients {
            assert_eq!(close_code(client).await, Some(1012));
        }
        for upstream in &mut upstreams {
            assert_eq!(rest(upstream).await, (Vec::new(), false));
        }
    });
    let (stopped, watched) = tokio::join!(bridge.stop(), watching);
    watched.unwrap();
    let () = stopped;
    assert!(tokio::net::TcpStream::connect(page).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_hundred_tunnels_at_once_mix_nothing_up() {
    let (listener, address) = upstream().await;
    let bridge = Bridge::start(settings(address)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    let mut tasks = Vec::new();
    for number in 0..100 {
        let mut client = client(&bridge).await;
        tasks.push(tokio::spawn(async move {
            for round in 0..20 {
                let sent = packet(number * 31 + round);
                send(&mut client, &sent).await;
                assert!(receive(&mut client).await == sent, "client {number} in round {round}");
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}
