//! A client of `mig33.resume` on a slow line, in a room where others say far more than it can read: nobody ends its session,
//! and it has every message in the end (spec/wire.md section 4, spec/resume.md).
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use mig33_bridge::{Bridge, Settings};
use mig33_codec::hash::sha1fold;
use mig33_codec::packets::{
    EndMessages, GetMessages, JoinChatroom, Login, LoginChallenge, LoginResponse, Message,
};
use mig33_codec::values::{ChatDestination, ContentType};
use mig33_codec::{Command, Decode, Decoder, Encode, Frame, Text};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::embedded::{Handset, embedded, registration};
use crate::resume::Client;
use crate::support::{get, handshake};

/// Bytes a second that the slow client reads.
const RATE: usize = 64 << 10;
/// What is said, and what comes in one answer, is an eighth of four large pictures, 200 long texts and the usual page.
const SCALE: usize = 8;
/// Bytes that may wait for one session: less than an eighth, so that much is left out.
const WAITING: usize = 32 << 10;
const PICTURE: usize = 350_000 / SCALE;
const TEXT: usize = (8 << 10) / SCALE;
const PICTURES: usize = 4;
const TEXTS: usize = 200;
const LOAD: usize = PICTURES * PICTURE + TEXTS * TEXT;
/// Bytes of the others' for each that it reads while they fill its queue, so that it is slow where the machine is, too.
const FASTER: usize = 4;
/// Bytes of them after which its line is cut for the first time.
const EARLY: usize = 32 << 10;
/// So many bytes are acknowledged, or fewer after this time (spec/resume.md).
const ACKNOWLEDGE_BYTES: usize = 16 << 10;
const ACKNOWLEDGE_TIME: Duration = Duration::from_secs(1);
/// Never reached where the test passes.
const PATIENCE: Duration = Duration::from_secs(120);

const ROOM: &str = "Lobby";

#[tokio::test]
async fn who_reads_slowly_in_a_loud_room_stays_and_misses_nothing() {
    let data = tempfile::tempdir().unwrap();
    let bridge = Bridge::start(settings(&data)).await.unwrap();
    let tcp = bridge.addresses().tcp.unwrap();
    let (pace, paced) = watch::channel(0);
    let (fetches, fetching) = watch::channel(false);
    let mut bob = Slow::log_in(&bridge, paced, fetches).await;
    let (mut alice, mut carol) =
        tokio::join!(Talker::log_in(tcp, "alice"), Talker::log_in(tcp, "carol"));
    let talking =
        async { tokio::join!(alice.talk(&pace, fetching.clone()), carol.talk(&pace, fetching)) };
    let reading = async {
        while bob.has.len() < PICTURES + TEXTS || !bob.gaps.is_empty() {
            bob.step(&bridge).await;
        }
    };
    tokio::select! {
        _ = talking => unreachable!("they stay until it has read all"),
        read = timeout(PATIENCE, reading) => {
            assert!(read.is_ok(), "it has {} messages, {:?}", bob.has.len(), bob.gaps);
        }
    }
    bob.check();
    let figures = get(bridge.addresses().admin, "/metrics").await;
    let ended = |line: &&str| {
        line.starts_with("mig33_server_connections_ended_total") && !line.ends_with(" 0")
    };
    assert_eq!(figures.lines().find(ended), None, "nobody's session has ended");
    bridge.stop().await;
}

fn settings(data: &tempfile::TempDir) -> Settings {
    let mut settings = embedded(data);
    let limits = &mut settings.server.limits;
    limits.abuse = false;
    limits.outgoing_bytes = WAITING;
    limits.page_bytes /= SCALE;
    settings
}

fn packet(number: u16, packet: impl Encode) -> Vec<u8> {
    packet.encode(number).unwrap().to_bytes().to_vec()
}

fn join() -> JoinChatroom {
    JoinChatroom { chatroom_name: Some(ROOM.into()), ..JoinChatroom::default() }
}

fn login(name: &str) -> Login {
    Login { username: Some(name.into()), ..Login::default() }
}

fn proof(challenge: &Frame) -> LoginResponse {
    let challenge = LoginChallenge::decode(challenge).unwrap().challenge.unwrap();
    let hash = sha1fold(&challenge.as_str(), "correct horse");
    LoginResponse { password_hash: Some(hash.into()), ..LoginResponse::default() }
}

/// Somebody who says half of everything, as fast as it is accepted.
struct Talker {
    name: &'static str,
    handset: Handset,
    /// The number of the last request; the registration's is 2.
    last: u16,
}

impl Talker {
    async fn log_in(tcp: SocketAddr, name: &'static str) -> Self {
        let mut talker = Self { name, handset: Handset::connect(tcp).await, last: 2 };
        talker.handset.send(&registration(name)).await;
        assert_eq!(talker.handset.next().await.command, Command::OK);
        let challenge = talker.ask(login(name)).await;
        assert_eq!(talker.ask(proof(&challenge)).await.command, Command::LOGIN_OK);
        talker.request(join()).await;
        talker
    }

