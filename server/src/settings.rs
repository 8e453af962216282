//! Settings: everything that can be set, with units and defaults; flags and environment over a file over the default.
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use documented::DocumentedFields;
use mig33_codec::hash::HashKind;
use serde::{Deserialize, Serialize};

/// What a service can be told. In a file this is one TOML table; a key that is not known is an error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, DocumentedFields)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The folder that holds the database, its key file and the pictures.
    pub data_dir: PathBuf,
    /// `sqlite://PATH`; without it, `mig33.db` in the data folder.
    pub database: Option<String>,
    /// What the addresses of pictures start with for a client that did not come through a page: `https://HOST[:PORT]`.
    pub public_url: Option<String>,
    /// The message of the day, shown after log-in.
    pub motd: String,
    /// What a new account is told.
    pub welcome: String,
    /// When set, nobody can log in or register, and is told this text instead.
    pub maintenance: Option<String>,
    /// The kinds of hash that a log-in may be proven with (spec/wire.md section 3).
    pub hashes: BTreeSet<HashName>,
    /// Whether a private message may go to everybody who has not blocked its sender; otherwise to accepted contacts.
    pub open_messages: bool,
    /// Bounds on what a client can make the service do.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./data"),
            database: None,
            public_url: None,
            motd: "Welcome to mig33. Say hello in the Lobby.".to_owned(),
            welcome: "Welcome to mig33! You can log in now.".to_owned(),
            maintenance: None,
            hashes: [HashName::Sha1fold, HashName::Javahash, HashName::JavahashLower].into(),
            open_messages: false,
            limits: Limits::default(),
        }
    }
}

impl Settings {
    /// These settings with what the command line and the environment say instead.
    #[must_use]
    pub fn with_args(mut self, args: SettingsArgs) -> Self {
        let SettingsArgs { data_dir, database, public_url, motd, maintenance } = args;
        self.data_dir = data_dir.unwrap_or(self.data_dir);
        self.database = database.or(self.database);
        self.public_url = public_url.or(self.public_url);
        self.motd = motd.unwrap_or(self.motd);
        self.maintenance = maintenance.or(self.maintenance);
        self
    }

    /// Where the database file is.
    ///
    /// # Errors
    /// [`SettingsError::Database`] when `database` names another kind of database.
    pub fn database_file(&self) -> Result<PathBuf, SettingsError> {
        let Some(url) = &self.database else { return Ok(self.data_dir.join("mig33.db")) };
        match url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) {
            Some(path) if !path.is_empty() && !path.starts_with('?') => Ok(PathBuf::from(path)),
            Some(_) | None => Err(SettingsError::Database { scheme: scheme(url) }),
        }
    }

    /// The file that holds the key which the passwords are encrypted with: beside the database.
    #[must_use]
    pub fn key_file(database_file: &Path) -> PathBuf {
        database_file.with_extension("key")
    }

    /// Whether the service takes this kind of hash.
    #[must_use]
    pub fn takes(&self, kind: HashKind) -> bool {
        self.hashes.iter().any(|name| name.kind() == kind)
    }
}

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Another kind of database than the ones that this program has.
    #[error("`database` is {scheme}…: this program keeps its data in SQLite; write sqlite://PATH")]
    Database {
        /// What the setting starts with; never more of it, since it may hold a password.
        scheme: String,
    },
}

fn scheme(url: &str) -> String {
    url.split(':').next().unwrap_or_default().chars().take(16).collect()
}

/// The command line's and the environment's part of the settings; each of them overrides the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct SettingsArgs {
    /// Folder of the database, its key file and the pictures [default: ./data]
    #[arg(long, env = "MIG33_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The database, sqlite://PATH [default: mig33.db in the data folder]
    #[arg(long, env = "MIG33_DATABASE", value_name = "URL", hide_env_values = true)]
    pub database: Option<String>,
    /// What links to pictures start with, for clients that did not come through the page
    #[arg(long, env = "MIG33_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// The message of the day
    #[arg(long, env = "MIG33_MOTD", value_name = "TEXT")]
    pub motd: Option<String>,
    /// Let nobody log in, and tell them this
    #[arg(long, env = "MIG33_MAINTENANCE", value_name = "TEXT")]
    pub maintenance: Option<String>,
}

/// A kind of hash, as the settings file names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HashName {
    /// SHA-1 folded to 32 bits.
    Sha1fold,
    /// Java's hash of a string. Who overhears one log-in can answer every later challenge.
    Javahash,
    /// The same over the password in lower case.
    JavahashLower,
}

