//! Streams that are cut at every byte, against a bridge made up for the tests.
use proptest::prelude::*;

use super::bridge::{Bridge, Message};
use super::*;

/// One client with its connection and its bridge.
#[derive(Default)]
struct Client {
    stream: Stream,
    out: VecDeque<Output>,
    /// What is on its way to the bridge.
    up: VecDeque<Upward>,
    bridge: Bridge,
    /// All that the client has said and heard.
    said: Vec<u8>,
    heard: Vec<u8>,
    connections: usize,
}

/// What goes up: text as it is.
enum Upward {
    Text(String),
    Binary(Bytes),
}

impl Client {
    fn new() -> Self {
        let mut client = Self::default();
        client.connect();
        client
    }

    fn connect(&mut self) {
        self.connections += 1;
        self.bridge.connect();
        assert!(!self.stream.open(Tunnel::Resume, &mut self.out));
    }

    fn say(&mut self, bytes: Vec<u8>) {
        self.said.extend_from_slice(&bytes);
        self.stream.send(bytes.into(), &mut self.out);
    }

    /// The connection is lost with all that is on its way; `noticed`: also for the bridge. Another one is opened.
    fn cut(&mut self, noticed: bool) {
        self.stream.cut();
        self.out.clear();
        self.up.clear();
        self.bridge.out.clear();
        if noticed {
            self.bridge.detach();
        }
        self.connect();
    }

    /// Brings at most so many bytes, or one text, to the bridge. `false` when there is nothing.
    fn step_up(&mut self, now: Millis, most: usize) -> bool {
        for output in self.out.drain(..) {
            self.up.push_back(match output {
                Output::SendText(text) => Upward::Text(text.expose().clone()),
                Output::Send(bytes) => Upward::Binary(bytes),
                Output::Connect | Output::Close(_) => unreachable!("the session's"),
            });
        }
        match self.up.front_mut() {
            None => return false,
            Some(Upward::Text(text)) => {
                self.bridge.text(now, &std::mem::take(text));
                self.up.pop_front();
            }
            Some(Upward::Binary(bytes)) => {
                let piece = bytes.split_to(most.min(bytes.len()));
                if bytes.is_empty() {
                    self.up.pop_front();
                }
                self.bridge.binary(now, &piece);
            }
        }
        true
    }

    /// The same to the client.
    fn step_down(&mut self, now: Millis, most: usize) -> bool {
        self.bridge.tick(now);
        match self.bridge.out.front_mut() {
            None => return false,
            Some(Message::Text(control)) => {
                let control = std::mem::take(control);
                self.bridge.out.pop_front();
                let answer =
                    self.stream.control(Some(control), &mut self.out).expect("the rules are kept");
                if let Some(answer) = answer {
                    let is_first = self.said.is_empty() && self.heard.is_empty();
                    assert!(is_first || answer == Answer::Resumed, "a session was lost");
                }
            }
            Some(Message::Binary(bytes)) => {
                let rest = bytes.split_off(most.min(bytes.len()));
                let piece = std::mem::replace(bytes, rest);
                if bytes.is_empty() {
                    self.bridge.out.pop_front();
                }
                self.heard.extend_from_slice(&piece);
                self.stream.arrived(now, piece.len(), &mut self.out).expect("after the answer");
            }
        }
        true
    }

    /// What was said and heard is what the server has read and sent; nothing is kept any more.
    fn check(&self) {
        assert!(
            self.bridge.written == self.said,
            "the client's stream is not what the server read"
        );
        assert!(
            self.bridge.of_server == self.heard,
            "the server's stream is not what the client read"
        );
        assert_eq!(
            self.stream.kept.iter().map(Bytes::len).sum::<usize>(),
            0,
            "all is acknowledged"
        );
        assert_eq!(self.stream.sent, self.said.len() as u64);
        assert_eq!(self.stream.received, self.heard.len() as u64);
    }
}

/// Two clients, each with a bridge of its own; what one says the other hears.
struct Pair {
    clients: [Client; 2],
    now: Millis,
}

impl Pair {
    fn new() -> Self {
        let mut pair = Self { clients: [Client::new(), Client::new()], now: 1_000 };
        // who is not logged in says nothing
        pair.settle(0, &mut |_, _| None);
        pair
    }

    /// The server: what has been written to one bridge comes out of the other.
    fn relay(&mut self) {
        let [one, other] = self.clients.each_mut().map(|client| &mut client.bridge);
        one.of_server.extend_from_slice(&other.written[one.of_server.len()..]);
        other.of_server.extend_from_slice(&one.written[other.of_server.len()..]);
    }

    /// Lets everything happen until nothing is left to happen, and three seconds more. Before each step `cut` says
    /// whether the connection of that client is lost now, and whether its bridge notices.
    fn settle(&mut self, piece: usize, cut: &mut dyn FnMut(usize, bool) -> Option<bool>) {
        let piece = piece.max(1);
        for _ in 0..6 {
            let mut moved = true;
            while moved {
                moved = false;
                for (who, client) in self.clients.iter_mut().enumerate() {
                    for up in [true, false] {
                        if let Some(noticed) = cut(who, up) {
                            client.cut(noticed);
                            moved = true;
                        }
                        moved |= if up {
                            client.step_up(self.now, piece)
                        } else {
                            client.step_down(self.now, piece)
                        };
                    }
                }
                self.relay();
            }
            self.now += 500;
            for client in &mut self.clients {
                client.stream.handle_timeout(self.now, &mut client.out);
                client.bridge.tick(self.now);
            }
        }
    }

