//! The listeners: take connections as they come, and go on when the system has none to give for a while.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use mig33_peer::{Proxies, Trusted};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{ClientInfo, Service};

/// How long to wait after the system refused a connection (out of file descriptors, for one).
const REFUSED: Duration = Duration::from_millis(100);

/// How long somebody may take to send the head of a request, and how long a connection may rest.
const HEADERS: Duration = Duration::from_secs(15);

/// Serves mig33 clients until the service stops.
pub(crate) async fn listen(
    service: &Service,
    listener: TcpListener,
    proxies: Proxies,
    stopping: &CancellationToken,
) {
    let proxies = Arc::new(proxies);
    while let Some((stream, peer)) = accept(&listener, stopping).await {
        tokio::spawn(serve(service.clone(), stream, peer, Arc::clone(&proxies)));
    }
}

/// Serves one client, once it is known who that is.
async fn serve(service: Service, mut stream: TcpStream, peer: SocketAddr, proxies: Arc<Proxies>) {
    match Box::pin(proxies.client(&mut stream, peer)).await {
        Ok(client) => {
            // a proxy that names nobody stands for everybody
            let peer = Some(client.ip()).filter(|ip| !proxies.trusted.contains(*ip));
            service.serve_arrival(stream, ClientInfo { peer, base_url: None }).await;
        }
        Err(error) => tracing::debug!(%peer, %error, "a proxy's connection was closed"),
    }
}

/// Serves HTTP until the service stops; what is under way is done.
pub(crate) async fn listen_http(
    router: Router,
    listener: TcpListener,
    trusted: Trusted,
    stopping: &CancellationToken,
) {
    let connections = TaskTracker::new();
    while let Some((stream, peer)) = accept(&listener, stopping).await {
        let peer = Some(peer.ip()).filter(|ip| !trusted.contains(*ip));
        let client = ClientInfo { peer, base_url: None };
        let service = TowerToHyperService::new(router.clone().layer(Extension(client)));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS)
            .serve_connection(TokioIo::new(stream), service);
        let stopping = stopping.clone();
        connections.spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let result = tokio::select! {
                result = connection.as_mut() => result,
                () = stopping.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = result {
                tracing::debug!(%error, "an HTTP connection broke");
            }
        });
    }
    connections.close();
    connections.wait().await;
}

/// The next connection; none once the service stops.
async fn accept(
    listener: &TcpListener,
    stopping: &CancellationToken,
) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.cancelled() => return None,
        };
        match accepted {
            Ok((stream, address)) => match stream.set_nodelay(true) {
                Ok(()) => return Some((stream, address)),
                Err(error) => tracing::debug!(%error, "the connection was gone at once"),
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(REFUSED).await;
            }
        }
    }
}
