//! The upstream of a scenario, in this process: each of its connections is served in the scenario's own way.
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Bytes that the kernel keeps for a side that does not read; without a limit it is megabytes.
pub(crate) const RECEIVE_BUFFER: u32 = 32 * 1024;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A listener that serves whoever comes, until it is dropped.
pub(crate) struct Upstream<T> {
    address: SocketAddr,
    ended: mpsc::UnboundedReceiver<T>,
    _serving: JoinSet<()>,
}

impl<T: Send + 'static> Upstream<T> {
    /// Serves each connection with `serve`; what that returns is told by [`ended`](Self::ended).
    pub(crate) async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Result<Self>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let socket = TcpSocket::new_v4()?;
        // its connections have the same: what is not read is the bridge's to hold, not the kernel's
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let (tell, ended) = mpsc::unbounded_channel();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let Ok((stream, _)) = accepted else { return };
                        // it is a matter of speed only
                        let _ = stream.set_nodelay(true);
                        connections.spawn(serve(stream));
                    }
                    Some(Ok(ended)) = connections.join_next() => {
                        // the scenario may have ended already
                        let _ = tell.send(ended);
                    }
                }
            }
        });
        Ok(Self { address, ended, _serving: serving })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What came of the next connection that has ended.
    pub(crate) async fn ended(&mut self, within: Duration) -> Result<T> {
        timeout(within, self.ended.recv())
            .await
            .with_context(|| format!("an upstream connection has not ended after {within:?}"))?
            .context("the upstream has ended")
    }

    /// What came of those that have ended meanwhile.
    pub(crate) fn ended_already(&mut self) -> Vec<T> {
        std::iter::from_fn(|| self.ended.try_recv().ok()).collect()
    }
}
