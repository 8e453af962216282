//! A service on a store in a folder of its own, and clients that speak to it over streams in memory.
use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mig33_codec::hash::HashKind;
use mig33_codec::packets::{
    AddContact, Contact, Error, GetContacts, GetContactsComplete, JoinChatroom, Login,
    LoginChallenge, LoginOk, LoginResponse, Message, NewRegistration, Ok as OkPacket, Ping,
};
use mig33_codec::values::{ChatDestination, Presence};
use mig33_codec::{Command, Decode, Decoder, Encode, Frame};
use mig33_server::clock::{Clock, Millis};
use mig33_server::{ClientInfo, Outside, Service, Settings};
use prometheus_client::registry::Registry;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Runs each of these functions on every store.
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name($crate::harness::World::new().await).await;
                }
            )+
        }
    };
}

/// A PNG of 3 × 2 pixels and so many bytes; it goes on with others of the same size.
pub(crate) fn picture(bytes: usize) -> Bytes {
    let mut picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02\x08\x02\0\0\0".to_vec();
    picture.resize(bytes, 7);
    picture.into()
}

/// When the tests' time begins.
pub(crate) const START: u64 = 1_800_000_000_000;
/// How long a client waits for a packet before a test fails. Never reached by a test that passes.
const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const PASSWORD: &str = "Secret-1";

/// A clock that stands still unless it is moved: equal times are the hard case.
#[derive(Debug, Default)]
pub(crate) struct StandingClock(AtomicU64);

impl StandingClock {
    pub(crate) fn pass(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }

    /// The machine's clock was put right, perhaps backwards.
    pub(crate) fn set(&self, millis: u64) {
        self.0.store(millis, Ordering::Relaxed);
    }
}

impl Clock for StandingClock {
    fn now(&self) -> Millis {
        Millis(START + self.0.load(Ordering::Relaxed))
    }
}

/// A service and what belongs to it.
pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<StandingClock>,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With other settings. There is no limit to requests unless it is set.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let clock = Arc::new(StandingClock::default());
        Self::on_clock(clock.clone(), clock, change).await
    }

    /// On another clock than the one that stands.
    pub(crate) async fn on_clock(
        of_service: Arc<dyn Clock>,
        clock: Arc<StandingClock>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings { data_dir: folder.path().join("data"), ..Settings::default() };
        settings.limits.request_burst = 1_000_000;
        settings.limits.rejoin_s = 0; // who breaks off is gone
        settings.limits.account_burst_bytes = 0;
        settings.limits.account_bytes_per_day = 0;
        settings.limits.add_contact_burst = 0;
        change(&mut settings);
        let outside = Outside { clock: Some(of_service), ..Outside::default() };
        let service = Service::start_with(settings.clone(), outside).await.unwrap();
        Self { service, settings, clock, _folder: folder }
    }

    /// On data that is there.
    pub(crate) async fn on_data(settings: Settings) -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(StandingClock::default()));
        let outside = Outside { clock: Some(clock.clone()), ..Outside::default() };
        let service = Service::start_with(settings.clone(), outside).await.unwrap();
        Self { service, settings, clock, _folder: folder }
    }

    /// The same data after a stop and a new start.
    pub(crate) async fn restarted(self) -> Self {
        self.service.shutdown().await;
        self.started_again().await
    }

    /// The same data after a new start; the service was stopped.
    pub(crate) async fn started_again(mut self) -> Self {
        drop(self.service);
        let outside = Outside { clock: Some(self.clock.clone()), ..Outside::default() };
        self.service = Service::start_with(self.settings.clone(), outside).await.unwrap();
        self
    }

    /// How many sessions there are, as `/metrics` tells it.
    pub(crate) fn sessions(&self) -> u64 {
        let (mut registry, mut figures) = (Registry::default(), String::new());
        self.service.register_metrics(&mut registry);
        prometheus_client::encoding::text::encode(&mut figures, &registry).unwrap();
        let line = figures.lines().find_map(|line| line.strip_prefix("mig33_server_sessions "));
        line.unwrap().parse().unwrap()
    }

    pub(crate) fn connect(&self) -> Client {
        self.connect_from(None, 1 << 16)
    }

    /// A connection over a stream that holds so many bytes, and the task that serves it.
    pub(crate) fn connect_held(&self, stream: usize) -> (Client, JoinHandle<()>) {
        self.serve(None, stream)
    }

    /// A connection that can be reset.
    pub(crate) fn connect_resettable(&self, stream: usize) -> (Client, Reset) {
        let (ours, theirs) = tokio::io::duplex(stream);
        let (reset, told) = oneshot::channel();
        let serving = self
            .serve_stream(ClientInfo::default(), Resettable { stream: theirs, told: Some(told) });
        (Client::on(ours), Reset { reset, serving })
    }

    /// A connection from an address, over a stream that holds so many bytes.
    pub(crate) fn connect_from(&self, peer: Option<IpAddr>, stream: usize) -> Client {
        self.serve(peer, stream).0
    }

    /// A connection for which no address is known that pictures could be fetched from.
    pub(crate) fn connect_without_http(&self) -> Client {
        self.serve_as(ClientInfo::default(), 1 << 16).0
    }

    fn serve(&self, peer: Option<IpAddr>, stream: usize) -> (Client, JoinHandle<()>) {
        self.serve_as(ClientInfo { peer, base_url: Some("http://page:1".into()) }, stream)
    }

    fn serve_as(&self, client: ClientInfo, stream: usize) -> (Client, JoinHandle<()>) {
        let (ours, theirs) = tokio::io::duplex(stream);
        (Client::on(ours), self.serve_stream(client, theirs))
    }

    fn serve_stream<S>(&self, client: ClientInfo, stream: S) -> JoinHandle<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = self.service.clone();
        tokio::spawn(async move { service.serve_connection(stream, client).await })
    }

    /// A new account, logged in.
    pub(crate) async fn user(&self, name: &str) -> Client {
        let mut client = self.connect();
        client.register(name).await;
        client.log_in(name).await;
        client
    }

    /// One more session of an account.
    pub(crate) async fn session(&self, name: &str) -> Client {
        let mut client = self.connect();
        client.log_in(name).await;
        client
    }

    /// Two new accounts that are contacts, logged in, with nothing left to read.
    pub(crate) async fn friends(&self, one: &str, two: &str) -> (Client, Client) {
        let (mut one, mut two) = (self.user(one).await, self.user(two).await);
        befriend(&mut one, &mut two).await;
        (one, two)
    }
}

