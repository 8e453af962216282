//! Control messages of a tunnel that survives its connection (spec/resume.md, "Messages").
use mig33_codec::Secret;

/// What a text message of the bridge's says, by its keys. It is one JSON object, which the driver reads: a page has a
/// reader in its browser. Offsets and seconds are whole numbers from 0; where one is something else, the whole message
/// counts as not read. A text or a flag of another type counts as missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// The token to go on with the session.
    pub session: Option<Secret<String>>,
    /// Whether a session goes on; else it is a new one.
    pub resumed: Option<bool>,
    /// How many bytes of ours the bridge has.
    pub received: Option<u64>,
    /// For how many seconds a session waits for its client.
    pub grace_s: Option<u64>,
    /// How many bytes of ours the bridge has, and we need not keep.
    pub ack: Option<u64>,
}
