//! The processes that are measured: started, asked where they listen and what they use, and ended with the measurement.
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// The clock ticks a second that /proc counts CPU time in, on Linux always.
const TICKS: f64 = 100.0;

/// A process that says where it listens on standard output.
#[derive(Debug)]
pub(crate) struct Running {
    pid: u32,
    output: BufReader<ChildStdout>,
    /// Ends the process when it is dropped.
    _child: Child,
}

/// What a process has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Seconds of CPU time, its own and the kernel's for it.
    pub(crate) cpu: f64,
    /// KiB of memory that are resident.
    pub(crate) resident: f64,
}

impl Running {
    /// This tool as the upstream.
    pub(crate) async fn echo() -> Result<(Self, SocketAddr)> {
        let this = std::env::current_exe()?;
        let mut running = Self::start(Command::new(this).arg("echo"))?;
        let address = running.address("echo").await?;
        Ok((running, address))
    }

    /// The bridge, on free ports; where its page is.
    pub(crate) async fn bridge(program: &Path, arguments: &[&str]) -> Result<(Self, SocketAddr)> {
        let mut command = Command::new(program);
        command
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log", "warn"])
            .args(arguments);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MIG33_")) {
            command.env_remove(name);
        }
        let mut running = Self::start(&mut command).with_context(|| {
            format!("{} cannot be started: `cargo xtask build` makes it", program.display())
        })?;
        let address = running.address("page").await?;
        Ok((running, address))
    }

    fn start(command: &mut Command) -> Result<Self> {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let pid = child.id().context("the process has ended at once")?;
        let output = BufReader::new(child.stdout.take().context("standard output is a pipe")?);
        Ok(Self { pid, output, _child: child })
    }

    /// The address in the next line, `listening WHAT [http://]ADDRESS`.
    async fn address(&mut self, what: &str) -> Result<SocketAddr> {
        let mut line = String::new();
        self.output.read_line(&mut line).await?;
        let Some(rest) = line.strip_prefix(&format!("listening {what} ")) else {
            bail!("the program said {line:?} in place of where it listens");
        };
        Ok(rest.trim_end().trim_start_matches("http://").parse()?)
    }

    /// Its process id.
    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).context("reading /proc")?;
        let (_, after_name) =
            stat.rsplit_once(')').context("/proc/PID/stat has the name in brackets")?;
        let ticks = |index: usize| -> Result<f64> {
            Ok(after_name
                .split_whitespace()
                .nth(index)
                .context("/proc/PID/stat has CPU times")?
                .parse()?)
        };
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next())
            .context("/proc/PID/status has VmRSS")?;
        Ok(Usage { cpu: (ticks(11)? + ticks(12)?) / TICKS, resident: resident.parse()? })
    }
}
