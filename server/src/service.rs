//! `Service`: the whole chat service behind one handle.
use std::fs::{File, TryLockError};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use mig33_peer::{Proxies, Trusted};
use prometheus_client::registry::Registry;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::Admission;
use crate::answer::Refused;
use crate::backup;
use crate::clock::{Clock, Entropy, Millis, SystemEntropy};
use crate::connection;
use crate::core::{Core, Parts};
use crate::disk::DataFolder;
use crate::fanout::{Ending, Fanout, LocalFanout, Mailbox};
use crate::listener;
use crate::metrics::Metrics;
use crate::passwords::{KeyFileError, Password, Sealer, load_key};
use crate::pictures::{self, PictureFiles, Places};
use crate::seats;
use crate::settings::{Settings, SettingsError};
use crate::store::sqlite::{OpenError, SqliteStore};
use crate::store::{LEAD_AT_START_MS, LEAD_MS, Store, StoreError};
use crate::wall_clock::SteadyClock;

/// How often the machine's clock is looked at, whatever else happens.
const CLOCK_LOOK: Duration = Duration::from_secs(10);
/// How long [`Service::shutdown`] waits for what is under way.
const DRAIN: Duration = Duration::from_secs(10);
/// How long an attempt to store something may take.
const PROBE: Duration = Duration::from_secs(3);
/// Free bytes below which it is worth an attempt whether something can be stored.
const LITTLE_ROOM: u64 = 16 << 20;

/// The chat service. A clone is another handle to the same one.
#[derive(Clone, Debug)]
pub struct Service {
    core: Arc<Core>,
    admission: Arc<Admission>,
    connections: TaskTracker,
    stopping: CancellationToken,
    disk: DataFolder,
    /// Held for as long as the service runs.
    locks: Arc<[File]>,
}

/// What is known about a client before it has said anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// Its address, for the limits by address; none for a connection from within the machine.
    pub peer: Option<IpAddr>,
    /// What the addresses of pictures start with for this client: `http://HOST:PORT`.
    pub base_url: Option<String>,
}

