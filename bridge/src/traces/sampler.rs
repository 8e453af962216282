//! Which connections are traced.
use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

/// Decides for a connection's beginning as another sampler does. A trace that begins with a link is a connection's end, which
/// is told where its beginning was.
#[derive(Clone, Debug)]
pub(super) struct Linked(pub(super) Box<dyn ShouldSample>);

impl ShouldSample for Linked {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let has_parent = parent.is_some_and(|parent| parent.span().span_context().is_valid());
        match links.first().filter(|_| !has_parent) {
            None => self.0.should_sample(parent, trace_id, name, kind, attributes, links),
            Some(link) => SamplingResult {
                decision: if link.span_context.is_sampled() {
                    SamplingDecision::RecordAndSample
                } else {
                    SamplingDecision::Drop
                },
                attributes: Vec::new(),
                trace_state: TraceState::NONE,
            },
        }
    }
}
