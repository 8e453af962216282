//! TLS, by rustls: the page's listener with a certificate that may change while it is used, and connections to upstreams.
//!
//! HTTP/1.1 is the only protocol that is offered: WebSockets need it, and nothing here needs another.

#[cfg(feature = "acme")]
mod acme;
mod certificate;
mod expiry;
mod offer;
mod upstream;

use std::path::PathBuf;
use std::sync::Arc;

use tokio_rustls::rustls;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem;

#[cfg(feature = "acme")]
pub use self::acme::{AcmeArguments, AcmeSettings};
pub(crate) use self::certificate::Refreshed;
pub(crate) use self::expiry::Ends;
pub(crate) use self::offer::Offer;
pub(crate) use self::upstream::{connector, server_name};

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of the two files is not named.
    #[error("TLS needs a certificate and its key: give both, --tls-cert and --tls-key")]
    Half,
    /// A certificate is named, and another one is to be got.
    #[cfg(feature = "acme")]
    #[error("there is one certificate: give --tls-cert or --acme-domain, not both")]
    Both,
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

/// The cryptography: ring, which needs a C compiler and nothing else to be built.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
