//! The three hashes of LOGIN_RESP (spec/wire.md section 3): 32 bits over challenge and password, joined.
//!
//! None of them is strong. `javahash` is linear: who has heard one exchange can answer every later challenge, so it
//! belongs on loopback or behind TLS.
use alloc::string::String;

use sha1::{Digest, Sha1};

/// Which of the three it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashKind {
    /// SHA-1 of the UTF-8 bytes, its five words XORed together; what a client sends unless told otherwise.
    Sha1Fold,
    /// `h = 31·h + c` over UTF-16 code units.
    JavaHash,
    /// [`HashKind::JavaHash`] with the password in lower case.
    JavaHashLower,
}

impl HashKind {
    /// All kinds, in the order in which they are tried.
    pub const ALL: [Self; 3] = [Self::Sha1Fold, Self::JavaHash, Self::JavaHashLower];

    /// The hash of this kind.
    #[must_use]
    pub fn hash(self, challenge: &str, password: &str) -> u32 {
        match self {
            Self::Sha1Fold => sha1fold(challenge, password),
            Self::JavaHash => javahash(challenge, password),
            Self::JavaHashLower => javahash_lower(challenge, password),
        }
    }
}

/// SHA-1 over `challenge + password`, the 20 bytes as five big-endian words, XORed together.
#[must_use]
pub fn sha1fold(challenge: &str, password: &str) -> u32 {
    let digest = Sha1::new().chain_update(challenge).chain_update(password).finalize();
    digest.as_chunks::<4>().0.iter().fold(0, |folded, word| folded ^ u32::from_be_bytes(*word))
}

/// `h = 31·h + c` over the UTF-16 code units of `challenge + password`, wrapping at 32 bits, from 0.
#[must_use]
pub fn javahash(challenge: &str, password: &str) -> u32 {
    let units = challenge.encode_utf16().chain(password.encode_utf16());
    units.fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

/// [`javahash`] over `challenge + lowercase(password)`.
#[must_use]
pub fn javahash_lower(challenge: &str, password: &str) -> u32 {
    let lower: String = password.to_lowercase();
    javahash(challenge, &lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_the_spec() {
        for (challenge, password, java, lower, sha1) in [
            ("k3Yf9QzL", "secret", 0x3954_df8f, 0x3954_df8f, 0x434f_6647),
            ("k3Yf9QzL", "SeCreT1", 0x52bc_b662, 0xf147_1282, 0x1e51_7801),
            ("", "hello", 0x05e9_18d2, 0x05e9_18d2, 0x396e_9f24),
            ("Zß水", "pässwörd", 0x7b77_61b4, 0x7b77_61b4, 0x8ab1_0158),
            ("😀", "x", 0x0346_9f75, 0x0346_9f75, 0x3d07_daed),
        ] {
            assert_eq!(
                HashKind::JavaHash.hash(challenge, password),
                java,
                "javahash of {challenge} {password}"
            );
            assert_eq!(
                HashKind::JavaHashLower.hash(challenge, password),
                lower,
                "lower of {challenge} {password}"
            );
            assert_eq!(
                HashKind::Sha1Fold.hash(challenge, password),
                sha1,
                "sha1fold of {challenge} {password}"
            );
        }
    }
}
