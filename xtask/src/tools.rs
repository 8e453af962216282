//! The tools that the project needs beside Rust: one table, and a box of those that are there.

mod install;
mod version;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;
use crate::progress::Step;
use crate::workspace::Workspace;

/// A tool, which version of it, and where it comes from.
pub(crate) struct Tool {
    /// The program's name; for a target, the target's.
    pub(crate) name: &'static str,
    pub(crate) version: Wanted,
    pub(crate) source: Source,
}

/// Which version is good.
#[derive(Hash)]
pub(crate) enum Wanted {
    /// This one.
    Exactly(&'static str),
    /// The one that Cargo.lock has for this package: the two have to match.
    AsLocked(&'static str),
    /// Any.
    Any,
}

/// Where a tool comes from when it is not on PATH.
pub(crate) enum Source {
    /// A crate: prebuilt through `cargo binstall` where that works, else built.
    Crate {
        package: &'static str,
        args: &'static [&'static str],
        /// How well it is optimised: the better, the longer it takes to build. None: as its authors have it, for what
        /// is measured.
        opt_level: Option<&'static str>,
        /// About how long that is, on two cores.
        minutes: u32,
    },
    /// A package of npm, in this version.
    Npm { package: &'static str, version: &'static str },
    /// A package of Debian.
    Apt { package: &'static str },
    /// A package of PyPI, in the version that is wanted.
    Pip,
    /// A compilation target of the Rust toolchain.
    Target,
    /// Another Rust toolchain.
    Toolchain,
}

/// Compiles Rust for the browser.
pub(crate) const WASM_TARGET: Tool =
    Tool { name: "wasm32-unknown-unknown", version: Wanted::Any, source: Source::Target };

/// Builds and serves the page.
pub(crate) const TRUNK: Tool = Tool {
    name: "trunk",
    version: Wanted::Exactly("0.21.14"),
    // without its defaults it cannot download, which it is never asked to, and builds much faster
    source: Source::Crate {
        package: "trunk",
        args: &["--locked", "--no-default-features"],
        opt_level: Some("0"),
        minutes: 4,
    },
};

/// Makes the JavaScript that loads the page's WebAssembly. trunk calls it.
pub(crate) const WASM_BINDGEN: Tool = Tool {
    name: "wasm-bindgen",
    version: Wanted::AsLocked("wasm-bindgen"),
    // not --locked: its lock file names versions that were taken back
    source: Source::Crate {
        package: "wasm-bindgen-cli",
        args: &["--no-default-features", "--bin=wasm-bindgen"],
        // it has megabytes to work on
        opt_level: Some("1"),
        minutes: 2,
    },
};

/// Makes the page's WebAssembly smaller. trunk calls it.
pub(crate) const WASM_OPT: Tool = Tool {
    name: "wasm-opt",
    version: Wanted::Exactly("132"),
    source: Source::Npm { package: "binaryen", version: "132.0.0" },
};

/// Makes the page's JavaScript shorter.
pub(crate) const ESBUILD: Tool = Tool {
    name: "esbuild",
    version: Wanted::Exactly("0.28.2"),
    source: Source::Npm { package: "esbuild", version: "0.28.2" },
};

/// Checks licences and sources of the dependencies.
pub(crate) const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    version: Wanted::Exactly("0.20.2"),
    source: Source::Crate {
        package: "cargo-deny",
        args: &["--locked"],
        opt_level: Some("0"),
        minutes: 1,
    },
};

/// Looks for input that breaks the codec.
pub(crate) const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    version: Wanted::Exactly("0.13.2"),
    source: Source::Crate {
        package: "cargo-fuzz",
        args: &["--locked"],
        opt_level: Some("0"),
        minutes: 1,
    },
};

/// What cargo-fuzz compiles with.
pub(crate) const NIGHTLY: Tool =
    Tool { name: "nightly", version: Wanted::Any, source: Source::Toolchain };

/// Counts instructions.
pub(crate) const VALGRIND: Tool =
    Tool { name: "valgrind", version: Wanted::Any, source: Source::Apt { package: "valgrind" } };

/// The browser of the end-to-end tests.
pub(crate) const CHROMIUM: Tool =
    Tool { name: "chromium", version: Wanted::Any, source: Source::Apt { package: "chromium" } };

/// Reads a capture with our dissector, for the tests to compare.
pub(crate) const TSHARK: Tool =
    Tool { name: "tshark", version: Wanted::Any, source: Source::Apt { package: "tshark" } };

/// Runs the cases of the Autobahn test suite; it is run with its own folder as PYTHONPATH.
pub(crate) const KOSOKU: Tool =
    Tool { name: "kosoku", version: Wanted::Exactly("0.1.0"), source: Source::Pip };

/// A proxy that the bridge is measured beside.
pub(crate) const HAPROXY: Tool =
    Tool { name: "haproxy", version: Wanted::Any, source: Source::Apt { package: "haproxy" } };

