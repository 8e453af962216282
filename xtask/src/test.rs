//! `cargo xtask test`: every check there is, one after the other, all of them even if one fails.

mod report;
mod tally;

use anyhow::Result;

use self::report::Report;
use self::tally::{Runner, Tally};
use crate::process::{self, Show};
use crate::programs::{self, Profile};
use crate::progress::Step;
use crate::tools::{FOR_TESTS, Toolbox, WASM_TARGET};
use crate::workspace::Workspace;
use crate::{chaos, conformance, deny, e2e, instructions, page, tidy};

/// Runs the checks, prints a table of them and a last line `N passed, N failed`; an error if any failed.
///
/// What is compiled how often is chosen: everything once without optimisation for the unit and integration tests
/// (clippy and the documentation share their part), the page once, and the programs once as users get them, because
/// those are what the browser tests try.
pub(crate) fn test(workspace: &Workspace, quick: bool) -> Result<()> {
    let mut report = Report::new(if quick { 9 } else { 18 });

    report.step("tidy", |step, _| tidy::check(workspace, step));
    report.step("formatting", |step, _| cargo(workspace, step, &["fmt", "--all", "--check"]));

    report.step("tools", |step, _| Toolbox::prepare(workspace, step, FOR_TESTS).map(drop));

    let mut page_is_built = false;
    if !quick {
        let tools = report.step("tools for the page", |step, _| page::tools(workspace, step));
        page_is_built = match tools {
            Some(tools) => report
                .step("page", |step, _| {
                    page::build(workspace, &tools, step).and_then(|size| page::check_budget(&size))
                })
                .is_some(),
            None => report.skip("page", "needs its tools"),
        };
        report.step("licences", |step, _| {
            let tools = deny::tools(workspace, step)?;
            deny::check_offline(workspace, &tools, step)
        });
    }

    compiled(workspace, &mut report);

    if !quick {
        report.step("instructions", |step, _| instructions::check(workspace, step));
        let program =
            report.step("programs", |step, _| programs::build(workspace, Profile::Release, step));
        if program.is_some() {
            report.step("WebSocket conformance", |step, tally| {
                let tools = conformance::tools(workspace, step)?;
                tally.passed += conformance::run(workspace, &tools, step)?;
                Ok(())
            });
            report.step("chaos", |step, _| chaos::check(workspace, step));
        } else {
            report.skip("WebSocket conformance", "needs the programs");
            report.skip("chaos", "needs the programs");
        }
        let browser = report.step("browser", |step, _| e2e::install(workspace, step));
        match browser {
            Some(browser) if page_is_built && program.is_some() => {
                report.step("browser tests", |step, tally| {
                    let count = |line: &str| tally.read(Runner::Playwright, line);
                    e2e::run(workspace, &browser, step, &[], count)
                });
            }
            _ => {
                report.skip("browser tests", "need the page, the programs and the browser");
            }
        }
    }
    report.close()
}

/// What the compiler and the tests beside the code say.
fn compiled(workspace: &Workspace, report: &mut Report) {
    report.step("clippy", |step, _| {
        cargo(workspace, step, &["clippy", "--workspace", "--all-targets", "--", "-Dwarnings"])
    });
    report.step("clippy, page", |step, _| {
        let target = format!("--target={}", WASM_TARGET.name);
        cargo(workspace, step, &["clippy", "--package=mig33-web", &target, "--", "-Dwarnings"])
    });
    report.step("features of the bridge", |step, tally| features(workspace, step, tally));
    report.step("codec without std", |step, _| {
        let target = format!("--target={}", WASM_TARGET.name);
        cargo(
            workspace,
            step,
            &["build", "--package=mig33-codec", "--no-default-features", &target],
        )
    });
    report.step("unit and integration tests", |step, tally| tests(workspace, step, tally));
    report.step("documentation", |step, tally| {
        let mut doc = process::cargo_with_rustdoc();
        doc.args(["doc", "--workspace", "--no-deps"])
            .env("RUSTDOCFLAGS", "-Dwarnings")
            .current_dir(&workspace.root);
        process::run(step, &mut doc, Show::OnFailure)?;
        cargo_test(workspace, step, tally, &["--doc"])
    });
}

/// What nobody builds by default: clippy, and the tests that are about it.
fn features(workspace: &Workspace, step: &mut Step, tally: &mut Tally) -> Result<()> {
    let package = "--package=mig33-bridge";
    for features in ["--no-default-features", "--all-features"] {
        cargo(
            workspace,
            step,
            &["clippy", package, features, "--all-targets", "--", "-Dwarnings"],
        )?;
    }
    let mut command = process::cargo();
    command.args(["test", package, "--all-features", "--lib", "--"]);
    command.args(["acme", "reference", "settings"]);
    command.current_dir(&workspace.root);
    process::run_lines(step, &mut command, Show::All, |line| tally.read(Runner::CargoTest, line))
}

fn tests(workspace: &Workspace, step: &mut Step, tally: &mut Tally) -> Result<()> {
    let nextest = process::ask(process::cargo().args(["nextest", "--version"]));
    if nextest.is_none() {
        return cargo_test(workspace, step, tally, &["--all-targets"]);
    }
    let mut command = process::cargo();
    command
        .args(["nextest", "run", "--workspace", "--no-fail-fast"])
        .env("NEXTEST_SHOW_PROGRESS", "none")
        .current_dir(&workspace.root);
    process::run_lines(step, &mut command, Show::All, |line| tally.read(Runner::Nextest, line))
}

fn cargo_test(
    workspace: &Workspace,
    step: &mut Step,
    tally: &mut Tally,
    args: &[&str],
) -> Result<()> {
    let mut command = process::cargo_with_rustdoc();
    command.args(["test", "--workspace", "--no-fail-fast"]).args(args).current_dir(&workspace.root);
    process::run_lines(step, &mut command, Show::All, |line| tally.read(Runner::CargoTest, line))
}

fn cargo(workspace: &Workspace, step: &mut Step, args: &[&str]) -> Result<()> {
    let mut command = process::cargo();
    command.args(args).current_dir(&workspace.root);
    process::run(step, &mut command, Show::OnFailure)
}