/// Why the service did not start, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The folder cannot be made or written.
    #[error(
        "the data folder {path} cannot be used: {source}. Name another with --data-dir, or let this user write it"
    )]
    Folder {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has it.
    #[error(
        "the data in {path} is in use by another process: stop the other mig33 server, or give this one a folder of \
         its own with --data-dir"
    )]
    InUse {
        /// The file that the other process has locked.
        path: PathBuf,
    },
    /// A backup was being put in place, and that was cut short.
    #[error(
        "a restore was cut short, and the data is not whole: restore the backup again with --replace ({path} says so). What \
         was there before is in the folder before-… beside it"
    )]
    Restoring {
        /// The file that says so.
        path: PathBuf,
    },
    /// The key file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The key file is another database's.
    #[error(
        "the key file {path} does not belong to the database beside it: its passwords were encrypted with another \
         key. Put back the key file that was beside this database"
    )]
    OtherKey {
        /// Which one.
        path: PathBuf,
    },
    /// The database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database, once it was open.
    #[error("the database cannot be used: {0}")]
    Store(#[from] StoreError),
    /// There are no random bytes, so there can be no secrets.
    #[error("the system gives no random bytes: {0}")]
    Entropy(#[from] getrandom::Error),
}

/// The parts of a service that a test may want to bring; without it, the real ones.
#[derive(Debug, Default)]
pub struct Outside {
    /// The time of day.
    pub clock: Option<Arc<dyn Clock>>,
    /// Random bytes.
    pub entropy: Option<Arc<dyn Entropy>>,
    /// What is kept.
    pub store: Option<Arc<dyn Store>>,
    /// Who is there.
    pub fanout: Option<Arc<dyn Fanout>>,
}

impl Service {
    /// Opens the data folder and makes it ready.
    ///
    /// # Errors
    /// [`StartError`], whose text says what to do.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        Self::start_with(settings, Outside::default()).await
    }

    /// As [`start`](Self::start), with some parts from outside. A store from outside has a database of its own; the key
    /// file is where the settings say.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_with(mut settings: Settings, outside: Outside) -> Result<Self, StartError> {
        for doubt in settings.limits.doubts() {
            tracing::warn!("{doubt}");
        }
        settings.limits = settings.limits.in_force();
        let entropy = match outside.entropy {
            Some(entropy) => entropy,
            None => Arc::new(SystemEntropy::new()?),
        };
        let database = settings.database_file()?;
        let locks = lock_data(&settings)?;
        let exists =
            database.exists() || outside.store.is_some() && Settings::key_file(&database).exists();
        let sealer = load_key(&Settings::key_file(&database), exists, &*entropy)?;
        let store = match outside.store {
            Some(store) => store,
            None => open_store(&database, &sealer, &*entropy).await?,
        };
        let folder = settings.data_dir.join("pictures");
        let limits = &settings.limits;
        make_folder(&folder)
            .map_err(|source| StartError::Folder { path: folder.clone(), source })?;
        let places = Places::new(limits);
        let pictures = PictureFiles::new(folder, limits.picture_bytes, places);
        let upload_time = Duration::from_secs(limits.upload_s + limits.upload_transfer_s);
        if let Err(error) = pictures.clean_up(store.named_files().await?, upload_time).await {
            tracing::warn!(%error, "the folder of pictures could not be tidied");
        }
        let admission = Admission::new(limits.connections, limits.connections_per_address);
        let disk = DataFolder::new(&settings.data_dir, &database);
        let metrics = Metrics::default();
        let is_watched = outside.clock.is_none();
        let clock =
            outside.clock.unwrap_or_else(|| Arc::new(SteadyClock::new(metrics.clock.clone())));
        let mut core = Core::new(Parts {
            settings,
            store,
            fanout: outside.fanout.unwrap_or_else(|| Arc::new(LocalFanout::default())),
            clock,
            entropy,
            sealer,
            pictures,
            metrics,
        });
        core.lead_until = look_ahead(&core).await?;
        let core = Arc::new(core);
        let stopping = CancellationToken::new();
        if let Some(first) = seats::restore(&core).await? {
            let (core, stopping) = (Arc::clone(&core), stopping.clone());
            tokio::spawn(async move { seats::give_up_late(&core, first, &stopping).await });
        }
        if is_watched {
            tokio::spawn(watch_clock(Arc::downgrade(&core)));
        }
        Ok(Self {
            core,
            admission: Arc::new(admission),
            connections: TaskTracker::new(),
            stopping,
            disk,
            locks: locks.into(),
        })
    }

    /// Serves one client until its session ends.
    pub async fn serve_connection<S>(&self, stream: S, client: ClientInfo)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if self.stopping.is_cancelled() {
            return;
        }
        let _token = self.connections.token();
        let _counted = self.core.metrics.connection();
        let core = &self.core;
        let base_url = client.base_url.as_ref().or(core.settings.public_url.as_ref());
        let base_url = base_url.map_or("", |url| url.trim_end_matches('/'));
        let mailbox = Arc::new(Mailbox::new(base_url, core.limits.outgoing_bytes));
        let Some(place) = self.admission.admit(client.peer, &mailbox) else {
            tracing::warn!(peer = ?client.peer, "a connection too many was turned away");
            connection::turn_away(stream, "The server is full. Try again later.").await;
            return;
        };
        connection::serve(core, &self.stopping, stream, client.peer, mailbox, &place).await;
    }

    /// Ends the connection that has been here longest without a log-in, for somebody new; false where there is none.
    #[must_use]
    pub fn push_out_stranger(&self) -> bool {
        self.admission.push_out()
    }

    /// Serves one client that came by a listener of ours, unless they come too fast from there.
    pub(crate) async fn serve_arrival<S>(&self, stream: S, client: ClientInfo)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match self.core.addresses.connect(client.peer, Instant::now()) {
            Ok(()) => self.serve_connection(stream, client).await,
            Err(wait) => {
                tracing::debug!(peer = ?client.peer, ?wait, "a connection came too soon");
                let why = Refused::TooManyConnections(wait).to_string();
                connection::turn_away(stream, &why).await;
            }
        }
    }

    /// The addresses below `/pictures/`: PUT to an upload address, GET to see. A request that carries a [`ClientInfo`] among its
    /// extensions counts for the limits by address.
    pub fn http_router(&self) -> axum::Router {
        pictures::router(Arc::clone(&self.core))
    }

    /// Serves the clients that come to this listener, until [`shutdown`](Self::shutdown).
    pub async fn listen(&self, listener: TcpListener) {
        self.listen_behind(listener, Proxies::default()).await;
    }

    /// The same, where proxies may stand between: what they say of a client's address counts for the limits by address.
    pub async fn listen_behind(&self, listener: TcpListener, proxies: Proxies) {
        listener::listen(self, listener, proxies, &self.stopping).await;
    }

    /// Serves [`http_router`](Self::http_router) on this listener, until [`shutdown`](Self::shutdown). Limits by address do not
    /// count proxies that are `trusted`.
    pub async fn listen_http(&self, listener: TcpListener, trusted: Trusted) {
        listener::listen_http(self.http_router(), listener, trusted, &self.stopping).await;
    }

    /// The service is about to stop: from now on, nobody is told of a session that ends because its connection does. Its
    /// seat is kept, also over a new start within [`return_s`](crate::settings::Limits::return_s), and who comes back by
    /// then was never away.
    pub fn prepare_shutdown(&self) {
        self.core.is_stopping.store(true, Ordering::Release);
    }

    /// Ends all sessions with the reason `shutdown`, waits for what is under way, keeps their seats, and closes the
    /// database.
    pub async fn shutdown(&self) {
        self.prepare_shutdown();
        self.stopping.cancel();
        self.core.fanout.end_all(Ending::Shutdown);
        self.connections.close();
        if tokio::time::timeout(DRAIN, self.connections.wait()).await.is_err() {
            tracing::warn!(
                connections = self.connections.len(),
                "some connections did not end in time"
            );
        }
        seats::keep(&self.core).await;
        self.core.store.close().await;
        for lock in self.locks.iter() {
            if let Err(error) = lock.unlock() {
                tracing::warn!(%error, "the data folder stays locked until this process ends");
            }
        }
    }

    /// Whether something can be stored, as far as is known: where that failed last, or the disk is all but full, it is
    /// tried.
    pub async fn can_store(&self) -> bool {
        let store = &self.core.store;
        let has_room = self.disk.free_bytes().is_none_or(|free| free >= LITTLE_ROOM);
        if has_room && !store.health().is_failing() {
            return true;
        }
        tokio::time::timeout(PROBE, store.probe()).await.is_ok_and(|probed| probed.is_ok())
    }

    /// Adds the service's figures to a registry.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.core.metrics.register(registry, self.core.store.health(), self.disk.clone());
    }
}

