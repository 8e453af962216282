//! The bridge that is maltreated: a process of its own, asked how it is, and whether it has cried.
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::programs::Running;

/// How long it may take to answer for its health.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// How often it is asked.
const POLL: Duration = Duration::from_millis(50);

/// A bridge before an upstream.
pub(crate) struct Subject {
    running: Running,
    page: SocketAddr,
    admin: SocketAddr,
    /// What it says on standard error.
    said: File,
    /// Files that it had open before anybody came.
    files: usize,
}

impl Subject {
    pub(crate) async fn start(
        program: &Path,
        upstream: SocketAddr,
        arguments: &[&str],
    ) -> Result<Self> {
        let upstream = upstream.to_string();
        let arguments = [&["--upstream", upstream.as_str()], arguments].concat();
        let said = tempfile::tempfile()?;
        let errors = said.try_clone()?.into();
        let (running, [page, admin]) =
            Running::bridge_at(program, &arguments, ["page", "admin"], errors).await?;
        let mut subject = Self { running, page, admin, said, files: 0 };
        subject.healthy().await?;
        subject.files = subject.open_files()?;
        Ok(subject)
    }

    /// Where the page and `/ws` are.
    pub(crate) const fn page(&self) -> SocketAddr {
        self.page
    }

    /// MiB of its memory that are resident.
    pub(crate) fn resident(&self) -> Result<f64> {
        Ok(self.running.usage()?.resident / 1024.0)
    }

    /// That it answers for its health.
    pub(crate) async fn healthy(&self) -> Result<()> {
        let answer = self.get("/healthz").await?;
        ensure!(answer.starts_with("HTTP/1.1 200 "), "/healthz answers {answer:?}");
        Ok(())
    }

    /// One of its figures, by its whole name and labels behind `mig33_bridge_`.
    pub(crate) async fn figure(&self, name: &str) -> Result<u64> {
        let text = self.get("/metrics").await?;
        figure(&text, name).with_context(|| format!("/metrics has no {name}"))
    }

    /// Waits until nobody is there any more: no connection, no session that waits, and no more files than at the
    /// start.
    pub(crate) async fn empties(&self, within: Duration) -> Result<()> {
        let end = Instant::now() + within;
        loop {
            let connections = self.figure("connections_open").await?;
            let detached = self.figure("sessions_detached").await?;
            let files = self.open_files()?;
            if connections == 0 && detached == 0 && files <= self.files {
                return Ok(());
            }
            if Instant::now() > end {
                // a task that has panicked leaves its connection behind: that is what there is to say then
                self.quiet()?;
                bail!(
                    "after {} s it still has {connections} connections and {detached} detached sessions open, and {files} files in place of {}",
                    within.as_secs(),
                    self.files
                );
            }
            sleep(POLL).await;
        }
    }

    /// Asks it to end (SIGTERM).
    pub(crate) fn terminate(&self) -> Result<()> {
        self.running.terminate()
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self, within: Duration) -> Result<ExitStatus> {
        timeout(within, self.running.ended())
            .await
            .with_context(|| format!("the bridge has not ended after {within:?}"))?
    }

    /// That it is as well as it was at the start.
    pub(crate) async fn unharmed(&self) -> Result<()> {
        self.healthy().await?;
        self.quiet()
    }

    /// That nothing in it has panicked, which a task does by itself, without the process ending.
    pub(crate) fn quiet(&self) -> Result<()> {
        let mut said = String::new();
        let mut file = self.said.try_clone()?;
        file.rewind()?;
        file.read_to_string(&mut said)?;
        ensure!(!said.contains("panicked"), "the bridge said: {said}");
        Ok(())
    }

    fn open_files(&self) -> Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.running.pid()))?.count())
    }

    async fn get(&self, path: &str) -> Result<String> {
        let asking = async {
            let mut stream = TcpStream::connect(self.admin).await?;
            let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            anyhow::Ok(answer)
        };
        timeout(ANSWER_TIME, asking).await.with_context(|| format!("no answer at {path}"))?
    }
}

/// The value in a line `mig33_bridge_NAME VALUE`.
fn figure(text: &str, name: &str) -> Option<u64> {
    let values = text.lines().filter_map(|line| {
        line.strip_prefix("mig33_bridge_")?.strip_prefix(name)?.strip_prefix(' ')
    });
    values.map(str::trim).find_map(|value| value.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_found_by_its_whole_name() {
        let text = "# HELP\r\nmig33_bridge_connections_open 3\nmig33_bridge_connections_total 9\nmig33_bridge_resumes_total{outcome=\"resumed\"} 5\n";
        assert_eq!(figure(text, "connections_open"), Some(3));
        assert_eq!(figure(text, "resumes_total{outcome=\"resumed\"}"), Some(5));
        assert_eq!(figure(text, "connections"), None);
    }
}
