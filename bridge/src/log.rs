//! The log: lines on standard error, for people or as JSON.
use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::settings::{LogFormat, Settings};

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
    let filter = EnvFilter::try_new(&settings.log)
        .map_err(|source| BadFilter { filter: settings.log.clone(), source })?;
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false);
    match settings.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}
