//! The spans of connections: what is known of each that is traced, from its request to its end.
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use opentelemetry::trace::{
    Link, Span as _, SpanContext, SpanKind, Status, TraceContextExt, Tracer,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::Span;

use super::Traces;
use crate::close::End;
use crate::upstream::ServerAddress;

/// The connections that are traced, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<HashMap<u64, Connection>>);

#[derive(Debug)]
struct Connection {
    /// While it leads nowhere yet.
    beginning: Option<Span>,
    /// That of its beginning.
    context: SpanContext,
    since: SystemTime,
}

/// The span of a request for a tunnel, until it is refused or has become a connection with a number.
#[derive(Clone, Debug)]
pub(crate) struct Opening(Arc<Begun>);

#[derive(Debug)]
struct Begun(Mutex<Option<Span>>);

/// What is told of one connection; nothing, where there are no traces.
#[derive(Clone, Copy)]
pub(crate) struct Trace<'a> {
    traces: Option<&'a Traces>,
    connection: u64,
}

impl Opening {
    pub(super) fn new(span: Span) -> Self {
        Self(Arc::new(Begun(Mutex::new(Some(span)))))
    }

    /// The answer to the request has this status, and refuses it for this reason.
    pub(super) fn answered(&self, status: u16, refusal: Option<&'static str>) {
        let mut span = lock(&self.0.0);
        if let Some(span) = &mut *span {
            span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        }
        if let Some(reason) = refusal
            && let Some(mut span) = span.take()
        {
            fail(&mut span, reason);
            span.end();
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(mut span) = lock(&self.0).take() {
            fail(&mut span, "left_during_handshake");
            span.end();
        }
    }
}

impl<'a> Trace<'a> {
    pub(crate) const fn new(traces: Option<&'a Traces>, connection: u64) -> Self {
        Self { traces, connection }
    }

    /// It has a number, and its subprotocol.
    pub(crate) fn opened(self, opening: Option<&Opening>, subprotocol: &'static str) {
        let Some(traces) = self.traces else { return };
        let Some(mut span) = opening.and_then(|opening| lock(&opening.0.0).take()) else { return };
        if !span.is_recording() {
            return;
        }
        span.add_event("upgraded", Vec::new());
        span.set_attribute(KeyValue::new("mig33.connection", self.number()));
        span.set_attribute(KeyValue::new("mig33.subprotocol", subprotocol));
        let context = span.span_context().clone();
        let connection = Connection { beginning: Some(span), context, since: SystemTime::now() };
        traces.connections.lock().insert(self.connection, connection);
    }

    /// Its session is a new one, since it could not be gone on with.
    pub(crate) fn not_resumed(self, why: &'static str) {
        self.say(KeyValue::new("mig33.not_resumed", why));
    }

    /// Its session goes on, and it was sent so many bytes again.
    pub(crate) fn resumed(self, replayed: usize) {
        let replayed = i64::try_from(replayed).unwrap_or(i64::MAX);
        self.say(KeyValue::new("mig33.replayed_bytes", replayed));
        self.leads_somewhere(true);
    }

    /// It has a connection to the upstream.
    pub(crate) fn connected(self) {
        self.leads_somewhere(false);
    }

    /// The time before a server is asked for a connection.
    pub(crate) fn dialing(self) -> Option<SystemTime> {
        self.traces.map(|_| SystemTime::now())
    }

    /// A server was asked for a connection at this time, and has given one or not.
    pub(crate) fn dialed(
        self,
        server: &ServerAddress,
        began: Option<SystemTime>,
        failed: Option<&io::Error>,
    ) {
        let (Some(traces), Some(began)) = (self.traces, began) else { return };
        let Some(parent) = traces.connections.context(self.connection) else { return };
        let address = &server.address;
        let port = address.as_str().rsplit(':').next().and_then(|port| port.parse::<i64>().ok());
        let attributes = [
            Some(KeyValue::new("server.address", address.host().to_owned())),
            port.map(|port| KeyValue::new("server.port", port)),
            Some(KeyValue::new("mig33.upstream", server.to_string())),
        ];
        let builder = traces
            .tracer
            .span_builder("connect")
            .with_kind(SpanKind::Client)
            .with_start_time(began)
            .with_attributes(attributes.into_iter().flatten());
        let parent = Context::new().with_remote_span_context(parent);
        let mut span = traces.tracer.build_with_context(builder, &parent);
        if let Some(error) = failed {
            // the kind, and no text: that may have names in it which nobody has looked at
            span.set_attribute(KeyValue::new("error.type", error.kind().to_string()));
            span.set_status(Status::error(error.kind().to_string()));
        }
        span.end();
        self.say(KeyValue::new("mig33.upstream", server.to_string()));
    }

    /// The upstream is in this program.
    #[cfg(feature = "embedded")]
    pub(crate) fn embedded(self) {
        self.say(KeyValue::new("mig33.upstream", "embedded"));
    }

    /// It has ended.
    pub(crate) fn ended(self, end: End) {
        let Some(traces) = self.traces else { return };
        let Some(connection) = traces.connections.lock().remove(&self.connection) else { return };
        let mut span = match connection.beginning {
            // it has led nowhere: that is how it began
            Some(beginning) => beginning,
            None => {
                let lasted = connection.since.elapsed().unwrap_or_default().as_secs_f64();
                let attributes = [
                    KeyValue::new("mig33.connection", self.number()),
                    KeyValue::new("mig33.lasted_s", lasted),
                ];
                let builder = traces
                    .tracer
                    .span_builder("tunnel ended")
                    .with_attributes(attributes)
                    .with_links(vec![Link::with_context(connection.context)]);
                traces.tracer.build_with_context(builder, &Context::new())
            }
        };
        span.set_attribute(KeyValue::new("mig33.end", end.label()));
        if let Some(code) = end.code() {
            span.set_attribute(KeyValue::new("mig33.close_code", i64::from(code)));
        }
        if end.is_fault() {
            fail(&mut span, end.label());
        }
        span.end();
    }

    fn number(self) -> i64 {
        i64::try_from(self.connection).unwrap_or(i64::MAX)
    }

    /// Something that its beginning is to say.
    fn say(self, attribute: KeyValue) {
        let Some(traces) = self.traces else { return };
        if let Some(connection) = traces.connections.lock().get_mut(&self.connection)
            && let Some(span) = &mut connection.beginning
        {
            span.set_attribute(attribute);
        }
    }

    fn leads_somewhere(self, resumed: bool) {
        let Some(traces) = self.traces else { return };
        let beginning = {
            let mut connections = traces.connections.lock();
            connections.get_mut(&self.connection).and_then(|known| known.beginning.take())
        };
        if let Some(mut span) = beginning {
            span.set_attribute(KeyValue::new("mig33.resumed", resumed));
            span.end();
        }
    }
}

impl Connections {
    fn context(&self, connection: u64) -> Option<SpanContext> {
        self.lock().get(&connection).map(|known| known.context.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Connection>> {
        lock(&self.0)
    }
}

impl fmt::Debug for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trace").field(&self.connection).finish()
    }
}

fn fail(span: &mut Span, reason: &'static str) {
    span.set_attribute(KeyValue::new("error.type", reason));
    span.set_status(Status::error(reason));
}

/// All of them are whole between any two statements.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