/// Looks at the machine's clock now and then, so that a jump is told when it happens.
async fn watch_clock(core: Weak<Core>) {
    loop {
        tokio::time::sleep(CLOCK_LOOK).await;
        let Some(core) = core.upgrade() else { return };
        core.now();
    }
}

/// Looks for chats that are ahead of the clock, which was ahead itself when it stopped. Where some are by a little, they
/// may until it is there: the time that is returned. Those that are by more take no messages, which is told.
async fn look_ahead(core: &Core) -> Result<Millis, StoreError> {
    let from_now = |millis: u64| Millis(core.now().0.saturating_add(millis));
    let little = from_now(LEAD_AT_START_MS);
    let ahead = core.store.chats_behind(from_now(LEAD_MS - 1)).await?;
    let chats = core.store.chats_behind(little).await?;
    if chats > 0 {
        tracing::warn!(
            chats,
            "chats have messages of the future, and take no new ones: where the machine's clock is right now, stop the \
             service and run repair-times (docs/operations.md, \"The clock was wrong\")"
        );
    }
    // as many more as a chat may have at any time
    let until = Millis(little.0.saturating_add(LEAD_MS));
    Ok(if ahead > chats { until } else { Millis(0) })
}

/// Locks the data folder and the database, whose data is whole.
pub(crate) fn lock_data(settings: &Settings) -> Result<[File; 2], StartError> {
    let database = settings.database_file()?;
    let locks = [lock(&settings.data_dir.join("mig33.lock"))?, lock(&beside(&database, ".lock"))?];
    match backup::unfinished(&settings.data_dir) {
        Some(path) => Err(StartError::Restoring { path }),
        None => Ok(locks),
    }
}

/// Locks a file, and makes it and its folder if they are not there: its owner's only, since who can open it can lock it.
/// The lock goes with the file.
pub(crate) fn lock(path: &Path) -> Result<File, StartError> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let fail = |source| StartError::Folder { path: folder.to_owned(), source };
    make_folder(folder).map_err(fail)?;
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(fail)?;
    #[cfg(unix)]
    give_to_owner_of(folder, &file).map_err(fail)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600)).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(fail(source)),
    }
}

/// Where the administrator is the first to make it, it is still the user's whose data it is.
#[cfg(unix)]
fn give_to_owner_of(folder: &Path, file: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let (owner, own) = (std::fs::metadata(folder)?, file.metadata()?);
    if rustix::process::geteuid().is_root() && owner.uid() != own.uid() {
        fchown(file, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}

/// The file beside another one whose name ends so.
pub(crate) fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Makes a folder that is its owner's only: what people write to each other is in it.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// What is sealed in the database to tell its key from others, and whom it is sealed for.
pub(crate) const KEY_CHECK: (&str, &str) = ("mig33", "\0key check");

async fn open_store(
    database: &Path,
    sealer: &Sealer,
    entropy: &dyn Entropy,
) -> Result<Arc<dyn Store>, StartError> {
    let store = SqliteStore::open(database).await?;
    let (text, bound_to) = KEY_CHECK;
    let check =
        store.key_check(sealer.seal(entropy, bound_to, &Password::new(text.to_owned()))).await?;
    if sealer.open(bound_to, &check).is_err() {
        store.close().await;
        return Err(StartError::OtherKey { path: Settings::key_file(database) });
    }
    Ok(Arc::new(store))
}
