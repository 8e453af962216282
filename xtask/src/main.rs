//! `cargo xtask COMMAND`: everything that a developer types. `cargo xtask help` lists the commands.

mod bench;
mod chaos;
mod conformance;
mod deny;
mod docs;
mod e2e;
mod fuzz;
mod instructions;
mod page;
mod process;
mod programs;
mod progress;
mod run;
mod serve;
mod signals;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::programs::Profile;
use crate::workspace::Workspace;

/// Everything that a developer types.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing, build the page and the program, and start it
    Run {
        /// Build the program without optimisation: quicker to build, slower to run
        #[arg(long)]
        dev: bool,
        /// Arguments for mig33-bridge, after `--`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Build the page, mig33-bridge and mig33-server
    Build {
        /// Build the programs without optimisation
        #[arg(long)]
        dev: bool,
    },
    /// Build the page only, into dist/
    Page,
    /// Start the program beside `trunk serve`, which reloads the page when its source changes
    Serve {
        /// Arguments for mig33-bridge, after `--`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Install what is missing and run every test
    Test {
        /// Leave out the page, the programs and the browser: what takes longest
        #[arg(long)]
        quick: bool,
    },
    /// Run the browser tests only
    E2e {
        /// Arguments for Playwright, after `--`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Check the conventions of this repository
    Tidy,
    /// Check licences, sources and known security problems of the dependencies
    Deny,
    /// Run the cases of the Autobahn test suite against the bridge; installs kosoku from PyPI where missing
    Conformance,
    /// Look for input that breaks the codec, with libFuzzer; installs a nightly Rust and cargo-fuzz where missing
    Fuzz {
        /// How long each target runs
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Cut the bridge's lines, stall it, flood it and end it, and hold it to what it promises
    Chaos {
        /// Where random numbers start from; another one each time when it is left out
        #[arg(long)]
        seed: Option<u64>,
        /// Minutes after which no other round begins
        #[arg(long, default_value_t = 5)]
        minutes: u64,
        /// One small round, as the tests have it
        #[arg(long)]
        short: bool,
        /// Only this: sessions, tunnels, half-open, ends, crowd, drain, noise
        #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
        only: Vec<String>,
    },
    /// Write docs/packets.md, docs/wireshark/mig33.lua and the settings in docs/operations.md
    Docs,
    /// Measure
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Subcommand)]
enum Bench {
    /// Measure the bridge beside plain TCP, HAProxy, websocat and websockify, in one run; installs what is missing
    Bridge {
        /// Measure these only: tcp, haproxy, websocat, websockify, bridge, resume
        #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
        only: Vec<String>,
        /// Print one JSON object in place of a table
        #[arg(long)]
        json: bool,
        /// Arguments for the load tool, after `--`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Measure the codec beside protobuf and plain copying
    Codec {
        /// Arguments for the benchmark, after `--`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Count the instructions that the codec takes a packet, beside those that the tests hold it to
    Instructions {
        /// Write what is counted, so that the tests hold the codec to it
        #[arg(long)]
        accept: bool,
    },
    /// Measure the memory of the whole program with 1,000 logged-in idle users
    Memory {
        /// Arguments for the load tool, after `--`
        #[arg(last = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    signals::watch();
    let done = Workspace::find().and_then(|workspace| match cli.command {
        Command::Run { dev, args } => run::run(&workspace, Profile::from_dev(dev), &args),
        Command::Build { dev } => run::build(&workspace, Profile::from_dev(dev)),
        Command::Page => page::command(&workspace),
        Command::Serve { args } => serve::serve(&workspace, &args),
        Command::Test { quick } => test::test(&workspace, quick),
        Command::E2e { args } => e2e::command(&workspace, &args),
        Command::Tidy => tidy::command(&workspace),
        Command::Deny => deny::command(&workspace),
        Command::Conformance => conformance::command(&workspace),
        Command::Fuzz { seconds } => fuzz::command(&workspace, seconds),
        Command::Bench(Bench::Codec { args }) => bench::codec(&workspace, &args),
        Command::Bench(Bench::Instructions { accept }) => instructions::command(&workspace, accept),
        Command::Chaos { seed, minutes, short, only } => {
            let mut args = vec![format!("--minutes={minutes}")];
            args.extend(seed.map(|seed| format!("--seed={seed}")));
            args.extend(short.then(|| "--short".to_owned()));
            args.extend(only.iter().map(|name| format!("--only={name}")));
            chaos::command(&workspace, &args)
        }
        Command::Docs => docs::command(&workspace),
        Command::Bench(Bench::Bridge { only, json, mut args }) => {
            args.extend(json.then(|| "--json".to_owned()));
            bench::bridge(&workspace, &only, &args)
        }
        Command::Bench(Bench::Memory { args }) => bench::memory(&workspace, &args),
    });
    if let Some(signal) = signals::received() {
        eprintln!("stopped");
        // what a shell reports for a program that a signal ended
        return ExitCode::from(128_u8.saturating_add(signal));
    }
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn arguments_after_two_dashes_reach_the_program() {
        let cli = Cli::parse_from(["xtask", "run", "--dev", "--", "--listen", "127.0.0.1:0"]);
        let Command::Run { dev, args } = cli.command else { panic!("not run") };
        assert!(dev);
        assert_eq!(args, ["--listen", "127.0.0.1:0"]);
    }
}
