//! An exact client on a slow line, in a room where others say far more than it can read: it stays, and has every message in
//! the end (spec/wire.md section 4).
use std::time::Duration;

use bytes::Bytes;
use mig33_client::{Action, Body, ChatId, Config, Link, Millis, Output, Session, Tunnel};
use mig33_codec::packets::Message;
use mig33_codec::values::ContentType;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::harness::{PASSWORD, World, in_room, picture};

scenarios!(a_page_on_a_slow_line_stays_and_misses_nothing, so_does_one_without_addresses);

/// Bytes a second that it reads.
const RATE: u64 = 64 << 10;
/// How long nothing comes before it looks at its clock.
const IDLE: Duration = Duration::from_millis(20);
const PICTURES: usize = 4;
const TEXTS: usize = 200;
/// Bytes of the others' that come while it reads one.
const FASTER: usize = 8;

struct Slow {
    session: Session,
    stream: DuplexStream,
    heard: u64,
    idle: Millis,
    connects: usize,
    closes: usize,
}

impl Slow {
    fn new(stream: DuplexStream) -> Self {
        let mut counter = 0u128;
        let random = move || {
            counter += 1;
            counter.to_be_bytes()
        };
        let mut session = Session::new(Config::new("test", Box::new(random)));
        session.log_in(0, "bob", PASSWORD);
        Self { session, stream, heard: 0, idle: 0, connects: 0, closes: 0 }
    }

    /// What it has read takes its time, and so does waiting.
    fn now(&self) -> Millis {
        self.heard * 1000 / RATE + self.idle
    }

    async fn read(&mut self, most: usize) {
        let mut space = vec![0; most];
        match tokio::time::timeout(IDLE, self.stream.read(&mut space)).await {
            Ok(read) => {
                let count = read.unwrap();
                assert!(count > 0, "its session ended");
                space.truncate(count);
                self.heard += count as u64;
                self.session.handle_bytes(self.now(), Bytes::from(space));
            }
            Err(_) => self.idle += IDLE.as_millis() as Millis,
        }
        if self.session.poll_timeout().is_some_and(|at| at <= self.now()) {
            self.session.handle_timeout(self.now());
        }
        self.pump().await;
    }

    async fn act(&mut self, action: Action) {
        self.session.act(self.now(), action);
        self.pump().await;
    }

    async fn pump(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Connect => {
                    self.connects += 1;
                    self.session.connected(self.now(), Tunnel::Plain);
                }
                Output::Send(bytes) => self.stream.write_all(&bytes).await.unwrap(),
                Output::Close(_) => self.closes += 1,
                Output::SendText(_) => {}
            }
        }
        while self.session.poll_event().is_some() {}
    }

    /// How many pictures and texts of others it has.
    fn has(&self, chat: &ChatId) -> (usize, usize) {
        let messages = self.session.state().chats.get(chat).map(|chat| chat.messages.clone());
        let messages = messages.unwrap_or_default();
        let count = |of: fn(&Body) -> bool| messages.iter().filter(|m| of(&m.body)).count();
        (
            count(|body| matches!(body, Body::Picture { .. } | Body::PictureAt(_))),
            count(|body| matches!(body, Body::Text(text) if text.len() == 8 << 10)),
        )
    }
}

async fn a_page_on_a_slow_line_stays_and_misses_nothing(world: World) {
    let stream = world.connect().stream;
    misses_nothing(world, stream).await;
}

async fn so_does_one_without_addresses(world: World) {
    let stream = world.connect_without_http().stream;
    misses_nothing(world, stream).await;
}

async fn misses_nothing(world: World, stream: DuplexStream) {
    world.connect().register("bob").await;
    let (mut alice, mut carol) = (world.user("alice").await, world.user("carol").await);
    let lobby = ChatId::room("Lobby");
    let mut bob = Slow::new(stream);
    bob.pump().await;
    while bob.session.state().link != Link::Online {
        bob.read(4096).await;
    }
    bob.act(Action::JoinRoom { name: "Lobby".into() }).await;
    bob.act(Action::OpenChat { chat: lobby.clone() }).await;
    alice.join("Lobby").await.unwrap();
    carol.join("Lobby").await.unwrap();
    let members = |bob: &Slow| {
        let chat = bob.session.state().chats.get(&ChatId::room("Lobby"));
        chat.and_then(|chat| chat.room.as_ref()).map_or(0, |room| room.members.len())
    };
    while members(&bob) < 3 {
        bob.read(4096).await;
    }
    let text = "x".repeat(8 << 10);
    for n in 0..TEXTS {
        let sender = if n % 2 == 0 { &mut alice } else { &mut carol };
        sender.ask(in_room("Lobby", &format!("t{n}"), &text)).await.unwrap();
        bob.read(text.len() / FASTER).await;
        if n % (TEXTS / PICTURES) == 0 {
            let content = Some(picture(350_000));
            let message = in_room("Lobby", &format!("p{n}"), "");
            let content_type = Some(ContentType::IMAGE);
            sender.ask(Message { content, content_type, ..message }).await.unwrap();
        }
        if n == TEXTS / 2 {
            // what it says itself hides nothing of what it has missed
            bob.act(Action::SendText { chat: lobby.clone(), text: "still here".into() }).await;
        }
    }
    while bob.has(&lobby) != (PICTURES, TEXTS) {
        bob.read(4096).await;
        assert!(bob.now() < 600_000, "it has {:?} after ten minutes", bob.has(&lobby));
    }
    assert_eq!((bob.connects, bob.closes), (1, 0), "on one and the same connection");
    let said = |body: &Body| matches!(body, Body::Text(text) if &**text == "still here");
    let messages = bob.session.state().chats[&lobby].messages.clone();
    assert_eq!(messages.iter().filter(|message| said(&message.body)).count(), 1);
    let times: Vec<Millis> =
        messages.iter().filter(|m| !m.is_line()).map(|message| message.time).collect();
    assert!(times.is_sorted());
}
