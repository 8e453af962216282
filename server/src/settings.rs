//! Settings: everything that can be set, with units and defaults; flags and environment over a file over the default.
use std::collections::BTreeSet;
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
/// What is counted by address is counted by /64 for IPv6, and by the networks around it, which may have more: four times
/// as much for a /56, sixteen times for a /48 and for a /24 of IPv4. It is not counted at all for loopback: who comes from
/// there is the machine's owner, or a proxy that stands for everybody.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, DocumentedFields)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Whether the limits on abuse hold: how fast and how much, by account and by address, and pictures a day. `false`
    /// turns them off, for load tests; the log says so at the start. Each of them is off with 0, too.
    pub abuse: bool,
    /// Connections at a time, tunnels of the embedding bridge among them; one more is told that
    /// the server is full.
    pub connections: usize,
    /// Connections at a time from one address; one more is told the same.
    pub connections_per_address: u32,
    /// Connections a second from one address over TCP; what comes faster is told to wait, and closed.
    pub connects_per_s: u32,
    /// Connections that may come at once before connections a second count.
    pub connect_burst: u32,
    /// Log-ins a second from one address; what comes faster is refused with ERROR. A request before log-in that is
    /// neither LOGIN nor LOGIN_RESPONSE counts as a part of one.
    pub logins_per_s: u32,
    /// Log-ins that may come at once before log-ins a second count.
    pub login_burst: u32,
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
    /// Requests that an account may make at once after a rest, for each of its sessions and at most 8 of them; before
    /// log-in, a connection.
    pub request_burst: u32,
    /// Requests a second that it may make for long, with all its sessions; what comes faster is refused with ERROR.
    pub requests_per_s: u32,
    /// Bytes of requests that an account may send at once, with all its sessions.
    pub account_burst_bytes: u32,
    /// Bytes of requests a second that it may send for long; what comes faster is refused with ERROR.
    pub account_bytes_per_s: u32,
    /// Bytes of requests that it may send in a day; what is more is refused with ERROR.
    pub account_bytes_per_day: u32,
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
    /// People whom one account may ask to be contacts at once; the answer tells whether there is somebody of that name.
    pub add_contact_burst: u32,
    /// People an hour whom it may ask for long; more are refused with ERROR.
    pub add_contacts_per_hour: u32,
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
    /// Pictures and other files that one account may send in a day, in messages or by link.
    pub pictures_per_day: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            abuse: true,
            connections: 10_000,
            connections_per_address: 100,
            connects_per_s: 10,
            connect_burst: 100,
            logins_per_s: 10,
            login_burst: 100,
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
            account_burst_bytes: 8 << 20,
            account_bytes_per_s: 256 << 10,
            account_bytes_per_day: 256 << 20,
            refused_requests: 200,
            text_bytes: 8 << 10,
            registrations_per_hour: 20,
            free_wrong_answers: 3,
            wrong_answer_pause_s: 30,
            contacts: 1000,
            add_contact_burst: 20,
            add_contacts_per_hour: 20,
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

    /// The limits that hold: without those on abuse, where they are turned off. What is about wrong passwords stays.
    #[must_use]
    pub fn in_force(self) -> Self {
        if self.abuse {
            return self;
        }
        Self {
            connections_per_address: 0,
            connects_per_s: 0,
            logins_per_s: 0,
            login_bytes: 0,
            requests_per_s: 0,
            account_bytes_per_s: 0,
            account_bytes_per_day: 0,
            registrations_per_hour: 0,
            add_contacts_per_hour: 0,
            uploads_per_address: 0,
            upload_bytes_per_s: 0,
            pictures_per_day: 0,
            ..self
        }
    }

    /// What of them is probably not meant, for a person.
    #[must_use]
    pub fn doubts(&self) -> Vec<&'static str> {
        if !self.abuse {
            return vec![
                "server.limits.abuse is off: one person can take what the service has from all others",
            ];
        }
        // they refused everybody until 28 November 2026
        let open = [
            (
                self.registrations_per_hour,
                "server.limits.registrations_per_hour = 0 no longer closes registration: everybody may make as many \
                 accounts as they like",
            ),
            (
                self.pictures_per_day,
                "server.limits.pictures_per_day = 0 no longer forbids pictures: everybody may send as many as they like",
            ),
        ];
        open.into_iter().filter(|(limit, _)| *limit == 0).map(|(_, doubt)| doubt).collect()
    }

    /// How long a stay-logged-in token is good for.
    #[must_use]
    pub fn token_life(&self) -> Duration {
        Duration::from_secs(u64::from(self.token_days) * 24 * 60 * 60)
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
    fn one_switch_turns_the_limits_on_abuse_off() {
        let limits = Limits { abuse: false, ..Limits::default() }.in_force();
        assert_eq!((limits.requests_per_s, limits.pictures_per_day), (0, 0));
        assert_eq!(limits.text_bytes, Limits::default().text_bytes, "what a packet may be stays");
        assert_eq!(limits.free_wrong_answers, Limits::default().free_wrong_answers);
        assert_eq!(Limits::default().in_force(), Limits::default());
    }

    #[test]
    fn a_limit_that_refused_everybody_at_0_and_is_off_now_is_a_doubt() {
        let none: [&str; 0] = [];
        assert_eq!(Limits::default().doubts(), none);
        let open = Limits { registrations_per_hour: 0, pictures_per_day: 0, ..Limits::default() };
        let doubts = open.doubts();
        assert_eq!(doubts.len(), 2, "{doubts:?}");
        assert!(doubts[0].contains("no longer closes registration"), "{doubts:?}");
        assert!(doubts[1].contains("pictures_per_day"), "{doubts:?}");
        let off = Limits { abuse: false, ..open }.doubts();
        assert!(matches!(off[..], [one] if one.contains("limits.abuse")), "{off:?}");
    }
}
