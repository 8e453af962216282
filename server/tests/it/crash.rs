//! The real program, killed while clients send: every message that was acknowledged is there once after a restart.
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command as Program, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mig33_codec::hash::sha1fold;
use mig33_codec::packets::{
    AddContact, EndMessages, GetMessages, Login, LoginChallenge, LoginOk, LoginResponse, Message,
    NewRegistration, Ok as OkPacket,
};
use mig33_codec::{Command, Decode, Decoder, Encode, Frame, Text};

use crate::harness::{PASSWORD, decode, guid, private};

const SENDERS: usize = 4;

/// The program, running; killed when it goes.
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    fn start(folder: &Path) -> Self {
        let config = folder.join("mig33.toml");
        std::fs::write(
            &config,
            "[server.limits]\nrequest_burst = 1000000\nregistrations_per_hour = 1000\n",
        )
        .unwrap();
        let mut child = Program::new(env!("CARGO_BIN_EXE_mig33-server"))
            .args(["--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(folder.join("data"))
            .arg("--config")
            .arg(config)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .map(Result::unwrap)
            .find_map(|line| line.strip_prefix("listening tcp ").map(str::to_owned))
            .expect("the program says where it listens");
        Self { child, address: address.parse().unwrap() }
    }

    /// As `kill -9`.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn connect(&self) -> Plain {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Plain { stream, decoder: Decoder::new(), last: 0 }
    }

    fn user(&self, name: &str) -> Plain {
        let mut plain = self.connect();
        plain.register(name);
        plain.log_in(name);
        plain
    }

    fn session(&self, name: &str) -> Plain {
        let mut plain = self.connect();
        plain.log_in(name);
        plain
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A client on a plain socket.
struct Plain {
    stream: TcpStream,
    decoder: Decoder,
    last: u16,
}

impl Plain {
    fn send(&mut self, packet: impl Encode) -> Option<u16> {
        self.last += 1;
        let mut out = BytesMut::new();
        packet.encode_into(self.last, &mut out).unwrap();
        self.stream.write_all(&out).ok().map(|()| self.last)
    }

    fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                return Some(frame);
            }
            let mut space = [0; 4096];
            match self.stream.read(&mut space) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.decoder.push(Bytes::copy_from_slice(&space[..count])),
            }
        }
    }

    fn until<P: Decode + std::fmt::Debug>(&mut self) -> (Vec<Frame>, P) {
        let mut before = Vec::new();
        loop {
            let frame = self.next().expect("the program answers");
            if frame.command == P::COMMAND {
                return (before, decode(&frame));
            }
            before.push(frame);
        }
    }

    fn register(&mut self, name: &str) {
        let password = Some(Text::from(PASSWORD).into());
        self.send(NewRegistration { username: Some(name.into()), password, ..Default::default() });
        self.until::<OkPacket>();
    }

    fn log_in(&mut self, name: &str) {
        self.send(Login { username: Some(name.into()), ..Login::default() });
        let challenge = self.until::<LoginChallenge>().1.challenge.unwrap();
        let hash = sha1fold(&challenge.as_str(), PASSWORD);
        self.send(LoginResponse { password_hash: Some(hash.into()), ..LoginResponse::default() });
        self.until::<LoginOk>();
    }

    fn add(&mut self, name: &str) {
        self.send(AddContact { username: Some(name.into()), ..AddContact::default() });
        self.until::<OkPacket>();
    }
}

/// All messages of a chat: how often each guid is there, and its time.
fn history(plain: &mut Plain, chat: &str) -> BTreeMap<String, Vec<u64>> {
    let mut all: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut latest = None;
    loop {
        plain.send(GetMessages {
            chat_id: Some(chat.into()),
            latest_timestamp: latest,
            limit: Some(100),
            ..GetMessages::default()
        });
        let (frames, end) = plain.until::<EndMessages>();
        if end.messages_sent == Some(0) {
            return all;
        }
        let number = plain.last;
        let page = frames
            .iter()
            .filter(|frame| frame.command == Command::MESSAGE && frame.transaction == number);
        let messages: Vec<Message> = page.map(decode).collect();
        latest = messages[0].timestamp.map(|time| time - 1);
        for message in messages {
            all.entry(guid(&message)).or_default().push(message.timestamp.unwrap());
        }
    }
}

#[test]
fn a_crash_leaves_no_dump_of_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.child.id())).unwrap();
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().take(2).collect::<Vec<_>>(), ["0", "0"]);
}

#[test]
fn every_acknowledged_message_is_there_once_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path());
    let mut bob = running.user("bob");
    let mut senders: Vec<Plain> =
        (0..SENDERS).map(|n| running.user(&format!("sender{n}"))).collect();
    for (n, sender) in senders.iter_mut().enumerate() {
        sender.add("bob");
        bob.add(&format!("sender{n}"));
    }
    drop(bob);
    let mut acknowledged: Vec<BTreeMap<String, u64>> = vec![BTreeMap::new(); SENDERS];
    let mut sent = [0; SENDERS];
    for round in 0..3 {
        // the kill comes once so many have been acknowledged in all; more are on their way then
        let (tell, told) = mpsc::channel();
        let threads: Vec<_> = senders
            .drain(..)
            .enumerate()
            .map(|(n, mut sender)| {
                let (tell, mut count) = (tell.clone(), sent[n]);
                std::thread::spawn(move || {
                    let mut all = Vec::new();
                    loop {
                        // a few ahead of the answers
                        for _ in 0..3 {
                            let message = private("bob", &format!("r{round}-{count}"), "x");
                            if sender.send(message).is_none() {
                                return (all, count);
                            }
                            count += 1;
                        }
                        for _ in 0..3 {
                            let ok: OkPacket = loop {
                                match sender.next() {
                                    Some(frame) if frame.command == Command::OK => {
                                        break decode(&frame);
                                    }
                                    Some(_) => {}
                                    None => return (all, count),
                                }
                            };
                            all.push((ok.text.unwrap().as_str().into_owned(), ok.value.unwrap()));
                            let _ = tell.send(()); // after the last kill nobody counts
                        }
                    }
                })
            })
            .collect();
        for _ in 0..60 {
            told.recv().unwrap();
        }
        running.kill();
        for (n, thread) in threads.into_iter().enumerate() {
            let (all, count) = thread.join().unwrap();
            acknowledged[n].extend(all);
            sent[n] = count;
        }
        running = Running::start(folder.path());
        senders = (0..SENDERS).map(|n| running.session(&format!("sender{n}"))).collect();
        for (n, sender) in senders.iter_mut().enumerate() {
            let kept = history(sender, "bob");
            for (guid, time) in &acknowledged[n] {
                assert_eq!(kept.get(guid), Some(&vec![*time]), "{guid} of sender{n}");
            }
            assert!(kept.values().all(|times| times.len() == 1), "none is there twice");
        }
    }
    assert!(acknowledged.iter().map(BTreeMap::len).sum::<usize>() >= 180);
    // and the receiver, who was away all the time, gets them all
    let mut bob = running.session("bob");
    let wanted: usize = acknowledged.iter().map(BTreeMap::len).sum();
    let mut got = std::collections::BTreeSet::new();
    while got.len() < wanted {
        let message = bob.until::<Message>().1;
        let from = message.source.clone().unwrap().as_str().into_owned();
        let known = from.strip_prefix("sender").and_then(|n| n.parse::<usize>().ok()).unwrap();
        if acknowledged[known].contains_key(&guid(&message)) {
            assert!(got.insert((from, guid(&message))), "each once");
        }
    }
}
