//! Settings: flags over environment over file over default.
use std::fs;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use documented::DocumentedFields;
use mig33_peer::{Network, Proxies, Trusted};
use serde::{Deserialize, Deserializer, Serialize};

use crate::address::Address;
use crate::forwarded::ForwardedHeader;
use crate::limits::{LimitArguments, LimitSettings};
use crate::origin::Origin;
use crate::resume;
#[cfg(feature = "acme")]
use crate::tls::{AcmeArguments, AcmeSettings};
use crate::traces::{OtlpArguments, OtlpSettings};
use crate::tunnel::Framing;
use crate::upstream::{BadUpstream, Dialing, UpstreamSetting};

/// All that the bridge can be told. In the settings file these are the keys at the top; the chat service's stand in the
/// table `[server]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, DocumentedFields)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the page and `/ws` are.
    pub listen: Address,
    /// Where the chat service is: `embedded` (default), or servers. The first one that answers gets a new tunnel. Several are
    /// asked every 5 s whether they answer.
    pub upstream: UpstreamSetting,
    /// Seconds that connecting to one of the servers may take, with the handshake of TLS; then the next one is tried, and
    /// after the last one the tunnel is closed with 1013. At least 1, default 5.
    pub upstream_connect_timeout: NonZeroU32,
    /// Certificates (PEM) of the authorities that vouch for servers at `tls://`; without it, those that the system knows.
    pub upstream_ca: Option<PathBuf>,
    /// What tunnels pass: mig33 packets (`checked`, default), or any bytes (`raw`).
    pub framing: Framing,
    /// Where the embedded chat service takes TCP clients.
    pub tcp_listen: Address,
    /// Where health and metrics are.
    pub admin_listen: Address,
    /// The certificate (PEM, with those of its authorities behind it) for the page's listener, which speaks TLS then and
    /// nothing else. It and the key are looked at every 5 s; new connections get what is new, and a pair that cannot be used
    /// changes nothing but the log.
    pub tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM).
    pub tls_key: Option<PathBuf>,
    /// How the bridge gets a certificate itself.
    #[cfg(feature = "acme")]
    pub acme: AcmeSettings,
    /// Pages from elsewhere that may open tunnels.
    pub allow_origin: Vec<Origin>,
    /// Networks of proxies whose word about a client's address, scheme and host counts; none by default. Limits by address
    /// count what they name, and the proxies themselves are not counted.
    pub trusted_proxy: Vec<Network>,
    /// Where these proxies name the client of a request: `x-forwarded` (default) or `forwarded`.
    pub forwarded_header: ForwardedHeader,
    /// Whether connections from these proxies begin with a PROXY header (version 1 or 2), on the page's listener and on
    /// the embedded service's; one that does not is closed. Off by default.
    pub proxy_protocol: bool,
    /// Whether the upstream is told the client's address in a PROXY header (version 2). It has to expect one. Off by default.
    pub upstream_proxy_protocol: bool,
    /// How many connections there may be, and how fast.
    pub limits: LimitSettings,
    /// Threads that serve connections; 0: one for each processor that the program may use.
    pub threads: u16,
    /// Seconds that open connections are given when the program is stopped.
    pub drain_timeout: u64,
    /// Seconds that a session of `mig33.resume` waits for its client; with 0 it ends with its connection.
    pub resume_grace: u64,
    /// Bytes that a session keeps for a client that has not acknowledged them, 4,096 to 16,777,216. While it is full
    /// the chat service is not read.
    #[serde(deserialize_with = "resume_buffer")]
    pub resume_buffer: usize,
    /// Sessions that may wait for their clients at once; beyond that they end with their connections.
    pub resume_detached: usize,
    /// The same, of clients from one address.
    pub resume_detached_per_address: usize,
    /// What is logged, in the notation of `tracing`: a level, or `target=level,…`.
    pub log: String,
    /// How it is logged.
    pub log_format: LogFormat,
    /// Where traces go.
    pub otlp: OtlpSettings,
    /// The embedded chat service's settings.
    #[cfg(feature = "embedded")]
    pub server: mig33_server::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        let address = |text: &str| text.parse().expect("the table of defaults has addresses");
        Self {
            listen: address("127.0.0.1:8033"),
            upstream: UpstreamSetting::Embedded,
            upstream_connect_timeout: NonZeroU32::new(5).expect("5 is not 0"),
            upstream_ca: None,
            framing: Framing::default(),
            tcp_listen: address("127.0.0.1:9119"),
            admin_listen: address("127.0.0.1:8034"),
            tls_cert: None,
            tls_key: None,
            #[cfg(feature = "acme")]
            acme: AcmeSettings::default(),
            allow_origin: Vec::new(),
            trusted_proxy: Vec::new(),
            forwarded_header: ForwardedHeader::default(),
            proxy_protocol: false,
            upstream_proxy_protocol: false,
            limits: LimitSettings::default(),
            threads: 0,
            drain_timeout: 10,
            resume_grace: 120,
            resume_buffer: 65_536,
            resume_detached: 10_000,
            resume_detached_per_address: 100,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            otlp: OtlpSettings::default(),
            #[cfg(feature = "embedded")]
            server: mig33_server::Settings::default(),
        }
    }
}

