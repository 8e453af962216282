//! Pictures by link and in a packet (spec/wire.md section 4).
use std::path::Path;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use bytes::Bytes;
use mig33_codec::packets::{
    FileReceived, GetMessages, GetUrl, Login, LoginOk, Message, UploadFile,
};
use mig33_codec::values::{ChatDestination, ContentType, FileType};
use mig33_server::ClientInfo;
use tower::ServiceExt;

use crate::harness::{Client, World, befriend, guid, in_room, picture, private, text};

scenarios!(
    a_picture_goes_to_both_and_into_history,
    an_upload_address_takes_one_picture,
    nobody_takes_all_places_for_uploads,
    places_for_uploads_are_counted_by_address,
    what_is_no_picture_is_refused,
    upload_addresses_are_for_contacts_and_for_a_time,
    a_picture_in_a_packet,
    what_is_accepted_in_a_message_can_be_delivered,
    what_browsers_choke_on_is_refused_in_a_message,
    a_large_picture_comes_by_address_to_who_asks_for_that,
    a_page_holds_many_pictures_by_address,
    without_an_address_to_fetch_from_pictures_stay_in_messages,
    an_address_shows_nobody_elses_picture_once_a_backup_is_put_back,
);

pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02 and what follows";
/// One of 20,000 × 20,000 pixels.
const VAST: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x4e\x20\0\0\x4e\x20 and what follows";
const SVG: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg'><use href='#a'/></svg>";

pub(crate) async fn address(client: &mut Client, to: &str) -> Result<String, String> {
    let packet = GetUrl { url_type: Some(20), profile_name: Some(to.into()), ..GetUrl::default() };
    let url = client.ask(packet).await?.text.unwrap();
    Ok(url.as_str().strip_prefix("http://page:1").unwrap().to_owned())
}

pub(crate) async fn http(
    world: &World,
    method: Method,
    path: &str,
    body: impl Into<Body>,
) -> axum::response::Response {
    let request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
    world.service.http_router().oneshot(request).await.unwrap()
}

pub(crate) async fn put(world: &World, path: &str, body: impl Into<Body>) -> StatusCode {
    http(world, Method::PUT, path, body).await.status()
}

fn files(world: &World) -> usize {
    std::fs::read_dir(world.settings.data_dir.join("pictures")).unwrap().count()
}

async fn a_picture_goes_to_both_and_into_history(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let path = address(&mut alice, "BOB").await.unwrap();
    assert_eq!(put(&world, &path, PNG).await, StatusCode::CREATED);
    let notice: FileReceived = bob.expect().await;
    assert_eq!(notice.source.unwrap(), "alice");
    assert!(!notice.text.unwrap().is_empty());
    let url = notice.url.unwrap().as_str().into_owned();
    for client in [&mut bob, &mut alice] {
        let message: Message = client.expect().await;
        assert_eq!(message.content_type, Some(ContentType::EXISTING_FILE));
        assert_eq!(message.source.clone().unwrap(), "alice");
        assert_eq!(text(&message), url);
    }
    alice.send(GetMessages { chat_id: Some("bob".into()), ..GetMessages::default() }).await;
    assert_eq!(text(&alice.expect().await), url);
    let seen = url.strip_prefix("http://page:1").unwrap();
    assert_ne!(seen, path, "who may see it may not send with it");
    let response = http(&world, Method::GET, seen, Body::empty()).await;
    assert_eq!(response.status(), StatusCode::OK);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox");
    assert_eq!(header("content-disposition"), "inline");
    assert!(header("cache-control").starts_with("private, max-age="));
    assert_eq!(to_bytes(response.into_body(), 1 << 20).await.unwrap(), PNG);
    assert_eq!(
        http(&world, Method::GET, "/pictures/nothing", Body::empty()).await.status(),
        StatusCode::NOT_FOUND
    );
    let world = world.restarted().await;
    assert_eq!(http(&world, Method::GET, seen, Body::empty()).await.status(), StatusCode::OK);
}

async fn an_upload_address_takes_one_picture(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let path = address(&mut alice, "bob").await.unwrap();
    let (one, two) = tokio::join!(put(&world, &path, PNG), put(&world, &path, PNG));
    let mut both = [one, two];
    both.sort();
    assert_eq!(both[0], StatusCode::CREATED);
    assert!([StatusCode::GONE, StatusCode::SERVICE_UNAVAILABLE].contains(&both[1]), "{both:?}");
    assert_eq!(put(&world, &path, PNG).await, StatusCode::GONE);
    assert_eq!(files(&world), 1);
    assert_eq!(bob.fence().await.len(), 2);
    assert_eq!(
        http(&world, Method::GET, &path, Body::empty()).await.status(),
        StatusCode::NOT_FOUND
    );
}