/// A bridge that ours is measured beside.
pub(crate) const WEBSOCAT: Tool = Tool {
    name: "websocat",
    version: Wanted::Exactly("1.14.1"),
    source: Source::Crate {
        package: "websocat",
        // all that it has by default but TLS, which needs OpenSSL's headers and is not measured
        args: &[
            "--locked",
            "--no-default-features",
            "--features=signal_handler,tokio-process,unix_stdio,compression",
        ],
        opt_level: None,
        minutes: 3,
    },
};

/// Another one.
pub(crate) const WEBSOCKIFY: Tool = Tool {
    name: "websockify",
    version: Wanted::Any,
    source: Source::Apt { package: "websockify" },
};

/// What the bridge is measured beside.
pub(crate) const FOR_COMPARISON: [Tool; 3] = [HAPROXY, WEBSOCAT, WEBSOCKIFY];

/// What the page is built with.
pub(crate) const FOR_PAGE: &[Tool] = &[WASM_TARGET, TRUNK, WASM_BINDGEN, WASM_OPT, ESBUILD];

/// What the tests beside the code need.
pub(crate) const FOR_TESTS: &[Tool] = &[WASM_TARGET, TSHARK];

/// The tools that were asked for, found or installed.
#[derive(Default)]
pub(crate) struct Toolbox {
    found: Vec<(&'static str, PathBuf)>,
}

impl Toolbox {
    /// Finds the tools, and installs those that are missing.
    ///
    /// What comes from npm may stay missing: without Node.js it cannot be had, and the page is only larger for it.
    pub(crate) fn prepare(workspace: &Workspace, step: &mut Step, tools: &[Tool]) -> Result<Self> {
        let mut toolbox = Self::default();
        for tool in tools {
            if let Some(program) = toolbox.find_or_install(workspace, step, tool)? {
                toolbox.found.push((tool.name, program));
            }
        }
        Ok(toolbox)
    }

    /// As [`prepare`](Self::prepare) for what can be done without: tells what is missing, and why.
    pub(crate) fn prepare_if_possible(
        workspace: &Workspace,
        step: &mut Step,
        tools: impl IntoIterator<Item = Tool>,
    ) -> Self {
        let mut toolbox = Self::default();
        for tool in tools {
            match toolbox.find_or_install(workspace, step, &tool) {
                Ok(program) => toolbox.found.extend(program.map(|program| (tool.name, program))),
                Err(error) => step.say(format_args!("without {}: {error:#}", tool.name)),
            }
        }
        toolbox
    }

    /// Whether a tool is there.
    pub(crate) fn has(&self, tool: &Tool) -> bool {
        self.path(tool).is_some()
    }

    /// A command that runs a tool, with all the others found first on its PATH.
    pub(crate) fn command(&self, tool: &Tool) -> Result<Command> {
        let Some(path) = self.path(tool) else { bail!("{} is not there", tool.name) };
        let mut command = process::program(path);
        command.env("PATH", self.search_path()?);
        Ok(command)
    }

    /// Where a tool is.
    pub(crate) fn path(&self, tool: &Tool) -> Option<&Path> {
        self.found.iter().find(|(name, _)| *name == tool.name).map(|(_, path)| path.as_path())
    }

    fn search_path(&self) -> Result<OsString> {
        let ours = self.found.iter().filter_map(|(_, path)| path.parent().map(Path::to_owned));
        let path = std::env::var_os("PATH").unwrap_or_default();
        Ok(std::env::join_paths(ours.chain(std::env::split_paths(&path)))?)
    }

    fn find_or_install(
        &self,
        workspace: &Workspace,
        step: &mut Step,
        tool: &Tool,
    ) -> Result<Option<PathBuf>> {
        let version = match tool.version {
            Wanted::Exactly(version) => version.to_owned(),
            Wanted::AsLocked(package) => workspace.locked_version(package)?,
            Wanted::Any => String::new(),
        };
        step.at(format!("looking for {}", tool.name));
        match tool.source {
            Source::Target => install::target(step, tool.name).map(|()| None),
            Source::Toolchain => install::toolchain(step, tool.name).map(|()| None),
            Source::Crate { package, args, opt_level, minutes } => {
                if let Some(path) = version::on_path(tool.name, &version) {
                    return Ok(Some(path));
                }
                let from = install::Crate { package, args, opt_level, minutes };
                install::from_crate(workspace, step, tool.name, &version, &from).map(Some)
            }
            Source::Npm { package, version: npm_version } => {
                if let Some(path) = version::on_path(tool.name, &version) {
                    return Ok(Some(path));
                }
                install::from_npm(step, tool.name, &version, package, npm_version)
            }
            Source::Pip => {
                if version::which("python3").is_none() || !install::has_pip() {
                    install::from_apt(step, "python3", "python3-pip")?;
                }
                install::from_pip(step, tool.name, &version).map(Some)
            }
            Source::Apt { package } => {
                if version::installed(tool.name).is_none() {
                    install::from_apt(step, tool.name, package)?;
                }
                Ok(version::installed(tool.name))
            }
        }
    }
}

/// Whether a program of this name is on PATH.
pub(crate) fn is_on_path(name: &str) -> bool {
    version::which(name).is_some()
}
