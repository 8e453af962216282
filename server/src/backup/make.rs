//! `backup`: makes an archive of what the service keeps, also while it runs.
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::archive::Writer;
use super::{DATABASE, FORMAT, KEY, MANIFEST, Manifest, PICTURES, Place, unfinished};
use crate::passwords::sync_folder;
use crate::service::beside;
use crate::settings::{Settings, SettingsError};

/// How long a lock that somebody has is waited for.
const BUSY: Duration = Duration::from_secs(30);

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// How many bytes it has.
    pub bytes: u64,
    /// How many pictures are in it.
    pub pictures: usize,
    /// Files of pictures that the database names and that are not there.
    pub missing: Vec<String>,
}

/// Why no backup was made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A setting cannot be.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Another backup is being put in its place, or that was cut short.
    #[error(
        "a restore is under way or was cut short, and the data is not whole ({path} says so): wait for its end, or restore \
         again with --replace"
    )]
    Restoring {
        /// The file that says so.
        path: PathBuf,
    },
    /// Another database took its place meanwhile.
    #[error("{path} was replaced while the backup was made; nothing of it was kept: make it again")]
    Replaced {
        /// The database.
        path: PathBuf,
    },
    /// There is nothing to be kept.
    #[error("there is no database {path}: name the service's folder with --data-dir")]
    NoDatabase {
        /// Where it would be.
        path: PathBuf,
    },
    /// What is there already is no backup.
    #[error("{path} is there and is no backup: name another file, or remove it")]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// Another backup is being made into the same file.
    #[error("another backup is being written to {path}")]
    Busy {
        /// Which file.
        path: PathBuf,
    },
    /// The database cannot be copied.
    #[error("the database {database} cannot be copied to {copy}: {source}{}", room(.source))]
    Copy {
        /// The database.
        database: PathBuf,
        /// The copy.
        copy: PathBuf,
        /// What it says.
        source: sqlx::Error,
    },
    /// The archive cannot be written.
    #[error("the backup cannot be written to {path}: {source}{}", full(.source))]
    Write {
        /// Where to.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something that belongs into it cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// What.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It was not waited for.
    #[error("the backup was interrupted; nothing of it was kept")]
    Interrupted,
}

const ROOM: &str =
    ". While it is made, a backup needs room for the database twice and for the pictures";

fn room(error: &sqlx::Error) -> &'static str {
    if crate::store::sqlite::is_full(error) { ROOM } else { "" }
}

fn full(error: &io::Error) -> &'static str {
    let full =
        [io::ErrorKind::StorageFull, io::ErrorKind::FileTooLarge, io::ErrorKind::QuotaExceeded];
    if full.contains(&error.kind()) { ROOM } else { "" }
}

/// Makes an archive of the data of these settings. A file is there whole or, where this fails or is not waited for, as it
/// was before.
///
/// # Errors
/// [`BackupError`], whose text says what to do.
pub async fn backup(settings: &Settings, to: &Place, with_key: bool) -> Result<Made, BackupError> {
    let database = settings.database_file()?;
    is_whole(&settings.data_dir)?;
    if !database.exists() {
        return Err(BackupError::NoDatabase { path: database });
    }
    let source = Source::of(settings, &database)?;
    let making = Making::begin(to)?;
    let time = SystemTime::now();
    let copy = copy_database(&database, making.copy_path(), making.target()).await?;
    let pictures = pictures(&copy).await.map_err(|source| BackupError::Copy {
        database: database.clone(),
        copy: copy.0.clone(),
        source,
    })?;
    let manifest = Manifest {
        format: FORMAT,
        made_at: humantime::format_rfc3339_seconds(time).to_string(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        has_key: with_key,
    };
    let is_dropped = Dropped(Arc::new(AtomicBool::new(false)));
    let content = Content {
        source,
        manifest,
        time,
        copy,
        key: with_key.then(|| Settings::key_file(&database)),
        folder: settings.data_dir.join("pictures"),
        pictures,
        is_dropped: Arc::clone(&is_dropped.0),
    };
    let written = tokio::task::spawn_blocking(move || write(content, making)).await;
    drop(is_dropped);
    written.unwrap_or(Err(BackupError::Interrupted))
}

/// That no restore into this folder is under way, or was cut short.
fn is_whole(data_dir: &Path) -> Result<(), BackupError> {
    match unfinished(data_dir) {
        Some(path) => Err(BackupError::Restoring { path }),
        None => Ok(()),
    }
}

/// The data that a backup is made of: a restore beside it would mix the data before with that after it.
struct Source {
    data_dir: PathBuf,
    database: PathBuf,
    /// Which file that is.
    file: (u64, u64),
}

impl Source {
    fn of(settings: &Settings, database: &Path) -> Result<Self, BackupError> {
        let file = which(database)
            .map_err(|source| BackupError::Read { path: database.to_owned(), source })?;
        Ok(Self { data_dir: settings.data_dir.clone(), database: database.to_owned(), file })
    }

    /// That it is still the one that the copy was made of. What a restore replaces is kept, so no other has its number.
    fn is_same(&self) -> Result<(), BackupError> {
        is_whole(&self.data_dir)?;
        match which(&self.database) {
            Ok(file) if file == self.file => Ok(()),
            Ok(_) | Err(_) => Err(BackupError::Replaced { path: self.database.clone() }),
        }
    }
}

/// Tells files apart. It is not opened: closing it would take SQLite's locks away where this process has it open.
fn which(file: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::metadata(file)?;
    #[cfg(unix)]
    return Ok({
        use std::os::unix::fs::MetadataExt;
        (metadata.dev(), metadata.ino())
    });
    #[cfg(not(unix))]
    Ok((0, u64::from(metadata.is_file())))
}

/// Tells the disk's work that nobody waits for it.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A file that is removed when this goes, with what SQLite has beside it while it copies.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // where it is not there, it was renamed, or never made
        drop(fs::remove_file(&self.0));
        drop(fs::remove_file(beside(&self.0, "-journal")));
    }
}

