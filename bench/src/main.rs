//! `mig33-bench`: the load tool that the README's figures come from. `cargo xtask bench bridge` runs it.
//!
//! It starts the program that it measures, and the upstream behind it, as processes of their own, so that their CPU time
//! and memory can be told apart from the tool's. Everything is bounded and stays on loopback.

mod echo;
mod link;
mod memory;
mod packet;
mod placement;
mod programs;
mod report;
mod scenarios;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
#[command(version, about = "Measures mig33-bridge beside plain TCP")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure the bridge with an echo upstream, and the plain TCP path to that upstream in the same run
    Bridge(Bridge),
    /// Measure the memory of the whole program with logged-in idle users
    Memory(Memory),
    /// Be the upstream: return every byte
    #[command(hide = true)]
    Echo,
}

/// What is measured of the bridge, and how much.
#[derive(Args, Clone, Debug)]
struct Bridge {
    #[command(flatten)]
    program: Program,
    /// Times that everything is measured; the median is told
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Round trips of the latency scenario
    #[arg(long, default_value_t = 20_000)]
    trips: usize,
    /// Seconds of the rate scenario, and of the bulk scenario
    #[arg(long, default_value_t = 3)]
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

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Bridge(bridge) => {
            let report = scenarios::run(&bridge).await?;
            if bridge.program.json { report.print_json() } else { report.print() }
        }
        Command::Memory(memory) => memory::run(&memory).await,
        Command::Echo => echo::run().await,
    }
}
