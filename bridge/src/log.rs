//! The log: lines on standard error, for people or as JSON.
use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

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
pub fn start(settings: &Settings) -> Result<(), BadFilter> {
    let filter = filter(settings)?;
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false);
    match settings.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}

/// What is logged.
///
/// # Errors
/// The filter in the settings cannot be read.
pub(crate) fn filter(settings: &Settings) -> Result<EnvFilter, BadFilter> {
    let filter = EnvFilter::try_new(&settings.log)
        .map_err(|source| BadFilter { filter: settings.log.clone(), source })?;
    Ok(filter.add_directive(NO_CONTENT.parse().expect("the directive is well formed")))
}
