//! What is measured of each contender, and when: in every round, each scenario of all contenders one after the other,
//! so that what is compared was measured at nearly the same time.

mod churn;
mod flood;
mod idle;
mod latency;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use tokio::time::{Instant, timeout_at};

use self::flood::Flood;
use crate::Bridge;
use crate::contenders::{Contender, Started};
use crate::open_files;
use crate::placement::OneProcessor;
use crate::programs::Running;
use crate::report::{Figure, Report};

/// Bytes of text in a small packet, which is about 200 bytes long then, and in a large one.
const SMALL: usize = 160;
const LARGE: usize = 64 * 1024;
/// Large packets in flight.
const LARGE_WINDOW: usize = 4;
/// How long one scenario of one contender may take.
const SCENARIO_TIME: Duration = Duration::from_secs(60);
/// A contender that forks gets this part of the connections that the others get.
const FORKING_PART: usize = 20;

/// Something that is measured of one contender.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Memory of connections that have been used once
    // first, since what others leave behind is there for these connections to use
    Idle,
    /// Round trips, with all processes on one processor
    Latency,
    /// Round trips, with processes where the kernel puts them
    SpreadLatency,
    /// Many connections, small packets
    Rate,
    /// One connection, large packets
    Bulk,
    /// Connections that are opened, used once and closed
    Churn,
    /// Memory of the whole process with very many idle connections, once in all
    Crowd,
}

impl Scenario {
    /// What every round has.
    const OF_ROUND: [Self; 6] =
        [Self::Idle, Self::Latency, Self::SpreadLatency, Self::Rate, Self::Bulk, Self::Churn];

    const fn title(self) -> &'static str {
        match self {
            Self::Idle => "idle connections",
            Self::Latency => "round trips on one processor",
            Self::SpreadLatency => "round trips on all processors",
            Self::Rate => "small packets",
            Self::Bulk => "large packets",
            Self::Churn => "opening and closing",
            Self::Crowd => "very many idle connections",
        }
    }
}

/// Starts everything, measures everything, so many times or until the time is over.
pub(crate) async fn run(options: &Bridge) -> Result<Report> {
    let most_connections = open_files::raise_limit();
    let mut run = Run {
        options,
        contenders: Contender::ALL
            .into_iter()
            .filter(|contender| options.only.is_empty() || options.only.contains(contender))
            .collect(),
        end: Instant::now() + Duration::from_secs(options.minutes * 60),
        report: Report::default(),
    };
    let (echo, upstream) = Running::echo().await?;
    for round in 1..=options.rounds.max(1) {
        run.round(round, &echo, upstream).await;
    }
    if options.has(Scenario::Crowd) {
        run.crowd(most_connections, upstream).await;
    }
    ensure!(!run.report.is_empty(), "nothing could be measured");
    Ok(run.report)
}

impl Bridge {
    fn has(&self, scenario: Scenario) -> bool {
        self.scenario.is_empty() || self.scenario.contains(&scenario)
    }
}

struct Run<'a> {
    options: &'a Bridge,
    /// Those that have not failed.
    contenders: Vec<Contender>,
    end: Instant,
    report: Report,
}

