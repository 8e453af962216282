//! What is measured beside each other: one table, and how each is started.
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::ValueEnum;
use tempfile::TempDir;

use crate::Bridge;
use crate::link::Target;
use crate::programs::Running;

/// A way to the upstream.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contender {
    /// The upstream itself: nothing can be faster
    Tcp,
    /// HAProxy in TCP mode, Debian's package: a proxy that has nothing to do but pass bytes on
    Haproxy,
    /// websocat, one process for all connections
    Websocat,
    /// websockify, Debian's package: a process for each connection
    Websockify,
    /// mig33-bridge, plain tunnels
    Bridge,
    /// mig33-bridge, sessions that outlive their connection (spec/resume.md)
    Resume,
}

impl Contender {
    /// All, in the order of the table.
    pub(crate) const ALL: [Self; 6] =
        [Self::Tcp, Self::Haproxy, Self::Websocat, Self::Websockify, Self::Bridge, Self::Resume];

    /// Its key in JSON, and its name on the command line.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Haproxy => "haproxy",
            Self::Websocat => "websocat",
            Self::Websockify => "websockify",
            Self::Bridge => "bridge",
            Self::Resume => "resume",
        }
    }

    /// What its column is called.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Tcp => "plain TCP",
            Self::Haproxy => "HAProxy",
            Self::Websocat => "websocat",
            Self::Websockify => "websockify",
            Self::Bridge => "bridge",
            Self::Resume => "resume",
        }
    }

    /// Whether it has a process for each connection: it is asked for fewer then.
    pub(crate) const fn forks(self) -> bool {
        matches!(self, Self::Websockify)
    }

    /// Starts it, in front of `upstream`.
    ///
    /// # Errors
    /// The program is not there, or does not start.
    pub(crate) async fn start(self, options: &Bridge, upstream: SocketAddr) -> Result<Started> {
        let to = upstream.to_string();
        match self {
            Self::Tcp => Ok(Started { running: None, target: Target::Tcp(upstream), _files: None }),
            Self::Haproxy => {
                let program = found(&options.haproxy)?;
                let files = tempfile::tempdir()?;
                let config = files.path().join("haproxy.cfg");
                let arguments = |listen| {
                    fs::write(&config, haproxy_config(listen, upstream))?;
                    Ok(vec!["-db".into(), "-f".into(), config.into()])
                };
                let (running, address) = Running::on_free_port(&program, arguments).await?;
                let target = Target::Tcp(address);
                Ok(Started { running: Some(running), target, _files: Some(files) })
            }
            Self::Websocat => {
                let arguments = |listen| {
                    // without --exit-on-eof it warns that it may leak sockets
                    let [from, to] = [format!("ws-l:{listen}"), format!("tcp:{to}")];
                    Ok(["--binary", "--exit-on-eof", &from, &to].map(Into::into).into())
                };
                let program = found(&options.websocat)?;
                let (running, address) = Running::on_free_port(&program, arguments).await?;
                Ok(Started::behind(running, Target::WebSocket(address)))
            }
            Self::Websockify => {
                let arguments = |listen: SocketAddr| Ok(vec![listen.to_string().into(), to.into()]);
                let program = found(&options.websockify)?;
                let (running, address) = Running::on_free_port(&program, arguments).await?;
                Ok(Started::behind(running, Target::WebSocket(address)))
            }
            Self::Bridge | Self::Resume => {
                let program = &options.program.bridge;
                let (running, page) = Running::bridge(program, &["--upstream", &to]).await?;
                let is_session = self == Self::Resume;
                let target = if is_session { Target::Resume(page) } else { Target::Bridge(page) };
                Ok(Started::behind(running, target))
            }
        }
    }
}

/// A contender that runs.
pub(crate) struct Started {
    /// Its process; none for the upstream itself.
    pub(crate) running: Option<Running>,
    pub(crate) target: Target,
    /// What it reads.
    _files: Option<TempDir>,
}

impl Started {
    fn behind(running: Running, target: Target) -> Self {
        Self { running: Some(running), target, _files: None }
    }
}

/// What somebody writes who wants a TCP proxy. Threads are left to HAProxy: one for each processor.
fn haproxy_config(listen: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h

listen bench
    bind {listen}
    server upstream {upstream}
"
    )
}

/// Where a program is: a path, or a name to look for as a shell does, and where Debian has what only root runs.
fn found(program: &PathBuf) -> Result<PathBuf> {
    let is_name = program.components().count() == 1;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let mut places: Vec<PathBuf> = folders.map(|folder| folder.join(program)).collect();
    if !is_name {
        places = vec![program.clone()];
    }
    match places.into_iter().find(|place| place.is_file()) {
        Some(place) => Ok(place),
        None => bail!("{} is not installed", program.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_its_path_or_its_name() {
        assert!(found(&PathBuf::from("sh")).unwrap().is_absolute());
        let this = std::env::current_exe().unwrap();
        assert_eq!(found(&this).unwrap(), this);
        let missing = found(&PathBuf::from("no-such-program")).unwrap_err();
        assert_eq!(missing.to_string(), "no-such-program is not installed");
    }

    #[test]
    fn keys_are_the_names_of_the_command_line() {
        for contender in Contender::ALL {
            assert_eq!(Contender::from_str(contender.key(), false), Ok(contender));
        }
    }
}
