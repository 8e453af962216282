//! Builds the page into dist/, with compressed files beside the built ones, and says how large it is.

mod bundle;
mod compress;
mod names;
mod order;
mod size;
mod stamp;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{self, Show};
use crate::progress::{Progress, Step};
use crate::tools::{FOR_PAGE, TRUNK, Toolbox, WASM_OPT};
use crate::workspace::{PAGE_LIMIT, Workspace, read};

pub(crate) use self::size::Size;

/// `cargo xtask page`.
pub(crate) fn command(workspace: &Workspace) -> Result<()> {
    let mut progress = Progress::new(2);
    let tools = progress.step("getting the tools", |step| tools(workspace, step))?;
    progress.step("building the page", |step| build(workspace, &tools, step))?;
    Ok(())
}

/// The tools for the page, and the crates that it is made of.
pub(crate) fn tools(workspace: &Workspace, step: &mut Step) -> Result<Toolbox> {
    let toolbox = Toolbox::prepare(workspace, step, FOR_PAGE)?;
    // trunk runs offline, or it would look for helpers of its own
    step.at("fetching crates".into());
    process::run(
        step,
        process::cargo().arg("fetch").current_dir(&workspace.root),
        Show::OnFailure,
    )?;
    Ok(toolbox)
}

/// Builds the page, unless dist/ has what these sources make.
pub(crate) fn build(workspace: &Workspace, tools: &Toolbox, step: &mut Step) -> Result<Size> {
    let stamp = stamp::Stamp::of(workspace, tools)?;
    if stamp.is_fresh() {
        step.say("nothing has changed since the last build");
    } else {
        trunk_build(workspace, tools, step)?;
        step.at("bundling".into());
        if tools.has(&WASM_OPT) {
            names::shorten(&workspace.dist(), &read(&workspace.root.join("index.html"))?, tools)?;
        }
        bundle::bundle(&workspace.dist(), tools, step)?;
        step.at("compressing".into());
        compress::compress(&workspace.dist())?;
        stamp.write()?;
    }
    let size = Size::of(&workspace.dist())?;
    step.say(&size);
    Ok(size)
}

/// An error when the page is larger than it may be.
pub(crate) fn check_budget(size: &Size) -> Result<()> {
    if size.total() > PAGE_LIMIT {
        bail!("the page is larger than {} KB: {size}", PAGE_LIMIT / 1000);
    }
    Ok(())
}

fn trunk_build(workspace: &Workspace, tools: &Toolbox, step: &mut Step) -> Result<()> {
    let target = Target::new(workspace, tools.has(&WASM_OPT))?;
    let mut trunk = tools.command(&TRUNK)?;
    process::shown(&mut trunk);
    trunk
        .args(["build", "--release", "--offline", "--html-output=index.html"])
        .arg(&target.path)
        .current_dir(&workspace.root)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(workspace).join("\x1f"));
    tame(&mut trunk);
    process::run(step, &mut trunk, Show::OnFailure)
}

/// How the page's crates are compiled, beside their profile: small, and without the folders of this machine, which the
/// places of panics have otherwise.
fn flags(workspace: &Workspace) -> Vec<String> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cargo_home =
        std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let registries = fs::read_dir(cargo_home.join("registry/src")).into_iter().flatten().flatten();
    let folders = registries.map(|entry| entry.path()).chain([workspace.root.clone()]);
    let mut flags = vec!["-Cllvm-args=-inline-threshold=0".to_owned()];
    flags.extend(folders.map(|folder| format!("--remap-path-prefix={}=", folder.display())));
    flags
}

/// Takes variables out that trunk reads otherwise than everybody else.
pub(crate) fn tame(trunk: &mut Command) {
    // it takes this one for a flag and stops at any other value than true and false
    if std::env::var_os("NO_COLOR").is_some() {
        trunk.env("NO_COLOR", "true");
    }
    trunk.env_remove("RUST_LOG");
}

/// The HTML file that trunk starts from: index.html, or without wasm-opt a copy that does not ask for it, removed
/// afterwards.
struct Target {
    path: PathBuf,
    is_copy: bool,
}

impl Target {
    fn new(workspace: &Workspace, has_wasm_opt: bool) -> Result<Self> {
        let path = workspace.root.join("index.html");
        if has_wasm_opt {
            return Ok(Self { path, is_copy: false });
        }
        let html = without_wasm_opt(&read(&path)?)?;
        // beside the original: what it links to is found from there
        let path = workspace.root.join("index.without-wasm-opt.html");
        fs::write(&path, html).with_context(|| path.display().to_string())?;
        Ok(Self { path, is_copy: true })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if self.is_copy {
            // a leftover is in .gitignore and is written anew next time
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn without_wasm_opt(html: &str) -> Result<String> {
    const ATTRIBUTE: &str = "data-wasm-opt=\"";
    let (before, rest) = html.split_once(ATTRIBUTE).context("index.html has no data-wasm-opt")?;
    let (_level, after) = rest.split_once('"').context("index.html: data-wasm-opt has no end")?;
    Ok(format!("{before}{ATTRIBUTE}0\"{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_wasm_opt_only_its_level_changes() -> Result<()> {
        let html = r#"<link data-wasm-opt="z" data-wasm-opt-params="--enable-x">"#;
        assert_eq!(
            without_wasm_opt(html)?,
            r#"<link data-wasm-opt="0" data-wasm-opt-params="--enable-x">"#
        );
        assert!(without_wasm_opt("<link>").is_err());
        Ok(())
    }
}