impl Run<'_> {
    /// Every scenario of every contender once, with new processes: each round's memory starts from nothing.
    async fn round(&mut self, round: usize, echo: &Running, upstream: SocketAddr) {
        let mut started = Vec::new();
        for contender in self.contenders.clone() {
            match self.in_time(contender.start(self.options, upstream)).await {
                Ok(running) => started.push((contender, running)),
                Err(error) => self.leave_out(contender, "start", &error),
            }
        }
        for scenario in Scenario::OF_ROUND.into_iter().filter(|it| self.options.has(*it)) {
            self.say(format_args!(
                "round {round} of {}: {}",
                self.options.rounds,
                scenario.title()
            ));
            for (contender, running) in &started {
                if self.contenders.contains(contender) {
                    let measured = self.measure(scenario, *contender, running, echo);
                    match self.in_time(measured).await {
                        Ok(figures) => self.report.add(*contender, figures),
                        Err(error) => self.leave_out(*contender, scenario.title(), &error),
                    }
                }
            }
        }
    }

    async fn measure(
        &self,
        scenario: Scenario,
        contender: Contender,
        started: &Started,
        echo: &Running,
    ) -> Result<Vec<(Figure, f64)>> {
        let options = self.options;
        let Started { running, target, .. } = started;
        let (running, target) = (running.as_ref(), *target);
        let count = |all: usize| if contender.forks() { (all / FORKING_PART).max(1) } else { all };
        let cpu = || running.map(|running| anyhow::Ok(running.usage()?.cpu * 1e6)).transpose();
        let before = cpu()?;
        let mut figures = Vec::new();
        let per = match scenario {
            // see `crowd`
            Scenario::Crowd => return Ok(vec![]),
            Scenario::Idle => {
                let Some(running) = running else { return Ok(vec![]) };
                let each = idle::each(running, target, count(options.idle)).await?;
                return Ok(vec![(Figure::IdleConnection, each)]);
            }
            Scenario::Latency => {
                let processes = [Some(echo), running].into_iter().flatten().map(Running::pid);
                let _placement = OneProcessor::keep(&processes.collect::<Vec<_>>())?;
                let latency = latency::measure(target, options.trips).await?;
                figures.push((Figure::LatencyMedian, latency.median));
                figures.push((Figure::LatencyP99, latency.p99));
                None
            }
            Scenario::SpreadLatency => {
                let latency = latency::measure(target, options.trips).await?;
                figures.push((Figure::SpreadLatencyMedian, latency.median));
                None
            }
            Scenario::Rate => {
                let flood = Flood { window: options.window, text: SMALL, seconds: options.seconds };
                let back = flood.run(target, options.connections).await?;
                figures.push((Figure::Rate, back.packets_per_second()));
                Some((Figure::CpuPerPacket, back.packets))
            }
            Scenario::Bulk => {
                let flood = Flood { window: LARGE_WINDOW, text: LARGE, seconds: options.seconds };
                let back = flood.run(target, 1).await?;
                figures.push((Figure::Bulk, back.mebibytes_per_second()));
                Some((Figure::CpuPerMebibyte, back.mebibytes()))
            }
            Scenario::Churn => {
                let connections = count(options.churn);
                figures.push((Figure::Churn, churn::rate(target, connections).await?));
                Some((Figure::CpuPerConnection, connections as f64))
            }
        };
        if let (Some((figure, count)), Some(before), Some(after)) = (per, before, cpu()?) {
            figures.push((figure, (after - before) / count));
        }
        Ok(figures)
    }

    /// The memory of the whole process with a crowd of idle connections, once, in a new process.
    async fn crowd(&mut self, most: usize, upstream: SocketAddr) {
        let count = self.options.crowd.min(most);
        if count < self.options.crowd {
            self.report.note(format!(
                "{count} idle connections in place of {}: a process may have no more open files here (`ulimit -n`)",
                self.options.crowd
            ));
        }
        for contender in self.contenders.clone() {
            // a process each would be gigabytes; and what has no process has no memory
            if contender.forks() || contender == Contender::Tcp {
                continue;
            }
            self.say(format_args!("{count} idle connections: {}", contender.title()));
            let measured = async {
                let started = contender.start(self.options, upstream).await?;
                let running = started.running.as_ref().context("it has a process")?;
                idle::crowd(running, started.target, count).await
            };
            match self.in_time(measured).await {
                Ok(megabytes) => {
                    self.report.add(contender, vec![(Figure::Crowd(count), megabytes)])
                }
                Err(error) => self.leave_out(contender, Scenario::Crowd.title(), &error),
            }
        }
    }

    /// Does something, for as long as it may take.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let limit = self.end.min(Instant::now() + SCENARIO_TIME);
        timeout_at(limit, work).await.context("it took too long")?
    }

    /// Goes on without a contender; what it has shown so far stays.
    fn leave_out(&mut self, contender: Contender, at: &str, error: &anyhow::Error) {
        self.contenders.retain(|other| *other != contender);
        self.report
            .note(format!("{} is left out from here on ({at}): {error:#}", contender.title()));
    }

    /// Tells whoever watches how far it is.
    fn say(&self, what: std::fmt::Arguments<'_>) {
        if !self.options.program.json {
            // nobody may be watching
            let _ = writeln!(io::stderr(), "{what}");
        }
    }
}
