//! What a session is told once: how it proves, what it says of itself, where its random numbers come from.
use std::fmt;

use mig33_codec::values::ClientType;

/// Sixteen random bytes at each call, fit for ids that nobody can guess.
pub type Random = Box<dyn FnMut() -> [u8; 16]>;

/// How the password is proven over a challenge: one of [`mig33_codec::hash`]. A function and not a kind, so that a page
/// has the code of only those that it can choose.
pub type HashFunction = fn(challenge: &str, password: &str) -> u32;

/// What a session is told once.
pub struct Config {
    /// How the password is proven; servers of today may know only one kind.
    pub hash: HashFunction,
    /// What kind of client this is.
    pub client_type: ClientType,
    /// Name and version of the program.
    pub user_agent: String,
    /// The person's language, as in `en-US`; empty says nothing.
    pub language: String,
    /// Width and height of the screen in pixels; 0 says nothing.
    pub screen: (u32, u32),
    /// Where guids and the spread of reconnects come from.
    pub random: Random,
}

impl Config {
    /// The usual settings.
    #[must_use]
    pub fn new(user_agent: &str, random: Random) -> Self {
        Self {
            hash: mig33_codec::hash::sha1fold,
            client_type: ClientType::AJAX2,
            user_agent: user_agent.into(),
            language: String::new(),
            screen: (0, 0),
            random,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("user_agent", &self.user_agent).finish_non_exhaustive()
    }
}
