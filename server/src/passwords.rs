//! Passwords at rest: encrypted, since a log-in's proof needs the password itself (spec/wire.md section 3).
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use mig33_codec::hash::HashKind;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::clock::Entropy;

const KEY_LEN: usize = 32;
const NONCE_LEN: usize = 24;
/// What the key for addresses is derived with.
const ADDRESSES: &[u8] = b"mig33 addresses of contents";

/// A password; its memory is wiped, and it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// A password that a client sent.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Whether `answer` is one of these hashes of challenge and password. How long it takes tells nothing about it.
    #[must_use]
    pub fn proves(
        &self,
        challenge: &str,
        answer: u32,
        kinds: impl Iterator<Item = HashKind>,
    ) -> bool {
        kinds
            .map(|kind| kind.hash(challenge, &self.0).ct_eq(&answer))
            .fold(Choice::from(0), |found, equal| found | equal)
            .into()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// An encrypted password as it is stored: nonce, then ciphertext with its tag.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

/// Encrypts and decrypts passwords with the key of the key file. XChaCha20-Poly1305; what it belongs to is bound in. Also
/// makes addresses that nobody can guess, with a key derived from it.
pub struct Sealer {
    passwords: XChaCha20Poly1305,
    addresses: Hmac<Sha256>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

/// A stored password that this key does not open for this account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored password cannot be decrypted with this key file")]
pub struct OpenError;

impl Sealer {
    fn new(key: &Zeroizing<[u8; KEY_LEN]>) -> Self {
        let hmac = |key: &[u8]| Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
        let derived = hmac(&**key).chain_update(ADDRESSES).finalize().into_bytes();
        Self { passwords: XChaCha20Poly1305::new((&**key).into()), addresses: hmac(&derived) }
    }

    /// What only who has the key can tell of these bytes.
    pub(crate) fn mac(&self, bytes: &[u8]) -> [u8; 32] {
        self.addresses.clone().chain_update(bytes).finalize().into_bytes().into()
    }

    /// Encrypts the password of the account with this name key.
    #[must_use]
    pub fn seal(&self, entropy: &dyn Entropy, account: &str, password: &Password) -> Sealed {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let payload = Payload { msg: password.0.as_bytes(), aad: account.as_bytes() };
        let sealed = self
            .passwords
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a password is far shorter than what the cipher can take");
        Sealed([&nonce[..], &sealed].concat())
    }

    /// Decrypts the password of the account with this name key.
    ///
    /// # Errors
    /// [`OpenError`] when key, account or ciphertext do not belong together.
    pub fn open(&self, account: &str, sealed: &Sealed) -> Result<Password, OpenError> {
        let (nonce, msg) = sealed.0.split_first_chunk::<NONCE_LEN>().ok_or(OpenError)?;
        let payload = Payload { msg, aad: account.as_bytes() };
        let text = self.passwords.decrypt(&XNonce::from(*nonce), payload).map_err(|_| OpenError)?;
        match String::from_utf8(text) {
            Ok(text) => Ok(Password::new(text)),
            Err(_) => Err(OpenError),
        }
    }
}

/// What is wrong with the key file.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is a database, and no key for it.
    #[error(
        "the key file {path} is missing, and the database beside it has passwords that only this key opens. \
         Put the key file back from your backup. Without it nobody who is registered can log in with a password; \
         to start anew, move the database away as well"
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// It has not the form of a key.
    #[error(
        "the key file {path} has {length} bytes instead of {KEY_LEN}. Put it back from your backup"
    )]
    Damaged {
        /// Where it is.
        path: PathBuf,
        /// Its length.
        length: u64,
    },
    /// Others than its owner can read it.
    #[error(
        "the key file {path} can be read by others than its owner (mode {mode:03o}). Run: chmod 600 {path}"
    )]
    Exposed {
        /// Where it is.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It cannot be read or written.
    #[error("the key file {path} cannot be {what}: {source}")]
    Io {
        /// Where it is, or should be.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

/// Reads the key file, or makes it when there is no database yet.
///
/// A key without a database is fine: the program was stopped between making the two.
pub(crate) fn load_key(
    path: &Path,
    database_exists: bool,
    entropy: &dyn Entropy,
) -> Result<Sealer, KeyFileError> {
    let fail = |what| move |source| KeyFileError::Io { path: path.to_owned(), what, source };
    match File::open(path) {
        Ok(file) => read_key(path, file),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fail("opened")(error)),
        Err(_) if database_exists => Err(KeyFileError::Missing { path: path.to_owned() }),
        Err(_) => {
            let mut key = Zeroizing::new([0; KEY_LEN]);
            entropy.fill(&mut *key);
            create_key(path, &key).map_err(fail("created"))?;
            Ok(Sealer::new(&key))
        }
    }
}

fn read_key(path: &Path, mut file: File) -> Result<Sealer, KeyFileError> {
    let fail = |source| KeyFileError::Io { path: path.to_owned(), what: "read", source };
    let metadata = file.metadata().map_err(fail)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Exposed { path: path.to_owned(), mode });
        }
    }
    if metadata.len() != KEY_LEN as u64 {
        return Err(KeyFileError::Damaged { path: path.to_owned(), length: metadata.len() });
    }
    let mut key = Zeroizing::new([0; KEY_LEN]);
    file.read_exact(&mut *key).map_err(fail)?;
    Ok(Sealer::new(&key))
}