    fn check(&self) {
        self.clients.iter().for_each(Client::check);
        let [one, other] = &self.clients;
        assert!(one.said == other.heard && other.said == one.heard);
    }
}

/// A conversation of so many bytes each way in some pieces; `cuts` are the steps before which a connection is lost.
fn talk(length: usize, piece: usize, cuts: &[(usize, bool)]) -> usize {
    let mut pair = Pair::new();
    let mut steps = 0;
    let mut cut = |_: usize, _: bool| {
        steps += 1;
        cuts.iter().find(|(at, _)| *at == steps).map(|(_, noticed)| *noticed)
    };
    for round in 0..3_u8 {
        for who in 0..2_u8 {
            let client = &mut pair.clients[usize::from(who)];
            client.say(
                (0..length).map(|at| (at as u8).wrapping_mul(7) ^ round ^ (who << 6)).collect(),
            );
            client.say(vec![round; 1]);
        }
        pair.settle(piece, &mut cut);
    }
    pair.check();
    let connections: usize = pair.clients.iter().map(|client| client.connections).sum();
    assert_eq!(connections, 2 + cuts.iter().filter(|(at, _)| *at <= steps).count());
    steps
}

#[test]
fn a_connection_cut_at_every_byte_of_both_directions_loses_nothing() {
    let steps = talk(30, 1, &[]);
    assert!(steps > 400, "{steps}");
    for at in 1..=steps {
        for noticed in [true, false] {
            talk(30, 1, &[(at, noticed)]);
        }
    }
}

