//! The processes of a measurement: started, asked where they listen, and ended with it, whatever they have started.
use std::ffi::{OsStr, OsString};
use std::io::{Read, Seek};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::usage::Usage;

/// This program, also when a newer one has been built in its place meanwhile.
const THIS: &str = "/proc/self/exe";
/// How long a program may take until it listens.
const START_TIME: Duration = Duration::from_secs(10);
/// How often it is asked meanwhile.
const POLL: Duration = Duration::from_millis(20);

/// A process. It and all that it has started end when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pid: u32,
    child: Child,
}

impl Running {
    /// This tool as the upstream.
    pub(crate) async fn echo() -> Result<(Self, SocketAddr)> {
        let (running, [address]) =
            Self::announced(Path::new(THIS), &["echo"], ["echo"], Stdio::inherit()).await?;
        Ok((running, address))
    }

    /// The bridge, on free ports; where its page is.
    pub(crate) async fn bridge(program: &Path, arguments: &[&str]) -> Result<(Self, SocketAddr)> {
        let (running, [page]) =
            Self::bridge_at(program, arguments, ["page"], Stdio::inherit()).await?;
        Ok((running, page))
    }

    /// The bridge, on free ports; where these of its listeners are, named in the order in which it tells them.
    pub(crate) async fn bridge_at<const N: usize>(
        program: &Path,
        arguments: &[&str],
        listeners: [&str; N],
        errors: Stdio,
    ) -> Result<(Self, [SocketAddr; N])> {
        let always = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log", "warn"];
        // no upstream here lets anybody in with LOGIN_OK
        let no_login = ["--limit-login-bytes", "0"];
        let arguments = [&always, &no_login[..], arguments].concat();
        Self::announced(program, &arguments, listeners, errors).await.with_context(|| {
            format!("{} cannot be started: `cargo xtask build` makes it", program.display())
        })
    }

    /// A program that is told where to listen: `arguments` are made for an address.
    pub(crate) async fn on_free_port(
        program: &Path,
        arguments: impl FnOnce(SocketAddr) -> Result<Vec<OsString>>,
    ) -> Result<(Self, SocketAddr)> {
        // free at the moment; should somebody else take it, the program says so and ends
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?;
        let mut said = tempfile::tempfile()?;
        let mut running =
            Self::start(program, &arguments(address)?, Stdio::null(), said.try_clone()?.into())?;
        let start = Instant::now();
        loop {
            let is_there = TcpStream::connect(address).await.is_ok();
            if let Some(status) = running.child.try_wait()? {
                let mut text = String::new();
                said.rewind()?;
                said.read_to_string(&mut text)?;
                bail!("it ended ({status}): {}", text.trim().lines().next_back().unwrap_or("–"));
            }
            if is_there {
                return Ok((running, address));
            }
            if start.elapsed() > START_TIME {
                bail!("it does not listen after {} s", START_TIME.as_secs());
            }
            sleep(POLL).await;
        }
    }

    /// Its process id.
    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    /// What it and all that it has started have used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        Usage::of(self.pid)
    }

    /// Asks the process itself to end (SIGTERM).
    pub(crate) fn terminate(&self) -> Result<()> {
        // as long as nobody has waited for it, its id is nobody else's
        let id = self.child.id().context("the process has ended")?;
        let pid = Pid::from_raw(i32::try_from(id)?).context("0 is no process")?;
        Ok(kill_process(pid, Signal::TERM)?)
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait().await?)
    }

    /// A program of ours, whose first lines are `listening WHAT [http://]ADDRESS`.
    async fn announced<const N: usize>(
        program: &Path,
        arguments: &[&str],
        what: [&str; N],
        errors: Stdio,
    ) -> Result<(Self, [SocketAddr; N])> {
        let mut running = Self::start(program, arguments, Stdio::piped(), errors)?;
        let mut output =
            BufReader::new(running.child.stdout.take().context("standard output is a pipe")?);
        let mut addresses = [SocketAddr::from(([0; 4], 0)); N];
        for (what, address) in what.iter().zip(&mut addresses) {
            let mut line = String::new();
            tokio::time::timeout(START_TIME, output.read_line(&mut line)).await??;
            let Some(rest) = line.strip_prefix(&format!("listening {what} ")) else {
                bail!("the program said {line:?} in place of where it listens");
            };
            *address = rest.trim_end().trim_start_matches("http://").parse()?;
        }
        // it may go on writing, to a pipe that somebody holds
        running.child.stdout = Some(output.into_inner());
        Ok((running, addresses))
    }

    fn start(
        program: &Path,
        arguments: &[impl AsRef<OsStr>],
        output: Stdio,
        errors: Stdio,
    ) -> Result<Self> {
        let mut command = Command::new(THIS);
        command.arg("leash").arg(program).args(arguments);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MIG33_")) {
            command.env_remove(name);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            // a group of its own, to end together
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().context("the process has ended at once")?;
        Ok(Self { pid, child })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // as long as nobody has waited for it, its id is nobody else's
        if let (Some(id), Ok(None)) = (self.child.id(), self.child.try_wait())
            && let Some(group) = i32::try_from(id).ok().and_then(Pid::from_raw)
        {
            // it may have ended a moment ago
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
