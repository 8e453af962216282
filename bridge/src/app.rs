//! What the page's listener answers: `/ws`, the service's pictures, the page; and the headers that all of it carries.
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::any;

use crate::bridge::Shared;
use crate::origin;
use crate::traces::traced;
use crate::upgrade::{bad_host, upgrade};

/// Where TLS is spoken here, browsers are to come by TLS only, for a year.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Where tunnels are asked for.
pub(crate) const TUNNELS: &str = "/ws";

/// The router of the page's listener. `pictures` is the service's own, where there is one.
pub(crate) fn router(shared: &Arc<Shared>, pictures: Option<Router>) -> Router {
    let tunnels = match shared.metrics.tunnel.traces() {
        None => any(upgrade),
        Some(_) => any(upgrade).layer(from_fn_with_state(Arc::clone(shared), traced)),
    };
    let own = Router::new().route(TUNNELS, tunnels).fallback(page).with_state(Arc::clone(shared));
    let all = match pictures {
        Some(pictures) => own.merge(with_clients(shared, pictures)),
        None => own,
    };
    all.layer(from_fn_with_state(Arc::clone(shared), secured))
}

/// The service's routes, told who asks, for its limits by address.
#[cfg(feature = "embedded")]
fn with_clients(shared: &Arc<Shared>, service: Router) -> Router {
    use crate::{accept, forwarded};

    async fn with_client(
        State(shared): State<Arc<Shared>>,
        mut request: Request,
        next: Next,
    ) -> Response {
        if let Some(peer) = request.extensions().get::<accept::Peer>().copied() {
            let by = shared.forwarded_header;
            let source = forwarded::source(peer, request.headers(), &shared.trusted, by);
            let client = mig33_server::ClientInfo { peer: source.client, base_url: None };
            request.extensions_mut().insert(client);
        }
        next.run(request).await
    }
    service.layer(from_fn_with_state(Arc::clone(shared), with_client))
}

/// Without the service inside there are no routes of its.
#[cfg(not(feature = "embedded"))]
fn with_clients(_: &Arc<Shared>, service: Router) -> Router {
    service
}

async fn page(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    shared.page.answer(request.method(), request.uri(), request.headers())
}

async fn secured(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    // who asks for a tunnel is told by the same function that is asked in place
    let is_bad = request.uri().path() != TUNNELS
        && !origin::names_one_host(request.version(), request.headers());
    let mut response = if is_bad { bad_host() } else { next.run(request).await };
    // the answer to a handshake has nothing that could be shown or run
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        guard(&shared, response.headers_mut());
    }
    response.headers_mut().extend(hsts(&shared));
    response
}

/// Says what a browser may do with an answer. What the service says of its pictures stays.
fn guard(shared: &Shared, headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert_with(|| shared.page.policy().clone());
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
}

/// What every answer carries where TLS is spoken.
pub(crate) fn hsts(shared: &Shared) -> Option<(HeaderName, HeaderValue)> {
    shared.is_secure.then_some((header::STRICT_TRANSPORT_SECURITY, HSTS))
}
