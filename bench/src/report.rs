//! The figures: what each is called, and how they are told.
use std::collections::BTreeMap;
use std::io::{self, Write};

use anyhow::Result;
use serde_json::{Map, Value, json};

/// One thing that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    LatencyMedian,
    LatencyP99,
    SpreadLatencyMedian,
    Rate,
    CpuPerPacket,
    Bulk,
    CpuPerMebibyte,
    IdleConnection,
    Churn,
    CpuPerConnection,
}

impl Figure {
    /// Its key in JSON, what a reader is told, and how many decimals mean something.
    const fn row(self) -> (&'static str, &'static str, usize) {
        match self {
            Self::LatencyMedian => ("latency_p50_us", "round trip on one processor, median, µs", 1),
            Self::LatencyP99 => ("latency_p99_us", "round trip on one processor, 99 %, µs", 1),
            Self::SpreadLatencyMedian => {
                ("latency_spread_p50_us", "round trip on all processors, median, µs", 1)
            }
            Self::Rate => ("packets_per_s", "packets of 200 bytes a second", 0),
            Self::CpuPerPacket => ("cpu_us_per_packet", "CPU of the bridge a packet, µs", 2),
            Self::Bulk => ("mib_per_s", "packets of 64 KiB, MiB a second", 0),
            Self::CpuPerMebibyte => ("cpu_us_per_mib", "CPU of the bridge a MiB, µs", 0),
            Self::IdleConnection => {
                ("kib_per_idle_connection", "memory of an idle connection, KiB", 2)
            }
            Self::Churn => ("connections_per_s", "connections opened and closed a second", 0),
            Self::CpuPerConnection => {
                ("cpu_us_per_connection", "CPU of the bridge a connection, µs", 0)
            }
        }
    }
}

/// What was measured, in all rounds.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: BTreeMap<Figure, Rounds>,
}

/// One figure, past the bridge where that makes sense, and through it.
#[derive(Debug, Default)]
struct Rounds {
    tcp: Vec<f64>,
    bridge: Vec<f64>,
}

impl Report {
    /// One round's result.
    pub(crate) fn add(&mut self, figure: Figure, tcp: Option<f64>, bridge: f64) {
        let rounds = self.figures.entry(figure).or_default();
        rounds.tcp.extend(tcp);
        rounds.bridge.push(bridge);
    }

    /// As a table for people.
    pub(crate) fn print(&self) -> Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{:<42} {:>12} {:>12} {:>8}", "", "plain TCP", "bridge", "ratio")?;
        for (figure, rounds) in &self.figures {
            let (_, name, decimals) = figure.row();
            let bridge = median(&rounds.bridge);
            let (tcp, ratio) = match (median(&rounds.tcp), bridge) {
                (Some(tcp), Some(bridge)) => {
                    (format!("{tcp:.decimals$}"), format!("{:.2}", bridge / tcp))
                }
                (None, _) | (_, None) => ("–".to_owned(), "–".to_owned()),
            };
            writeln!(
                out,
                "{name:<42} {tcp:>12} {:>12.decimals$} {ratio:>8}",
                bridge.unwrap_or_default()
            )?;
        }
        Ok(())
    }

    /// As one JSON object: a key a figure, with the medians and all rounds.
    pub(crate) fn print_json(&self) -> Result<()> {
        let object: Map<String, Value> = self
            .figures
            .iter()
            .map(|(figure, rounds)| {
                let value = json!({
                    "tcp": median(&rounds.tcp),
                    "bridge": median(&rounds.bridge),
                    "tcp_rounds": rounds.tcp,
                    "bridge_rounds": rounds.bridge,
                });
                (figure.row().0.to_owned(), value)
            })
            .collect();
        writeln!(io::stdout(), "{}", Value::Object(object))?;
        Ok(())
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_not_moved_by_one_bad_round() {
        assert_eq!(median(&[3.0, 900.0, 2.0]), Some(3.0));
        assert_eq!(median(&[]), None);
    }
}
