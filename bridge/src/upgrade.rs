//! `/ws`: the WebSocket handshake, and the task that becomes a tunnel.
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::field::display;
use tracing::{debug, info};

use crate::accept::Peer;
use crate::bridge::Shared;
use crate::close::End;
use crate::forwarded::{Source, source};
use crate::limits::{Admitted, Idle, Over, Throttle};
use crate::metrics::{Refusal, closed};
use crate::origin;
use crate::patience::Patience;
use crate::resume::Arrival;
use crate::socket::Socket;
use crate::traces::Opening;
use crate::tunnel::Tunnel;
use crate::upstream::{Client, Link};
use crate::websocket::{self, Reader};

/// What a client asks for, in `Sec-WebSocket-Protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subprotocol {
    /// Whole packets in binary messages.
    Plain,
    /// The stream, with resume (spec/resume.md).
    Resume,
}

impl Subprotocol {
    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "mig33",
            Self::Resume => "mig33.resume",
        }
    }
}

/// After how long it makes sense to try again where somebody else has to leave first.
const RETRY_FULL: Duration = Duration::from_secs(30);

/// What a handshake that may have its tunnel has come to.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// What the client knows a WebSocket's answer by.
    key: HeaderValue,
    client: Client,
    place: Admitted,
    /// Counts it among the tunnels from now on: who waits for these to end waits for one that is about to begin, too.
    counted: TaskTrackerToken,
    asked: Option<Subprotocol>,
}

/// A WebSocket whose handshake is done.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) socket: Socket,
    /// What the client has sent behind its handshake.
    pub(crate) early: Vec<u8>,
    pub(crate) accepted: Accepted,
}

impl Established {
    /// Itself. Taken apart where it stands, its box would stay as long as the connection.
    fn unboxed(self: Box<Self>) -> Self {
        *self
    }
}

/// Why a request gets no tunnel, and whose it is where that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Whatever the others do.
    Because(Refusal, Option<IpAddr>),
    /// A limit is reached.
    Over(Over, Option<IpAddr>),
}

/// Looks whether a request may have a tunnel, and takes a place for it. Nothing is counted where it may not.
///
/// # Errors
/// Why not.
pub(crate) fn accepted<B>(
    shared: &Shared,
    request: &axum::http::Request<B>,
    peer: Peer,
) -> Result<Accepted, Refused> {
    let headers = request.headers();
    // before it looks: who waits for the tunnels to end has begun the drain, and misses none that has not seen it
    let counted = shared.tunnels.token();
    if shared.drain.has_begun() {
        return Err(Refused::Because(Refusal::Draining, None));
    }
    if !origin::names_one_host(request.version(), headers) {
        return Err(Refused::Because(Refusal::BadHost, None));
    }
    let Some(key) = accept_key(request.version(), request.method(), headers) else {
        return Err(Refused::Because(Refusal::NoHandshake, None));
    };
    let source = source(peer, headers, &shared.trusted, shared.forwarded_header);
    let live = shared.live.now();
    if !origin::is_ours(source.host.as_deref(), shared.public_host.as_deref(), &live.allow_origin) {
        return Err(Refused::Because(Refusal::Host, source.client));
    }
    if !origin::allowed(headers, source.host.as_deref(), &live.allow_origin) {
        return Err(Refused::Because(Refusal::Origin, source.client));
    }
    let client = Client {
        peer: source.client,
        base_url: shared.public_url.clone().or_else(|| {
            // no server on TCP has a way to be told
            shared.upstream.is_told_base_url().then(|| base_url(&source))?
        }),
    };
    let place = shared
        .admission
        .admit_or(client.peer, Instant::now(), || shared.upstream.make_room())
        .map_err(|over| Refused::Over(over, client.peer))?;
    Ok(Accepted { key, client, place, counted, asked: subprotocol(headers) })
}

