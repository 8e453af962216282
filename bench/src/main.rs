//! `mig33-bench`: the load tool that the README's figures come from. `cargo xtask bench bridge` runs it.
//!
//! It starts the programs that it measures, and the upstream behind them, as processes of their own, so that their CPU
//! time and memory can be told apart from the tool's. Everything is bounded and stays on loopback.

mod chaos;
mod contenders;
mod echo;
mod interrupt;
mod leash;
mod link;
mod memory;
mod open_files;
mod packet;
mod placement;
mod programs;
mod report;
mod resume;
mod scenarios;
mod usage;

use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::contenders::Contender;
use crate::scenarios::Scenario;

#[derive(Parser)]
#[command(version, about = "Measures mig33-bridge beside other ways to the same server")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure the bridge, both kinds of tunnel, beside plain TCP, HAProxy, websocat and websockify
    Bridge(Bridge),
    /// Measure the memory of the whole program with logged-in idle users
    Memory(Memory),
    /// Maltreat the bridge, and hold it to what it promises
    Chaos(chaos::Chaos),
    /// Be the upstream: return every byte
    #[command(hide = true)]
    Echo,
    /// Become a program that ends with the process that started this one
    #[command(hide = true)]
    Leash {
        program: OsString,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// What is measured of the bridge, and how much.
#[derive(Args, Clone, Debug)]
struct Bridge {
    #[command(flatten)]
    program: Program,
    /// HAProxy
    #[arg(long, env = "MIG33_BENCH_HAPROXY", default_value = "haproxy", value_name = "PATH")]
    haproxy: PathBuf,
    /// websocat
    #[arg(long, env = "MIG33_BENCH_WEBSOCAT", default_value = "websocat", value_name = "PATH")]
    websocat: PathBuf,
    /// websockify
    #[arg(long, env = "MIG33_BENCH_WEBSOCKIFY", default_value = "websockify", value_name = "PATH")]
    websockify: PathBuf,
    /// Measure these only
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME,…")]
    only: Vec<Contender>,
    /// Measure only this of them
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME,…")]
    scenario: Vec<Scenario>,
    /// Times that everything is measured, with new processes each time; the median is told
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Minutes that all of it may take; what is not measured then is left out
    #[arg(long, default_value_t = 6)]
    minutes: u64,
    /// Round trips of the latency scenario
    #[arg(long, default_value_t = 20_000)]
    trips: usize,
    /// Seconds of the rate scenario, and of the bulk scenario
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// Connections of the rate scenario
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Packets in flight on each connection of the rate scenario
    #[arg(long, default_value_t = 8)]
    window: usize,
    /// Connections of the idle scenario
    #[arg(long, default_value_t = 1000)]
    idle: usize,
    /// Connections of the churn scenario
    #[arg(long, default_value_t = 2000)]
    churn: usize,
    /// Connections of the crowd scenario
    #[arg(long, default_value_t = 10_000)]
    crowd: usize,
}

/// How many users are measured.
#[derive(Args, Clone, Debug)]
struct Memory {
    #[command(flatten)]
    program: Program,
    /// Users who register, log in and stay
    #[arg(long, default_value_t = 1000)]
    users: usize,
}

/// What is measured, and how it is told.
#[derive(Args, Clone, Debug)]
struct Program {
    /// The program, built for release
    #[arg(
        long,
        env = "MIG33_BRIDGE",
        default_value = "target/release/mig33-bridge",
        value_name = "PATH"
    )]
    bridge: PathBuf,
    /// Print one JSON object in place of a table
    #[arg(long)]
    json: bool,
}

fn main() -> Result<ExitCode> {
    match Cli::parse().command {
        // before there are threads: the leash is tied to the one that puts it on
        Command::Leash { program, arguments } => Ok(leash::become_program(&program, &arguments)),
        Command::Echo => in_runtime(echo::run()),
        Command::Chaos(options) => in_runtime(async move { chaos::run(&options).await }),
        Command::Memory(options) => in_runtime(memory::run(&options)),
        Command::Bridge(options) => in_runtime(async {
            let report = scenarios::run(&options).await?;
            if options.program.json { report.print_json() } else { report.print() }
        }),
    }
}

/// Does the work until it is done or a signal comes; all processes end with it.
fn in_runtime(work: impl Future<Output = Result<()>>) -> Result<ExitCode> {
    tokio::runtime::Runtime::new()?.block_on(async {
        tokio::select! {
            done = work => done.map(|()| ExitCode::SUCCESS),
            code = interrupt::signal_code() => code,
        }
    })
}