async fn nobody_takes_all_places_for_uploads(_: World) {
    let world = World::with(|settings| {
        settings.limits.uploads = 5;
        settings.limits.uploads_per_account = 3;
    })
    .await;
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let mut paths = Vec::new();
    for _ in 0..4 {
        paths.push(address(&mut alice, "bob").await.unwrap());
    }
    // uploads that have begun and do not go on
    let begin = |path: &str| {
        let (tell, told) = tokio::sync::oneshot::channel();
        let mut tell = Some(tell);
        let body = futures_util::stream::poll_fn(move |_| {
            let _ = tell.take().map(|tell| tell.send(())); // nobody listens for an upload that was refused
            std::task::Poll::<Option<std::io::Result<Bytes>>>::Pending
        });
        let request = Request::builder().method(Method::PUT).uri(path);
        let request = request.body(Body::from_stream(body)).unwrap();
        let router = world.service.http_router();
        (tokio::spawn(router.oneshot(request)), told)
    };
    let mut under_way = Vec::new();
    for path in &paths[..3] {
        let (upload, begun) = begin(path);
        begun.await.unwrap();
        under_way.push(upload);
        let (again, begun) = begin(path);
        assert_eq!(again.await.unwrap().unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(begun.await.is_err(), "one at a time at an address");
    }
    assert_eq!(put(&world, &paths[3], PNG).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(put(&world, "/pictures/invented", PNG).await, StatusCode::NOT_FOUND);
    let other = address(&mut bob, "alice").await.unwrap();
    assert_eq!(put(&world, &other, PNG).await, StatusCode::CREATED, "others find a place");
    for upload in under_way {
        upload.abort();
        assert!(upload.await.is_err());
    }
    for path in &paths {
        assert_eq!(put(&world, path, PNG).await, StatusCode::CREATED, "the places are free again");
    }
}

async fn places_for_uploads_are_counted_by_address(_: World) {
    let world = World::with(|settings| settings.limits.uploads_per_address = 1).await;
    let (mut alice, _bob) = world.friends("alice", "bob").await;
    let from = |peer: &str| ClientInfo { peer: Some(peer.parse().unwrap()), base_url: None };
    // one that has begun and does not go on
    let (tell, told) = tokio::sync::oneshot::channel();
    let mut tell = Some(tell);
    let body = futures_util::stream::poll_fn(move |_| {
        let _ = tell.take().map(|tell| tell.send(())); // it is waited for once
        std::task::Poll::<Option<std::io::Result<Bytes>>>::Pending
    });
    let path = address(&mut alice, "bob").await.unwrap();
    let request = Request::builder().method(Method::PUT).uri(path).extension(from("192.0.2.1"));
    let request = request.body(Body::from_stream(body)).unwrap();
    let held = tokio::spawn(world.service.http_router().oneshot(request));
    told.await.unwrap();
    let mut upload = async |peer: Option<&str>| {
        let path = address(&mut alice, "bob").await.unwrap();
        let from = peer.map_or_else(ClientInfo::default, from);
        let request = Request::builder().method(Method::PUT).uri(path).extension(from);
        let response = world.service.http_router().oneshot(request.body(Body::from(PNG)).unwrap());
        response.await.unwrap().status()
    };
    assert_eq!(upload(Some("192.0.2.1")).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(upload(Some("192.0.2.2")).await, StatusCode::CREATED);
    assert_eq!(upload(Some("127.0.0.1")).await, StatusCode::CREATED);
    assert_eq!(upload(None).await, StatusCode::CREATED, "a proxy that names nobody");
    held.abort();
    assert!(held.await.is_err());
    assert_eq!(upload(Some("192.0.2.1")).await, StatusCode::CREATED, "the place is free again");
}

async fn what_is_no_picture_is_refused(_: World) {
    let world = World::with(|settings| settings.limits.picture_bytes = 1000).await;
    let (mut alice, _bob) = world.friends("alice", "bob").await;
    let path = address(&mut alice, "bob").await.unwrap();
    let large = [PNG, &[0; 1000]].concat();
    assert_eq!(put(&world, &path, large.clone()).await, StatusCode::PAYLOAD_TOO_LARGE);
    let chunks =
        large.chunks(100).map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk)));
    let stream = Body::from_stream(futures_util::stream::iter(chunks.collect::<Vec<_>>()));
    assert_eq!(put(&world, &path, stream).await, StatusCode::PAYLOAD_TOO_LARGE);
    for bad in
        [&b""[..], b"\x89PNG", b"\x89PNG\r\n\x1a\n and no header", SVG, b"<html>hello there</html>"]
    {
        assert_eq!(put(&world, &path, bad).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    assert_eq!(put(&world, &path, VAST).await, StatusCode::PAYLOAD_TOO_LARGE);
    let broken = [Ok(Bytes::from_static(PNG)), Err(std::io::Error::other("gone"))];
    let broken = Body::from_stream(futures_util::stream::iter(broken));
    assert_eq!(put(&world, &path, broken).await, StatusCode::BAD_REQUEST);
    assert_eq!(files(&world), 0);
    assert_eq!(put(&world, &path, PNG).await, StatusCode::CREATED, "refused ones do not use it up");
}

async fn upload_addresses_are_for_contacts_and_for_a_time(_: World) {
    let world = World::with(|settings| settings.limits.pictures_per_day = 2).await;
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    world.user("carol").await;
    let error = address(&mut alice, "carol").await.unwrap_err();
    assert_eq!(error, address(&mut alice, "nobody").await.unwrap_err());
    let other = GetUrl { url_type: Some(1), profile_name: Some("bob".into()), ..GetUrl::default() };
    assert!(alice.ask(other).await.unwrap_err().contains("block 1 (url_type)"));
    let late = address(&mut alice, "bob").await.unwrap();
    world.clock.pass(601_000);
    assert_eq!(put(&world, &late, PNG).await, StatusCode::GONE);
    assert_eq!(put(&world, "/pictures/invented", PNG).await, StatusCode::NOT_FOUND);
    let removed = address(&mut alice, "bob").await.unwrap();
    assert!(address(&mut alice, "bob").await.is_err(), "no more today");
    let id = bob.contacts().await[0].1;
    let remove = mig33_codec::packets::RemoveContact { contact_id: Some(id), ..Default::default() };
    bob.ask(remove).await.unwrap();
    assert_eq!(put(&world, &removed, PNG).await, StatusCode::FORBIDDEN);
    assert_eq!(files(&world), 0);
}

async fn a_picture_in_a_packet(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let packet = UploadFile {
        file_type: Some(FileType::IMAGE),
        file_content: Some(Bytes::from_static(PNG)),
        destination: Some("bob".into()),
        ..UploadFile::default()
    };
    let ok = alice.ask(packet.clone()).await.unwrap();
    bob.expect::<FileReceived>().await;
    let message: Message = bob.expect().await;
    assert!(text(&message).starts_with("http://page:1/pictures/"));
    assert_eq!((message.guid, message.timestamp), (ok.text, ok.value));
    for content in [b"just some text", SVG, VAST] {
        let unfit =
            UploadFile { file_content: Some(Bytes::from_static(content)), ..packet.clone() };
        assert!(alice.ask(unfit).await.unwrap_err().contains("block 2 (file_content)"));
    }
    assert!(alice.ask(UploadFile { destination: Some("eve".into()), ..packet }).await.is_err());
    assert_eq!(files(&world), 1);
}

async fn what_is_accepted_in_a_message_can_be_delivered(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let of = |bytes: usize, name: usize| Message {
        content_type: Some(ContentType::IMAGE),
        content: Some(picture(bytes)),
        // not UTF-8: each byte grows to three
        file_name: Some(mig33_codec::Text::from_bytes(vec![0xff; name].into())),
        ..private("bob", &"g".repeat(64), "")
    };
    let refused = alice.ask(of(350_001, 0)).await.unwrap_err();
    assert!(refused.contains("block 8 (content)"), "{refused}");
    let refused = alice.ask(of(100, 256)).await.unwrap_err();
    assert!(refused.contains("block 7 (file_name)"), "{refused}");
    alice.ask(of(350_000, 255)).await.unwrap();
    let (_, message) = bob.until::<Message>().await;
    assert_eq!(message.content.map(|content| content.len()), Some(350_000));
}

async fn what_browsers_choke_on_is_refused_in_a_message(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    alice.join("lobby").await.unwrap();
    bob.join("lobby").await.unwrap();
    bob.fence().await;
    let of = |content: &'static [u8], guid: &str| Message {
        content_type: Some(ContentType::IMAGE),
        content: Some(Bytes::from_static(content)),
        // what it says of itself does not count
        mime_type: Some("image/svg+xml".into()),
        ..private("bob", guid, "")
    };
    for (content, words) in [(SVG, "no JPEG"), (VAST, "40 megapixels"), (b"x", "no JPEG")] {
        let in_room = Message {
            destination: Some("lobby".into()),
            destination_type: Some(ChatDestination::CHATROOM),
            ..of(content, "bad")
        };
        for message in [of(content, "bad"), in_room] {
            let refused = alice.ask(message).await.unwrap_err();
            assert!(refused.contains("block 8 (content)") && refused.contains(words), "{refused}");
        }
    }
    assert_eq!(bob.fence().await.len(), 0);
    alice.ask(of(PNG, "good")).await.unwrap();
    assert_eq!(bob.expect::<Message>().await.guid.unwrap(), "good");
}

/// A login that says what its client can do.
fn with_features(name: &str, features: &str) -> Login {
    Login {
        username: Some(name.into()),
        features: Some(mig33_codec::List::from_bytes(Bytes::copy_from_slice(features.as_bytes()))),
        ..Login::default()
    }
}

fn features(ok: &LoginOk) -> Vec<String> {
    ok.features.clone().map(|features| features.entries()).unwrap_or_default()
}

async fn a_large_picture_comes_by_address_to_who_asks_for_that(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let (mut page, mut phone) = (world.connect(), world.session("alice").await);
    let ok = page.log_in_with(with_features("bob", "edits;content-addresses")).await;
    assert!(features(&ok).contains(&"content-addresses".to_owned()), "{ok:?}");
    for client in [&mut bob, &mut page, &mut phone] {
        client.join("Lobby").await.unwrap();
    }
    for client in [&mut bob, &mut page, &mut phone] {
        client.fence().await;
    }
    let large = picture(300_000);
    let sent = |to: Message| Message {
        content_type: Some(ContentType::IMAGE),
        content: Some(large.clone()),
        mime_type: Some("image/png".into()),
        file_name: Some("a.png".into()),
        ..to
    };
    alice.ask(sent(private("bob", "g1", ""))).await.unwrap();
    phone.ask(sent(in_room("Lobby", "g2", ""))).await.unwrap();
    let mut paths = Vec::new();
    for (guid, destination) in [("g1", "bob"), ("g2", "Lobby")] {
        let whole: Message = bob.expect().await;
        assert_eq!(
            (whole.content_type, whole.content),
            (Some(ContentType::IMAGE), Some(large.clone()))
        );
        let message: Message = page.expect().await;
        assert_eq!(message.content_type, Some(ContentType::EXISTING_FILE));
        assert_eq!(message.destination.clone().unwrap(), destination);
        assert_eq!(message.guid.clone().unwrap(), guid);
        assert_eq!(message.file_name.clone().unwrap(), "a.png");
        assert_eq!(message.mime_type.clone().unwrap(), "image/png");
        let path = text(&message).strip_prefix("http://page:1").unwrap().to_owned();
        assert!(!paths.contains(&path));
        paths.push(path);
    }
    // small ones stand in the message
    let small = Message { content: Some(picture(1000)), ..sent(private("bob", "g3", "")) };
    alice.ask(small).await.unwrap();
    assert_eq!(page.expect::<Message>().await.content_type, Some(ContentType::IMAGE));
    // in history and among what waited, too, with the same address
    let history = |chat: &str| GetMessages { chat_id: Some(chat.into()), ..GetMessages::default() };
    page.send(history("alice")).await;
    let (_, again) = page.until::<Message>().await;
    assert_eq!(text(&again), format!("http://page:1{}", paths[0]));
    drop((bob, page));
    alice.ask(sent(private("bob", "g4", ""))).await.unwrap();
    let world = world.restarted().await;
    let mut page = world.connect();
    page.log_in_with(with_features("bob", "content-addresses")).await;
    let mut waited = Vec::new();
    while waited.last().map(guid).as_deref() != Some("g4") {
        waited.push(page.expect::<Message>().await);
    }
    assert!(text(waited.last().unwrap()).starts_with("http://page:1/pictures/"));
    page.join("Lobby").await.unwrap();
    let (_, in_lobby) = page.until::<Message>().await;
    assert_eq!(text(&in_lobby), format!("http://page:1{}", paths[1]));
    for path in &paths {
        let response = http(&world, Method::GET, path, Body::empty()).await;
        assert_eq!(response.status(), StatusCode::OK);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "image/png");
        assert_eq!(header("content-length"), "300000");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox");
        assert!(header("cache-control").contains("immutable"));
        assert_eq!(to_bytes(response.into_body(), 1 << 20).await.unwrap(), large);
    }
    // nobody comes from one address to another
    let (mut one, two) = (paths[0].clone(), &paths[1]);
    one.replace_range(
        ..,
        &two.replace(two.split('-').next().unwrap(), one.split('-').next().unwrap()),
    );
    let forged = http(&world, Method::GET, &one, Body::empty()).await;
    assert_eq!(forged.status(), StatusCode::NOT_FOUND, "{one}");
}

