//! The span of a request for a tunnel: when it began, whose trace it goes on with, how it was answered.
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span as _, SpanKind, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;

use super::{Opening, Traces};
use crate::accept::Peer;
use crate::bridge::Shared;
use crate::metrics::Refusal;
use crate::tunnel::Framing;

/// When a connection was accepted, and shook hands by TLS; its first request carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    accepted: SystemTime,
    /// From when to when.
    handshake: Option<(SystemTime, SystemTime)>,
}

impl Beginning {
    pub(crate) fn now() -> Self {
        Self { accepted: SystemTime::now(), handshake: None }
    }

    /// The handshake, which began then, is done.
    pub(crate) fn shook_hands(&mut self, began: SystemTime) {
        self.handshake = Some((began, SystemTime::now()));
    }
}

/// Answers a request for a tunnel, with a span around it.
pub(crate) async fn traced(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(traces) = shared.metrics.tunnel.traces() else { return next.run(request).await };
    let opening = traces.begin(&request, &shared);
    request.extensions_mut().insert(opening.clone());
    let response = next.run(request).await;
    let refusal = response.extensions().get::<Refusal>().map(|refusal| refusal.label());
    let is_refused = response.status() != StatusCode::SWITCHING_PROTOCOLS;
    opening.answered(response.status().as_u16(), refusal.or(is_refused.then_some("refused")));
    response
}

const fn framing(framing: Framing) -> &'static str {
    match framing {
        Framing::Checked => "checked",
        Framing::Raw => "raw",
    }
}

impl Traces {
    /// Begins the span, with what has been before the request if it is the connection's first. Whose trace it goes on with
    /// is believed of a trusted proxy only: anybody else could put a trace together from our spans, or have all of
    /// their connections traced. Nothing of the request is told but that it is one.
    fn begin(&self, request: &Request, shared: &Shared) -> Opening {
        let peer = request.extensions().get::<Peer>();
        let parent = match peer {
            Some(peer) if shared.trusted.contains(peer.ip) => TraceContextPropagator::new()
                .extract_with_context(&Context::new(), &HeaderExtractor(request.headers())),
            Some(_) | None => Context::new(),
        };
        let (method, name) = match *request.method() {
            Method::GET => ("GET", "GET /ws"),
            _ => ("_OTHER", "HTTP /ws"),
        };
        let now = SystemTime::now();
        let beginning = request.extensions().get::<Beginning>();
        let is_secure = peer.is_some_and(|peer| peer.is_secure);
        let builder = self
            .tracer
            .span_builder(name)
            .with_kind(SpanKind::Server)
            .with_start_time(beginning.map_or(now, |beginning| beginning.accepted))
            .with_attributes([
                KeyValue::new("http.request.method", method),
                KeyValue::new("url.path", "/ws"),
                KeyValue::new("url.scheme", if is_secure { "https" } else { "http" }),
                KeyValue::new("mig33.framing", framing(shared.framing)),
            ]);
        let mut span = self.tracer.build_with_context(builder, &parent);
        if beginning.is_some() {
            span.add_event_with_timestamp("requested", now, Vec::new());
        }
        if let Some((from, to)) = beginning.and_then(|beginning| beginning.handshake) {
            let builder = self.tracer.span_builder("TLS handshake").with_start_time(from);
            let parent = Context::new().with_remote_span_context(span.span_context().clone());
            self.tracer.build_with_context(builder, &parent).end_with_timestamp(to);
        }
        Opening::new(span)
    }
}
