//! `Offer`: the TLS of the page's listener, wherever its certificate comes from.
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use tokio_util::sync::CancellationToken;

#[cfg(feature = "acme")]
use super::acme::{self, Acme};
use super::certificate::{Certificate, watch};
use super::{TlsError, provider};
use crate::bridge::Shared;
use crate::settings::Settings;

/// What ALPN calls HTTP/1.1 (RFC 7301 section 6).
const HTTP_1_1: &[u8] = b"http/1.1";

/// TLS for a listener.
pub(crate) struct Offer {
    acceptor: TlsAcceptor,
    source: Source,
}

/// Where the certificate comes from.
enum Source {
    Files(Arc<Certificate>),
    #[cfg(feature = "acme")]
    Authority(Box<Acme>),
}

impl Offer {
    /// What the settings ask for; none: the listener speaks no TLS.
    ///
    /// # Errors
    /// It cannot be had.
    pub(crate) fn of(settings: &Settings) -> Result<Option<Self>, TlsError> {
        let files = match (&settings.tls_cert, &settings.tls_key) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some(Certificate::load(cert, key)?),
            (Some(_), None) | (None, Some(_)) => return Err(TlsError::Half),
        };
        #[cfg(feature = "acme")]
        if !settings.acme.domains.is_empty() {
            if files.is_some() {
                return Err(TlsError::Both);
            }
            let acme = Acme::new(&settings.acme)?;
            let protocols = vec![HTTP_1_1.to_vec(), acme::PROTOCOL.to_vec()];
            let acceptor = acceptor(acme.resolver(), protocols)?;
            return Ok(Some(Self { acceptor, source: Source::Authority(Box::new(acme)) }));
        }
        files
            .map(|files| {
                let acceptor = acceptor(Arc::clone(&files) as _, vec![HTTP_1_1.to_vec()])?;
                Ok(Self { acceptor, source: Source::Files(files) })
            })
            .transpose()
    }

    /// What shakes hands with clients, with the certificate that is current then.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Sees to it that the certificate is current, until told to stop.
    pub(crate) async fn keep_up(self, shared: Arc<Shared>, stop: CancellationToken) {
        match self.source {
            Source::Files(certificate) => watch(certificate, shared, stop).await,
            #[cfg(feature = "acme")]
            Source::Authority(acme) => acme.keep_up(shared, stop).await,
        }
    }
}

fn acceptor(
    resolver: Arc<dyn ResolvesServerCert>,
    protocols: Vec<Vec<u8>>,
) -> Result<TlsAcceptor, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = protocols;
    // what a client needs to be quick when it comes back, it keeps itself
    config.ticketer = ring::Ticketer::new()?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(TlsAcceptor::from(Arc::new(config)))
}
