//! WebSocket conformance: the cases of the Autobahn test suite, run by kosoku against mig33-bridge with an echo behind
//! it. With `--framing raw` the bridge passes any bytes, so that the suite's own messages come back.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;
use crate::programs::{self, Profile};
use crate::progress::{Progress, Step};
use crate::tools::{KOSOKU, Toolbox};
use crate::workspace::Workspace;

/// Cases that do not apply to a bridge between WebSocket and a stream of bytes, and why.
const NOT_APPLICABLE: &[(&str, &[&str])] = &[
    ("they measure speed, and use text", &["9.*"]),
    ("compression is not offered: the gain on short packets is small", &["12.*", "13.*"]),
    ("an empty message has no bytes that could come back", &["1.2.1"]),
    (
        "a stream has no messages: so long a one is read in several parts, and comes back in several",
        &["1.2.6", "1.2.7", "1.2.8"],
    ),
    (
        "they wait for text to come back, and packets are binary: valid text is refused with 1003",
        &[
            "1.1.*", "5.3", "5.4", "5.5", "5.6", "5.7", "5.8", "5.19", "5.20", "6.1.*", "6.2.*",
            "6.5.*", "6.6.2", "6.6.5", "6.6.7", "6.6.9", "6.6.11", "6.7.*", "6.9.*", "6.11.*",
            "6.22.*", "6.23.*", "7.1.1", "10.1.1",
        ],
    ),
];

/// Cases in which the text that comes before the wrong frame is refused already, with 1003 in place of the frame's 1002:
/// the suite calls that non-strict, and the code wrong.
const NON_STRICT: &[&str] = &[
    "3.2", "3.3", "3.4", "4.1.3", "4.1.4", "4.1.5", "4.2.3", "4.2.4", "4.2.5", "5.15", "6.4.3",
    "6.4.4",
];

/// `cargo xtask conformance`: builds what is tested, then tests.
pub(crate) fn command(workspace: &Workspace) -> Result<()> {
    let mut progress = Progress::new(3);
    progress
        .step("building the program", |step| programs::build(workspace, Profile::Release, step))?;
    let tools = progress.step("getting the test suite", |step| tools(workspace, step))?;
    let passed = progress.step("testing", |step| run(workspace, &tools, step))?;
    println!("{passed} passed, 0 failed");
    Ok(())
}

/// The test suite.
pub(crate) fn tools(workspace: &Workspace, step: &mut Step) -> Result<Toolbox> {
    Toolbox::prepare(workspace, step, &[KOSOKU])
}

/// Runs the cases that apply against the built program; how many there were. An error if any is not as it should be.
pub(crate) fn run(workspace: &Workspace, tools: &Toolbox, step: &mut Step) -> Result<u64> {
    let (bridge, address) = start_bridge(workspace, echo()?)?;
    let reports = workspace.target.join("conformance");
    let _ = fs::remove_dir_all(&reports);
    fs::create_dir_all(&reports)?;
    let mut suite = tools.command(&KOSOKU)?;
    let program = tools.path(&KOSOKU).context("the test suite is not there")?;
    let packages = program.parent().and_then(Path::parent).context("it stands in a folder")?;
    suite
        .env("PYTHONPATH", packages)
        .args(["-m", "fuzzingclient", "-p", "4"])
        .arg(format!("{address}/ws"))
        .arg("-o")
        .arg(&reports);
    for (_, cases) in NOT_APPLICABLE {
        for case in *cases {
            suite.args(["-x", case]);
        }
    }
    step.at("running the cases".to_owned());
    // it fails where a case does, which the reports tell better
    let _ = process::ask(&mut suite);
    drop(bridge);
    let index = reports.join("index.json");
    let text = fs::read_to_string(&index)
        .with_context(|| format!("the test suite has written no {}", index.display()))?;
    judge(&text)
}

/// What the suite says of a case.
#[derive(Deserialize)]
struct Case {
    behavior: String,
    #[serde(rename = "behaviorClose")]
    close: String,
}

/// How many cases there were; an error that names those that are not as they should be.
fn judge(index: &str) -> Result<u64> {
    let agents: BTreeMap<String, BTreeMap<String, Case>> = serde_json::from_str(index)?;
    let cases = agents.into_values().next().unwrap_or_default();
    if cases.len() < 100 {
        bail!("only {} cases were run", cases.len());
    }
    let mut wrong = Vec::new();
    for (name, case) in &cases {
        let is_known = NON_STRICT.contains(&name.as_str());
        let is_good = match (case.behavior.as_str(), case.close.as_str()) {
            ("OK" | "INFORMATIONAL", "OK" | "INFORMATIONAL") => true,
            ("NON-STRICT", "OK" | "WRONG CODE") => is_known,
            _ => false,
        };
        if !is_good {
            wrong.push(format!("{name}: {}, close {}", case.behavior, case.close));
        }
    }
    if wrong.is_empty() { Ok(cases.len() as u64) } else { bail!("{}", wrong.join("\n")) }
}

/// A server that returns every byte, for as long as this program runs.
fn echo() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut back = stream.try_clone()?;
                io::copy(&mut &stream, &mut back)
            });
        }
    });
    Ok(address)
}

/// A bridge that is ended with this.
struct Bridge(Child);

impl Drop for Bridge {
    fn drop(&mut self) {
        // it may have ended by itself, which the reports tell
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_bridge(workspace: &Workspace, upstream: SocketAddr) -> Result<(Bridge, String)> {
    let path = programs::path(workspace, Profile::Release, "mig33-bridge");
    let mut command = process::program(path);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MIG33_")) {
        command.env_remove(name);
    }
    let mut child = command
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .args(["--framing", "raw", "--log", "warn", "--upstream", &upstream.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("mig33-bridge cannot be started")?;
    let output = child.stdout.take().context("standard output is a pipe")?;
    let bridge = Bridge(child);
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let address = line
        .trim_end()
        .strip_prefix("listening page http://")
        .with_context(|| format!("mig33-bridge said {line:?} in place of where it listens"))?;
    Ok((bridge, address.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(odd: &str) -> String {
        let mut cases: Vec<String> = (0..120)
            .map(|number| {
                format!(r#""2.{number}": {{"behavior": "OK", "behaviorClose": "OK", "x": 1}}"#)
            })
            .collect();
        cases.push(odd.to_owned());
        format!(r#"{{"agent": {{{}}}}}"#, cases.join(","))
    }

    #[test]
    fn a_case_is_good_or_known() {
        let case = |name: &str, behavior: &str, close: &str| {
            index(&format!(r#""{name}": {{"behavior": "{behavior}", "behaviorClose": "{close}"}}"#))
        };
        assert_eq!(judge(&case("7.1.6", "INFORMATIONAL", "INFORMATIONAL")).unwrap(), 121);
        assert_eq!(judge(&case("3.2", "NON-STRICT", "WRONG CODE")).unwrap(), 121);
        for bad in [
            case("3.9", "NON-STRICT", "OK"),
            case("7.5.1", "OK", "WRONG CODE"),
            case("5.1", "FAILED", "OK"),
        ] {
            assert!(judge(&bad).is_err(), "{bad}");
        }
        assert!(judge(r#"{"agent": {}}"#).is_err(), "nothing was run");
    }
}