impl Settings {
    /// What the command line, the environment and the file that they name say.
    ///
    /// # Errors
    /// The file cannot be read, or something in it is wrong.
    pub fn from_arguments(arguments: Arguments) -> Result<Self, SettingsError> {
        let base = match &arguments.config {
            Some(path) => Self::from_file(path)?,
            None => Self::default(),
        };
        base.with_arguments(arguments)
    }

    /// The settings in a file, over the defaults.
    ///
    /// # Errors
    /// The file cannot be read, a key is unknown, or a value is bad.
    pub fn from_file(path: &Path) -> Result<Self, SettingsError> {
        let text = fs::read_to_string(path)
            .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|error| SettingsError::Bad {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| {
                1 + text.get(..span.start).unwrap_or_default().matches('\n').count()
            }),
            message: error.message().replace('\n', " ") + &in_table(&text, &error),
        })
    }

    fn with_arguments(self, arguments: Arguments) -> Result<Self, SettingsError> {
        let Arguments {
            config: _,
            listen,
            upstream,
            upstream_connect_timeout,
            upstream_ca,
            framing,
            tls_cert,
            tls_key,
            #[cfg(feature = "acme")]
            acme,
            tcp_listen,
            admin_listen,
            allow_origin,
            trusted_proxy,
            forwarded_header,
            proxy_protocol,
            upstream_proxy_protocol,
            limits,
            threads,
            drain_timeout,
            resume_grace,
            log,
            log_format,
            otlp,
            #[cfg(feature = "embedded")]
            server,
        } = arguments;
        Ok(Self {
            listen: listen.unwrap_or(self.listen),
            upstream: if upstream.is_empty() {
                self.upstream
            } else {
                UpstreamSetting::join(upstream)?
            },
            upstream_connect_timeout: upstream_connect_timeout
                .unwrap_or(self.upstream_connect_timeout),
            upstream_ca: upstream_ca.or(self.upstream_ca),
            framing: framing.unwrap_or(self.framing),
            tls_cert: tls_cert.or(self.tls_cert),
            tls_key: tls_key.or(self.tls_key),
            #[cfg(feature = "acme")]
            acme: self.acme.with_arguments(acme),
            tcp_listen: tcp_listen.unwrap_or(self.tcp_listen),
            admin_listen: admin_listen.unwrap_or(self.admin_listen),
            allow_origin: if allow_origin.is_empty() { self.allow_origin } else { allow_origin },
            trusted_proxy: if trusted_proxy.is_empty() {
                self.trusted_proxy
            } else {
                trusted_proxy
            },
            forwarded_header: forwarded_header.unwrap_or(self.forwarded_header),
            proxy_protocol: proxy_protocol.unwrap_or(self.proxy_protocol),
            upstream_proxy_protocol: upstream_proxy_protocol
                .unwrap_or(self.upstream_proxy_protocol),
            limits: self.limits.with_arguments(&limits),
            threads: threads.unwrap_or(self.threads),
            drain_timeout: drain_timeout.unwrap_or(self.drain_timeout),
            resume_grace: resume_grace.unwrap_or(self.resume_grace),
            resume_buffer: self.resume_buffer,
            resume_detached: self.resume_detached,
            resume_detached_per_address: self.resume_detached_per_address,
            log: log.unwrap_or(self.log),
            log_format: log_format.unwrap_or(self.log_format),
            otlp: self.otlp.with_arguments(otlp),
            #[cfg(feature = "embedded")]
            server: self.server.with_args(server),
        })
    }

    /// How connections to servers are made.
    #[must_use]
    pub fn dialing(&self) -> Dialing<'_> {
        Dialing {
            connect_time: Duration::from_secs(u64::from(self.upstream_connect_timeout.get())),
            proxy_protocol: self.upstream_proxy_protocol,
            authorities: self.upstream_ca.as_deref(),
        }
    }

    /// Whom the listeners for clients believe.
    #[must_use]
    pub fn proxies(&self) -> Proxies {
        Proxies {
            trusted: Trusted::new(self.trusted_proxy.clone()),
            proxy_protocol: self.proxy_protocol,
            header_time: self.limits.handshake_time(),
        }
    }

    /// What sessions of `mig33.resume` may take.
    #[must_use]
    pub fn resume_limits(&self) -> resume::Limits {
        resume::Limits {
            grace: Duration::from_secs(self.resume_grace),
            buffer: self.resume_buffer,
            detached: self.resume_detached,
            detached_per_address: self.resume_detached_per_address,
            client: self.limits.clone(),
            framing: self.framing,
        }
    }

    /// How many threads serve connections.
    #[must_use]
    pub fn threads(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.threads.into())
            // a system that does not tell has one processor at least
            .or_else(|| available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN)
    }

    /// How long open connections are given when the program is stopped.
    #[must_use]
    pub const fn drain_time(&self) -> Duration {
        Duration::from_secs(self.drain_timeout)
    }
}

