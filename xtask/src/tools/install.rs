//! Installs what is missing, into a folder of our own: `$MIG33_TOOLS`, or mig33/tools in the user's cache.
//!
//! A tool is made in a folder aside and moved to its place when it is whole, so that an interrupted install is never
//! taken for a tool.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::version;
use crate::process::{self, Show};
use crate::progress::Step;
use crate::workspace::Workspace;

/// A crate to install a program from.
pub(super) struct Crate {
    pub(super) package: &'static str,
    pub(super) args: &'static [&'static str],
    /// As in a Cargo profile; none for the profile that its authors chose.
    pub(super) opt_level: Option<&'static str>,
    /// About how long a build takes on two cores.
    pub(super) minutes: u32,
}

/// Adds a target to the Rust toolchain, where it is missing.
pub(super) fn target(step: &mut Step, target: &str) -> Result<()> {
    let mut rustc = process::program("rustc");
    let libraries = process::ask(rustc.args(["--print=target-libdir", "--target", target]));
    if libraries.is_some_and(|path| Path::new(path.trim()).is_dir()) {
        return Ok(());
    }
    if version::which("rustup").is_none() {
        bail!("this Rust has no target {target} and there is no rustup to add it: see rustup.rs");
    }
    step.say(format_args!("adding the Rust target {target}"));
    let mut rustup = process::program("rustup");
    process::run(step, rustup.args(["target", "add", target]), Show::OnFailure)
}

/// Installs another Rust toolchain, where it is missing.
pub(super) fn toolchain(step: &mut Step, toolchain: &str) -> Result<()> {
    if version::which("rustup").is_none() {
        bail!("Rust {toolchain} is needed and there is no rustup to install it: see rustup.rs");
    }
    let mut rustup = process::program("rustup");
    if process::ask(rustup.args(["run", toolchain, "rustc", "--version"])).is_some() {
        return Ok(());
    }
    step.say(format_args!("installing Rust {toolchain}"));
    let mut rustup = process::program("rustup");
    let install = ["toolchain", "install", toolchain, "--profile=minimal"];
    process::run(step, rustup.args(install), Show::OnFailure)
}

/// Installs a program from a crate: prebuilt where `cargo binstall` can, else built, which happens once.
pub(super) fn from_crate(
    workspace: &Workspace,
    step: &mut Step,
    name: &str,
    version: &str,
    from: &Crate,
) -> Result<PathBuf> {
    let program = Path::new("bin").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let cache = Cache::open(step)?;
    let place = cache.place(name, version);
    if version::has(&place.join(&program), version) {
        return Ok(place.join(program));
    }
    let package = format!("{}@{version}", from.package);
    let aside = cache.aside(name)?;
    if !prebuilt(workspace, step, &package, &aside) {
        step.say(format_args!(
            "building {name} {version}, once: about {} minutes on two cores",
            from.minutes
        ));
        let mut cargo = process::cargo();
        installing(&mut cargo, workspace)
            .args(["install", &package, "--root"])
            .arg(&aside)
            .arg("--target-dir")
            .arg(cache.root.join("build"))
            .args(from.args);
        if let Some(opt_level) = from.opt_level {
            building_quickly(&mut cargo, opt_level);
        }
        process::run(step, &mut cargo, Show::OnFailure)?;
    }
    if !version::has(&aside.join(&program), version) {
        bail!("{package} was installed, but its {name} does not say that it is {version}");
    }
    cache.settle(&aside, &place)?;
    Ok(place.join(program))
}

