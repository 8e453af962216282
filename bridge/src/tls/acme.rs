//! A certificate from an authority that speaks ACME (RFC 8555), got and renewed by the bridge itself.
//!
//! The authority connects to port 443 of each domain and is shown, by TLS (RFC 8737), that we are there: so the page's
//! listener has to be reachable on that port, and nothing else is needed.
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use clap::Args;
use data_encoding::HEXLOWER;
use documented::DocumentedFields;
use futures_util::StreamExt;
use rustls_acme::{AccountCache, AcmeConfig, AcmeState, CertCache, EventOk};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::server::ResolvesServerCert;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{Ends, Refreshed, TlsError, upstream};
use crate::bridge::Shared;

/// How ACME calls the protocol that its authority connects with (RFC 8737 section 6.2).
pub(super) const PROTOCOL: &[u8] = b"acme-tls/1";

/// Where a certificate comes from, where the bridge gets it itself. In a settings file this is the table `[acme]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, DocumentedFields)]
#[serde(default, deny_unknown_fields)]
pub struct AcmeSettings {
    /// The names that the certificate is for; none (default): there is no ACME.
    pub domains: Vec<String>,
    /// Where the authority may write to, as `mailto:NAME@HOST`; none by default.
    pub contact: Vec<String>,
    /// The folder that keeps the account's key, the certificate and its key, readable by their owner only. It has to
    /// outlive the program: authorities give few certificates a week. Default `./acme`.
    pub folder: PathBuf,
    /// The authority's directory. Default: Let's Encrypt. By using it you agree to its terms.
    pub directory: String,
    /// Certificates (PEM) of those that vouch for the authority's own server; without it, those that the system knows.
    pub ca: Option<PathBuf>,
}

impl Default for AcmeSettings {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            contact: Vec::new(),
            folder: PathBuf::from("./acme"),
            directory: "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
            ca: None,
        }
    }
}

/// What the command line and the environment say of ACME.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct AcmeArguments {
    /// A name to get a certificate for, by ACME; may be given again
    #[arg(long, env = "MIG33_ACME_DOMAIN", value_name = "NAME", value_delimiter = ',')]
    pub acme_domain: Vec<String>,
    /// Where the authority may write to, as mailto:NAME@HOST; may be given again
    #[arg(long, env = "MIG33_ACME_CONTACT", value_name = "URL", value_delimiter = ',')]
    pub acme_contact: Vec<String>,
    /// Folder that keeps the certificate and the keys [default: ./acme]
    #[arg(long, env = "MIG33_ACME_FOLDER", value_name = "DIR")]
    pub acme_folder: Option<PathBuf>,
    /// The authority's directory [default: Let's Encrypt]
    #[arg(long, env = "MIG33_ACME_DIRECTORY", value_name = "URL")]
    pub acme_directory: Option<String>,
    /// Who vouches for the authority's server (PEM) [default: the system's]
    #[arg(long, env = "MIG33_ACME_CA", value_name = "FILE")]
    pub acme_ca: Option<PathBuf>,
}

impl AcmeSettings {
    /// These, with what the command line and the environment say over them.
    #[must_use]
    pub fn with_arguments(self, arguments: AcmeArguments) -> Self {
        let AcmeArguments { acme_domain, acme_contact, acme_folder, acme_directory, acme_ca } =
            arguments;
        Self {
            domains: if acme_domain.is_empty() { self.domains } else { acme_domain },
            contact: if acme_contact.is_empty() { self.contact } else { acme_contact },
            folder: acme_folder.unwrap_or(self.folder),
            directory: acme_directory.unwrap_or(self.directory),
            ca: acme_ca.or(self.ca),
        }
    }
}

/// What gets the certificate and renews it, as long as it is [kept up](Acme::keep_up).
pub(super) struct Acme {
    state: AcmeState<io::Error, io::Error>,
    /// Where it keeps the certificate.
    certificate: PathBuf,
}

impl Acme {
    /// # Errors
    /// Nobody vouches for the authority.
    pub(super) fn new(settings: &AcmeSettings) -> Result<Self, TlsError> {
        let client: Arc<ClientConfig> = upstream::client_config(settings.ca.as_deref())?;
        let folder = Folder::new(&settings.folder);
        let certificate = folder.file("certificate", &settings.domains, &settings.directory);
        let config = AcmeConfig::new_with_client_config(&settings.domains, client)
            .contact(&settings.contact)
            .directory(&settings.directory)
            .cache_compose(Folder::new(&settings.folder), folder);
        Ok(Self { state: config.state(), certificate })
    }

    /// What shows the certificate to clients, and to the authority that we are there.
    pub(super) fn resolver(&self) -> Arc<dyn ResolvesServerCert> {
        self.state.resolver()
    }

