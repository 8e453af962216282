//! All settings as a table: key, flag, unit, default and meaning, told from the settings themselves.
use std::fmt::Write;

use clap::{Arg, Command, CommandFactory};
use documented::DocumentedFields;
use serde_json::Value;

use crate::limits::LimitSettings;
use crate::settings::{Arguments, Settings};
use crate::traces::OtlpSettings;

/// The longest line of a comment, in characters.
const COMMENT_LENGTH: usize = 100;

/// One setting.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its key in the settings file, with the tables before it: `limits.connections`.
    pub key: String,
    /// Its flag, without the dashes; none: it is set in the file only.
    pub flag: Option<String>,
    /// What clap knows the flag by.
    pub(crate) argument: Option<String>,
    /// Its variable of the environment.
    pub environment: Option<String>,
    /// What its value is: a unit, or the form of a text.
    pub unit: String,
    /// The value that it has when nobody sets it; null for none.
    pub default: Value,
    /// What it means, and what happens at a limit.
    pub meaning: String,
}

/// All settings, in the order in which they stand in a file.
#[must_use]
pub fn all() -> Vec<Setting> {
    let defaults = values(&Settings::default());
    let arguments = Arguments::command();
    let mut all = Vec::new();
    table::<Settings>("", &defaults, &arguments, &mut all);
    #[cfg(feature = "acme")]
    table::<crate::tls::AcmeSettings>("acme", &defaults, &arguments, &mut all);
    table::<LimitSettings>("limits", &defaults, &arguments, &mut all);
    table::<OtlpSettings>("otlp", &defaults, &arguments, &mut all);
    #[cfg(feature = "embedded")]
    {
        table::<mig33_server::Settings>("server", &defaults, &arguments, &mut all);
        table::<mig33_server::Limits>("server.limits", &defaults, &arguments, &mut all);
    }
    all
}

/// The values of all settings, as a tree by key.
pub(crate) fn values(settings: &Settings) -> Value {
    serde_json::to_value(settings).expect("settings are texts, numbers and lists in tables")
}

/// The value behind a key.
pub(crate) fn at<'a>(values: &'a Value, key: &str) -> &'a Value {
    key.split('.').fold(values, |value, part| value.get(part).unwrap_or(&Value::Null))
}

/// A value as a settings file has it.
pub(crate) fn written(value: &Value) -> String {
    // the texts, numbers and lists of JSON are those of TOML too
    value.to_string()
}

fn table<T: DocumentedFields>(
    name: &str,
    defaults: &Value,
    arguments: &Command,
    all: &mut Vec<Setting>,
) {
    for (field, doc) in T::FIELD_NAMES.iter().zip(T::FIELD_DOCS) {
        let key = if name.is_empty() { (*field).to_owned() } else { format!("{name}.{field}") };
        let default = at(defaults, &key);
        if default.is_object() {
            continue;
        }
        // the flags of lists are in the singular
        let names = match name {
            "acme" | "otlp" => {
                let argument = format!("{name}_{field}");
                [argument.trim_end_matches('s').to_owned(), argument]
            }
            // they have no flags, and some of them the names of ours
            "server.limits" => Default::default(),
            _ => [(*field).to_owned(), (*field).to_owned()],
        };
        let mut flags = arguments.get_arguments();
        let argument = flags.find(|argument| names.iter().any(|name| argument.get_id() == name));
        all.push(Setting {
            unit: unit(field, default, argument),
            flag: argument.and_then(Arg::get_long).map(str::to_owned),
            argument: argument.map(|argument| argument.get_id().to_string()),
            environment: argument
                .and_then(Arg::get_env)
                .map(|name| name.to_string_lossy().into_owned()),
            default: default.clone(),
            meaning: doc.split_whitespace().collect::<Vec<_>>().join(" "),
            key,
        });
    }
}

/// What a setting's value is, from its flag where it has one.
fn unit(field: &str, default: &Value, argument: Option<&Arg>) -> String {
    let choices: Vec<String> = argument
        .map(Arg::get_possible_values)
        .unwrap_or_default()
        .iter()
        .map(|value| value.get_name().to_owned())
        .collect();
    if default.is_boolean() {
        return "true, false".to_owned();
    }
    if !choices.is_empty() {
        return choices.join(", ");
    }
    if default.is_number() {
        let seconds = ["_s", "_timeout", "_grace"].iter().any(|end| field.ends_with(end));
        let per_second = field.ends_with("_per_s");
        return match field {
            _ if field.contains("bytes") || field.ends_with("_buffer") => "bytes",
            _ if field.ends_with("_days") => "days",
            _ if seconds && !per_second => "seconds",
            _ => "count",
        }
        .to_owned();
    }
    if default.is_array() && argument.is_none() {
        return "list".to_owned();
    }
    let form = argument.and_then(Arg::get_value_names).and_then(<[_]>::first);
    form.map_or_else(
        || "text".to_owned(),
        |form| if *form == "TEXT" { "text".into() } else { form.to_string() },
    )
}