/// Installs a program from npm. `None` without Node.js.
pub(super) fn from_npm(
    step: &mut Step,
    name: &str,
    version: &str,
    package: &str,
    npm_version: &str,
) -> Result<Option<PathBuf>> {
    if version::which("node").is_none() || version::which("npm").is_none() {
        step.say(format_args!(
            "no Node.js: the page is built without {name}, and is larger for it"
        ));
        return Ok(None);
    }
    let program = Path::new("node_modules/.bin").join(name);
    let cache = Cache::open(step)?;
    let place = cache.place(name, version);
    if version::has(&place.join(&program), version) {
        return Ok(Some(place.join(program)));
    }
    step.say(format_args!("installing {name} {version} from npm"));
    let aside = cache.aside(name)?;
    let mut npm = process::program("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
        .arg(&aside)
        .arg(format!("{package}@{npm_version}"))
        .current_dir(&aside);
    process::run(step, &mut npm, Show::OnFailure)?;
    if !version::has(&aside.join(&program), version) {
        bail!("{package} was installed, but its {name} does not say that it is {version}");
    }
    cache.settle(&aside, &place)?;
    Ok(Some(place.join(program)))
}

/// Whether Python can install packages.
pub(super) fn has_pip() -> bool {
    process::ask(process::program("python3").args(["-m", "pip", "--version"])).is_some()
}

/// Installs a program from PyPI, into a folder of its own.
pub(super) fn from_pip(step: &mut Step, name: &str, version: &str) -> Result<PathBuf> {
    let program = Path::new("bin").join(name);
    let cache = Cache::open(step)?;
    let place = cache.place(name, version);
    if place.join(&program).is_file() {
        return Ok(place.join(program));
    }
    step.say(format_args!("installing {name} {version} from PyPI"));
    let aside = cache.aside(name)?;
    let mut python = process::program("python3");
    python
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
        .arg(&aside)
        .arg(format!("{name}=={version}"));
    process::run(step, &mut python, Show::OnFailure)?;
    if !aside.join(&program).is_file() {
        bail!("{name} {version} was installed, but it has no program {name}");
    }
    cache.settle(&aside, &place)?;
    Ok(place.join(program))
}

/// Installs a package of Debian.
pub(super) fn from_apt(step: &mut Step, name: &str, package: &str) -> Result<()> {
    if version::which("apt-get").is_none() {
        bail!(
            "{name} is missing, and there is no apt-get to install it: please install it yourself"
        );
    }
    let is_root = process::ask(process::program("id").arg("-u")).is_some_and(|id| id.trim() == "0");
    if !is_root && version::which("sudo").is_none() {
        bail!("{name} is missing: please run `apt-get install {package}` as root");
    }
    step.say(format_args!("installing Debian's package {package}"));
    for args in [&["update"][..], &["install", "--yes", "--no-install-recommends", package]] {
        let mut command = if is_root {
            process::program("apt-get")
        } else {
            let mut sudo = process::program("sudo");
            // never asks for a password: nobody may be there to type it
            sudo.args(["--non-interactive", "apt-get"]);
            sudo
        };
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        process::run(step, &mut command, Show::OnFailure).with_context(|| {
            format!("{name} is missing; please run `apt-get install {package}` as root")
        })?;
    }
    Ok(())
}

/// Whether `cargo binstall` is there and brought the package.
fn prebuilt(workspace: &Workspace, step: &mut Step, package: &str, aside: &Path) -> bool {
    let mut probe = process::cargo();
    if version::which("cargo-binstall").is_none()
        || process::ask(probe.args(["binstall", "-V"])).is_none()
    {
        return false;
    }
    step.say(format_args!("installing {package} prebuilt, through cargo binstall"));
    let mut cargo = process::cargo();
    installing(&mut cargo, workspace)
        .args(["binstall", "--no-confirm", "--strategies=crate-meta-data", "--root"])
        .arg(aside)
        .arg(package);
    process::run(step, &mut cargo, Show::OnFailure).is_ok()
}

/// Sets how tools are built: by none of the settings that are meant for this project.
fn installing<'a>(cargo: &'a mut Command, workspace: &Workspace) -> &'a mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_build_setting) {
            cargo.env_remove(name);
        }
    }
    // its rust-toolchain.toml names the toolchain
    cargo.current_dir(&workspace.root)
}

/// Leaves out what makes a program faster and its building slower.
fn building_quickly(cargo: &mut Command, opt_level: &str) {
    cargo
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", opt_level)
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
}