impl Accepted {
    /// The headers that the client is answered with.
    pub(crate) fn answer(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let always = [
            (header::CONNECTION, HeaderValue::from_static("upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::SEC_WEBSOCKET_ACCEPT, self.key.clone()),
        ];
        let asked = self.asked.map(|asked| HeaderValue::from_static(asked.name()));
        always.into_iter().chain(asked.map(|name| (header::SEC_WEBSOCKET_PROTOCOL, name)))
    }
}

/// Answers a handshake with 101 and spawns its tunnel, or says what is wrong with it.
pub(crate) async fn upgrade(State(shared): State<Arc<Shared>>, mut request: Request) -> Response {
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        return refuse(&shared, Refusal::NoHandshake, None);
    };
    let accepted = match accepted(&shared, &request, peer) {
        Ok(accepted) => accepted,
        Err(Refused::Because(refusal, client)) => return refuse(&shared, refusal, client),
        Err(Refused::Over(over, client)) => return refuse_over(&shared, over, client),
    };
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    response.headers_mut().extend(accepted.answer());
    let upgrade = hyper::upgrade::on(&mut request);
    let opening = request.extensions_mut().remove();
    tokio::spawn(upgraded(Arc::clone(&shared), upgrade, accepted, opening));
    response
}

/// The life of one connection, from the end of a handshake that hyper has read.
async fn upgraded(
    shared: Arc<Shared>,
    upgrade: OnUpgrade,
    accepted: Accepted,
    opening: Option<Opening>,
) {
    let Some((socket, early)) = taken_over(upgrade).await else { return };
    let established = Box::new(Established { socket, early, accepted });
    connection(shared, established, opening).await;
}

/// The life of one connection, from the handshake's end on. What it begins with is boxed, so that the rest of its life has
/// no room for it.
pub(crate) async fn connection(
    shared: Arc<Shared>,
    established: Box<Established>,
    opening: Option<Opening>,
) {
    let Established { mut socket, early, accepted } = established.unboxed();
    let Accepted { client, place, counted: _counted, asked, key: _ } = accepted;
    let subprotocol = asked.unwrap_or(Subprotocol::Plain);
    socket.take_place(place);
    let connection = shared.next_connection();
    shared.metrics.tunnel.opened();
    shared.metrics.tunnel.trace(connection).opened(opening.as_ref(), subprotocol.name());
    drop(opening);
    let peer = client.peer.map(display);
    debug!(connection, peer, subprotocol = subprotocol.name(), "connection opened");
    match subprotocol {
        Subprotocol::Plain => plain(shared, socket, early, client, connection).await,
        Subprotocol::Resume => resumable(shared, socket, early, client, connection).await,
    }
}

/// A plain tunnel.
async fn plain(
    shared: Arc<Shared>,
    socket: Socket,
    early: Vec<u8>,
    client: Client,
    connection: u64,
) {
    let metrics = Arc::clone(&shared.metrics.tunnel);
    let framing = shared.framing;
    let drain = Arc::clone(&shared.drain);
    let (throttle, idle, login_bytes) = {
        let limits = &shared.live.now().limits;
        (Throttle::new(limits, client.peer), Idle::of(limits), limits.login_bytes())
    };
    let upstream = connect(&shared, client, connection).await;
    drop(shared);
    let end = match upstream {
        Ok(upstream) => {
            let tunnel = Tunnel::new(socket, early, upstream, Arc::clone(&metrics));
            let tunnel = tunnel.with_framing(framing).before_login(login_bytes);
            let tunnel = tunnel.limited(throttle, idle);
            tunnel.run(drain.end()).await
        }
        Err(end) => {
            Box::pin(websocket::refuse(socket, Reader::default(), end)).await;
            end
        }
    };
    closed(&metrics, connection, end);
}

/// A connection that begins a session, or is handed to the one that it goes on with.
async fn resumable(
    shared: Arc<Shared>,
    socket: Socket,
    early: Vec<u8>,
    client: Client,
    connection: u64,
) {
    let sessions = Arc::clone(&shared.sessions);
    let drain = Arc::clone(&shared.drain);
    let arrival = Arrival::new(socket, connection, client.peer);
    // boxed, so that a session at rest has no room for its beginning
    let connect = Box::pin(async move { connect(&shared, client, connection).await });
    sessions.serve(arrival, early, connect, drain.end()).await;
}

/// A connection to the upstream for one client.
async fn connect(shared: &Shared, client: Client, connection: u64) -> Result<Link, End> {
    let trace = shared.metrics.tunnel.trace(connection);
    tokio::select! {
        upstream = shared.upstream.connect(client, trace) => upstream.map_err(|error| {
            info!(connection, %error, "the upstream cannot be reached");
            End::UpstreamUnreachable
        }).inspect(|_| trace.connected()),
        end = shared.drain.end() => Err(end),
    }
}

/// The socket itself, and what the client has sent behind its handshake.
async fn taken_over(upgrade: OnUpgrade) -> Option<(Socket, Vec<u8>)> {
    let upgraded: Upgraded = match upgrade.await {
        Ok(upgraded) => upgraded,
        Err(error) => {
            debug!(%error, "a client left during its handshake");
            return None;
        }
    };
    match upgraded.downcast::<TokioIo<Patience<Socket>>>() {
        // a copy, so that the buffer of the handshake is let go of
        Ok(parts) => Some((parts.io.into_inner().into_inner(), parts.read_buf.to_vec())),
        Err(_) => {
            debug!("an upgrade came from another accept loop");
            None
        }
    }
}

/// The answer to a request that gets no tunnel.
fn refuse(shared: &Shared, refusal: Refusal, peer: Option<IpAddr>) -> Response {
    shared.metrics.refused(refusal);
    debug!(reason = refusal.label(), peer = peer.map(display), "tunnel refused");
    let mut response = refused(refusal);
    response.extensions_mut().insert(refusal);
    response
}

fn refused(refusal: Refusal) -> Response {
    match refusal {
        Refusal::NoHandshake => (
            StatusCode::UPGRADE_REQUIRED,
            [(header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_VERSION, "13")],
            "This address takes WebSocket connections.\n",
        )
            .into_response(),
        Refusal::BadHost => bad_host(),
        Refusal::Host => {
            (StatusCode::MISDIRECTED_REQUEST, "This bridge has another name than that.\n")
                .into_response()
        }
        Refusal::Origin => {
            (StatusCode::FORBIDDEN, "This page may not connect: its origin is not allowed here.\n")
                .into_response()
        }
        Refusal::Draining => (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::RETRY_AFTER, "5")],
            "The bridge is being restarted.\n",
        )
            .into_response(),
        Refusal::Full => (
            StatusCode::SERVICE_UNAVAILABLE,
            "There are as many connections here as there may be.\n",
        )
            .into_response(),
        Refusal::Address | Refusal::Network => (
            StatusCode::TOO_MANY_REQUESTS,
            "There are as many connections from this address as there may be.\n",
        )
            .into_response(),
        Refusal::Arrivals => {
            (StatusCode::TOO_MANY_REQUESTS, "This address connects too often.\n").into_response()
        }
    }
}