/// The table for people who run the program, in Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::new();
    let _ = writeln!(text, "| setting | flag | unit | default | what |");
    let _ = writeln!(text, "|---|---|---|---|---|");
    for setting in all() {
        let flag = setting.flag.map_or_else(String::new, |flag| format!("`--{flag}`"));
        let default = match &setting.default {
            Value::Null => "none".to_owned(),
            Value::Array(list) if list.is_empty() => "none".to_owned(),
            Value::Number(number) => grouped(&number.to_string()),
            other @ (Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
                format!("`{}`", written(other))
            }
        };
        let _ = writeln!(
            text,
            "| `{}` | {flag} | {} | {default} | {} |",
            setting.key,
            setting.unit.replace('|', "\\|"),
            setting.meaning.replace('|', "\\|")
        );
    }
    text
}

/// A settings file with everything in it at its default, switched off, with what it means.
#[must_use]
pub fn example() -> String {
    let mut text = String::from(
        "# Settings of mig33-bridge. Each line shows a default: take the # away to set another.\n",
    );
    let mut open_table = "";
    let all = all();
    for setting in &all {
        let (table, field) = setting.key.rsplit_once('.').unwrap_or(("", &setting.key));
        if table != open_table {
            let _ = write!(text, "\n[{table}]\n");
            open_table = table;
        }
        text.push('\n');
        comment(&mut text, &format!("{} ({})", setting.meaning, setting.unit));
        let value = if setting.default.is_null() {
            String::new()
        } else {
            format!(" {}", written(&setting.default))
        };
        let _ = writeln!(text, "#{field} ={value}");
    }
    text
}

/// A comment, in lines that can be read.
fn comment(text: &mut String, words: &str) {
    let mut length = 0;
    for word in words.split(' ') {
        let count = word.chars().count();
        if length == 0 || length + 1 + count > COMMENT_LENGTH {
            text.push_str(if length == 0 { "#" } else { "\n#" });
            length = 1;
        }
        text.push(' ');
        text.push_str(word);
        length += 1 + count;
    }
    text.push('\n');
}

/// A number with commas between thousands.
fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_one_settings_and_its_variable_is_named_like_it() {
        let all = all();
        for argument in Arguments::command().get_arguments() {
            let name = argument.get_long().unwrap_or_default();
            if ["help", "version", "config"].contains(&name) {
                continue;
            }
            let of: Vec<_> = all.iter().filter(|s| s.flag.as_deref() == Some(name)).collect();
            let [setting] = of[..] else { panic!("--{name} is {} settings", of.len()) };
            let variable = format!("MIG33_{}", name.replace('-', "_").to_uppercase());
            assert_eq!(setting.environment.as_deref(), Some(variable.as_str()));
            assert!(!setting.unit.is_empty() && !setting.meaning.is_empty(), "{name}");
        }
    }

    #[test]
    fn the_example_is_what_the_program_takes() {
        let example = example();
        assert_eq!(toml::from_str::<Settings>(&example).unwrap(), Settings::default());
        // what is switched off is what the program would take too: everything that has a default is switched on
        let all_on: String = example
            .lines()
            .filter(|line| !line.starts_with("# ") && !line.ends_with('='))
            .map(|line| format!("{}\n", line.trim_start_matches('#')))
            .collect();
        assert_eq!(toml::from_str::<Settings>(&all_on).unwrap(), Settings::default());
        assert!(all_on.lines().count() > 60, "{all_on}");
    }

    #[test]
    fn the_table_in_the_documentation_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");
        let text = std::fs::read_to_string(path).unwrap();
        let start = "<!-- settings: written by cargo xtask docs -->\n";
        let (_, behind) = text.split_once(start).unwrap();
        let (table, _) = behind.split_once("<!-- end of settings -->").unwrap();
        // it has the settings of all features
        let is_here = |line: &&str| cfg!(feature = "acme") || !line.starts_with("| `acme.");
        let here: String = table.split_inclusive('\n').filter(is_here).collect();
        assert!(here == markdown(), "it is stale: run `cargo xtask docs`");
        assert!(table.contains("| `acme.domains` |"));
    }

    #[test]
    fn units_are_those_of_the_names() {
        let all = all();
        let unit = |key: &str| all.iter().find(|setting| setting.key == key).unwrap().unit.as_str();
        for (key, expected) in [
            ("listen", "HOST:PORT"),
            ("drain_timeout", "seconds"),
            ("resume_buffer", "bytes"),
            ("framing", "checked, raw"),
            ("proxy_protocol", "true, false"),
            ("limits.idle_s", "seconds"),
            ("limits.connects_per_s", "count"),
            ("limits.client_bytes_per_s", "bytes"),
        ] {
            assert_eq!(unit(key), expected, "{key}");
        }
    }

    #[test]
    fn thousands_have_commas() {
        for (digits, text) in [
            ("5", "5"),
            ("100", "100"),
            ("1000", "1,000"),
            ("65536", "65,536"),
            ("1048576", "1,048,576"),
        ] {
            assert_eq!(grouped(digits), text);
        }
    }
}
