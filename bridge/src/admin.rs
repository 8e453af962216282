//! The admin listener: `/healthz`, `/readyz`, `/metrics`.
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::bridge::Shared;
use crate::metrics;

/// The router of the admin listener.
pub(crate) fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::clone(shared))
        .layer(map_response(nosniff))
}

async fn nosniff(mut response: Response) -> Response {
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

/// Ready means: a new connection would be taken and get to the upstream, and what it sends can be stored.
async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let why_not = if shared.drain.has_begun() {
        "stopping\n"
    } else if !shared.requests.has_room() {
        "no room for another connection\n"
    } else if !shared.admission.has_room() {
        "no room for another tunnel\n"
    } else if !shared.upstream.reachable().await {
        "the upstream cannot be reached\n"
    } else if !shared.upstream.can_store().await {
        "nothing can be stored\n"
    } else {
        return "ready\n".into_response();
    };
    (StatusCode::SERVICE_UNAVAILABLE, why_not).into_response()
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], shared.metrics.text()).into_response()
}
