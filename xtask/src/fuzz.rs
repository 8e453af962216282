//! `cargo xtask fuzz`: looks for input that breaks the codec, with libFuzzer, starting from the seeds.
//!
//! The tests run the same targets over the seeds and some mutations of them, on any Rust.

use std::fs;

use anyhow::{Context, Result};

use crate::process::{self, Show};
use crate::progress::Progress;
use crate::tools::{CARGO_FUZZ, NIGHTLY, Toolbox};
use crate::workspace::Workspace;

/// The targets, and the folder of fuzz/seeds that each starts from.
const TARGETS: [(&str, &str); 3] =
    [("frame_stream", "streams"), ("typed_decode", "packets"), ("round_trip", "packets")];

/// Runs each target for so many seconds. What it learns stays in fuzz/corpus, what breaks something in fuzz/artifacts.
pub(crate) fn command(workspace: &Workspace, seconds: u64) -> Result<()> {
    let mut progress = Progress::new(1 + TARGETS.len());
    let tools = progress.step("getting the tools", |step| {
        Toolbox::prepare(workspace, step, &[NIGHTLY, CARGO_FUZZ])
    })?;
    let folder = workspace.root.join("fuzz");
    let mut all = 0;
    for (target, seeds) in TARGETS {
        let corpus = folder.join("corpus").join(target);
        fs::create_dir_all(&corpus).with_context(|| corpus.display().to_string())?;
        progress.step(&format!("{target}, {seconds} s"), |step| {
            let mut fuzz = tools.command(&CARGO_FUZZ)?;
            // without a sanitizer it is faster, and there is no unsafe code that one could find a fault in
            fuzz.args(["run", target, "--sanitizer=none", "--fuzz-dir"])
                .arg(&folder)
                .arg(&corpus)
                .arg(folder.join("seeds").join(seeds))
                .args(["--", "-print_final_stats=1"])
                .arg(format!("-max_total_time={seconds}"))
                .env("RUSTUP_TOOLCHAIN", NIGHTLY.name)
                .current_dir(&workspace.root);
            let mut runs = 0;
            process::run_lines(step, &mut fuzz, Show::OnFailure, |line| {
                runs = executed(line).unwrap_or(runs);
            })?;
            all += runs;
            step.say(format_args!("{runs} runs, nothing found"));
            Ok(())
        })?;
    }
    println!("{all} runs in all, nothing found");
    Ok(())
}

/// The figure in libFuzzer's line of it.
fn executed(line: &str) -> Option<u64> {
    line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_in_what_libfuzzer_says() {
        assert_eq!(executed("stat::number_of_executed_units: 40129"), Some(40_129));
        assert_eq!(executed("Done 40129 runs in 6 second(s)"), None);
    }
}