/// An archive that is being made: a file beside its place, or standard output.
enum Making {
    File { file: File, part: Temporary, target: PathBuf },
    Standard,
}

impl Making {
    fn begin(to: &Place) -> Result<Self, BackupError> {
        let Place::File(target) = to else { return Ok(Self::Standard) };
        let fail = |source| BackupError::Write { path: target.clone(), source };
        if target.exists() && !is_backup(target).map_err(fail)? {
            return Err(BackupError::Exists { path: target.clone() });
        }
        let path = beside(target, ".part");
        let file = private(fs::OpenOptions::new().write(true).create(true).truncate(false))
            .open(&path)
            .map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(BackupError::Busy { path: target.clone() });
            }
            Err(TryLockError::Error(source)) => return Err(fail(source)),
        }
        let part = Temporary(path);
        file.set_len(0).map_err(fail)?;
        Ok(Self::File { file, part, target: target.clone() })
    }

    /// Where the database is copied to on its way.
    fn copy_path(&self) -> PathBuf {
        match self {
            Self::File { target, .. } => beside(target, ".db.part"),
            Self::Standard => {
                std::env::temp_dir().join(format!("mig33-backup-{}.db", std::process::id()))
            }
        }
    }

    fn target(&self) -> PathBuf {
        match self {
            Self::File { target, .. } => target.clone(),
            Self::Standard => "standard output".into(),
        }
    }
}

