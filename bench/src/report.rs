//! The figures: what each is called, what it should be, and how they are told.
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::contenders::Contender;

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
    /// With so many connections.
    Crowd(usize),
}

/// How a figure is told.
struct Row {
    /// Its key in JSON.
    key: &'static str,
    name: String,
    /// How many decimals mean something.
    decimals: usize,
    /// What the bridge should have.
    aim: &'static str,
}

impl Figure {
    fn row(self) -> Row {
        let (key, name, decimals, aim) = match self {
            Self::LatencyMedian => {
                ("latency_p50_us", "round trip on one processor, median, µs", 1, "≤ 1.15 ×")
            }
            Self::LatencyP99 => ("latency_p99_us", "round trip on one processor, 99 %, µs", 1, ""),
            Self::SpreadLatencyMedian => {
                ("latency_spread_p50_us", "round trip on all processors, median, µs", 1, "≤ 1.15 ×")
            }
            Self::Rate => ("packets_per_s", "packets of 200 bytes a second", 0, ""),
            Self::CpuPerPacket => ("cpu_us_per_packet", "CPU a packet, µs", 2, "≤ 1.0 ×"),
            Self::Bulk => ("mib_per_s", "packets of 64 KiB, MiB a second", 0, "≥ 1.0 ×"),
            Self::CpuPerMebibyte => ("cpu_us_per_mib", "CPU a MiB, µs", 0, ""),
            Self::IdleConnection => {
                ("kib_per_idle_connection", "memory of an idle connection, KiB", 2, "≤ 6, 8 KiB")
            }
            Self::Churn => ("connections_per_s", "connections opened and closed a second", 0, ""),
            Self::CpuPerConnection => {
                ("cpu_us_per_connection", "CPU a connection, µs", 0, "≤ 1.2 ×")
            }
            Self::Crowd(count) => {
                let name = format!("memory with {count} idle connections, MB");
                return Row { key: "mb_with_idle_crowd", name, decimals: 1, aim: "≤ 120 MB" };
            }
        };
        Row { key, name: name.to_owned(), decimals, aim }
    }
}

/// What was measured, in all rounds.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: BTreeMap<Figure, BTreeMap<Contender, Vec<f64>>>,
    /// What a reader has to know of it.
    notes: Vec<String>,
}

impl Report {
    /// One round's results.
    pub(crate) fn add(&mut self, contender: Contender, figures: Vec<(Figure, f64)>) {
        for (figure, value) in figures {
            self.figures.entry(figure).or_default().entry(contender).or_default().push(value);
        }
    }

    /// Something to tell with the figures.
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.figures.is_empty()
    }

    /// As a table for people: medians, and the bridge's ratios to HAProxy.
    pub(crate) fn print(&self) -> Result<()> {
        let mut out = io::stdout().lock();
        let columns: BTreeSet<Contender> =
            self.figures.values().flat_map(|rounds| rounds.keys().copied()).collect();
        let ratios = [Contender::Bridge, Contender::Resume];
        write!(out, "{:<42}", "")?;
        for column in &columns {
            write!(out, " {:>10}", column.title())?;
        }
        for contender in ratios {
            write!(out, " {:>16}", format!("{}/HAProxy", contender.title()))?;
        }
        writeln!(out, "  aim")?;
        for (figure, rounds) in &self.figures {
            let row = figure.row();
            write!(out, "{:<42}", row.name)?;
            for column in &columns {
                let value = rounds.get(column).and_then(|values| median(values));
                write!(out, " {:>10}", told(value, row.decimals))?;
            }
            for contender in ratios {
                write!(out, " {:>16}", told(ratio(rounds, contender), 2))?;
            }
            writeln!(out, "  {}", row.aim)?;
        }
        for note in &self.notes {
            writeln!(out, "{note}")?;
        }
        Ok(())
    }

    /// As one JSON object: a key a figure, and in it one a contender, with the median, all rounds, and the ratio to
    /// HAProxy.
    pub(crate) fn print_json(&self) -> Result<()> {
        let of_figure = |rounds: &BTreeMap<Contender, Vec<f64>>| -> Value {
            let of_contender = rounds.iter().map(|(contender, values)| {
                let value = json!({
                    "median": median(values),
                    "rounds": values,
                    "to_haproxy": ratio(rounds, *contender),
                });
                (contender.key().to_owned(), value)
            });
            Value::Object(of_contender.collect())
        };
        let mut object: Map<String, Value> = self
            .figures
            .iter()
            .map(|(figure, rounds)| (figure.row().key.to_owned(), of_figure(rounds)))
            .collect();
        if let Some(Figure::Crowd(count)) = self.figures.keys().next_back() {
            object.insert("idle_crowd".into(), json!(count));
        }
        object.insert("notes".into(), json!(self.notes));
        writeln!(io::stdout(), "{}", Value::Object(object))?;
        Ok(())
    }
}

/// How many times HAProxy's a contender's figure is: the median of the rounds', each of which compares what was measured
/// at nearly the same time.
fn ratio(rounds: &BTreeMap<Contender, Vec<f64>>, contender: Contender) -> Option<f64> {
    let to = rounds.get(&Contender::Haproxy)?;
    let pairs = rounds.get(&contender)?.iter().zip(to);
    median(&pairs.map(|(value, to)| value / to).collect::<Vec<_>>())
}

fn told(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.decimals$}"))
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

    #[test]
    fn a_ratio_compares_what_was_measured_together() {
        let mut report = Report::default();
        // a machine that was half as fast in the second round, for both
        for (haproxy, bridge) in [(10.0, 11.0), (20.0, 22.0), (10.0, 9.0)] {
            report.add(Contender::Haproxy, vec![(Figure::Rate, haproxy)]);
            report.add(Contender::Bridge, vec![(Figure::Rate, bridge)]);
        }
        let rounds = &report.figures[&Figure::Rate];
        assert_eq!(ratio(rounds, Contender::Bridge), Some(1.1));
        assert_eq!(ratio(rounds, Contender::Haproxy), Some(1.0));
        assert_eq!(ratio(rounds, Contender::Websocat), None);
        assert_eq!(told(None, 2), "–");
    }
}