impl HashName {
    /// The codec's name for it.
    #[must_use]
    pub const fn kind(self) -> HashKind {
        match self {
            Self::Sha1fold => HashKind::Sha1Fold,
            Self::Javahash => HashKind::JavaHash,
            Self::JavahashLower => HashKind::JavaHashLower,
        }
    }
}

/// Bounds on what clients can make the service do. Times are in seconds, sizes in bytes.
///
/// What is counted by address is counted by /64 for IPv6, and not at all for loopback: who comes from there is the
/// machine's owner, or a proxy that stands for everybody.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, DocumentedFields)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at a time, tunnels of the embedding bridge among them; one more is told that
    /// the server is full.
    pub connections: usize,
    /// Connections at a time from one address; one more is told the same.
    pub connections_per_address: usize,
    /// Sessions at a time of one account; one more ends the oldest.
    pub sessions_per_account: usize,
    /// Seconds from the connection to the first whole packet; then it is closed.
    pub first_packet_s: u64,
    /// Seconds from a packet's first byte to its last; then the connection is closed.
    pub packet_s: u64,
    /// Seconds from the connection to LOGIN_OK; then it is closed.
    pub login_s: u64,
    /// Bytes that connections without a log-in may hold together, of packets that are not whole and of answers that are
    /// not read; the first 512 of each do not count. One that would hold more is closed. 0: as many as they send.
    pub login_bytes: usize,
    /// Seconds without a packet after which a session ends: three keep-alive periods.
    pub silence_s: u64,
    /// Seconds after which a packet of a client that never says RECEIVED tells that it has what was written to it before;
    /// LOGOUT and an orderly end of its stream do at once. 0: any later packet.
    pub silent_receipt_s: u64,
    /// Seconds that who was here before a restart counts as present until they are back; 0 keeps nobody's seat.
    pub return_s: u64,
    /// Seconds that who loses the connection, or loads the page anew, counts as present until they are back; 0: who is
    /// gone is gone at once. Who logs out is away at once as ever.
    pub rejoin_s: u64,
    /// Seconds in which a client that is being written to must take 4 KiB, or all that waits; then its session ends.
    pub stalled_write_s: u64,
    /// Bytes of events that may wait to be written to one session, and a quarter more of what is no message. What does not
    /// fit is left out, and brought or shown as a gap once there is room. What it has asked for does not count: while that
    /// waits, nothing more is read.
    pub outgoing_bytes: usize,
    /// Requests that a session may make at once after a rest.
    pub request_burst: u32,
    /// Requests a second that a session may make for long; what comes faster is refused with ERROR.
    pub requests_per_s: u32,
    /// Refused requests within a minute after which a session is ended.
    pub refused_requests: u32,
    /// Bytes of any text in a packet.
    pub text_bytes: usize,
    /// Accounts that one address may make in an hour.
    pub registrations_per_hour: u32,
    /// Wrong answers that an account from one address has free before they are answered more slowly.
    pub free_wrong_answers: u32,
    /// The longest pause after a wrong answer, in seconds; wrong answers side by side wait one behind the other, up to
    /// `login_s`.
    pub wrong_answer_pause_s: u64,
    /// Contacts of one account, the ones that were asked included.
    pub contacts: u32,
    /// Contact groups of one account.
    pub contact_groups: u32,
    /// People whom one account may have blocked.
    pub blocked: u32,
    /// Stay-logged-in tokens of one account.
    pub tokens: u32,
    /// Days that a stay-logged-in token is good for.
    pub token_days: u32,
    /// Messages in one answer to GET_MESSAGES.
    pub messages_per_page: u32,
    /// Bytes of content in one answer to GET_MESSAGES, in a room's last messages, and in a batch of waiting ones.
    pub page_bytes: usize,
    /// Chats in one answer to GET_CHATS.
    pub chats_per_page: u32,
    /// Messages that who joins a room gets.
    pub room_history: u32,
    /// People in a room that somebody made.
    pub room_capacity: u32,
    /// Rooms that one account may make.
    pub rooms_per_account: u32,
    /// Rooms that one session may be in.
    pub rooms_per_session: usize,
    /// Rooms on one page of GET_CHATROOMS.
    pub rooms_per_page: u32,
    /// Bytes of one picture.
    pub picture_bytes: usize,
    /// Seconds that an upload address is good for.
    pub upload_s: u64,
    /// Seconds that one upload may take.
    pub upload_transfer_s: u64,
    /// Uploads at a time, of everybody.
    pub uploads: usize,
    /// Uploads at a time, of one account; one at a time goes to one address.
    pub uploads_per_account: usize,
    /// Uploads at a time, from one address.
    pub uploads_per_address: u32,
    /// Bytes a second that an upload has to bring after its first 10 s, on the whole; one that is slower is ended, and its
    /// place is free. 0: it may take `upload_transfer_s`.
    pub upload_bytes_per_s: u32,
    /// Pictures that one account may send in a day.
    pub pictures_per_day: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: 100,
            sessions_per_account: 16,
            first_packet_s: 90,
            packet_s: 120,
            login_s: 600,
            login_bytes: 16 << 20,
            silence_s: 180,
            silent_receipt_s: 10,
            return_s: 60,
            rejoin_s: 5,
            stalled_write_s: 60,
            outgoing_bytes: 1 << 20,
            request_burst: 100,
            requests_per_s: 20,
            refused_requests: 200,
            text_bytes: 8 << 10,
            registrations_per_hour: 20,
            free_wrong_answers: 3,
            wrong_answer_pause_s: 30,
            contacts: 1000,
            contact_groups: 50,
            blocked: 1000,
            tokens: 32,
            token_days: 30,
            messages_per_page: 100,
            page_bytes: 512 << 10,
            chats_per_page: 500,
            room_history: 50,
            room_capacity: 25,
            rooms_per_account: 10,
            rooms_per_session: 20,
            rooms_per_page: 20,
            picture_bytes: 5 << 20,
            upload_s: 600,
            upload_transfer_s: 120,
            uploads: 64,
            uploads_per_account: 4,
            uploads_per_address: 16,
            upload_bytes_per_s: 4096,
            pictures_per_day: 200,
        }
    }
}