/// Whether a variable changes how cargo builds.
fn is_build_setting(name: &str) -> bool {
    const NAMES: [&str; 5] = [
        "CARGO_TARGET_DIR",
        "CARGO_INCREMENTAL",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
    ];
    NAMES.contains(&name)
        || ["CARGO_BUILD_", "CARGO_PROFILE_"].iter().any(|prefix| name.starts_with(prefix))
}

/// The folder of the tools, held so that only one of us installs at a time.
struct Cache {
    root: PathBuf,
    _lock: File,
}

impl Cache {
    fn open(step: &Step) -> Result<Self> {
        let root = cache_folder(|name| std::env::var_os(name).map(PathBuf::from))
            .context("no HOME: set MIG33_TOOLS to a folder for the tools")?;
        fs::create_dir_all(&root).with_context(|| root.display().to_string())?;
        let lock = File::create(root.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                step.say("another cargo xtask is installing tools: waiting for it");
                lock.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        Ok(Self { root, _lock: lock })
    }

    /// Where a whole tool is.
    fn place(&self, name: &str, version: &str) -> PathBuf {
        self.root.join(format!("{name}-{version}"))
    }

    /// An empty folder to make a tool in.
    fn aside(&self, name: &str) -> Result<PathBuf> {
        let aside = self.root.join(format!("{name}.partial"));
        remove(&aside)?;
        fs::create_dir_all(&aside)?;
        Ok(aside)
    }

    /// Moves a whole tool to its place, and drops what only its building needed.
    fn settle(&self, aside: &Path, place: &Path) -> Result<()> {
        remove(place)?;
        fs::rename(aside, place).with_context(|| place.display().to_string())?;
        remove(&self.root.join("build"))
    }
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| folder.display().to_string())
        }
        _ => Ok(()),
    }
}

fn cache_folder(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|path| path.is_absolute());
    set("MIG33_TOOLS").or_else(|| {
        let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
        Some(cache?.join("mig33/tools"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_the_tools_follows_the_environment() {
        let folder = |set: &[(&str, &str)]| {
            cache_folder(|name| {
                set.iter().find(|(n, _)| *n == name).map(|(_, value)| PathBuf::from(value))
            })
        };
        let at = |path: &str| Some(PathBuf::from(path));
        assert_eq!(folder(&[("HOME", "/h")]), at("/h/.cache/mig33/tools"));
        assert_eq!(folder(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]), at("/c/mig33/tools"));
        assert_eq!(folder(&[("HOME", "/h"), ("MIG33_TOOLS", "/t")]), at("/t"));
        assert_eq!(folder(&[("HOME", "/h"), ("MIG33_TOOLS", "")]), at("/h/.cache/mig33/tools"));
        assert_eq!(folder(&[]), None);
    }

    #[test]
    fn settings_meant_for_the_project_do_not_reach_the_tools() {
        assert!(is_build_setting("CARGO_TARGET_DIR"));
        assert!(is_build_setting("CARGO_BUILD_TARGET"));
        assert!(is_build_setting("CARGO_PROFILE_RELEASE_LTO"));
        assert!(!is_build_setting("CARGO_HOME"));
        assert!(!is_build_setting("CARGO_HTTP_CAINFO"));
    }

    #[test]
    fn a_tool_is_in_its_place_only_when_whole() -> Result<()> {
        let root = tempfile::tempdir()?;
        let lock = File::create(root.path().join("lock"))?;
        let cache = Cache { root: root.path().to_owned(), _lock: lock };
        let place = cache.place("trunk", "1.0");
        let aside = cache.aside("trunk")?;
        fs::write(aside.join("half"), "")?;
        assert!(!place.exists());
        // the next try begins with nothing
        let aside = cache.aside("trunk")?;
        assert_eq!(fs::read_dir(&aside)?.count(), 0);
        fs::write(aside.join("whole"), "")?;
        cache.settle(&aside, &place)?;
        assert!(place.join("whole").exists() && !aside.exists());
        Ok(())
    }
}
