//! `Service`: the whole chat service behind one handle.
use std::net::IpAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use crate::settings::{Settings, SettingsError};

/// The chat service. A clone is another handle to the same one.
#[derive(Clone, Debug)]
pub struct Service {
    settings: Arc<Settings>,
}

/// What is known about a client before it has said anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// Its address, for the limits by address; none for a connection from within the machine.
    pub peer: Option<IpAddr>,
    /// What the addresses of pictures start with for this client: `http://HOST:PORT`.
    pub base_url: Option<String>,
}

/// Why the service did not start, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

impl Service {
    /// Opens the data folder and makes it ready.
    ///
    /// # Errors
    /// [`StartError`], whose text says what to do.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        settings.database_file()?;
        Ok(Self { settings: Arc::new(settings) })
    }

    /// Serves one client until its session ends.
    pub async fn serve_connection<S>(&self, stream: S, client: ClientInfo)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let _ = (stream, client, &self.settings);
    }

    /// The addresses below `/pictures/`: PUT to an upload address, GET to see.
    pub fn http_router(&self) -> axum::Router {
        axum::Router::new()
    }

    /// Serves the clients that come to this listener, until [`shutdown`](Self::shutdown).
    pub async fn listen(&self, listener: TcpListener) {
        drop(listener);
    }

    /// Ends all sessions with the reason `shutdown`, waits for what is under way, and closes the database.
    pub async fn shutdown(&self) {}

    /// Adds the service's figures to a registry.
    pub fn register_metrics(&self, registry: &mut prometheus_client::registry::Registry) {
        let _ = registry;
    }
}
