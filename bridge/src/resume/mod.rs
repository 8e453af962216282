//! `mig33.resume`: sessions that outlive their WebSocket (spec/resume.md).
//!
//! A client's first message says whether it is new; [`Registry`] knows the sessions that can be gone on with, and a
//! `Session` is one of them.

mod connected;
mod control;
mod keepalive;
mod opening;
mod registry;
mod replay;
mod session;
mod to_server;
mod token;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tracing::debug;

pub(crate) use self::control::NOT_RESUMED;
use self::control::{First, Reason};
use self::opening::first_message;
use self::registry::Refused;
pub use self::registry::{Arrival, Limits, Registry};
use self::session::Session;
use crate::close::End;
use crate::metrics::closed;
use crate::upstream::BreakOff;
use crate::websocket::refuse;

impl<C: AsyncRead + AsyncWrite + Send + Unpin + 'static> Registry<C> {
    /// Serves a connection: begins a session on what `connect` gives, or hands it to the session that its client goes on
    /// with. `early` is what the client has sent behind its handshake. Returns when the session ends, or has the
    /// connection, or there is none.
    pub async fn serve<U: AsyncRead + AsyncWrite + BreakOff + Unpin>(
        self: Arc<Self>,
        arrival: Arrival<C>,
        mut early: Vec<u8>,
        connect: impl Future<Output = Result<U, End>> + Unpin,
        shutdown: impl Future<Output = End>,
    ) {
        let mut shutdown = pin!(shutdown);
        let connection = arrival.connection;
        let (arrival, server) = match self.admit(arrival, &mut early, shutdown.as_mut()).await {
            None => return,
            Some((arrival, Err(end))) => (arrival, Err(end)),
            Some((arrival, Ok(reason))) => (arrival, connect.await.map(|server| (server, reason))),
        };
        match server {
            Ok((server, reason)) => {
                let session = Session::new(&self, arrival, reason, server);
                let end = session.run(shutdown).await;
                debug!(connection, end = end.label(), "session ended");
            }
            Err(end) => {
                Box::pin(refuse(arrival.socket, arrival.reader, end)).await;
                closed(self.metrics(), connection, end);
            }
        }
    }

    /// Reads a connection's first message; why it begins a new session, or ends. None where its session has it.
    async fn admit(
        &self,
        mut arrival: Arrival<C>,
        early: &mut [u8],
        shutdown: Pin<&mut impl Future<Output = End>>,
    ) -> Option<(Arrival<C>, Result<Reason, End>)> {
        let first = tokio::select! {
            first = first_message(&mut arrival.socket, &mut arrival.reader, early) => first,
            end = shutdown => Err(end),
        };
        match first {
            Ok(First::New) => Some((arrival, Ok(Reason::New))),
            Ok(First::Resume { token, received }) => {
                let refused = self.hand_over(arrival, token, received).await.err()?;
                let Refused { arrival, instead } = refused;
                if let Ok(reason) = instead {
                    self.metrics().not_resumed(reason.label());
                    self.metrics().trace(arrival.connection).not_resumed(reason.label());
                }
                Some((arrival, instead))
            }
            Err(end) => Some((arrival, Err(end))),
        }
    }
}
