//! TLS to upstreams: who is believed to be one.
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{InvalidDnsNameError, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tracing::warn;

use super::certificate::certificates;
use super::{TlsError, provider};

/// What shakes hands with upstreams. They are believed if an authority vouches for them: one of those in `authorities`
/// (PEM), or without that file one of the system's.
///
/// # Errors
/// The file cannot be used, or the system names no authority.
pub(crate) fn connector(authorities: Option<&Path>) -> Result<TlsConnector, TlsError> {
    client_config(authorities).map(TlsConnector::from)
}

/// How a client believes those whom these authorities vouch for.
///
/// # Errors
/// As [`connector`].
pub(super) fn client_config(authorities: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(path) => {
            for authority in certificates(path)? {
                roots
                    .add(authority)
                    .map_err(|source| TlsError::Authority { path: path.to_owned(), source })?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            for error in found.errors {
                warn!(%error, "some of the system's authorities cannot be read");
            }
            roots.add_parsable_certificates(found.certs);
        }
    }
    if roots.is_empty() {
        return Err(TlsError::NoAuthority);
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// A host as a certificate names it.
///
/// # Errors
/// It is neither a name of DNS nor an address.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, InvalidDnsNameError> {
    ServerName::try_from(host.to_owned())
}
