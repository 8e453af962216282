//! The command line: the settings' flags, or a command with them.
use std::env;

use clap::error::{ContextKind, ContextValue};
use clap::{ArgMatches, CommandFactory, Error, FromArgMatches, Parser, Subcommand};

#[cfg(feature = "embedded")]
use mig33_server::backup::BackupCommand;
#[cfg(feature = "embedded")]
use mig33_server::repair::RepairCommand;

use crate::settings::Arguments;

/// What the program is asked to do.
#[derive(Clone, Debug)]
pub enum Order {
    /// To serve.
    Serve(Box<Arguments>),
    /// To say what it would serve with, and what is wrong with that.
    CheckConfig {
        /// What it would serve with.
        arguments: Box<Arguments>,
        /// Where each argument comes from.
        matches: ArgMatches,
        /// Whether only what is wrong or in doubt is said.
        quiet: bool,
    },
    /// To ask the program that runs whether it does.
    Healthy(Box<Arguments>),
    /// To make or restore a backup of the chat service's data, or to put it right.
    #[cfg(feature = "embedded")]
    Data {
        /// The command.
        command: DataCommand,
        /// The arguments of the service whose data it is.
        arguments: Box<Arguments>,
    },
    /// To say what can be set.
    Settings {
        /// As a table in Markdown, and not as a settings file.
        markdown: bool,
    },
}

/// mig33 in the browser: serves the page, and passes packets between WebSockets and the chat service.
#[derive(Debug, Parser)]
#[command(name = "mig33-bridge", version)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say each setting and where it comes from, or what is wrong; exit code 0 or 2
    CheckConfig {
        /// Say only what is wrong or in doubt
        #[arg(long)]
        quiet: bool,
    },
    /// Ask the program that runs with these settings whether it does; exit code 0 or 1
    Healthy,
    #[cfg(feature = "embedded")]
    #[command(flatten)]
    Data(DataCommand),
    /// Print a settings file with every setting, its default and its meaning
    Settings {
        /// Print a table in Markdown instead
        #[arg(long)]
        markdown: bool,
    },
}

/// What can be done to the chat service's data.
#[cfg(feature = "embedded")]
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum DataCommand {
    /// As a whole.
    #[command(flatten)]
    Backup(BackupCommand),
    /// To what is wrong in it.
    #[command(flatten)]
    Repair(RepairCommand),
}

#[cfg(feature = "embedded")]
impl DataCommand {
    /// Does it; what was done, for a person.
    ///
    /// # Errors
    /// Its text says what to do.
    pub async fn run(
        self,
        settings: &mig33_server::Settings,
    ) -> Result<String, Box<dyn std::error::Error>> {
        Ok(match self {
            Self::Backup(command) => command.run(settings).await?,
            Self::Repair(command) => command.run(settings).await?,
        })
    }
}

/// Reads the program's own command line. It ends the program where that is wrong, or asks for help.
#[must_use]
pub fn read() -> Order {
    read_from(env::args_os()).unwrap_or_else(|error| error.exit())
}

fn read_from<T: Into<std::ffi::OsString> + Clone>(
    words: impl IntoIterator<Item = T>,
) -> Result<Order, Error> {
    let words: Vec<std::ffi::OsString> = words.into_iter().map(Into::into).collect();
    let named = |error| name_variable(error, &words);
    let matches = command().try_get_matches_from(&words).map_err(named)?;
    let line = Line::from_arg_matches(&matches).map_err(named)?;
    let arguments = Box::new(line.arguments);
    Ok(match line.command {
        None => Order::Serve(arguments),
        Some(Command::Healthy) => Order::Healthy(arguments),
        #[cfg(feature = "embedded")]
        Some(Command::Data(command)) => Order::Data { command, arguments },
        Some(Command::Settings { markdown }) => Order::Settings { markdown },
        Some(Command::CheckConfig { quiet }) => Order::CheckConfig { arguments, matches, quiet },
    })
}

/// The line, whose flags count before and behind a command.
fn command() -> clap::Command {
    Line::command().mut_args(|flag| flag.global(true))
}

/// Puts into an error about a value that it comes from the environment, where the flag that it names is not given.
fn name_variable(mut error: Error, words: &[std::ffi::OsString]) -> Error {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let flag = argument.split([' ', '=']).next().unwrap_or_default().to_owned();
    let given = words.iter().filter_map(|word| word.to_str()).any(|word| {
        word == flag || word.strip_prefix(&flag).is_some_and(|rest| rest.starts_with('='))
    });
    let line = Line::command();
    let mut known = line.get_arguments();
    let of_flag = known.find(|known| known.get_long() == flag.strip_prefix("--"));
    if let Some(variable) = of_flag.and_then(|known| known.get_env()).filter(|_| !given) {
        let named = format!("{argument} (from {} in the environment)", variable.to_string_lossy());
        error.insert(ContextKind::InvalidArg, ContextValue::String(named));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn flags_alone_are_an_order_to_serve() {
        let order = read_from(["mig33-bridge", "--listen", "127.0.0.1:0"]).unwrap();
        let Order::Serve(arguments) = order else { panic!("{order:?}") };
        assert_eq!(arguments.listen.unwrap().as_str(), "127.0.0.1:0");
    }

    #[test]
    fn a_command_takes_the_same_flags() {
        let order = read_from(["mig33-bridge", "check-config", "--listen", "127.0.0.1:0"]).unwrap();
        let Order::CheckConfig { arguments, matches, quiet: false } = order else {
            panic!("{order:?}")
        };
        assert_eq!(arguments.listen.unwrap().as_str(), "127.0.0.1:0");
        assert!(matches.value_source("listen").is_some());
        assert!(read_from(["mig33-bridge", "check-confg"]).is_err());
        let order = read_from(["mig33-bridge", "--listen", "127.0.0.1:0", "healthy"]).unwrap();
        let Order::Healthy(arguments) = order else { panic!("{order:?}") };
        assert_eq!(arguments.listen.unwrap().as_str(), "127.0.0.1:0");
    }

    #[cfg(feature = "embedded")]
    #[test]
    fn data_is_repaired_by_the_program_that_serves_it() {
        let order = read_from(["mig33-bridge", "repair-times", "--data-dir", "/data"]).unwrap();
        let Order::Data { command, arguments } = order else { panic!("{order:?}") };
        assert_eq!(command, DataCommand::Repair(RepairCommand::RepairTimes));
        assert_eq!(arguments.server.data_dir.as_deref(), Some(std::path::Path::new("/data")));
    }
}
