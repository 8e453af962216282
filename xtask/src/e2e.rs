//! The browser tests: Playwright drives the page of a built mig33-bridge in Chromium.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::page;
use crate::process::{self, Show};
use crate::programs::{self, Profile};
use crate::progress::{Progress, Step};
use crate::tools::{self, CHROMIUM, Toolbox};
use crate::workspace::Workspace;

/// `cargo xtask e2e`: builds what is tested, then tests.
pub(crate) fn command(workspace: &Workspace, args: &[String]) -> Result<()> {
    let mut progress = Progress::new(5);
    let tools = progress.step("getting the tools", |step| page::tools(workspace, step))?;
    progress.step("building the page", |step| page::build(workspace, &tools, step))?;
    progress
        .step("building the program", |step| programs::build(workspace, Profile::Release, step))?;
    let browser =
        progress.step("getting Chromium and Playwright", |step| install(workspace, step))?;
    progress.step("testing in Chromium", |step| run(workspace, &browser, step, args, |_| {}))
}

/// Gets the browser and what drives it, and checks the types of the tests.
pub(crate) fn install(workspace: &Workspace, step: &mut Step) -> Result<Toolbox> {
    let browser = Toolbox::prepare(workspace, step, &[CHROMIUM])?;
    if !tools::is_on_path("node") || !tools::is_on_path("npm") {
        bail!("the browser tests need Node.js with npm: `apt-get install nodejs npm`");
    }
    let mut npm = process::program("npm");
    npm.args(["ci", "--no-audit", "--no-fund"])
        .current_dir(folder(workspace))
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    process::run(step, &mut npm, Show::OnFailure)?;
    let mut npm = process::program("npm");
    npm.args(["run", "--silent", "check"]).current_dir(folder(workspace));
    process::run(step, &mut npm, Show::OnFailure)?;
    Ok(browser)
}

/// Runs the tests; each line of output goes to `on_line` too.
pub(crate) fn run(
    workspace: &Workspace,
    browser: &Toolbox,
    step: &mut Step,
    args: &[String],
    on_line: impl FnMut(&str),
) -> Result<()> {
    let chromium = browser.path(&CHROMIUM).context("Chromium is not there")?;
    let mut npx = process::program("npx");
    process::shown(&mut npx);
    npx.args(["--no-install", "playwright", "test"])
        .args(args)
        .current_dir(folder(workspace))
        .env("CHROMIUM", chromium)
        .env("MIG33_BRIDGE", programs::path(workspace, Profile::Release, "mig33-bridge"));
    process::run_lines(step, &mut npx, Show::All, on_line)
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root.join("e2e")
}