pub(crate) async fn befriend(one: &mut Client, two: &mut Client) {
    one.ask(AddContact { username: Some(two.name.as_str().into()), ..AddContact::default() })
        .await
        .unwrap();
    two.ask(AddContact { username: Some(one.name.as_str().into()), ..AddContact::default() })
        .await
        .unwrap();
    one.fence().await;
    two.fence().await;
}

/// What resets a connection.
pub(crate) struct Reset {
    reset: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Reset {
    /// Resets it, and returns once the service has noticed and is done with it.
    pub(crate) async fn now(self) {
        self.reset.send(()).unwrap();
        self.serving.await.unwrap();
    }
}

/// The service's end of a stream, until it is told that the stream is reset.
struct Resettable {
    stream: DuplexStream,
    told: Option<oneshot::Receiver<()>>,
}

impl AsyncRead for Resettable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.told.as_mut().map(|told| Pin::new(told).poll(context)) {
            Some(Poll::Ready(Ok(()))) => {
                self.told = None;
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            Some(Poll::Ready(Err(_))) => self.told = None, // it never will be
            Some(Poll::Pending) | None => {}
        }
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Resettable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A client of the service.
pub(crate) struct Client {
    pub(crate) stream: DuplexStream,
    decoder: Decoder,
    pub(crate) last: u16,
    pub(crate) name: String,
}

impl Client {
    fn on(stream: DuplexStream) -> Self {
        Self { stream, decoder: Decoder::new(), last: 0, name: String::new() }
    }

    /// Sends a packet; its number.
    pub(crate) async fn send(&mut self, packet: impl Encode) -> u16 {
        self.last += 1;
        self.send_as(self.last, packet).await;
        self.last
    }

    /// Sends a packet with this number.
    pub(crate) async fn send_as(&mut self, number: u16, packet: impl Encode) {
        let mut out = BytesMut::new();
        packet.encode_into(number, &mut out).unwrap();
        self.stream.write_all(&out).await.unwrap();
    }

