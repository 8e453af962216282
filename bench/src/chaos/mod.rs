//! Chaos: a real bridge over real sockets, cut, stalled, flooded and told to end; what has to hold all the same.
//!
//! Each scenario has a bridge and an upstream of its own, and random numbers that follow from the seed: the same seed
//! makes the same packets and cuts. What the scheduler does with them differs from run to run.

mod conversation;
mod crowd;
mod drain;
mod ends;
mod line;
mod noise;
mod sessions;
mod socket;
mod subject;
mod traffic;
mod tunnels;
mod upstream;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use fastrand::Rng;
use tokio::time::timeout;

/// How long one scenario may take.
const SCENARIO_TIME: Duration = Duration::from_secs(150);

/// What is done to the bridge, and for how long.
#[derive(Args, Clone, Debug)]
pub(crate) struct Chaos {
    /// The program, built for release
    #[arg(
        long,
        env = "MIG33_BRIDGE",
        default_value = "target/release/mig33-bridge",
        value_name = "PATH"
    )]
    bridge: PathBuf,
    /// Where random numbers start from; another one each time when it is left out
    #[arg(long)]
    seed: Option<u64>,
    /// Minutes after which no other round begins; each has the next seed
    #[arg(long, default_value_t = 5)]
    minutes: u64,
    /// One small round, as the tests have it
    #[arg(long)]
    short: bool,
    /// Only this of it
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME,…")]
    only: Vec<Scenario>,
}

/// Something that is done to a bridge.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Scenario {
    /// Sessions over lines that are cut
    Sessions,
    /// Plain tunnels over lines that are cut
    Tunnels,
    /// Plain tunnels over lines that go silent, until the bridge notices: a minute
    HalfOpen,
    /// Upstreams that stall, reset or send what is no packet, and clients that do not read
    Ends,
    /// Very many connections at once
    Crowd,
    /// SIGTERM under load
    Drain,
    /// Random bytes as requests and as frames
    Noise,
}

/// How much of it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// In half a minute, all of them.
    Short,
    /// As much as a machine takes.
    Long,
}

/// What every scenario is given.
struct Setup<'a> {
    program: &'a Path,
    extent: Extent,
}

impl Scenario {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether it is done in a short run.
    const fn is_short(self) -> bool {
        !matches!(self, Self::HalfOpen)
    }

    /// Whether once is enough: it takes long, and another seed makes little difference.
    const fn is_once(self) -> bool {
        match self {
            Self::Sessions | Self::Tunnels | Self::Ends | Self::Drain | Self::Noise => false,
            Self::HalfOpen | Self::Crowd => true,
        }
    }

    /// Does it; what was done, in a few words.
    async fn run(self, setup: &Setup<'_>, seed: u64) -> Result<String> {
        // another stream of numbers for each, so that each can be had again alone
        let rng = Rng::with_seed(seed ^ ((self as u64 + 1) << 32));
        match self {
            Self::Sessions => sessions::run(setup, rng).await,
            Self::Tunnels => tunnels::cut(setup, rng).await,
            Self::HalfOpen => tunnels::half_open(setup, rng).await,
            Self::Ends => ends::run(setup, rng).await,
            Self::Crowd => crowd::run(setup).await,
            Self::Drain => drain::run(setup, rng).await,
            Self::Noise => noise::run(setup, rng).await,
        }
    }
}

/// Does everything, round after round until the time is over.
///
/// # Errors
/// What did not hold, and how to have it again.
pub(crate) async fn run(options: &Chaos) -> Result<()> {
    let first = options.seed.unwrap_or_else(|| u64::from(fastrand::u32(..)));
    let extent = if options.short { Extent::Short } else { Extent::Long };
    let setup = Setup { program: &options.bridge, extent };
    let end = Instant::now() + Duration::from_secs(options.minutes * 60);
    for seed in first.. {
        for scenario in Scenario::value_variants() {
            let is_named = options.only.contains(scenario);
            let is_wanted = options.only.is_empty()
                && (scenario.is_short() || !options.short)
                && (seed == first || !scenario.is_once());
            if is_named || is_wanted {
                one(*scenario, &setup, seed).await?;
            }
        }
        if options.short || Instant::now() >= end {
            break;
        }
    }
    Ok(())
}

/// Does one scenario and tells what came of it.
async fn one(scenario: Scenario, setup: &Setup<'_>, seed: u64) -> Result<()> {
    let (name, start) = (scenario.name(), Instant::now());
    let done = timeout(SCENARIO_TIME, scenario.run(setup, seed)).await;
    let done = done.context("it does not come to its end").flatten();
    let seconds = start.elapsed().as_secs_f64();
    match done {
        Ok(what) => {
            writeln!(io::stdout(), "{name:<10} seed {seed:<11} {seconds:>5.1} s  {what}")?;
            Ok(())
        }
        Err(error) => {
            let short = if setup.extent == Extent::Short { " --short" } else { " --minutes 1" };
            bail!(
                "{name} with seed {seed}: {error:#}\nagain: cargo xtask chaos --seed {seed} --only {name}{short}"
            )
        }
    }
}
