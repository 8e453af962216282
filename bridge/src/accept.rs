//! The accept loop: HTTP/1.1 connections with time limits, upgrades kept, ended in good order.
//!
//! It stands in for axum's `serve`, which has no timer: silent connections and half a request would stay for ever.
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use mig33_peer::Proxies;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::{debug, warn};

use crate::bridge::Shared;
use crate::handshake::{First, answer, first};
use crate::limits::{Admission, Admitted, Over};
use crate::metrics::Unserved;
use crate::patience::Patience;
use crate::socket::{Socket, Stream};
use crate::traces::Beginning;
use crate::upgrade::{Established, connection};
use crate::workers::{Seat, Workers};

/// The most bytes that a request's header may have.
pub(crate) const HEADER_SIZE: usize = 16 * 1024;
/// What somebody is told who is not even asked what they want.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n\
    Connection: close\r\n\r\n";
/// How long an answer that is under way may take when the program is stopped.
const LAST_ANSWER_TIME: Duration = Duration::from_secs(5);
/// How long a connection that has asked for nothing yet may take to do so then: it was accepted, so nobody else will answer.
const FIRST_REQUEST_TIME: Duration = Duration::from_secs(1);
/// The pause after accepting has failed for want of file descriptors or memory.
const PAUSE: Duration = Duration::from_millis(200);

/// Where a request's connection comes from; every request carries it as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The other end of the socket, or who it speaks for by a PROXY header.
    pub(crate) ip: IpAddr,
    /// Whether the connection is TLS.
    pub(crate) is_secure: bool,
}

/// What a listener does with those who come.
pub(crate) struct Door {
    pub(crate) router: Router,
    /// Counts the connections that are no tunnel.
    pub(crate) admission: Arc<Admission>,
    /// Whom it believes about others.
    pub(crate) proxies: Proxies,
    /// What shakes hands by TLS, where it is spoken.
    pub(crate) tls: Option<TlsAcceptor>,
    /// How long a handshake of TLS may take.
    pub(crate) handshake_time: Option<Duration>,
    /// How long a request's header may take, and how long a connection may stay between two requests.
    pub(crate) header_time: Option<Duration>,
    /// In what time a part of an answer has to be taken.
    pub(crate) answer_time: Option<Duration>,
    pub(crate) shared: Arc<Shared>,
    /// Whether handshakes for tunnels may be answered before the router sees them.
    pub(crate) has_tunnels: bool,
    /// Who serves its connections; none: whoever accepts them.
    pub(crate) workers: Option<Workers>,
    /// Nobody is accepted here any more, and requests under way are the last of their connection; who comes is for the
    /// program that has the listener next.
    pub(crate) leave: CancellationToken,
    /// As `leave`, and requests under way have little time.
    pub(crate) stop: CancellationToken,
    pub(crate) connections: TaskTracker,
}

impl Door {
    /// Closes a connection that is one too many, and says so where that can be done at once: the answer fits into the
    /// empty buffer of a new socket. Who has sent much already may not get to see it, nor does who expects TLS.
    fn turn_away(&self, stream: &TcpStream, peer: SocketAddr, over: Over) {
        debug!(%peer, ?over, "a connection too many was turned away");
        self.shared.metrics.unserved(Unserved::Requests);
        if self.tls.is_none() {
            let _ = stream.try_write(TOO_MANY);
        }
    }
}