    /// The answer to a request, or its first part.
    async fn ask(&mut self, request: impl Encode) -> Frame {
        self.last += 1;
        self.handset.send(&packet(self.last, request)).await;
        loop {
            let frame = self.handset.next().await;
            if frame.transaction == self.last {
                return frame;
            }
        }
    }

    async fn request(&mut self, request: impl Encode) {
        let mut answer = self.ask(request).await;
        while answer.transaction != self.last || answer.command != Command::OK {
            assert_ne!(answer.command, Command::ERROR, "{answer:?}");
            answer = self.handset.next().await;
        }
    }

    async fn say(&mut self, guid: String, content: Vec<u8>, kind: ContentType) {
        let message = Message {
            destination_type: Some(ChatDestination::CHATROOM),
            destination: Some(ROOM.into()),
            content_type: Some(kind),
            content: Some(content.into()),
            guid: Some(guid.as_str().into()),
            ..Message::default()
        };
        self.request(message).await;
    }

    /// Says its half, a half of that once somebody fetches what the other has made it miss; then it only reads.
    async fn talk(&mut self, pace: &watch::Sender<usize>, mut fetching: watch::Receiver<bool>) {
        let pause = TEXTS / PICTURES;
        for n in 0..TEXTS / 2 {
            if n == TEXTS / 4 {
                pace.send_modify(|most| *most += LOAD);
                fetching.wait_for(|is_fetching| *is_fetching).await.unwrap();
            }
            let guid = format!("{}-{n}", self.name);
            self.say(guid, vec![b'x'; TEXT], ContentType::TEXT).await;
            pace.send_modify(|most| *most += TEXT / FASTER);
            if n % pause == pause / 2 {
                let guid = format!("{}-picture-{n}", self.name);
                self.say(guid, picture(), ContentType::IMAGE).await;
                pace.send_modify(|most| *most += PICTURE / FASTER);
            }
        }
        loop {
            self.handset.next().await;
        }
    }
}

/// A PNG of 3 × 2 pixels, by its header.
fn picture() -> Vec<u8> {
    let mut picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02\x08\x02\0\0\0".to_vec();
    picture.resize(PICTURE, 7);
    picture
}

/// Messages that did not come: those behind one's time and before another's.
#[derive(Debug)]
struct Gap {
    oldest: u64,
    latest: u64,
    /// The guid of the last one in it.
    last: String,
}

/// A client of `mig33.resume` that reads at [`RATE`] and says no RECEIVED.
struct Slow {
    client: Client<TcpStream>,
    decoder: Decoder,
    /// How much of what was received the decoder has.
    decoded: usize,
    /// How much had come before the others began to talk.
    quiet: usize,
    /// How much more it may have read by now.
    pace: watch::Receiver<usize>,
    /// Its line is free again then.
    free: Instant,
    /// When it last acknowledged, or had nothing to.
    told: Instant,
    /// The number of the last request.
    last: u16,
    /// Of the room's messages that have come, guid, time and the one before, in the order in which they came.
    has: Vec<(String, u64, String)>,
    /// The last one that came by itself: its guid and time.
    newest: (String, u64),
    gaps: VecDeque<Gap>,
    /// The first of the gaps is asked for.
    is_asking: bool,
    /// Tells whether one ever was.
    fetches: watch::Sender<bool>,
    /// How many gaps there were.
    missed: usize,
    /// Whether its line was cut early on, and with a request under way.
    cuts: [bool; 2],
}

async fn line(bridge: &Bridge) -> TcpStream {
    let offer = [("sec-websocket-protocol", "mig33.resume")];
    handshake(bridge, &offer).await.unwrap().0.into_inner()
}

impl Slow {
    /// Registers, logs in and enters the room.
    async fn log_in(
        bridge: &Bridge,
        pace: watch::Receiver<usize>,
        fetches: watch::Sender<bool>,
    ) -> Self {
        let now = Instant::now();
        let mut bob = Self {
            client: Client::begin(line(bridge).await).await,
            decoder: Decoder::new(),
            decoded: 0,
            quiet: usize::MAX,
            pace,
            free: now,
            told: now,
            last: 2, // the registration's
            has: Vec::new(),
            newest: (String::new(), 0),
            gaps: VecDeque::new(),
            is_asking: false,
            fetches,
            missed: 0,
            cuts: [false; 2],
        };
        bob.client.send(&registration("bob")).await.unwrap();
        bob.answer(Command::OK).await;
        bob.ask(login("bob")).await;
        let challenge = bob.answer(Command::LOGIN_CHALLENGE).await;
        bob.ask(proof(&challenge)).await;
        bob.answer(Command::LOGIN_OK).await;
        bob.ask(join()).await;
        bob.answer(Command::OK).await;
        bob.quiet = bob.client.received.len();
        bob
    }

    async fn ask(&mut self, request: impl Encode) {
        self.last += 1;
        let request = packet(self.last, request);
        self.client.send(&request).await.unwrap();
    }

