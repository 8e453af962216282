//! `cargo xtask serve`: the program beside `trunk serve`, for work on the page with live reload.

use std::process::Child;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::page;
use crate::process;
use crate::programs::{self, Profile};
use crate::progress::Progress;
use crate::signals;
use crate::tools::TRUNK;
use crate::workspace::Workspace;

/// Where `trunk serve` answers, by its other name; the name in Trunk.toml needs no permission.
const OTHER_ORIGIN: &str = "http://localhost:8080";

/// Starts both, and ends both when one of them ends.
pub(crate) fn serve(workspace: &Workspace, args: &[String]) -> Result<()> {
    let mut progress = Progress::new(3);
    let tools = progress.step("getting the tools", |step| page::tools(workspace, step))?;
    progress.step("building the program", |step| programs::build(workspace, Profile::Dev, step))?;
    let mut children = Children(Vec::new());
    progress.last("starting both (Ctrl-C stops them)");
    let mut bridge = process::program(programs::path(workspace, Profile::Dev, "mig33-bridge"));
    bridge.args(["--allow-origin", OTHER_ORIGIN]).args(args).current_dir(&workspace.root);
    children.start("mig33-bridge", &mut bridge)?;
    let mut trunk = tools.command(&TRUNK)?;
    trunk.args(["serve", "--offline"]).current_dir(&workspace.root);
    page::tame(&mut trunk);
    children.start("trunk", &mut trunk)?;
    children.wait()
}

/// Programs that live and end together.
struct Children(Vec<(&'static str, Child)>);

impl Children {
    fn start(&mut self, name: &'static str, command: &mut std::process::Command) -> Result<()> {
        self.0.push((name, command.spawn().with_context(|| name.to_owned())?));
        Ok(())
    }

    /// Waits until one of them has ended, or we are told to.
    fn wait(&mut self) -> Result<()> {
        while signals::received().is_none() {
            for (name, child) in &mut self.0 {
                if let Some(status) = child.try_wait()? {
                    bail!("{name} ended: {status}");
                }
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for (_, child) in &mut self.0 {
            signals::end(child);
        }
        for (_, child) in &mut self.0 {
            // it was asked to end, and a signal of ours ends the waiting too
            let _ = child.wait();
        }
    }
}
