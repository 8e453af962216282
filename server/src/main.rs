//! `mig33-server`: the chat service on its own, for mig33 clients over TCP and for pictures over HTTP.
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use mig33_peer::{Network, Proxies, Trusted};
use mig33_server::backup::{BackupCommand, CommandError};
use mig33_server::repair::{RepairCommand, RepairError};
use mig33_server::{Service, Settings, SettingsArgs, StartError};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A mig33-compatible chat server.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Where mig33 clients connect [default: 0.0.0.0:9119]
    #[arg(long, env = "MIG33_LISTEN", value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where pictures are uploaded and shown [default: 127.0.0.1:8035]
    #[arg(long, env = "MIG33_HTTP_LISTEN", value_name = "ADDR")]
    http_listen: Option<SocketAddr>,
    /// Settings file (TOML); its table [server] has the service's settings
    #[arg(long, env = "MIG33_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// A proxy whose PROXY header counts, as ADDRESS or ADDRESS/BITS; may be given again
    #[arg(long, env = "MIG33_TRUSTED_PROXY", value_name = "CIDR", value_delimiter = ',')]
    trusted_proxy: Vec<Network>,
    /// Connections from these proxies begin with a PROXY header, version 1 or 2
    #[arg(
        long,
        env = "MIG33_PROXY_PROTOCOL",
        num_args = 0..=1,
        default_missing_value = "true",
        value_name = "BOOL"
    )]
    proxy_protocol: Option<bool>,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What it can be asked to do to the data, and not to serve.
#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Backup(BackupCommand),
    #[command(flatten)]
    Repair(RepairCommand),
}

impl Command {
    /// Does it; what was done, for a person.
    async fn run(self, settings: &Settings) -> Result<String, Failure> {
        match self {
            Self::Backup(command) => Ok(command.run(settings).await?),
            Self::Repair(command) => Ok(command.run(settings).await?),
        }
    }
}

/// The settings file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConfigFile {
    listen: Option<SocketAddr>,
    http_listen: Option<SocketAddr>,
    trusted_proxy: Vec<Network>,
    proxy_protocol: bool,
    server: Settings,
}

/// Why the program ends early.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the settings file {path} cannot be read: {source}")]
    Config { path: PathBuf, source: io::Error },
    #[error("the settings file {path} has a mistake: {source}")]
    ConfigForm { path: PathBuf, source: Box<toml::de::Error> },
    #[error(
        "cannot listen on {address}: {source}. Is another program there? Name another address with {flag}"
    )]
    Listen { address: SocketAddr, flag: &'static str, source: io::Error },
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Repair(#[from] RepairError),
    #[error("interrupted")]
    Interrupted,
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// How long a proxy's header may take.
const PROXY_HEADER: Duration = Duration::from_secs(5);
const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 9119);
const HTTP_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8035);

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    // flags count before and behind a command
    let matches = Args::command().mut_args(|flag| flag.global(true)).get_matches();
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("mig33-server: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Failure> {
    no_core_dump();
    let file = args.config.as_deref().map(read).transpose()?.unwrap_or_default();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    if let Some(command) = args.command {
        let settings = file.server.with_args(args.settings);
        let told = tokio::select! {
            told = command.run(&settings) => told?,
            _ = terminate.recv() => return Err(Failure::Interrupted),
            _ = interrupt.recv() => return Err(Failure::Interrupted),
        };
        eprintln!("{told}");
        return Ok(());
    }
    let tcp = bind(args.listen.or(file.listen).unwrap_or(LISTEN), "--listen").await?;
    let http =
        bind(args.http_listen.or(file.http_listen).unwrap_or(HTTP_LISTEN), "--http-listen").await?;
    let (tcp_address, http_address) = (tcp.local_addr()?, http.local_addr()?);
    let trusted =
        if args.trusted_proxy.is_empty() { file.trusted_proxy } else { args.trusted_proxy };
    let trusted = Trusted::new(trusted);
    let proxies = Proxies {
        trusted: trusted.clone(),
        proxy_protocol: args.proxy_protocol.unwrap_or(file.proxy_protocol),
        header_time: Some(PROXY_HEADER),
    };
    let mut settings = file.server.with_args(args.settings);
    settings.public_url.get_or_insert_with(|| format!("http://{http_address}"));
    let service = Service::start(settings).await?;
    let listening = service.clone();
    let listening_http = service.clone();
    let tcp_task = tokio::spawn(async move { listening.listen_behind(tcp, proxies).await });
    let http_task = tokio::spawn(async move { listening_http.listen_http(http, trusted).await });
    if let Err(error) = announce(tcp_address, http_address) {
        tracing::warn!(%error, "nobody reads where this program listens");
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    tokio::select! {
        () = service.shutdown() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tcp_task.abort();
    http_task.abort();
    Ok(())
}

/// A dump of the memory would hold the key of the database, and what people write.
fn no_core_dump() {
    let nothing = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, nothing) {
        tracing::warn!(%error, "a crash may leave a dump of the memory");
    }
}

fn announce(tcp: SocketAddr, http: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening tcp {tcp}")?;
    writeln!(out, "listening http http://{http}")?;
    out.flush()
}

fn read(path: &Path) -> Result<ConfigFile, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Failure::Config { path: path.to_owned(), source })?;
    toml::from_str(&text)
        .map_err(|source| Failure::ConfigForm { path: path.to_owned(), source: Box::new(source) })
}

async fn bind(address: SocketAddr, flag: &'static str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|source| Failure::Listen { address, flag, source })
}