/// Writes the key so that it is there whole or not at all, also when the machine stops at any moment.
fn create_key(path: &Path, key: &[u8; KEY_LEN]) -> io::Result<()> {
    let new = path.with_extension("key.new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(key)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_folder(path)
}

/// Makes a new or renamed file's name last.
pub(crate) fn sync_folder(of: &Path) -> io::Result<()> {
    match of.parent() {
        Some(folder) if folder.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemEntropy;

    fn sealer(folder: &Path) -> Result<Sealer, KeyFileError> {
        load_key(&folder.join("x.key"), false, &SystemEntropy::new().unwrap())
    }

    #[test]
    fn a_password_opens_with_its_key_and_account_only() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let entropy = SystemEntropy::new().unwrap();
        let password = Password::new("secret".into());
        let sealed = sealer(one.path()).unwrap().seal(&entropy, "bob", &password);
        let again = sealer(one.path()).unwrap();
        assert_eq!(again.open("bob", &sealed), Ok(password));
        assert_eq!(again.open("eve", &sealed), Err(OpenError));
        assert_eq!(sealer(two.path()).unwrap().open("bob", &sealed), Err(OpenError));
        assert_eq!(again.open("bob", &Sealed(vec![1; 10])), Err(OpenError));
        let mut bad = sealed;
        *bad.0.last_mut().unwrap() ^= 1;
        assert_eq!(again.open("bob", &bad), Err(OpenError));
    }

    #[test]
    fn nothing_of_a_secret_is_printed() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = sealer(folder.path()).unwrap();
        let password = Password::new("hunter22".into());
        let sealed = sealer.seal(&SystemEntropy::new().unwrap(), "bob", &password);
        assert_eq!(format!("{password:?} {sealed:?} {sealer:?}"), "Password Sealed Sealer");
    }

    #[test]
    fn each_kind_of_proof_counts_only_if_it_is_allowed() {
        let password = Password::new("SeCreT1".into());
        let proves =
            |answer, kinds: &[HashKind]| password.proves("k3Yf9QzL", answer, kinds.iter().copied());
        assert!(proves(0x1e51_7801, &HashKind::ALL));
        assert!(proves(0x52bc_b662, &HashKind::ALL));
        assert!(proves(0xf147_1282, &HashKind::ALL));
        assert!(!proves(0x52bc_b662, &[HashKind::Sha1Fold]));
        assert!(!proves(0x1e51_7802, &HashKind::ALL));
        assert!(!proves(0x1e51_7801, &[]));
    }

    #[cfg(unix)]
    #[test]
    fn the_key_file_is_for_its_owner_only_and_stays_beside_its_database() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.key");
        let entropy = SystemEntropy::new().unwrap();
        assert!(matches!(load_key(&path, true, &entropy), Err(KeyFileError::Missing { .. })));
        load_key(&path, false, &entropy).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        load_key(&path, true, &entropy).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            load_key(&path, true, &entropy),
            Err(KeyFileError::Exposed { mode: 0o640, .. })
        ));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "short").unwrap();
        assert!(matches!(
            load_key(&path, true, &entropy),
            Err(KeyFileError::Damaged { length: 5, .. })
        ));
    }
}
