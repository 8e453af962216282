//! The stage of the tests: a session, its connection, and what the server says on it.
use bytes::{Bytes, BytesMut};
use mig33_client::{
    Action, ActionId, ChatId, Close, Config, Control, Event, Link, Message, Millis, Output,
    Session, Tunnel,
};
use mig33_codec::packets::{self, Packet};
use mig33_codec::values::{ChatDestination, ContentType};
use mig33_codec::{Decode, Decoder, Encode, Frame, Text};

/// The server's clock when the tests begin.
pub(crate) const START: Millis = 1_700_000_000_000;

/// A session and the other end of its connection.
pub(crate) struct Stage {
    pub(crate) session: Session,
    pub(crate) now: Millis,
    /// What the session has sent on this connection and the script has not looked at.
    pub(crate) sent: Vec<Frame>,
    pub(crate) events: Vec<Event>,
    /// How often the session asked for a connection, and for its end.
    pub(crate) connects: usize,
    pub(crate) closes: usize,
    /// How the last one was to end.
    pub(crate) close: Option<Close>,
    /// Text messages that the script has not looked at.
    pub(crate) texts: Vec<String>,
    /// Offsets in the streams of a session that can be resumed: what it has sent, and what has come.
    pub(crate) count_sent: u64,
    pub(crate) count_heard: u64,
    decoder: Decoder,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let mut counter = 0u64;
        let random = move || {
            counter += 1;
            // no two are the same
            let [.., low] = counter.to_be_bytes();
            let mut bytes = [low; 16];
            bytes[8..].copy_from_slice(&counter.to_be_bytes());
            bytes
        };
        Self {
            session: Session::new(Config::new("test", Box::new(random))),
            now: START,
            sent: Vec::new(),
            events: Vec::new(),
            connects: 0,
            closes: 0,
            close: None,
            texts: Vec::new(),
            count_sent: 0,
            count_heard: 0,
            decoder: Decoder::new(),
        }
    }

    /// Logged in as alice, with nothing open.
    pub(crate) fn online() -> Self {
        let mut stage = Self::new();
        stage.session.log_in(stage.now, "alice", "secret");
        stage.come_online();
        stage
    }

    /// From a requested connection to a log-in with nothing open.
    pub(crate) fn come_online(&mut self) {
        self.accept();
        self.finish_login();
    }

    /// From LOGIN to a log-in with nothing open.
    pub(crate) fn finish_login(&mut self) {
        let login = self.take::<packets::Login>();
        let has_token =
            login.1.resume_token.as_ref().is_some_and(|token| !token.expose().is_empty());
        if has_token {
            self.reply(login.0, login_ok());
        } else {
            self.reply(login.0, challenge("k3Yf9QzL"));
            let proof = self.take::<packets::LoginResponse>();
            self.reply(proof.0, login_ok());
        }
        self.settle();
    }

    /// Answers what a session asks for after its log-in with nothing.
    pub(crate) fn settle(&mut self) {
        let contacts = self.take::<packets::GetContacts>().0;
        self.reply(contacts, packets::GetContactsComplete::default());
        let requests = self.take::<packets::GetContactRequests>().0;
        self.reply(requests, packets::Ok::default());
        let chats = self.take::<packets::GetChats>().0;
        self.reply(chats, packets::ChatListVersion::default());
    }

    /// The requested connection opens.
    pub(crate) fn accept(&mut self) {
        self.pump();
        assert_eq!(self.session.state().link, Link::Connecting);
        self.open(Tunnel::Plain);
        assert!(self.texts.is_empty(), "packets and nothing else: {:?}", self.texts);
    }

    /// The connection that was asked for opens; nothing has come over it yet.
    pub(crate) fn open(&mut self, tunnel: Tunnel) {
        self.decoder = Decoder::new();
        self.sent.clear();
        self.session.connected(self.now, tunnel);
        self.pump();
    }

    /// The bridge says something.
    pub(crate) fn control(&mut self, control: Control) {
        self.session.handle_control(self.now, Some(control));
        self.pump();
    }

    /// The connection breaks.
    pub(crate) fn cut(&mut self) {
        self.session.disconnected(self.now, 1006, None);
        self.pump();
    }

    /// The connection breaks, and the time of the next attempt comes.
    pub(crate) fn cut_and_wait(&mut self) {
        self.cut();
        self.wait_for_attempt();
    }

    /// The time of the next attempt comes.
    pub(crate) fn wait_for_attempt(&mut self) {
        let Link::Waiting { until, .. } = self.session.state().link else {
            panic!("not waiting: {:?}", self.session.state().link);
        };
        self.wait(until - self.now);
    }

    /// Time goes by, and timers fire when they are due.
    pub(crate) fn wait(&mut self, millis: Millis) {
        let end = self.now + millis;
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.session.handle_timeout(self.now);
            self.pump();
        }
        self.now = end;
        self.pump();
    }

    pub(crate) fn act(&mut self, action: Action) -> ActionId {
        let id = self.session.act(self.now, action);
        self.pump();
        id
    }

    /// The server sends a packet with this number.
    pub(crate) fn reply(&mut self, transaction: u16, packet: impl Into<Packet>) {
        self.arrive(packet.into().encode(transaction).expect("small").to_bytes());
    }

    /// Bytes come from the server.
    pub(crate) fn arrive(&mut self, bytes: Bytes) {
        self.count_heard += bytes.len() as u64;
        self.session.handle_bytes(self.now, bytes);
        self.pump();
    }

    /// The server sends a packet unasked.
    pub(crate) fn push(&mut self, packet: impl Into<Packet>) {
        self.reply(0, packet);
    }

    /// Takes the oldest packet of this kind out of what was sent.
    pub(crate) fn take<P: Decode>(&mut self) -> (u16, P) {
        self.try_take().unwrap_or_else(|| panic!("no {} among {:?}", P::COMMAND, self.sent))
    }

    pub(crate) fn try_take<P: Decode>(&mut self) -> Option<(u16, P)> {
        let at = self.sent.iter().position(|frame| frame.command == P::COMMAND)?;
        let frame = self.sent.remove(at);
        Some((frame.transaction, P::decode(&frame).expect("our own packets are well typed")))
    }

    /// How an action ended, once it has.
    pub(crate) fn outcome(&mut self, action: ActionId) -> Option<Result<(), String>> {
        self.events.iter().find_map(|event| {
            let Event::Answered { action: answered, result } = event else { return None };
            (*answered == action).then(|| result.clone().map_err(|text| text.to_string()))
        })
    }

    pub(crate) fn messages(&self, chat: &ChatId) -> Vec<Message> {
        let chat = self.session.state().chats.get(chat);
        chat.map(|chat| chat.messages.iter().map(|message| (**message).clone()).collect())
            .unwrap_or_default()
    }

    pub(crate) fn texts(&self, chat: &ChatId) -> Vec<String> {
        self.messages(chat).iter().map(text_of).collect()
    }

    pub(crate) fn pump(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Connect => self.connects += 1,
                Output::Close(how) => {
                    self.closes += 1;
                    self.close = Some(how);
                }
                Output::SendText(text) => self.texts.push(text.expose().clone()),
                Output::Send(bytes) => {
                    self.count_sent += bytes.len() as u64;
                    self.decoder.push(bytes);
                    while let Some(frame) =
                        self.decoder.next_frame().expect("our own packets are well framed")
                    {
                        self.sent.push(frame);
                    }
                }
            }
        }
        self.events.extend(std::iter::from_fn(|| self.session.poll_event()));
    }
}

