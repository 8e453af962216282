//! A bridge for the tests of streams, made up after spec/resume.md and nothing else.
use std::collections::VecDeque;

use mig33_codec::Secret;
use serde_json::Value;

use crate::control::Control;
use crate::state::Millis;

/// The most that is kept for the client; more is not read from the server.
const MOST_KEPT: u64 = 64 * 1024;
const ACKNOWLEDGE_AFTER: u64 = 16 * 1024;
const ACKNOWLEDGE_WITHIN: Millis = 1_000;

/// What goes over a WebSocket; text as what it says.
#[derive(Clone, Debug)]
pub(super) enum Message {
    Text(Control),
    Binary(Vec<u8>),
}

/// The bridge's end of one session, and the server behind it.
#[derive(Default)]
pub(super) struct Bridge {
    /// What has been written to the server.
    pub(super) written: Vec<u8>,
    /// What the server sends.
    pub(super) of_server: Vec<u8>,
    /// Messages on their way to the client.
    pub(super) out: VecDeque<Message>,
    /// What was read from the client and is not written yet.
    unwritten: Vec<u8>,
    tokens: u32,
    /// Tokens that are good: the newest, and the one that was used until something has come on the new connection.
    good: Vec<String>,
    is_attached: bool,
    /// Offsets: of the server's stream what was read, sent on this connection, and acknowledged by the client.
    sent: u64,
    acknowledged: u64,
    told: u64,
    tell_at: Option<Millis>,
}

impl Bridge {
    /// The connection is gone, and the bridge has noticed.
    pub(super) fn detach(&mut self) {
        self.is_attached = false;
    }

    /// A new connection is open; the old one, which it may not know to be dead, is evicted by the first message.
    pub(super) fn connect(&mut self) {
        self.is_attached = false;
        self.out.clear();
    }

    pub(super) fn text(&mut self, now: Millis, text: &str) {
        let message: Value = serde_json::from_str(text).expect("the client sends JSON");
        if !self.is_attached {
            return self.first(&message);
        }
        self.something_came();
        let offset = message["ack"].as_u64().expect("the client sends acknowledgements only");
        assert!((self.acknowledged..=self.sent).contains(&offset), "an ack of what there is");
        self.acknowledged = offset;
        self.tick(now);
    }

    pub(super) fn binary(&mut self, now: Millis, bytes: &[u8]) {
        assert!(self.is_attached, "no data before the answer");
        self.something_came();
        self.unwritten.extend_from_slice(bytes);
        self.tick(now);
    }

    /// Writes some of what was read, sends what the server has sent, acknowledges what is due.
    pub(super) fn tick(&mut self, now: Millis) {
        if !self.is_attached {
            return;
        }
        // a server that takes no more than this at once
        let takes = self.unwritten.len().min(1_000);
        self.written.extend(self.unwritten.drain(..takes));
        let may_send = (self.acknowledged + MOST_KEPT).min(self.of_server.len() as u64);
        if may_send > self.sent {
            let bytes = self.of_server[self.sent as usize..may_send as usize].to_vec();
            self.out.push_back(Message::Binary(bytes));
            self.sent = may_send;
        }
        let written = self.written.len() as u64;
        if written > self.told {
            let tell_at = *self.tell_at.get_or_insert(now + ACKNOWLEDGE_WITHIN);
            if written - self.told >= ACKNOWLEDGE_AFTER || tell_at <= now {
                (self.told, self.tell_at) = (written, None);
                self.out
                    .push_back(Message::Text(Control { ack: Some(written), ..Control::default() }));
            }
        }
    }

    fn first(&mut self, message: &Value) {
        if message["new"] == Value::Bool(true) {
            assert!(self.written.is_empty(), "a session is begun once");
            *self = Self { of_server: std::mem::take(&mut self.of_server), ..Self::default() };
        } else {
            let token = message["resume"].as_str().expect("a token");
            assert!(self.good.iter().any(|good| good == token), "no session has the token {token}");
            self.good.retain(|good| good == token);
            let received = message["received"].as_u64().expect("an offset");
            assert!((self.acknowledged..=self.sent).contains(&received), "an offset that is kept");
            (self.acknowledged, self.sent) = (received, received);
            self.unwritten.clear();
        }
        self.is_attached = true;
        self.tokens += 1;
        let token = format!("token-of-the-test-{:06}", self.tokens);
        self.good.push(token.clone());
        (self.told, self.tell_at) = (self.written.len() as u64, None);
        self.out.push_back(Message::Text(Control {
            session: Some(Secret::new(token)),
            resumed: Some(self.good.len() > 1),
            received: Some(self.told),
            grace_s: Some(120),
            ack: None,
        }));
    }

    /// The first message on a connection ends the token before.
    fn something_came(&mut self) {
        if self.good.len() > 1 {
            self.good.remove(0);
        }
    }
}
