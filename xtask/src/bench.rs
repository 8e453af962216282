//! `cargo xtask bench`: measures, with the crates in `bench`.

use anyhow::Result;

use crate::process::{self, Show};
use crate::programs::{self, Profile};
use crate::progress::Progress;
use crate::tools::{FOR_COMPARISON, Tool, Toolbox};
use crate::workspace::Workspace;

/// Measures the bridge beside what others use for the same; `only` names what is measured, when not all.
pub(crate) fn bridge(workspace: &Workspace, only: &[String], args: &[String]) -> Result<()> {
    let mut progress = Progress::new(3);
    let is_wanted = |tool: &Tool| only.is_empty() || only.iter().any(|name| name == tool.name);
    let tools = progress.step("getting what it is measured beside", |step| {
        let wanted = FOR_COMPARISON.into_iter().filter(is_wanted);
        Ok(Toolbox::prepare_if_possible(workspace, step, wanted))
    })?;
    let mut args = args.to_vec();
    if !only.is_empty() {
        args.push(format!("--only={}", only.join(",")));
    }
    for tool in FOR_COMPARISON {
        if let Some(path) = tools.path(&tool) {
            args.push(format!("--{}={}", tool.name, path.display()));
        }
    }
    run(workspace, &mut progress, "bridge", &args)
}

/// Measures the whole program with idle users.
pub(crate) fn memory(workspace: &Workspace, args: &[String]) -> Result<()> {
    run(workspace, &mut Progress::new(2), "memory", args)
}

/// Runs the load tool's `scenario` on the release program.
fn run(
    workspace: &Workspace,
    progress: &mut Progress,
    scenario: &str,
    args: &[String],
) -> Result<()> {
    progress.step("building the program", |step| {
        programs::build(workspace, Profile::Release, step)?;
        let mut cargo = process::cargo();
        cargo.args(["build", "--release", "--package=mig33-bench"]).current_dir(&workspace.root);
        process::run(step, &mut cargo, Show::OnFailure)
    })?;
    progress.step("measuring", |step| {
        // not through cargo, which would end before it when it is told to
        let tool = programs::path(workspace, Profile::Release, "mig33-bench");
        let mut tool = process::program(tool);
        tool.arg(scenario)
            .args(args)
            .current_dir(&workspace.root)
            .env("MIG33_BRIDGE", programs::path(workspace, Profile::Release, "mig33-bridge"));
        process::run(step, &mut tool, Show::All)
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
