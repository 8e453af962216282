//! TLS, by rustls: the page's listener with a certificate that may change while it is used, and connections to upstreams.
//!
//! HTTP/1.1 is the only protocol that is offered: WebSockets need it, and nothing here needs another.

mod certificate;
mod upstream;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem;
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::{self, ServerConfig};

pub(crate) use self::certificate::{Certificate, Refreshed, watch};
pub(crate) use self::upstream::{connector, server_name};

/// What ALPN calls HTTP/1.1 (RFC 7301 section 6).
const HTTP_1_1: &[u8] = b"http/1.1";

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of the two files is not named.
    #[error("TLS needs a certificate and its key: give both, --tls-cert and --tls-key")]
    Half,
    /// A file cannot be read, or has nothing in it that can be used.
    #[error("{} cannot be used: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// There is no certificate in the file.
    #[error("there is no certificate in {}", path.display())]
    NoCertificate {
        /// Which one.
        path: PathBuf,
    },
    /// The certificate and the key are not what TLS can use, or not each other's.
    #[error("the certificate in {} and the key in {} cannot be used: {source}", cert.display(), key.display())]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// A certificate of an authority cannot be used.
    #[error("an authority's certificate in {} cannot be used: {source}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The system has no certificates of authorities.
    #[error(
        "this system names no authority whose certificates count: name a file with --upstream-ca"
    )]
    NoAuthority,
    /// The library refuses the configuration.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// The listener's certificate, where there is to be one.
///
/// # Errors
/// One file is named without the other, or they cannot be used.
pub(crate) fn certificate(
    cert: Option<&Path>,
    key: Option<&Path>,
) -> Result<Option<Arc<Certificate>>, TlsError> {
    match (cert, key) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => Certificate::load(cert, key).map(Some),
        (Some(_), None) | (None, Some(_)) => Err(TlsError::Half),
    }
}

/// What shakes hands with clients, with the certificate that is current then.
///
/// # Errors
/// The library refuses.
pub(crate) fn acceptor(certificate: &Arc<Certificate>) -> Result<TlsAcceptor, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(certificate) as _);
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    // what a client needs to be quick when it comes back, it keeps itself
    config.ticketer = ring::Ticketer::new()?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The cryptography: ring, which needs a C compiler and nothing else to be built.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
