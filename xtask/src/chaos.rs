//! `cargo xtask chaos`: maltreats the bridge, with the load tool in `bench`.

use anyhow::Result;

use crate::process::{self, Show};
use crate::programs::{self, Profile};
use crate::progress::{Progress, Step};
use crate::workspace::Workspace;

/// Where the random numbers of the tests start from: the same each time, so that they find the same.
const SEED: &str = "33";

/// Builds what is needed and runs it with these arguments.
pub(crate) fn command(workspace: &Workspace, args: &[String]) -> Result<()> {
    let mut progress = Progress::new(2);
    progress.step("building the program", |step| {
        programs::build(workspace, Profile::Release, step)?;
        build(workspace, step)
    })?;
    progress.step("chaos", |step| run(workspace, step, args))
}

/// The short run of the tests, on programs that are built.
pub(crate) fn check(workspace: &Workspace, step: &mut Step) -> Result<()> {
    build(workspace, step)?;
    run(workspace, step, &["--short".to_owned(), format!("--seed={SEED}")])
}

fn build(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--release", "--package=mig33-bench"]).current_dir(&workspace.root);
    process::run(step, &mut cargo, Show::OnFailure)
}

fn run(workspace: &Workspace, step: &mut Step, args: &[String]) -> Result<()> {
    // not through cargo, which would end before it when it is told to
    let mut tool = process::program(programs::path(workspace, Profile::Release, "mig33-bench"));
    tool.arg("chaos")
        .args(args)
        .current_dir(&workspace.root)
        // a failure says what did not hold; where in the tool that was found out helps nobody
        .env("RUST_BACKTRACE", "0")
        .env("MIG33_BRIDGE", programs::path(workspace, Profile::Release, "mig33-bridge"));
    process::run(step, &mut tool, Show::All)
}