/// The answer to a request that names two hosts, or none where it has to.
pub(crate) fn bad_host() -> Response {
    (StatusCode::BAD_REQUEST, "A request has one Host header.\n").into_response()
}

/// The answer where a limit is reached, with the time after which trying again makes sense.
fn refuse_over(shared: &Shared, over: Over, peer: Option<IpAddr>) -> Response {
    let (refusal, wait) = match over {
        Over::InAll => (Refusal::Full, RETRY_FULL),
        Over::Address => (Refusal::Address, RETRY_FULL),
        Over::Network => (Refusal::Network, RETRY_FULL),
        Over::Arrivals(wait) => (Refusal::Arrivals, wait),
    };
    let mut response = refuse(shared, refusal, peer);
    let whole_s = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(whole_s));
    response
}

/// What a valid handshake (RFC 6455 section 4.2.1) is answered with.
fn accept_key(version: Version, method: &Method, headers: &HeaderMap) -> Option<HeaderValue> {
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    let valid = version >= Version::HTTP_11
        && method == Method::GET
        && has_token(headers, header::CONNECTION, "upgrade")
        && has_token(headers, header::UPGRADE, "websocket")
        && headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13")
        && BASE64.decode(key.as_bytes()).is_ok_and(|nonce| nonce.len() == 16);
    if !valid {
        return None;
    }
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}

