//! Instructions that the codec takes a packet, counted by callgrind: a figure that is the same however busy the
//! machine is. The tests hold it against bench/codec/instructions.toml.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process::{self, Show};
use crate::progress::{Progress, Step};
use crate::tools::{Toolbox, VALGRIND};
use crate::workspace::{self, Workspace};

/// How many packets are counted, about: what the program's start costs is less than an instruction a packet then.
const PACKETS: u64 = 1_000;
/// By how much a figure may be over the one in the file, in percent.
const TOLERANCE: u64 = 10;
/// How the file begins.
const PREAMBLE: &str = "\
# Instructions a packet, counted by callgrind on x86-64 Linux. `cargo xtask test` fails when one is over by 10 %;
# `cargo xtask bench instructions --accept` writes what is counted now.
";

/// By case: `decode_frame.message`.
type Figures = BTreeMap<String, u64>;

/// `cargo xtask bench instructions`: tells the figures beside those in the file, or writes the file.
pub(crate) fn command(workspace: &Workspace, accept: bool) -> Result<()> {
    let mut progress = Progress::new(2);
    let tools = progress.step("getting valgrind", |step| tools(workspace, step))?;
    let counted = progress.step("counting", |step| count(workspace, &tools, step))?;
    let file = file(workspace);
    if accept {
        return fs::write(&file, text(&counted)).with_context(|| file.display().to_string());
    }
    let written = read(&file)?;
    for (case, now) in &counted {
        let was = written.get(case).map_or_else(|| "new".to_owned(), u64::to_string);
        println!("{case:<24} {now:>8}  {was:>8}");
    }
    judge(&written, &counted, |line| println!("{line}"))
}

/// Whether callgrind's figures compare with those in the file on this machine.
pub(crate) const fn are_comparable() -> bool {
    cfg!(all(target_arch = "x86_64", target_os = "linux"))
}

/// valgrind, of which callgrind is a part.
pub(crate) fn tools(workspace: &Workspace, step: &mut Step) -> Result<Toolbox> {
    Toolbox::prepare(workspace, step, &[VALGRIND])
}

/// An error when a figure is over the file's by more than the tolerance.
pub(crate) fn check(workspace: &Workspace, step: &mut Step) -> Result<()> {
    if !are_comparable() {
        step.say("not counted: the figures are for x86-64 Linux");
        return Ok(());
    }
    let tools = tools(workspace, step)?;
    let written = read(&file(workspace))?;
    let counted = count(workspace, &tools, step)?;
    judge(&written, &counted, |line| step.say(line))
}

fn count(workspace: &Workspace, tools: &Toolbox, step: &mut Step) -> Result<Figures> {
    let mut cargo = process::cargo();
    cargo
        .args(["build", "--release", "--package=mig33-bench-codec", "--bin=codec-instructions"])
        .current_dir(&workspace.root);
    process::run(step, &mut cargo, Show::OnFailure)?;
    let program = workspace.target.join("release/codec-instructions");
    let cases = process::ask(&mut process::program(&program)).context("it lists no cases")?;
    let mut figures = Figures::new();
    for line in cases.lines() {
        let (case, packets) = line.split_once(' ').with_context(|| line.to_owned())?;
        let packets: u64 = packets.parse().with_context(|| line.to_owned())?;
        step.at(case.to_owned());
        let rounds = PACKETS.div_ceil(packets);
        let without = instructions(tools, &program, case, 0)?;
        let with = instructions(tools, &program, case, rounds)?;
        figures.insert(case.to_owned(), with.saturating_sub(without) / (rounds * packets));
    }
    Ok(figures)
}