/// mig33 in the browser: serves the page, and passes packets between WebSockets and the chat service.
#[derive(Clone, Debug, Parser)]
#[command(name = "mig33-bridge", version)]
pub struct Arguments {
    /// Settings file (TOML); what is given here or in the environment goes over it
    #[arg(long, env = "MIG33_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the page and /ws are [default: 127.0.0.1:8033]
    #[arg(long, env = "MIG33_LISTEN", value_name = "HOST:PORT")]
    pub listen: Option<Address>,
    /// The chat service: `embedded` in this program, or mig33 servers, each at HOST:PORT or tls://HOST:PORT; may be given
    /// again [default: embedded]
    #[arg(long, env = "MIG33_UPSTREAM", value_name = "embedded|HOST:PORT,…")]
    pub upstream: Vec<UpstreamSetting>,
    /// Seconds that connecting to one of the servers may take [default: 5]
    #[arg(long, env = "MIG33_UPSTREAM_CONNECT_TIMEOUT", value_name = "SECONDS")]
    pub upstream_connect_timeout: Option<NonZeroU32>,
    /// Authorities (PEM) that vouch for servers at tls:// [default: the system's]
    #[arg(long, env = "MIG33_UPSTREAM_CA", value_name = "FILE")]
    pub upstream_ca: Option<PathBuf>,
    /// What tunnels pass: mig33 packets, or any bytes [default: checked]
    #[arg(long, env = "MIG33_FRAMING")]
    pub framing: Option<Framing>,
    /// Certificate (PEM, with its chain) for the page's listener, which speaks TLS then; read anew when it changes
    #[arg(long, env = "MIG33_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM)
    #[arg(long, env = "MIG33_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Where the embedded chat service takes TCP clients [default: 127.0.0.1:9119]
    #[arg(long, env = "MIG33_TCP_LISTEN", value_name = "HOST:PORT")]
    pub tcp_listen: Option<Address>,
    /// Where /healthz, /readyz and /metrics are [default: 127.0.0.1:8034]
    #[arg(long, env = "MIG33_ADMIN_LISTEN", value_name = "HOST:PORT")]
    pub admin_listen: Option<Address>,
    /// A page from elsewhere that may connect, as http://HOST or http://HOST:PORT; may be given again
    #[arg(long, env = "MIG33_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub allow_origin: Vec<Origin>,
    /// Threads that serve connections [default: one for each processor that the program may use]
    #[arg(long, env = "MIG33_THREADS", value_name = "COUNT")]
    pub threads: Option<u16>,
    /// Seconds that open connections are given when the program is stopped [default: 10]
    #[arg(long, env = "MIG33_DRAIN_TIMEOUT", value_name = "SECONDS")]
    pub drain_timeout: Option<u64>,
    /// Seconds that a client whose connection broke may take to come back to its session [default: 120]
    #[arg(long, env = "MIG33_RESUME_GRACE", value_name = "SECONDS")]
    pub resume_grace: Option<u64>,
    /// What is logged: error, warn, info, debug, trace, or TARGET=LEVEL,… [default: info]
    #[arg(long, env = "MIG33_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// How it is logged [default: text]
    #[arg(long, env = "MIG33_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// A proxy whose word about a client counts, as ADDRESS or ADDRESS/BITS; may be given again
    #[arg(long, env = "MIG33_TRUSTED_PROXY", value_name = "CIDR", value_delimiter = ',')]
    pub trusted_proxy: Vec<Network>,
    /// Where these proxies name the client of a request [default: x-forwarded]
    #[arg(long, env = "MIG33_FORWARDED_HEADER")]
    pub forwarded_header: Option<ForwardedHeader>,
    /// Connections from these proxies begin with a PROXY header, version 1 or 2
    #[arg(
        long,
        env = "MIG33_PROXY_PROTOCOL",
        num_args = 0..=1,
        default_missing_value = "true",
        value_name = "BOOL"
    )]
    pub proxy_protocol: Option<bool>,
    /// Tell the upstream a client's address in a PROXY header, version 2
    #[arg(
        long,
        env = "MIG33_UPSTREAM_PROXY_PROTOCOL",
        num_args = 0..=1,
        default_missing_value = "true",
        value_name = "BOOL"
    )]
    pub upstream_proxy_protocol: Option<bool>,
    /// How the bridge gets a certificate itself.
    #[cfg(feature = "acme")]
    #[command(flatten, next_help_heading = "Certificate by ACME")]
    pub acme: AcmeArguments,
    /// How many connections, and how fast.
    #[command(flatten, next_help_heading = "Limits (0: none)")]
    pub limits: LimitArguments,
    /// Where traces go.
    #[command(flatten, next_help_heading = "Traces")]
    pub otlp: OtlpArguments,
    /// The embedded chat service's.
    #[cfg(feature = "embedded")]
    #[command(flatten, next_help_heading = "Chat service")]
    pub server: mig33_server::SettingsArgs,
}

