//! `Certificate`: the listener's certificate and key, taken from their files again when these change.
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::expiry::Ends;
use super::{TlsError, provider};
use crate::bridge::Shared;

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_secs(5);

/// A certificate that new connections get, and where it comes from.
#[derive(Debug)]
pub(crate) struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    /// What the files were when they were read last.
    seen: Mutex<Option<[Stamp; 2]>>,
}

/// What looking at the files has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refreshed {
    /// They are what they were.
    Same,
    /// New connections get the new certificate; those that are open stay.
    New,
    /// They cannot be used: new connections go on getting the one before.
    Bad,
}

/// What changes with a file's content, also where it is another file under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: Option<SystemTime>,
}

impl Certificate {
    /// Reads both files: PEM, the certificate with those of its authorities behind it.
    ///
    /// # Errors
    /// One of them cannot be used, or they do not belong together.
    pub(crate) fn load(cert: &Path, key: &Path) -> Result<Arc<Self>, TlsError> {
        // before they are read, so that a change while they are is seen
        let seen = stamps(cert, key);
        let current = read(cert, key)?;
        Ok(Arc::new(Self {
            cert: cert.to_owned(),
            key: key.to_owned(),
            current: RwLock::new(Arc::new(current)),
            seen: Mutex::new(seen),
        }))
    }

    /// Reads the files again if they have changed. It waits for the disk.
    pub(crate) fn refresh(&self) -> Refreshed {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamps(&self.cert, &self.key);
        if *seen == now {
            return Refreshed::Same;
        }
        *seen = now;
        match read(&self.cert, &self.key) {
            Ok(new) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                info!(cert = %self.cert.display(), "the certificate was read anew");
                Refreshed::New
            }
            Err(error) => {
                error!(%error, "the certificate has changed for the worse: the one before stays in use");
                Refreshed::Bad
            }
        }
    }

    /// When the one that new connections get ends.
    fn ends(&self) -> Ends {
        Ends::of(&self.current.read().unwrap_or_else(PoisonError::into_inner).cert)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Looks at the files until told to stop.
pub(crate) async fn watch(
    certificate: Arc<Certificate>,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    shared.metrics.certificate_in_use(certificate.ends());
    let mut period = interval(PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = period.tick() => {}
            () = stop.cancelled() => return,
        }
        let looked_at = Arc::clone(&certificate);
        // a panic there has been told already
        if let Ok(refreshed) = tokio::task::spawn_blocking(move || looked_at.refresh()).await {
            shared.metrics.certificate_read(refreshed);
            if refreshed == Refreshed::New {
                shared.metrics.certificate_in_use(certificate.ends());
            }
        }
    }
}

fn read(cert: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(cert)?;
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|source| TlsError::File { path: key.to_owned(), source })?;
    CertifiedKey::from_der(chain, private, &provider()).map_err(|source| TlsError::Pair {
        cert: cert.to_owned(),
        key: key.to_owned(),
        source,
    })
}

/// All certificates in a file, at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bad = |source| TlsError::File { path: path.to_owned(), source };
    let all = CertificateDer::pem_file_iter(path)
        .map_err(bad)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(bad)?;
    if all.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned() });
    }
    Ok(all)
}

/// None where one of them is not there.
fn stamps(cert: &Path, key: &Path) -> Option<[Stamp; 2]> {
    Some([stamp(cert)?, stamp(key)?])
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some(Stamp {
        device: found.dev(),
        inode: found.ino(),
        length: found.len(),
        modified: found.modified().ok(),
    })
}

#[cfg(test)]
mod tests {
    use rcgen::generate_simple_self_signed;
    use tempfile::TempDir;

    use super::*;

    struct Files {
        _folder: TempDir,
        cert: PathBuf,
        key: PathBuf,
    }

    /// A new certificate and its key, as PEM.
    fn pair() -> (String, String) {
        let made = generate_simple_self_signed(vec!["chat.example".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn files((cert_pem, key_pem): &(String, String)) -> Files {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        fs::write(&cert, cert_pem).unwrap();
        fs::write(&key, key_pem).unwrap();
        Files { _folder: folder, cert, key }
    }

    fn load(files: &Files) -> Result<Arc<Certificate>, TlsError> {
        Certificate::load(&files.cert, &files.key)
    }

    /// Puts another file in its place, as programs do that renew certificates.
    fn replace(path: &Path, text: &str) {
        let new = path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    fn in_use(certificate: &Certificate) -> Vec<u8> {
        certificate.current.read().unwrap().cert[0].to_vec()
    }

    #[test]
    fn a_changed_pair_is_taken_and_a_bad_one_is_not() {
        let (first, second) = (pair(), pair());
        let files = files(&first);
        let certificate = load(&files).unwrap();
        let before = in_use(&certificate);
        assert_eq!(certificate.refresh(), Refreshed::Same);

        // one file after the other: between them they are not each other's
        replace(&files.cert, &second.0);
        assert_eq!(certificate.refresh(), Refreshed::Bad);
        assert_eq!(certificate.refresh(), Refreshed::Same, "it is said once");
        assert_eq!(in_use(&certificate), before);
        replace(&files.key, &second.1);
        assert_eq!(certificate.refresh(), Refreshed::New);
        let after = in_use(&certificate);
        assert_ne!(after, before);

        fs::remove_file(&files.key).unwrap();
        assert_eq!(certificate.refresh(), Refreshed::Bad);
        assert_eq!(in_use(&certificate), after);
        fs::write(&files.key, &second.1).unwrap();
        assert_eq!(certificate.refresh(), Refreshed::New);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let (first, second) = (pair(), pair());
        let mixed = files(&(first.0.clone(), second.1.clone()));
        assert!(matches!(load(&mixed), Err(TlsError::Pair { .. })));
        let empty = files(&(String::new(), first.1.clone()));
        assert!(matches!(load(&empty), Err(TlsError::NoCertificate { .. })));
        let swapped = files(&(first.0.clone(), first.0.clone()));
        let error = load(&swapped).unwrap_err();
        assert!(matches!(&error, TlsError::File { path, .. } if *path == swapped.key), "{error}");
        let missing = Certificate::load(Path::new("/nowhere/cert.pem"), &swapped.key).unwrap_err();
        assert!(missing.to_string().contains("/nowhere/cert.pem"), "{missing}");
        // no key is in any message
        assert!(!format!("{error:?} {error}").contains("BEGIN"));
    }
}