    /// The next packet; none when the service has closed.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                return Some(frame);
            }
            let mut space = [0; 4096];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut space));
            match read.await.expect("a packet comes in time").unwrap_or(0) {
                0 => return None,
                count => self.decoder.push(Bytes::copy_from_slice(&space[..count])),
            }
        }
    }

    pub(crate) async fn frame(&mut self) -> Frame {
        self.next().await.expect("the connection is open")
    }

    /// The next packet, which is of this kind.
    pub(crate) async fn expect<P: Decode + Debug>(&mut self) -> P {
        let frame = self.frame().await;
        decode(&frame)
    }

    /// Packets up to the first of this kind, and that one.
    pub(crate) async fn until<P: Decode + Debug>(&mut self) -> (Vec<Frame>, P) {
        let mut before = Vec::new();
        loop {
            let frame = self.frame().await;
            if frame.command == P::COMMAND {
                return (before, decode(&frame));
            }
            before.push(frame);
        }
    }

    /// Everything that has come up to now.
    pub(crate) async fn fence(&mut self) -> Vec<Frame> {
        let number = self.send(Ping::default()).await;
        let mut before = Vec::new();
        loop {
            let frame = self.frame().await;
            if frame.command == Command::PONG && frame.transaction == number {
                return before;
            }
            before.push(frame);
        }
    }

    /// Everything of this kind that has come up to now; anything else fails the test.
    pub(crate) async fn all<P: Decode + Debug>(&mut self) -> Vec<P> {
        self.fence().await.iter().map(decode).collect()
    }

    /// Sends a request and waits for its OK or ERROR, and gives back what else came before it.
    pub(crate) async fn ask_all(
        &mut self,
        packet: impl Encode,
    ) -> (Vec<Frame>, Result<OkPacket, String>) {
        let number = self.send(packet).await;
        let mut before = Vec::new();
        loop {
            let frame = self.frame().await;
            if frame.transaction == number && frame.command == Command::OK {
                return (before, Ok(decode(&frame)));
            }
            if frame.transaction == number && frame.command == Command::ERROR {
                let text = decode::<Error>(&frame).description.unwrap_or_default();
                return (before, Err(text.as_str().into_owned()));
            }
            before.push(frame);
        }
    }

    /// As [`ask_all`](Self::ask_all), where nothing else is of interest.
    pub(crate) async fn ask(&mut self, packet: impl Encode) -> Result<OkPacket, String> {
        self.ask_all(packet).await.1
    }

    pub(crate) async fn register(&mut self, name: &str) {
        let packet = NewRegistration {
            username: Some(name.into()),
            password: Some(mig33_codec::Text::from(PASSWORD).into()),
            ..NewRegistration::default()
        };
        self.ask(packet).await.unwrap();
    }

    pub(crate) async fn log_in(&mut self, name: &str) -> LoginOk {
        self.log_in_with(Login { username: Some(name.into()), ..Login::default() }).await
    }

    /// Logs in by challenge. Reads up to LOGIN_OK and no further.
    pub(crate) async fn log_in_with(&mut self, login: Login) -> LoginOk {
        self.send(login).await;
        let challenge: LoginChallenge = self.expect().await;
        self.prove(&challenge, PASSWORD, HashKind::Sha1Fold).await;
        let ok: LoginOk = self.expect().await;
        self.name = ok.username.clone().unwrap().as_str().into_owned();
        ok
    }

    pub(crate) async fn prove(
        &mut self,
        challenge: &LoginChallenge,
        password: &str,
        kind: HashKind,
    ) -> u16 {
        let text = challenge.challenge.clone().unwrap_or_default();
        let hash = kind.hash(&text.as_str(), password);
        self.send(LoginResponse { password_hash: Some(hash.into()), ..LoginResponse::default() })
            .await
    }

    /// Sends a private text with this guid; its OK.
    pub(crate) async fn say(
        &mut self,
        to: &str,
        guid: &str,
        text: &str,
    ) -> Result<OkPacket, String> {
        self.ask(private(to, guid, text)).await
    }

    pub(crate) async fn join(&mut self, room: &str) -> Result<OkPacket, String> {
        self.ask(JoinChatroom { chatroom_name: Some(room.into()), ..JoinChatroom::default() }).await
    }

    /// The contact list: (name, id, presence).
    pub(crate) async fn contacts(&mut self) -> Vec<(String, u32, Presence)> {
        self.send(GetContacts::default()).await;
        let (before, _) = self.until::<GetContactsComplete>().await;
        before
            .iter()
            .filter(|frame| frame.command == Command::CONTACT && frame.transaction != 0)
            .map(|frame| {
                let contact: Contact = decode(frame);
                let name = contact.username.unwrap().as_str().into_owned();
                (name, contact.contact_id.unwrap(), contact.presence.unwrap())
            })
            .collect()
    }

    /// Whether the service closes the connection; what came before it.
    pub(crate) async fn closed(&mut self) -> Vec<Frame> {
        let mut before = Vec::new();
        while let Some(frame) = self.next().await {
            before.push(frame);
        }
        before
    }
}

pub(crate) fn private(to: &str, guid: &str, text: &str) -> Message {
    Message {
        destination_type: Some(ChatDestination::PRIVATE),
        destination: Some(to.into()),
        content: Some(Bytes::copy_from_slice(text.as_bytes())),
        guid: Some(guid.into()),
        ..Message::default()
    }
}

pub(crate) fn in_room(room: &str, guid: &str, text: &str) -> Message {
    Message { destination_type: Some(ChatDestination::CHATROOM), ..private(room, guid, text) }
}

#[track_caller]
pub(crate) fn decode<P: Decode + Debug>(frame: &Frame) -> P {
    assert_eq!(frame.command, P::COMMAND, "{frame:?}");
    P::decode(frame).unwrap()
}

/// What a message says.
pub(crate) fn text(message: &Message) -> String {
    String::from_utf8(message.content.clone().unwrap_or_default().to_vec()).unwrap()
}

/// A message's guid.
pub(crate) fn guid(message: &Message) -> String {
    message.guid.clone().unwrap_or_default().as_str().into_owned()
}