async fn a_page_holds_many_pictures_by_address(world: World) {
    let (mut alice, mut bob) = (world.user("alice").await, world.connect());
    bob.register("bob").await;
    bob.log_in_with(with_features("bob", "content-addresses")).await;
    befriend(&mut alice, &mut bob).await;
    for n in 0..20 {
        let packet = Message {
            content_type: Some(ContentType::IMAGE),
            content: Some(picture(350_000)),
            ..private("bob", &format!("g{n}"), "")
        };
        alice.ask(packet).await.unwrap();
    }
    bob.fence().await;
    let history = || GetMessages { chat_id: Some("alice".into()), ..GetMessages::default() };
    bob.send(history()).await;
    let sent = bob.until::<mig33_codec::packets::EndMessages>().await.1;
    assert_eq!(sent.messages_sent, Some(20));
    let mut other = world.session("alice").await;
    other.send(GetMessages { chat_id: Some("bob".into()), ..GetMessages::default() }).await;
    let sent = other.until::<mig33_codec::packets::EndMessages>().await.1;
    assert_eq!(sent.messages_sent, Some(1), "whole ones are 512 KiB at most");
}

async fn without_an_address_to_fetch_from_pictures_stay_in_messages(world: World) {
    let mut alice = world.user("alice").await;
    let mut bob = world.connect_without_http();
    bob.register("bob").await;
    let ok = bob.log_in_with(with_features("bob", "content-addresses")).await;
    assert_eq!(features(&ok), Vec::<String>::new());
    befriend(&mut alice, &mut bob).await;
    let packet = Message {
        content_type: Some(ContentType::IMAGE),
        content: Some(picture(100_000)),
        ..private("bob", "g1", "")
    };
    alice.ask(packet).await.unwrap();
    assert_eq!(bob.expect::<Message>().await.content, Some(picture(100_000)));
}