/// All instructions of one run of the program.
fn instructions(tools: &Toolbox, program: &Path, case: &str, rounds: u64) -> Result<u64> {
    let mut valgrind = tools.command(&VALGRIND)?;
    valgrind
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--log-fd=1"])
        .arg(program)
        .args([case, &rounds.to_string()])
        // a copy by one instruction is counted by its bytes, and which copies are done so differs between machines
        .env("GLIBC_TUNABLES", "glibc.cpu.x86_rep_movsb_threshold=1000000000");
    let said = process::ask(&mut valgrind).with_context(|| format!("callgrind fails on {case}"))?;
    collected(&said).with_context(|| format!("callgrind says no figure for {case}: {said}"))
}

/// The figure in what callgrind says at its end.
fn collected(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

/// Tells what differs, and is an error when a figure got worse or the file has other cases.
fn judge(
    written: &Figures,
    counted: &Figures,
    mut say: impl FnMut(std::fmt::Arguments<'_>),
) -> Result<()> {
    let mut bad = 0;
    for (case, now) in counted {
        match written.get(case) {
            Some(was) if now * 100 > was * (100 + TOLERANCE) => {
                say(format_args!("{case}: {now} instructions a packet, {was} before"));
                bad += 1;
            }
            Some(was) if now * 100 < was * (100 - TOLERANCE) => {
                say(format_args!("{case}: {now}, {was} before: better, so accept it"));
            }
            Some(_) => {}
            None => {
                say(format_args!("{case}: is not in the file"));
                bad += 1;
            }
        }
    }
    for case in written.keys().filter(|case| !counted.contains_key(*case)) {
        say(format_args!("{case}: is in the file only"));
        bad += 1;
    }
    if bad > 0 {
        bail!(
            "{bad} of the codec's figures: if it has to be, `cargo xtask bench instructions --accept`"
        );
    }
    Ok(())
}

fn file(workspace: &Workspace) -> PathBuf {
    workspace.root.join("bench/codec/instructions.toml")
}

fn read(file: &Path) -> Result<Figures> {
    parse(&workspace::read(file)?).with_context(|| file.display().to_string())
}

fn parse(text: &str) -> Result<Figures> {
    let tables: BTreeMap<String, Figures> = toml::from_str(text)?;
    let figures = tables.into_iter().flat_map(|(work, samples)| {
        samples.into_iter().map(move |(sample, figure)| (format!("{work}.{sample}"), figure))
    });
    Ok(figures.collect())
}

fn text(figures: &Figures) -> String {
    let lines = figures.iter().map(|(case, figure)| format!("{case} = {figure}\n"));
    lines.fold(PREAMBLE.to_owned(), |text, line| text + &line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(entries: &[(&str, u64)]) -> Figures {
        entries.iter().map(|(case, figure)| ((*case).to_owned(), *figure)).collect()
    }

    fn said(written: &[(&str, u64)], counted: &[(&str, u64)]) -> (bool, Vec<String>) {
        let mut lines = Vec::new();
        let judged =
            judge(&figures(written), &figures(counted), |line| lines.push(line.to_string()));
        (judged.is_ok(), lines)
    }

    #[test]
    fn the_figure_is_in_what_callgrind_says() {
        let said =
            "==7== Events    : Ir\n==7== Collected : 1204558\n==7== \n==7== I   refs: 1,204,558\n";
        assert_eq!(collected(said), Some(1_204_558));
        assert_eq!(collected("valgrind: failed to start"), None);
    }

    #[test]
    fn more_than_the_tolerance_fails_and_less_is_told() {
        assert_eq!(said(&[("a.b", 100)], &[("a.b", 110)]), (true, vec![]));
        assert!(!said(&[("a.b", 100)], &[("a.b", 111)]).0);
        let (good, lines) = said(&[("a.b", 100)], &[("a.b", 89)]);
        assert!(good && lines.len() == 1);
        assert!(!said(&[], &[("a.b", 1)]).0);
        assert!(!said(&[("a.b", 1)], &[]).0);
    }

    #[test]
    fn the_file_is_read_as_it_is_written() -> Result<()> {
        let written =
            figures(&[("decode.message", 12), ("decode.stream", 34), ("encode.message", 5)]);
        assert_eq!(parse(&text(&written))?, written);
        Ok(())
    }
}