/// The best that is asked for and known; none where nothing known is asked for.
fn subprotocol(headers: &HeaderMap) -> Option<Subprotocol> {
    [Subprotocol::Resume, Subprotocol::Plain]
        .into_iter()
        .find(|known| has_token(headers, header::SEC_WEBSOCKET_PROTOCOL, known.name()))
}

/// Whether a header that is a list has this entry.
fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|entry| entry.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// What links for this client start with.
fn base_url(source: &Source) -> Option<String> {
    let host = source.host.as_deref()?;
    let authority: axum::http::uri::Authority = host.parse().ok()?;
    let scheme = if source.is_secure { "https" } else { "http" };
    (!host.contains('@')).then(|| format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The handshake that RFC 6455 section 1.3 has as its example.
    fn example() -> HeaderMap {
        let pairs = [
            ("host", "server.example.com:8033"),
            ("upgrade", "websocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", "chat, mig33"),
            ("sec-websocket-version", "13"),
        ];
        pairs
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn the_example_of_the_specification_is_answered_as_there() {
        assert_eq!(
            accept_key(Version::HTTP_11, &Method::GET, &example()).unwrap(),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        assert_eq!(subprotocol(&example()), Some(Subprotocol::Plain));
    }

    #[test]
    fn links_begin_with_what_the_client_has_asked_for() {
        let base = |host: &str, is_secure| {
            base_url(&Source { client: None, is_secure, host: Some(host.to_owned()) })
        };
        assert_eq!(base("chat.example:8033", false).unwrap(), "http://chat.example:8033");
        assert_eq!(base("chat.example", true).unwrap(), "https://chat.example");
        assert_eq!(base("me@chat.example", true), None);
        assert_eq!(base("chat.example/path", true), None);
        assert_eq!(base_url(&Source { client: None, is_secure: true, host: None }), None);
    }

    #[test]
    fn resume_is_preferred_and_what_is_not_known_is_not_answered() {
        let mut headers = example();
        let mut ask = |value: &'static str| {
            headers.insert("sec-websocket-protocol", value.parse().unwrap());
            subprotocol(&headers)
        };
        let (plain, resume) = (Some(Subprotocol::Plain), Some(Subprotocol::Resume));
        assert_eq!(ask("mig33, mig33.resume"), resume);
        assert_eq!(ask("mig33.resume.v2,mig33"), plain);
        assert_eq!(ask("chat"), None);
    }

    #[test]
    fn half_a_handshake_is_none() {
        assert_eq!(accept_key(Version::HTTP_10, &Method::GET, &example()), None);
        assert_eq!(accept_key(Version::HTTP_11, &Method::POST, &example()), None);
        for name in ["upgrade", "connection", "sec-websocket-key", "sec-websocket-version"] {
            let mut headers = example();
            headers.remove(name);
            assert_eq!(
                accept_key(Version::HTTP_11, &Method::GET, &headers),
                None,
                "without {name}"
            );
            headers.insert(header::HeaderName::from_static(name), HeaderValue::from_static("8"));
            assert_eq!(
                accept_key(Version::HTTP_11, &Method::GET, &headers),
                None,
                "with a bad {name}"
            );
        }
    }
}