pub(crate) fn text_of(message: &Message) -> String {
    let mig33_client::Body::Text(text) = &message.body else {
        return format!("{:?}", message.body);
    };
    text.to_string()
}

pub(crate) fn challenge(text: &str) -> packets::LoginChallenge {
    packets::LoginChallenge {
        challenge: Some(text.into()),
        session_id: Some("s1".into()),
        ..Default::default()
    }
}

/// What our server says when somebody is in.
pub(crate) fn login_ok() -> packets::LoginOk {
    packets::LoginOk {
        username: Some("alice".into()),
        supports_chat_sync: Some(true),
        resume_token: Some(Bytes::from_static(b"token").into()),
        server_time: Some(START),
        ..Default::default()
    }
}

pub(crate) fn ok(guid: &str, time: Millis) -> packets::Ok {
    packets::Ok { text: Some(guid.into()), value: Some(time), ..Default::default() }
}

pub(crate) fn error(text: &str) -> packets::Error {
    packets::Error { description: Some(text.into()), ..Default::default() }
}

/// A private message to alice.
pub(crate) fn message(
    source: &str,
    guid: &str,
    time: Millis,
    previous: Option<&str>,
) -> packets::Message {
    packets::Message {
        source: Some(source.into()),
        destination_type: Some(ChatDestination::PRIVATE),
        destination: Some("alice".into()),
        content_type: Some(ContentType::TEXT),
        content: Some(Bytes::copy_from_slice(guid.as_bytes())),
        guid: Some(guid.into()),
        timestamp: Some(time),
        previous_message_guid: previous.map(Text::from),
        ..Default::default()
    }
}

/// All bytes of some packets with one number, as a server sends them at once.
pub(crate) fn bytes(transaction: u16, packets: &[Packet]) -> Bytes {
    let mut out = BytesMut::new();
    for packet in packets {
        packet.encode_into(transaction, &mut out).expect("small");
    }
    out.freeze()
}
