//! What spans pass on their way out: a queue with a bound, and an exporter whose failures are counted and said once.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor,
};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tracing::{info, warn};

/// Spans that wait for the collector, or are on their way to it, at most.
const MOST: usize = 2_048;

/// What became of spans.
#[derive(Clone, Debug)]
pub(super) struct Counters {
    sent: Counter,
    failed: Counter,
    dropped: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SpanLabels {
    result: &'static str,
}

impl Counters {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let spans = Family::<SpanLabels, Counter>::default();
        let own = registry.sub_registry_with_prefix("mig33_bridge");
        own.register("trace_spans", "Spans of traces, by what became of them", spans.clone());
        let counter = |result| spans.get_or_create_owned(&SpanLabels { result });
        Self { sent: counter("sent"), failed: counter("failed"), dropped: counter("dropped") }
    }
}

/// What the queue and the exporter behind it share.
#[derive(Debug)]
struct Shared {
    counters: Counters,
    waiting: AtomicUsize,
    /// It has been said that spans are dropped, or not taken by the collector, and nothing else since.
    is_told: AtomicBool,
}

/// A queue in which spans wait for an exporter. What comes while it is full is dropped: nobody waits for it.
#[derive(Debug)]
pub(super) struct Queue {
    batches: BatchSpanProcessor,
    shared: Arc<Shared>,
}

impl Queue {
    /// Before this exporter, which a thread of its own runs.
    pub(super) fn before<E: SpanExporter + 'static>(exporter: E, counters: Counters) -> Self {
        let shared = Arc::new(Shared {
            counters,
            waiting: AtomicUsize::new(0),
            is_told: AtomicBool::new(false),
        });
        let exporter = Counted { exporter, shared: Arc::clone(&shared) };
        // as long as ours, so that it drops nothing that we have not counted
        let config = BatchConfigBuilder::default().with_max_queue_size(MOST).build();
        let batches = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
        Self { batches, shared }
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        let Shared { counters, waiting, is_told } = &*self.shared;
        if waiting.fetch_add(1, Ordering::Relaxed) < MOST {
            return self.batches.on_end(span);
        }
        waiting.fetch_sub(1, Ordering::Relaxed);
        counters.dropped.inc();
        if !is_told.swap(true, Ordering::Relaxed) {
            warn!(waiting = MOST, "spans are dropped: the collector does not keep up");
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// An exporter that counts.
#[derive(Debug)]
struct Counted<E> {
    exporter: E,
    shared: Arc<Shared>,
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let result = self.exporter.export(batch).await;
        let Shared { counters, waiting, is_told } = &*self.shared;
        waiting.fetch_sub(count, Ordering::Relaxed);
        match &result {
            Ok(()) => {
                counters.sent.inc_by(count as u64);
                if is_told.swap(false, Ordering::Relaxed) {
                    info!("the collector takes spans again");
                }
            }
            Err(error) => {
                counters.failed.inc_by(count as u64);
                if !is_told.swap(true, Ordering::Relaxed) {
                    warn!(%error, "the collector takes no spans: they are lost until it does");
                }
            }
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use opentelemetry::trace::{Span as _, Tracer, TracerProvider};
    use opentelemetry_sdk::error::OTelSdkError;
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;

    /// Says that it was asked, and does not end before it is told how.
    #[derive(Debug)]
    struct Stuck {
        asked: mpsc::SyncSender<usize>,
        answers: std::sync::Mutex<mpsc::Receiver<bool>>,
    }

    impl SpanExporter for Stuck {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            let _ = self.asked.send(batch.len());
            let is_good = self.answers.lock().unwrap().recv().unwrap_or(true);
            is_good.then_some(()).ok_or(OTelSdkError::InternalFailure("stuck".to_owned()))
        }
    }

    #[test]
    fn nobody_waits_for_an_exporter_that_is_stuck_and_what_is_over_is_counted() {
        let (asked, questions) = mpsc::sync_channel(100);
        let (answer, answers) = mpsc::channel();
        let counters = Counters::register(&mut Registry::default());
        let stuck = Stuck { asked, answers: std::sync::Mutex::new(answers) };
        let queue = Queue::before(stuck, counters.clone());
        let provider = SdkTracerProvider::builder().with_span_processor(queue).build();
        let tracer = provider.tracer("test");
        let batch = {
            for _ in 0..512 {
                tracer.start("span").end();
            }
            questions.recv().unwrap()
        };
        for _ in 0..MOST {
            tracer.start("span").end();
        }
        // those on their way count, too
        assert_eq!(counters.dropped.get(), 512);
        answer.send(false).unwrap();
        let mut rest = MOST - batch;
        while rest > 0 {
            rest -= questions.recv().unwrap();
            answer.send(true).unwrap();
        }
        provider.shutdown().unwrap();
        let counts = [&counters.sent, &counters.failed, &counters.dropped].map(Counter::get);
        assert_eq!(counts, [(MOST - batch) as u64, batch as u64, 512]);
    }
}