fn resume_buffer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let bytes = usize::deserialize(deserializer)?;
    if !(4_096..=16_777_216).contains(&bytes) {
        return Err(serde::de::Error::custom("`resume_buffer` is 4096 to 16777216 bytes"));
    }
    Ok(bytes)
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It cannot be read.
    #[error("the settings file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A key or a value in it is bad.
    #[error("{} line {line}: {message}", path.display())]
    Bad {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// The upstreams that the flags or the environment name do not go together.
    #[error("--upstream: {0}")]
    Upstream(#[from] BadUpstream),
}

/// Which table of the file an error is in, where it is in one: a line that was put behind all others belongs to the last.
fn in_table(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let table = before.lines().rev().find(|line| line.starts_with('['));
    table.map(|table| format!(" (in the table {})", table.trim_end())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bridge.toml");
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn arguments(flags: &[&str]) -> Arguments {
        Arguments::try_parse_from([&["mig33-bridge"], flags].concat()).unwrap()
    }

    #[test]
    fn a_flag_goes_over_the_file_and_the_file_over_the_default() {
        let (_folder, path) = file(
            "listen = \"127.0.0.1:1\"\nadmin_listen = \"127.0.0.1:2\"\nallow_origin = [\"http://a.example\"]\n",
        );
        let settings = Settings::from_arguments(arguments(&[
            "--config",
            path.to_str().unwrap(),
            "--listen",
            "127.0.0.1:3",
            "--upstream",
            "chat.example:9119",
        ]))
        .unwrap();
        assert_eq!(settings.listen.as_str(), "127.0.0.1:3");
        assert_eq!(settings.admin_listen.as_str(), "127.0.0.1:2");
        assert_eq!(settings.tcp_listen.as_str(), "127.0.0.1:9119");
        assert_eq!(settings.upstream, "chat.example:9119".parse().unwrap());
        assert_eq!(settings.allow_origin, ["http://a.example".parse().unwrap()]);
    }

    #[test]
    fn what_is_wrong_in_a_file_is_named_with_its_line() {
        let cases = [
            ("\nlisen = \"127.0.0.1:1\"", 2, "lisen"),
            ("listen = \"nowhere\"", 1, "nowhere"),
            ("log_format = \"xml\"", 1, "xml"),
            ("resume_buffer = 100", 1, "4096"),
            ("listen = ", 1, ""),
            ("allow_origin = [\"example.org\"]", 1, "origin"),
        ];
        for (text, line, part) in cases {
            let (_folder, path) = file(text);
            let error = Settings::from_file(&path).unwrap_err();
            assert!(
                matches!(error, SettingsError::Bad { line: found, .. } if found == line),
                "{error}"
            );
            let message = error.to_string();
            assert!(message.contains(part) && !message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn a_bad_flag_is_named() {
        let error = Arguments::try_parse_from(["mig33-bridge", "--listen", "here"]).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("--listen") && message.contains("`here` is not HOST:PORT"),
            "{message}"
        );
    }
}