#[test]
fn cut_again_at_every_step_of_the_resume_it_loses_nothing() {
    let steps = talk(6, 1, &[]);
    for at in 1..=steps {
        // the first message, the answer, and the first bytes sent again are within these steps
        for again in 1..=24 {
            for noticed in [true, false] {
                talk(6, 1, &[(at, noticed), (at + again, !noticed), (at + again + 9, noticed)]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Streams that are longer than what either side keeps, in pieces of any size, cut anywhere, many times.
    #[test]
    fn long_streams_cut_many_times_lose_nothing(
        length in 0..90_000_usize,
        piece in 1..40_000_usize,
        cuts in proptest::collection::vec((1..400_usize, any::<bool>()), 0..30),
    ) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        cuts.dedup_by_key(|(at, _)| *at);
        talk(length, piece.max(length / 40 + 1), &cuts);
    }
}

fn answer(token: &str, resumed: bool, received: u64) -> Option<Control> {
    let session = Some(Secret::new(token.to_owned()));
    Some(Control {
        session,
        resumed: Some(resumed),
        received: Some(received),
        grace_s: Some(120),
        ack: None,
    })
}

fn ack(offset: u64) -> Option<Control> {
    Some(Control { ack: Some(offset), ..Control::default() })
}

fn texts(out: &mut VecDeque<Output>) -> Vec<String> {
    let text = |output| match output {
        Output::SendText(text) => text.expose().clone(),
        Output::Send(bytes) => format!("{} bytes", bytes.len()),
        other @ (Output::Connect | Output::Close(_)) => format!("{other:?}"),
    };
    out.drain(..).map(text).collect()
}

/// A stream that has begun, with what it has sent so far taken away.
fn begun() -> (Stream, VecDeque<Output>) {
    let (mut stream, mut out) = (Stream::default(), VecDeque::new());
    assert!(!stream.open(Tunnel::Resume, &mut out));
    assert_eq!(texts(&mut out), ["{\"new\":true}"]);
    assert_eq!(stream.control(answer("first", false, 0), &mut out), Ok(Some(Answer::New)));
    assert!(out.is_empty());
    (stream, out)
}

#[test]
fn what_comes_is_acknowledged_after_16_kib_or_a_second() {
    let (mut stream, mut out) = begun();
    stream.arrived(5_000, 16 * 1024 - 1, &mut out).unwrap();
    assert_eq!(stream.next_timeout(), 6_000);
    stream.arrived(5_900, 0, &mut out).unwrap();
    stream.handle_timeout(5_999, &mut out);
    assert!(out.is_empty());
    stream.handle_timeout(6_000, &mut out);
    assert_eq!(texts(&mut out), ["{\"ack\":16383}"]);
    assert_eq!(stream.next_timeout(), Millis::MAX);
    stream.arrived(6_001, 16 * 1024, &mut out).unwrap();
    assert_eq!(texts(&mut out), ["{\"ack\":32767}"]);
    assert_eq!(stream.next_timeout(), Millis::MAX);
}

#[test]
fn what_was_not_acknowledged_is_sent_again_from_the_bridges_offset() {
    let (mut stream, mut out) = begun();
    for bytes in ["abc", "defg", "hi"] {
        stream.send(bytes.into(), &mut out);
    }
    stream.arrived(0, 11, &mut out).unwrap();
    stream.control(ack(2), &mut out).unwrap();
    stream.cut();
    stream.send("later".into(), &mut out);
    texts(&mut out);
    stream.open(Tunnel::Resume, &mut out);
    assert_eq!(texts(&mut out), ["{\"resume\":\"first\",\"received\":11}"]);
    assert_eq!(stream.control(answer("second", true, 5), &mut out), Ok(Some(Answer::Resumed)));
    let sent: Vec<Output> = out.drain(..).collect();
    assert_eq!(sent, ["fg", "hi", "later"].map(|bytes| Output::Send(bytes.into())));
    assert_eq!(stream.next_timeout(), Millis::MAX, "the offset was told with the token");
    stream.cut();
    stream.open(Tunnel::Resume, &mut out);
    assert_eq!(texts(&mut out), ["{\"resume\":\"second\",\"received\":11}"]);
}

#[test]
fn a_new_session_counts_from_nothing() {
    let (mut stream, mut out) = begun();
    stream.send("abc".into(), &mut out);
    stream.arrived(0, 11, &mut out).unwrap();
    stream.cut();
    stream.open(Tunnel::Resume, &mut out);
    out.clear();
    assert_eq!(stream.control(answer("other", false, 0), &mut out), Ok(Some(Answer::New)));
    assert!(out.is_empty());
    stream.arrived(0, 16 * 1024, &mut out).unwrap();
    assert_eq!(texts(&mut out), ["{\"ack\":16384}"]);
}

#[test]
fn nothing_is_kept_or_counted_on_a_plain_tunnel() {
    let (mut stream, mut out) = begun();
    stream.cut();
    assert!(stream.open(Tunnel::Plain, &mut out));
    stream.send("abc".into(), &mut out);
    stream.arrived(0, 100_000, &mut out).unwrap();
    assert_eq!(stream.control(None, &mut out), Ok(None));
    assert_eq!((texts(&mut out), stream.grace()), (vec!["3 bytes".to_owned()], None));
    assert!(stream.kept.is_empty());
}

#[test]
fn there_is_an_end_to_what_is_kept() {
    let (mut stream, mut out) = begun();
    stream.send(vec![0; 1024 * 1024 - 1].into(), &mut out);
    assert!(stream.has_room());
    stream.send("x".into(), &mut out);
    assert!(!stream.has_room());
    stream.control(ack(1), &mut out).unwrap();
    assert!(stream.has_room());
}

#[test]
fn rules_that_are_broken_are_noticed() {
    let asked = || {
        let (mut stream, mut out) = begun();
        stream.send("abc".into(), &mut out);
        stream.control(ack(1), &mut out).unwrap();
        stream.cut();
        stream.open(Tunnel::Resume, &mut out);
        stream
    };
    let no_token = answer("x", true, 1).map(|control| Control { session: None, ..control });
    let no_flag = answer("x", true, 1).map(|control| Control { resumed: None, ..control });
    let no_grace = answer("x", true, 1).map(|control| Control { grace_s: None, ..control });
    for (control, violation) in [
        (None, Violation::Control),
        (ack(1), Violation::Answer),
        (no_token, Violation::Answer),
        (no_flag, Violation::Answer),
        (no_grace, Violation::Answer),
        (answer("x", false, 1), Violation::Answer),
        (answer("x", true, 0), Violation::Acknowledgement),
        (answer("x", true, 4), Violation::Acknowledgement),
    ] {
        let said = format!("{control:?}");
        assert_eq!(asked().control(control, &mut VecDeque::new()), Err(violation), "{said}");
    }
    assert_eq!(asked().arrived(0, 1, &mut VecDeque::new()), Err(Violation::Early));

    let (mut stream, mut out) = (Stream::default(), VecDeque::new());
    stream.open(Tunnel::Resume, &mut out);
    assert_eq!(
        stream.control(answer("x", true, 0), &mut out),
        Err(Violation::Answer),
        "resumed what?"
    );

    let (mut stream, mut out) = begun();
    stream.send("abc".into(), &mut out);
    assert_eq!(stream.control(ack(3), &mut out), Ok(None));
    assert_eq!(stream.control(ack(3), &mut out), Ok(None), "the same again is not behind");
    assert_eq!(stream.control(ack(2), &mut out), Err(Violation::Acknowledgement));
    assert_eq!(stream.control(ack(4), &mut out), Err(Violation::Acknowledgement));
    assert_eq!(stream.control(None, &mut out), Err(Violation::Control));
    assert_eq!(stream.control(Some(Control::default()), &mut out), Ok(None), "unknown keys");
}

#[test]
fn no_token_is_seen_in_debug_output() {
    let (mut stream, mut out) = (begun().0, VecDeque::new());
    stream.cut();
    stream.open(Tunnel::Resume, &mut out);
    let seen = format!("{stream:?} {out:?} {:?}", answer("first", true, 0));
    assert!(!seen.contains("first"), "{seen}");
}