impl Limits {
    /// How long a message waits for a sign of a client that says nothing.
    pub(crate) const fn silent_receipt(&self) -> Duration {
        Duration::from_secs(self.silent_receipt_s)
    }

    /// How long a stay-logged-in token is good for.
    #[must_use]
    pub fn token_life(&self) -> Duration {
        Duration::from_secs(u64::from(self.token_days) * 24 * 60 * 60)
    }
}

/// What limits by address count by: an IPv4 address or the first 64 bits of an IPv6 one; nothing for loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AddressKey(u64, bool);

impl AddressKey {
    pub(crate) fn of(peer: Option<IpAddr>) -> Option<Self> {
        match peer?.to_canonical() {
            ip if ip.is_loopback() => None,
            IpAddr::V4(ip) => Some(Self(u64::from(u32::from(ip)), false)),
            IpAddr::V6(ip) => Some(Self((u128::from(ip) >> 64) as u64, true)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_override_the_file_and_the_file_the_default() {
        let file: Settings = toml::from_str("motd = 'from file'\nopen_messages = true").unwrap();
        assert_eq!(file.data_dir, Settings::default().data_dir);
        let args = SettingsArgs { motd: Some("from flag".into()), ..SettingsArgs::default() };
        let settings = file.with_args(args);
        assert_eq!(settings.motd, "from flag");
        assert!(settings.open_messages);
    }

    #[test]
    fn unknown_keys_and_hashes_are_errors() {
        assert!(toml::from_str::<Settings>("modt = 'x'").is_err());
        assert!(toml::from_str::<Settings>("[limits]\nconections = 1").is_err());
        assert!(toml::from_str::<Settings>("hashes = ['md5']").is_err());
        let some: Settings = toml::from_str("hashes = ['sha1fold']").unwrap();
        assert!(some.takes(HashKind::Sha1Fold) && !some.takes(HashKind::JavaHash));
    }

    #[test]
    fn database_is_a_file_of_sqlite() {
        let of = |url: Option<&str>| {
            Settings { database: url.map(str::to_owned), ..Settings::default() }.database_file()
        };
        assert_eq!(of(None), Ok("./data/mig33.db".into()));
        assert_eq!(of(Some("sqlite:///var/x.db")), Ok("/var/x.db".into()));
        assert_eq!(of(Some("sqlite://x.db")), Ok("x.db".into()));
        let error = of(Some("postgres://me:secret@host/db")).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!(Settings::key_file(Path::new("/var/x.db")), Path::new("/var/x.key"));
    }

    #[test]
    fn addresses_are_counted_by_host_or_by_network() {
        let key = |text: &str| AddressKey::of(Some(text.parse().unwrap()));
        assert_eq!(key("127.0.0.1"), None);
        assert_eq!(key("::1"), None);
        assert_eq!(key("::ffff:127.0.0.1"), None);
        assert_eq!(AddressKey::of(None), None);
        assert_eq!(key("2001:db8::1"), key("2001:db8::2"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }
}
