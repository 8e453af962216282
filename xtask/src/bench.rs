//! `cargo xtask bench`: measures, with the crates in `bench`.

use anyhow::Result;

use crate::process::{self, Show};
use crate::programs::{self, Profile};
use crate::progress::Progress;
use crate::workspace::Workspace;

/// Runs the load tool's `scenario` on the release program: `bridge` measures the bridge beside plain TCP, `memory` the
/// whole program with idle users.
pub(crate) fn run(workspace: &Workspace, scenario: &str, args: &[String]) -> Result<()> {
    let mut progress = Progress::new(2);
    progress
        .step("building the program", |step| programs::build(workspace, Profile::Release, step))?;
    progress.step("measuring", |step| {
        let mut cargo = process::cargo();
        cargo
            .args(["run", "--release", "--package=mig33-bench", "--", scenario])
            .args(args)
            .current_dir(&workspace.root)
            .env("MIG33_BRIDGE", programs::path(workspace, Profile::Release, "mig33-bridge"));
        process::run(step, &mut cargo, Show::All)
    })
}

/// Runs the codec's benchmark: how long it takes, beside protobuf and plain copying.
pub(crate) fn codec(workspace: &Workspace, args: &[String]) -> Result<()> {
    Progress::new(1).step("measuring", |step| {
        let mut cargo = process::cargo();
        cargo
            .args(["bench", "--package=mig33-bench-codec", "--bench=codec", "--"])
            .args(args)
            .current_dir(&workspace.root);
        process::run(step, &mut cargo, Show::All)
    })
}