    /// Gets the certificate, and another one before it is over, until told to stop. After a failure it tries again, each
    /// time later.
    pub(super) async fn keep_up(mut self, shared: Arc<Shared>, stop: CancellationToken) {
        loop {
            let event = tokio::select! {
                event = self.state.next() => event,
                () = stop.cancelled() => return,
            };
            match event {
                Some(Ok(event @ (EventOk::DeployedCachedCert | EventOk::DeployedNewCert))) => {
                    info!(?event, "there is a certificate");
                    shared.metrics.certificate_read(Refreshed::New);
                    // a new one is kept a moment later
                    if matches!(event, EventOk::DeployedCachedCert) {
                        tell_end(&self.certificate, &shared).await;
                    }
                }
                Some(Ok(EventOk::CertCacheStore)) => tell_end(&self.certificate, &shared).await,
                Some(Ok(EventOk::AccountCacheStore)) => {}
                Some(Err(error)) => {
                    error!(%error, "no certificate was got by ACME");
                    shared.metrics.certificate_read(Refreshed::Bad);
                }
                None => return,
            }
        }
    }
}

/// Says when the certificate ends, which is in use and in this file.
async fn tell_end(certificate: &Path, shared: &Shared) {
    // what cannot be read is said where it is kept or got
    if let Ok(Some(kept)) = Folder::load(certificate.to_owned()).await {
        shared.metrics.certificate_in_use(ends_in(&kept));
    }
}

/// When the certificate in a file (PEM) ends; its key is there too.
fn ends_in(file: &[u8]) -> Ends {
    Ends::of(&CertificateDer::pem_slice_iter(file).map_while(Result::ok).collect::<Vec<_>>())
}

/// Files for what must not be lost, and not be read by others.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// One file for each authority and each list of names or contacts.
    fn file(&self, what: &str, of: &[String], directory: &str) -> PathBuf {
        let mut hash = Sha256::new();
        for part in of.iter().map(String::as_str).chain([directory]) {
            hash.update(part);
            hash.update([0]);
        }
        let name = HEXLOWER.encode(&hash.finalize());
        self.0.join(format!("{what}-{}.pem", name.get(..16).unwrap_or_default()))
    }

    async fn load(path: PathBuf) -> io::Result<Option<Vec<u8>>> {
        in_background(move || match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    /// Whoever reads the file sees all of it, or what was there before.
    async fn store(&self, path: PathBuf, bytes: &[u8]) -> io::Result<()> {
        let (folder, bytes) = (self.0.clone(), bytes.to_vec());
        in_background(move || {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let new = path.with_extension("new");
            let _ = fs::remove_file(&new);
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(new, path)
        })
        .await
    }
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[async_trait]
impl CertCache for Folder {
    type EC = io::Error;

    async fn load_cert(&self, domains: &[String], directory: &str) -> io::Result<Option<Vec<u8>>> {
        Self::load(self.file("certificate", domains, directory)).await
    }

    async fn store_cert(&self, domains: &[String], directory: &str, cert: &[u8]) -> io::Result<()> {
        self.store(self.file("certificate", domains, directory), cert).await
    }
}

#[async_trait]
impl AccountCache for Folder {
    type EA = io::Error;

    async fn load_account(
        &self,
        contact: &[String],
        directory: &str,
    ) -> io::Result<Option<Vec<u8>>> {
        Self::load(self.file("account", contact, directory)).await
    }

    async fn store_account(
        &self,
        contact: &[String],
        directory: &str,
        account: &[u8],
    ) -> io::Result<()> {
        self.store(self.file("account", contact, directory), account).await
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_end_of_what_is_kept_is_read_behind_its_key() {
        let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
        let file = made.signing_key.serialize_pem() + &made.cert.pem() + &made.cert.pem();
        // the end that rcgen gives: 1 January 4096
        let ends = ends_in(file.as_bytes());
        assert_eq!(ends.own.unwrap().as_secs(), 67_090_118_400);
        assert_eq!(ends.authority, ends.own);
        assert_eq!(ends_in(b"nothing"), Ends::default());
    }

    #[tokio::test]
    async fn what_is_kept_is_its_owners_only_and_for_its_names_only() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Folder::new(&folder.path().join("acme"));
        let (here, there) = (["a.example".to_owned()], ["b.example".to_owned()]);
        assert_eq!(kept.load_cert(&here, "https://x").await.unwrap(), None);
        for content in [&b"first"[..], b"second"] {
            kept.store_cert(&here, "https://x", content).await.unwrap();
            let found = kept.load_cert(&here, "https://x").await.unwrap();
            assert_eq!(found.as_deref(), Some(content));
        }
        assert_eq!(kept.load_cert(&there, "https://x").await.unwrap(), None);
        assert_eq!(kept.load_cert(&here, "https://y").await.unwrap(), None);
        assert_eq!(kept.load_account(&here, "https://x").await.unwrap(), None);
        let path = kept.file("certificate", &here, "https://x");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&kept.0).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&kept.0).unwrap().count(), 1, "nothing is left behind");
    }
}
