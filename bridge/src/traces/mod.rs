//! Traces: how connections began and ended, told to a collector of OpenTelemetry where the settings name one.
//!
//! A connection's beginning is one span, from its accept until its tunnel leads somewhere; its end is a trace of its own,
//! with a link to the beginning: a tunnel stands for days, and what shows traces waits minutes for them to be whole.
//! What happens in between is for metrics.
//!
//! Spans are made by hand, with the times of what has happened. Those of `tracing` are entered whenever a task is polled,
//! which each packet would pay for, and follow what is logged.

mod client;
mod connections;
mod queue;
mod request;
mod sampler;
mod settings;

use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry::{Key, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Config, Sampler, SdkTracer, SdkTracerProvider, ShouldSample};
use prometheus_client::registry::Registry;
use tokio::runtime::Handle;
use tracing::{info, warn};

use self::client::Client;
use self::connections::Connections;
pub(crate) use self::connections::{Opening, Trace};
use self::queue::{Counters, Queue};
pub(crate) use self::request::{Beginning, traced};
use self::sampler::Linked;
pub use self::settings::{BadEndpoint, BadRatio, Endpoint, OtlpArguments, OtlpSettings, Ratio};
use crate::tls::{self, TlsError};

/// How long the last spans may take when the program is stopped.
pub(crate) const FLUSH_TIME: Duration = Duration::from_secs(3);

/// What stands in the place of a service's name where nobody has given one (OpenTelemetry's word).
const NO_NAME: &str = "unknown_service";

/// Why there can be no traces.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// A standard variable names no collector.
    #[error("{variable} is no endpoint: {source}")]
    Endpoint {
        /// Which one.
        variable: &'static str,
        /// Why.
        source: BadEndpoint,
    },
    /// TLS to the collector cannot be had.
    #[error("the collector of traces: {0}")]
    Tls(#[from] TlsError),
    /// What the standard variables say of the exporter cannot be.
    #[error("the exporter of traces: {0}")]
    Exporter(#[from] ExporterBuildError),
}

/// The traces of a bridge.
#[derive(Debug)]
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    connections: Connections,
}

impl Traces {
    /// Begins to send traces, if somebody wants some. What becomes of their spans is counted in `registry`.
    ///
    /// # Errors
    /// See [`TracesError`].
    pub(crate) fn start(
        settings: &OtlpSettings,
        registry: &mut Registry,
    ) -> Result<Option<Arc<Self>>, TracesError> {
        // told from the start, and without traces, so that dashboards have something to show
        let counters = Counters::register(registry);
        let Some(endpoint) = endpoint(settings)? else { return Ok(None) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(&endpoint)
            .with_http_client(Client::new(Handle::current(), connector(settings, &endpoint)?))
            .build()?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource())
            .with_sampler(Box::new(Linked(sampler(settings))) as Box<dyn ShouldSample>)
            .with_span_processor(Queue::before(exporter, counters))
            .build();
        info!(endpoint, "traces are sent");
        let tracer = provider.tracer("mig33-bridge");
        Ok(Some(Arc::new(Self { provider, tracer, connections: Connections::default() })))
    }

    /// Sends what is left, if that can be done in [`FLUSH_TIME`]. There are no spans after it.
    pub(crate) async fn flush(&self) {
        let provider = self.provider.clone();
        // it waits for a thread
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_TIME));
        if let Ok(Err(error)) = ended.await {
            warn!(%error, "the last spans were not sent");
        }
    }
}

/// Looks whether there can be traces.
///
/// # Errors
/// See [`TracesError`].
pub(crate) fn check(settings: &OtlpSettings) -> Result<(), TracesError> {
    match endpoint(settings)? {
        Some(endpoint) => connector(settings, &endpoint).map(drop).map_err(TracesError::from),
        None => Ok(()),
    }
}

/// A standard variable that says something.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|text| !text.is_empty())
}

/// Where traces are sent: our own setting, then the standard's variables, of which the one for traces is the whole place.
fn endpoint(settings: &OtlpSettings) -> Result<Option<String>, TracesError> {
    if variable("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    if let Some(endpoint) = &settings.endpoint {
        return Ok(Some(endpoint.traces()));
    }
    let parse = |variable, text: String| {
        text.parse::<Endpoint>().map_err(|source| TracesError::Endpoint { variable, source })
    };
    let whole = opentelemetry_otlp::OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
    if let Some(text) = variable(whole) {
        return Ok(Some(parse(whole, text)?.as_str().to_owned()));
    }
    let base = opentelemetry_otlp::OTEL_EXPORTER_OTLP_ENDPOINT;
    variable(base).map(|text| Ok(parse(base, text)?.traces())).transpose()
}

fn connector(
    settings: &OtlpSettings,
    endpoint: &str,
) -> Result<Option<tokio_rustls::TlsConnector>, TlsError> {
    if !endpoint.starts_with("https:") {
        return Ok(None);
    }
    let standard = || variable("OTEL_EXPORTER_OTLP_CERTIFICATE").map(PathBuf::from);
    tls::connector(settings.ca.clone().or_else(standard).as_deref()).map(Some)
}

fn sampler(settings: &OtlpSettings) -> Box<dyn ShouldSample> {
    match settings.sample {
        Some(part) => {
            Box::new(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(part.get()))))
        }
        // what OTEL_TRACES_SAMPLER says
        None => Config::default().sampler,
    }
}

/// Whose traces these are: what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say, over our name.
fn resource() -> Resource {
    let said = Resource::builder().build();
    let name = said.get(&Key::new("service.name"));
    let builder = Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    match name {
        Some(name) if !name.as_str().starts_with(NO_NAME) => builder.build(),
        Some(_) | None => builder.with_service_name("mig33-bridge").build(),
    }
}
