//! `check-config`: what the program would serve with, where each setting comes from, and what is wrong with it.
//!
//! Only what this machine knows is looked at, the database among it, and nothing is changed: no socket is opened, no name
//! is resolved.
mod local;

use std::fmt::{self, Write};
use std::fs;
use std::path::PathBuf;

use clap::ArgMatches;
use clap::parser::ValueSource;
use serde_json::Value;

use crate::reference;
use crate::settings::{Arguments, Settings, SettingsError};

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// A line for each setting, which is a line of a settings file: key, value, where it comes from.
    pub settings: String,
    /// What keeps the program from starting.
    pub problems: Vec<String>,
    /// What lets it start, and is probably not meant.
    pub doubts: Vec<String>,
    /// What is worth to be known before it is started.
    pub notes: Vec<String>,
}

/// What is not looked at.
pub const NOT_CHECKED: &str =
    "not checked: whether ports are free, names resolve, and servers answer";

/// Looks at all settings. `matches` is what clap has read `arguments` from.
///
/// # Errors
/// The settings cannot be read: the error says where.
pub fn check(arguments: Arguments, matches: &ArgMatches) -> Result<Report, SettingsError> {
    let file = arguments.config.clone();
    let settings = Settings::from_arguments(arguments)?;
    let in_file = match &file {
        // it was read and understood just now
        Some(path) => {
            fs::read_to_string(path).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
        }
        None => toml::Table::new(),
    };
    let mut lines = String::new();
    let values = reference::values(&settings);
    for setting in reference::all() {
        let source = Source::of(&setting, matches, &in_file, file.as_ref());
        let value = masked(reference::at(&values, &setting.key));
        let line = if value.is_null() {
            format!("# {}: none", setting.key)
        } else {
            format!("{} = {}", setting.key, reference::written(&value))
        };
        let _ = writeln!(lines, "{line:<56}  # {source}");
    }
    let mut report = Report { settings: lines, ..Report::default() };
    local::look(&settings, &mut report);
    Ok(report)
}

/// Where a setting comes from.
enum Source<'a> {
    Flag(&'a str),
    Environment(&'a str),
    File(&'a PathBuf),
    Default,
}

impl<'a> Source<'a> {
    fn of(
        setting: &'a reference::Setting,
        matches: &ArgMatches,
        in_file: &toml::Table,
        file: Option<&'a PathBuf>,
    ) -> Self {
        let given = setting.argument.as_deref().and_then(|id| matches.value_source(id));
        match (given, &setting.flag, &setting.environment, file) {
            (Some(ValueSource::CommandLine), Some(flag), _, _) => Self::Flag(flag),
            (Some(ValueSource::EnvVariable), _, Some(name), _) => Self::Environment(name),
            (_, _, _, Some(path)) if has(in_file, &setting.key) => Self::File(path),
            _ => Self::Default,
        }
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "flag --{name}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

fn has(table: &toml::Table, key: &str) -> bool {
    match key.split_once('.') {
        None => table.contains_key(key),
        Some((first, rest)) => {
            table.get(first).and_then(toml::Value::as_table).is_some_and(|inner| has(inner, rest))
        }
    }
}

/// A value without the password that an address may have in it: `scheme://name:***@host`.
fn masked(value: &Value) -> Value {
    let Value::String(text) = value else { return value.clone() };
    let hidden = text.split_once("://").and_then(|(scheme, rest)| {
        let (user, host) = rest.rsplit_once('@')?;
        let name = user.split(':').next().unwrap_or_default();
        Some(format!("{scheme}://{name}:***@{host}"))
    });
    Value::String(hidden.unwrap_or_else(|| text.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_masked() {
        for (text, shown) in [
            ("postgres://me:se:cr@et@host/db", "postgres://me:***@host/db"),
            ("sqlite:///var/x.db", "sqlite:///var/x.db"),
            ("mail me@host", "mail me@host"),
        ] {
            assert_eq!(masked(&Value::from(text)), Value::from(shown));
        }
    }

    #[test]
    fn keys_are_found_in_their_tables() {
        let table: toml::Table = "a = 1\n[limits]\nb = 2\nc.d = 3".parse().unwrap();
        for (key, found) in
            [("a", true), ("limits.b", true), ("limits.c.d", true), ("b", false), ("a.b", false)]
        {
            assert_eq!(has(&table, key), found, "{key}");
        }
    }
}