/// Whether this file begins as a backup does.
fn is_backup(path: &Path) -> io::Result<bool> {
    let mut start = [0; MANIFEST.len()];
    match File::open(path)?.read_exact(&mut start) {
        Ok(()) => Ok(start == MANIFEST.as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Copies the database as it is at one moment. Others write meanwhile as they like.
async fn copy_database(
    database: &Path,
    path: PathBuf,
    target: PathBuf,
) -> Result<Temporary, BackupError> {
    let fail = |source: sqlx::Error| BackupError::Copy {
        database: database.to_owned(),
        copy: path.clone(),
        source,
    };
    let not_made = |source| BackupError::Write { path: target, source };
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(not_made(error)),
        Ok(()) | Err(_) => {}
    }
    // made here, so that nobody else can read it; an empty file is written to
    private(fs::OpenOptions::new().write(true).create_new(true)).open(&path).map_err(not_made)?;
    let copy = Temporary(path.clone());
    let name = path
        .to_str()
        .ok_or_else(|| fail(sqlx::Error::InvalidArgument("its name is not UTF-8".to_owned())))?;
    let options = SqliteConnectOptions::new()
        .filename(database)
        .read_only(true)
        .busy_timeout(BUSY)
        .disable_statement_logging();
    let mut db = SqliteConnection::connect_with(&options).await.map_err(fail)?;
    sqlx::query("VACUUM INTO ?").bind(name).execute(&mut db).await.map_err(fail)?;
    db.close().await.map_err(fail)?;
    Ok(copy)
}

/// The files of the pictures that this copy names.
async fn pictures(copy: &Temporary) -> Result<Vec<String>, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(&copy.0).read_only(true).immutable(true);
    let mut db = SqliteConnection::connect_with(&options).await?;
    let files =
        sqlx::query_scalar("SELECT file FROM pictures ORDER BY file").fetch_all(&mut db).await?;
    db.close().await?;
    Ok(files)
}

/// What goes into an archive.
struct Content {
    source: Source,
    manifest: Manifest,
    time: SystemTime,
    copy: Temporary,
    key: Option<PathBuf>,
    folder: PathBuf,
    pictures: Vec<String>,
    is_dropped: Arc<AtomicBool>,
}

fn write(content: Content, making: Making) -> Result<Made, BackupError> {
    match making {
        Making::Standard => {
            let (mut to, made) =
                write_to(&content, io::stdout().lock(), "standard output".as_ref())?;
            to.flush()
                .map_err(|source| BackupError::Write { path: "standard output".into(), source })?;
            Ok(made)
        }
        Making::File { file, part, target } => {
            let fail = |source| BackupError::Write { path: target.clone(), source };
            let (file, made) = write_to(&content, file, &target)?;
            file.sync_all().map_err(fail)?;
            fs::rename(&part.0, &target).map_err(fail)?;
            std::mem::forget(part); // what has this name from now on is another's
            sync_folder(&target).map_err(fail)?;
            Ok(made)
        }
    }
}

fn write_to<W: Write>(content: &Content, to: W, path: &Path) -> Result<(W, Made), BackupError> {
    let fail = |source| BackupError::Write { path: path.to_owned(), source };
    let seconds = content.time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut archive =
        Writer::new(Counted { to: BufWriter::with_capacity(1 << 18, to), bytes: 0 }, seconds);
    let manifest =
        toml::to_string(&content.manifest).map_err(|error| fail(io::Error::other(error)))?;
    archive.add(MANIFEST, manifest.len() as u64, manifest.as_bytes()).map_err(fail)?;
    let mut add = |name: &str, file: &Path| -> Result<bool, BackupError> {
        let unreadable = |source| BackupError::Read { path: file.to_owned(), source };
        let opened = match File::open(file) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(unreadable(error)),
        };
        let length = opened.metadata().map_err(unreadable)?.len();
        let reading = WhileWanted { from: opened, is_dropped: &content.is_dropped };
        match archive.add(name, length, reading) {
            Ok(()) => Ok(true),
            Err(_) if content.is_dropped.load(Ordering::Relaxed) => Err(BackupError::Interrupted),
            Err(error) => Err(fail(error)),
        }
    };
    let needed = |is_there: bool, file: &Path| {
        let gone = io::Error::from(io::ErrorKind::NotFound);
        if is_there {
            Ok(())
        } else {
            Err(BackupError::Read { path: file.to_owned(), source: gone })
        }
    };
    needed(add(DATABASE, &content.copy.0)?, &content.copy.0)?;
    if let Some(key) = &content.key {
        needed(add(KEY, key)?, key)?;
    }
    let mut made = Made { bytes: 0, pictures: 0, missing: Vec::new() };
    for file in &content.pictures {
        if add(&format!("{PICTURES}{file}"), &content.folder.join(file))? {
            made.pictures += 1;
        } else {
            made.missing.push(file.clone());
        }
    }
    content.source.is_same()?;
    let counted = archive.finish().map_err(fail)?;
    made.bytes = counted.bytes;
    let to = counted.to.into_inner().map_err(|error| fail(error.into_error()))?;
    Ok((to, made))
}

/// Reads for as long as somebody waits for it.
struct WhileWanted<'a> {
    from: File,
    is_dropped: &'a AtomicBool,
}

impl Read for WhileWanted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.is_dropped.load(Ordering::Relaxed) {
            return Err(io::Error::other("nobody waits for it"));
        }
        self.from.read(into)
    }
}

/// Counts what is written.
struct Counted<W: Write> {
    to: BufWriter<W>,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        let count = self.to.write(from)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// For a file that only its owner may read.
pub(super) fn private(options: &mut fs::OpenOptions) -> &mut fs::OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn data_that_a_restore_has_touched_meanwhile_makes_no_backup() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { data_dir: folder.path().to_owned(), ..Settings::default() };
        let database = settings.database_file().unwrap();
        fs::write(&database, "before").unwrap();
        let source = Source::of(&settings, &database).unwrap();
        source.is_same().unwrap();
        let marker = folder.path().join("restore.unfinished");
        fs::write(&marker, "").unwrap();
        let error = source.is_same().unwrap_err();
        assert!(matches!(error, BackupError::Restoring { .. }), "{error}");
        fs::rename(&database, folder.path().join("aside")).unwrap();
        fs::write(&database, "after").unwrap();
        fs::remove_file(&marker).unwrap();
        let error = source.is_same().unwrap_err();
        assert!(matches!(error, BackupError::Replaced { .. }), "{error}");
    }
}