    /// The next packet that is there already.
    fn frame(&mut self) -> Option<Frame> {
        let bytes = &self.client.received[self.decoded..];
        self.decoder.push(Bytes::copy_from_slice(bytes));
        self.decoded = self.client.received.len();
        self.decoder.next_frame().unwrap()
    }

    async fn answer(&mut self, command: Command) -> Frame {
        loop {
            while let Some(frame) = self.frame() {
                if frame.transaction == self.last && frame.command == command {
                    return frame;
                }
                assert_ne!(frame.command, Command::ERROR, "{frame:?}");
            }
            self.take().await;
        }
    }

    /// Takes a message of the WebSocket as its line allows, and acknowledges.
    async fn take(&mut self) {
        let received = self.client.received.len();
        let read = received.saturating_sub(self.quiet);
        let taking = async {
            sleep_until(self.free).await;
            drop(self.pace.wait_for(|most| read <= *most).await.unwrap());
            self.client.take().await.expect("its tunnel stays");
        };
        let is_due = timeout_at(self.told + ACKNOWLEDGE_TIME, taking).await.is_err();
        let count = self.client.received.len() - received;
        if count > 0 {
            self.free = Instant::now() + Duration::from_secs(1).mul_f64(count as f64 / RATE as f64);
        }
        let untold = self.client.received.len() - self.client.told;
        if untold >= ACKNOWLEDGE_BYTES || is_due {
            self.told = Instant::now();
            if untold > 0 {
                self.client.acknowledge().await.expect("its tunnel stays");
            }
        }
    }

    async fn step(&mut self, bridge: &Bridge) {
        self.take().await;
        while let Some(frame) = self.frame() {
            self.handle(&frame);
        }
        let is_early = self.client.received.len() - self.quiet < EARLY;
        if let Some(gap) = self.gaps.front()
            && !self.is_asking
        {
            let request = GetMessages {
                chat_id: Some(ROOM.into()),
                chat_type: Some(ChatDestination::CHATROOM),
                oldest_timestamp: Some(gap.oldest),
                latest_timestamp: Some(gap.latest),
                forward: Some(true),
                ..GetMessages::default()
            };
            self.is_asking = true;
            self.fetches.send_replace(true);
            self.ask(request).await;
        }
        for (at, is_time) in [(0, !is_early), (1, self.is_asking)] {
            if is_time && !self.cuts[at] {
                self.cuts[at] = true;
                let answer = self.client.resume(line(bridge).await).await.unwrap();
                assert_eq!(answer["resumed"], true, "{answer}");
                self.told = Instant::now();
            }
        }
    }

    fn handle(&mut self, frame: &Frame) {
        match frame.command {
            Command::MESSAGE => self.message(frame),
            Command::END_MESSAGES => {
                let end = EndMessages::decode(frame).unwrap();
                assert!(self.is_asking && frame.transaction == self.last, "{end:?}");
                assert_ne!(end.messages_sent, Some(0), "{:?}", self.gaps);
                self.is_asking = false;
                let last = end.final_message_guid.unwrap();
                self.gaps.pop_front_if(|gap| gap.last == *last.as_str());
            }
            Command::ERROR | Command::SESSION_TERMINATED => panic!("{frame:?}"),
            _ => {}
        }
    }

    fn message(&mut self, frame: &Frame) {
        let message = Message::decode(frame).unwrap();
        let text = |text: Option<Text>| text.unwrap_or_default().as_str().into_owned();
        let (guid, before) = (text(message.guid), text(message.previous_message_guid));
        let time = message.timestamp.unwrap();
        let is_picture = message.content_type == Some(ContentType::IMAGE);
        let length = message.content.unwrap().len();
        assert_eq!(length, if is_picture { PICTURE } else { TEXT }, "{guid}");
        assert!(self.has.iter().all(|(other, ..)| *other != guid), "{guid} came twice");
        if frame.transaction == 0 {
            let (last, last_time) = std::mem::replace(&mut self.newest, (guid.clone(), time));
            if last != before {
                self.missed += 1;
                let (oldest, latest) = (last_time + 1, time - 1);
                self.gaps.push_back(Gap { oldest, latest, last: before.clone() });
            }
        } else {
            let gap = self.gaps.front_mut().unwrap();
            assert!((gap.oldest..=gap.latest).contains(&time), "{guid}: {gap:?}");
            gap.oldest = time + 1;
        }
        self.has.push((guid, time, before));
    }

    /// It has everything, in one chain, and has had to fetch.
    fn check(&mut self) {
        assert!(self.missed > 0, "the others were too slow for it");
        assert_eq!(self.cuts, [true; 2]);
        assert_eq!(self.has.len(), PICTURES + TEXTS);
        self.has.sort_by_key(|(_, time, _)| *time);
        let mut last = "";
        for (guid, _, before) in &self.has {
            assert_eq!(before, last);
            last = guid;
        }
    }
}