/// Accepts until told to stop; each connection is a task.
pub(crate) async fn accept(listener: TcpListener, door: Door) {
    let door = Arc::new(door);
    loop {
        let accepted = tokio::select! {
            // first, so that nobody is taken who can be left to the next program
            biased;
            () = door.leave.cancelled() => return,
            () = door.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // a proxy stands for many, and is counted in all only
                let ip = peer.ip();
                let counted = (!door.proxies.trusted.contains(ip)).then_some(ip);
                match door.admission.admit(counted, Instant::now()) {
                    Ok(admitted) => begin(stream, peer, &door, admitted),
                    Err(over) => door.turn_away(&stream, peer, over),
                }
            }
            // the client is gone again
            Err(error) if is_of_one_connection(&error) => {
                debug!(%error, "a connection was not accepted")
            }
            Err(error) => {
                warn!(%error, "no connection can be accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Has a connection served.
fn begin(stream: TcpStream, peer: SocketAddr, door: &Arc<Door>, admitted: Admitted) {
    let counted = door.connections.token();
    let Some(workers) = &door.workers else {
        tokio::spawn(serve(stream, peer, Arc::clone(door), admitted, None, counted));
        return;
    };
    match workers.seat(stream) {
        Ok((stream, seat, runtime)) => {
            runtime.spawn(serve(stream, peer, Arc::clone(door), admitted, Some(seat), counted));
        }
        Err(error) => warn!(%error, "a connection was lost: it cannot be watched"),
    }
}

/// Serves one connection, as a tunnel or with answers to its requests. It is counted among those that are no tunnel until it
/// ends or becomes one, which counts by itself.
fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    door: Arc<Door>,
    admitted: Admitted,
    seat: Option<Seat>,
    counted: TaskTrackerToken,
) -> Pin<Box<impl Future<Output = ()>>> {
    let shared = Arc::clone(&door.shared);
    // boxed, and no argument of the future itself, so that a tunnel has no room for it
    let received = Box::pin(receive(stream, peer, door, admitted, seat));
    // boxed once more: a runtime moves what it is given several times, and a tunnel is 4 KiB
    Box::pin(async move {
        if let Some(established) = received.await {
            drop(counted);
            connection(shared, established, None).await;
        }
    })
}

/// Answers one connection's requests, unless the first of them is a handshake that needs no more than an answer: then it is
/// a tunnel.
async fn receive(
    mut stream: TcpStream,
    peer: SocketAddr,
    door: Arc<Door>,
    mut admitted: Admitted,
    seat: Option<Seat>,
) -> Option<Box<Established>> {
    let mut beginning = door.shared.metrics.tunnel.traces().map(|_| Beginning::now());
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a connection was lost at once");
        return None;
    }
    let peer = match Box::pin(door.proxies.client(&mut stream, peer)).await {
        Ok(client) => client,
        Err(error) => {
            door.shared.metrics.unserved(Unserved::ProxyHeader);
            debug!(%peer, %error, "a proxy's connection was closed");
            return None;
        }
    };
    if !door.proxies.trusted.contains(peer.ip())
        && let Err(over) = admitted.come_from(peer.ip(), Instant::now())
    {
        door.turn_away(&stream, peer, over);
        return None;
    }
    let began = beginning.map(|_| SystemTime::now());
    let stream = match &door.tls {
        None => Stream::Plain(stream),
        // boxed, so that a plain connection has no room for it
        Some(tls) => match Box::pin(within(door.handshake_time, tls.accept(stream))).await {
            Ok(stream) => {
                if let (Some(beginning), Some(began)) = (&mut beginning, began) {
                    beginning.shook_hands(began);
                }
                Stream::Tls(Box::new(stream))
            }
            Err(error) => {
                door.shared.metrics.unserved(Unserved::TlsHandshake);
                debug!(%peer, %error, "a handshake of TLS failed");
                return None;
            }
        },
    };
    let mut socket = Socket::new(stream, admitted, seat);
    let peer = Peer { ip: peer.ip(), is_secure: door.tls.is_some() };
    // what is traced has its span from the router
    if door.has_tunnels && beginning.is_none() {
        let mut seen = Vec::new();
        let first = first(&mut socket, &mut seen, peer, &door.shared);
        let first = tokio::select! {
            biased;
            first = within(door.header_time, first) => first,
            // what becomes of it then is decided below
            () = door.leave.cancelled() => Ok(First::Other),
        };
        match first {
            Ok(First::Handshake(accepted, early)) => {
                let answer = answer(&mut socket, &accepted, &door.shared);
                if let Err(error) = within(door.header_time, answer).await {
                    debug!(%error, "a client left during its handshake");
                    return None;
                }
                return Some(Box::new(Established { socket, early, accepted }));
            }
            Ok(First::Other) => socket.give_back(seen),
            Err(error) => {
                debug!(%error, "a connection ended early");
                return None;
            }
        }
    }
    // boxed, so that a tunnel has no room for it
    Box::pin(answer_requests(socket, peer, beginning, door)).await;
    None
}

/// Answers requests, for as long as the client has some.
async fn answer_requests(
    socket: Socket,
    peer: Peer,
    beginning: Option<Beginning>,
    door: Arc<Door>,
) {
    let asked = Arc::new(AtomicBool::new(false));
    let service = WithPeer {
        peer,
        beginning,
        asked: Arc::clone(&asked),
        inner: TowerToHyperService::new(door.router.clone()),
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(door.header_time)
        .max_buf_size(HEADER_SIZE)
        .serve_connection(TokioIo::new(Patience::new(socket, door.answer_time)), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = door.leave.cancelled() => {
            // hyper would close a new connection unanswered
            if !asked.load(Ordering::Relaxed)
                && timeout(FIRST_REQUEST_TIME, connection.as_mut()).await.is_ok()
            {
                return;
            }
            // a proxy that keeps it for its next request is to come anew, which the next program answers
            connection.as_mut().graceful_shutdown();
            let too_late = async {
                door.stop.cancelled().await;
                sleep(LAST_ANSWER_TIME).await;
            };
            tokio::select! {
                ended = connection => ended,
                () = too_late => return,
            }
        }
    };
    if let Err(error) = ended {
        if is_of_slow_reader(&error) {
            door.shared.metrics.unserved(Unserved::SlowReader);
        }
        debug!(%peer.ip, %error, "a connection ended early");
    }
}

/// Whether an answer was not taken in time.
fn is_of_slow_reader(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    let io = source.and_then(|source| source.downcast_ref::<io::Error>());
    io.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

/// What a client takes part in, unless it takes too long.
async fn within<T>(
    time: Option<Duration>,
    part: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match time {
        None => part.await,
        Some(time) => timeout(time, part)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut))),
    }
}

/// Whether only the connection that was being accepted is concerned.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// The router, with each request's [`Peer`] put in.
struct WithPeer {
    peer: Peer,
    /// Where connections are traced.
    beginning: Option<Beginning>,
    /// Whether there has been a request.
    asked: Arc<AtomicBool>,
    inner: TowerToHyperService<Router>,
}

impl Service<Request<Incoming>> for WithPeer {
    type Response = axum::response::Response;
    type Error = std::convert::Infallible;
    type Future = <TowerToHyperService<Router> as Service<Request<Body>>>::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let is_first = !self.asked.swap(true, Ordering::Relaxed);
        let mut request = request.map(Body::new);
        if let Some(beginning) = self.beginning.filter(|_| is_first) {
            request.extensions_mut().insert(beginning);
        }
        request.extensions_mut().insert(self.peer);
        self.inner.call(request)
    }
}