/// Copies the files of a folder into another one.
fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

async fn an_address_shows_nobody_elses_picture_once_a_backup_is_put_back(world: World) {
    let (alice, bob) = world.friends("alice", "bob").await;
    drop((alice, bob));
    let (data, backup) = (world.settings.data_dir.clone(), tempfile::tempdir().unwrap());
    world.service.shutdown().await;
    copy_files(&data, backup.path());
    let mut world = world.started_again().await;
    let mut paths = Vec::new();
    for (sender, receiver) in [("alice", "bob"), ("bob", "alice")] {
        let (mut from, mut to) = (world.session(sender).await, world.connect());
        to.log_in_with(with_features(receiver, "content-addresses")).await;
        to.fence().await;
        let (content_type, content) = (Some(ContentType::IMAGE), Some(picture(100_000)));
        // a handset that counts its messages gives the same id as another one
        from.ask(Message { content_type, content, ..private(receiver, "1", "") }).await.unwrap();
        let (_, message) = to.until::<Message>().await;
        paths.push(text(&message).strip_prefix("http://page:1").unwrap().to_owned());
        if paths.len() == 1 {
            drop((from, to));
            world.service.shutdown().await;
            copy_files(backup.path(), &data);
            world = world.started_again().await;
        }
    }
    let place = |path: &str| path.split_once('-').unwrap().0.to_owned();
    assert_eq!(place(&paths[0]), place(&paths[1]), "the place is given out anew");
    for (path, status) in paths.iter().zip([StatusCode::NOT_FOUND, StatusCode::OK]) {
        assert_eq!(http(&world, Method::GET, path, Body::empty()).await.status(), status);
    }
}
