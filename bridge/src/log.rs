//! The log: lines on standard error, for people or as JSON.
use std::io;

use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, reload};

use crate::settings::{LogFormat, Settings};

/// Over whatever is asked for: this library tells the content of messages at its lowest level.
const NO_CONTENT: &str = "tungstenite=warn";

/// A filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("`{filter}` says nothing that can be logged: {source}")]
pub struct BadFilter {
    filter: String,
    source: ParseError,
}

/// Begins to log, for the whole program and once only.
///
/// # Errors
/// The filter in the settings cannot be read.
pub fn start(settings: &Settings) -> Result<Log, BadFilter> {
    let (filter, handle) = reload::Layer::new(filter(&settings.log)?);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
    let registry = tracing_subscriber::registry().with(filter);
    match settings.log_format {
        LogFormat::Text => registry.with(lines).init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).init(),
    }
    Ok(Log(handle))
}

/// The log that was begun.
#[derive(Debug)]
pub struct Log(reload::Handle<EnvFilter, tracing_subscriber::Registry>);

impl Log {
    /// Logs something else from now on.
    ///
    /// # Errors
    /// The filter cannot be read; the one before stays.
    pub fn set_filter(&self, text: &str) -> Result<(), BadFilter> {
        let filter = filter(text)?;
        // it fails only where the program's log is gone, and then nobody logs
        let _ = self.0.reload(filter);
        Ok(())
    }
}

/// What is logged.
///
/// # Errors
/// The text is no filter.
pub(crate) fn filter(text: &str) -> Result<EnvFilter, BadFilter> {
    let filter =
        EnvFilter::try_new(text).map_err(|source| BadFilter { filter: text.to_owned(), source })?;
    Ok(filter.add_directive(NO_CONTENT.parse().expect("the directive is well formed")))
}
