//! `restore`: puts a backup in place while the service is stopped, once all of it was checked.
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::archive::{self, ArchiveError};
use super::make::private;
use super::{DATABASE, FORMAT, KEY, MANIFEST, Manifest, PICTURES, Place, SMALL};
use crate::passwords::{KeyFileError, Sealed, Sealer, load_key, sync_folder};
use crate::pictures::is_file_name;
use crate::service::{KEY_CHECK, StartError, beside, lock, make_folder};
use crate::settings::{Settings, SettingsError};
use crate::store::sqlite::{OpenError, SqliteStore, Standing};

/// The folder that a backup is unpacked in before it is put in place.
const UNPACKED: &str = "restoring";
/// Is there while things are being moved: the data is neither what it was nor what it shall be.
const UNFINISHED: &str = "restore.unfinished";

/// A backup that is in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// When it was made, in UTC.
    pub made_at: String,
    /// How many pictures it had.
    pub pictures: usize,
    /// How many pictures its database names that it did not have.
    pub missing: usize,
    /// The folders that hold what was there before.
    pub before: Vec<PathBuf>,
}

/// Why a backup was not put in place. Unless it says otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A setting cannot be.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The service runs, or its folder cannot be used.
    #[error("{0}. A backup is restored while the service is stopped")]
    Folder(Box<StartError>),
    /// There is data already.
    #[error(
        "{path} is there already: with --replace it is moved aside, and the backup takes its place"
    )]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// The archive is not as it should be.
    #[error("the backup {path} cannot be used: {source}")]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong.
        source: ArchiveError,
    },
    /// The archive was made by a newer program.
    #[error(
        "the backup {path} has format {found}, and this program knows formats up to {FORMAT}: use the newer program"
    )]
    Newer {
        /// The archive.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The database in it is not as it should be.
    #[error("the database in the backup {path} is damaged: {problem}")]
    Database {
        /// The archive.
        path: PathBuf,
        /// What SQLite says.
        problem: String,
    },
    /// This program cannot use the database in it.
    #[error("the database in the backup cannot be used: {0}")]
    Schema(#[from] OpenError),
    /// There is no key for it.
    #[error(
        "the backup has no key file, and {path} is not there: without the key nobody who is registered can log in. Put the key \
         file of this database there first, its owner's only (mode 600)"
    )]
    NoKey {
        /// Where the key should be.
        path: PathBuf,
    },
    /// The key is another database's.
    #[error(
        "{path} is not the key that the passwords in the backup were encrypted with. Put the right key file there first"
    )]
    OtherKey {
        /// The key that was tried.
        path: PathBuf,
    },
    /// The key file cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// A file cannot be read, written or moved.
    #[error("{path}: {source}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It was checked, and could not be moved to its place; the data is not whole.
    #[error(
        "{path}: {source}. The data is not whole now, and the service does not start: restore again, with --replace"
    )]
    Moving {
        /// What was being moved.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Entropy(#[from] getrandom::Error),
}

/// The file that says that a restore into this folder has not come to its end, if that is so.
#[must_use]
pub fn unfinished(data_dir: &Path) -> Option<PathBuf> {
    Some(data_dir.join(UNFINISHED)).filter(|path| path.exists())
}

/// Puts a backup in place. What is there makes it an error, unless it may `replace` it: then that is moved aside.
///
/// # Errors
/// [`RestoreError`], whose text says what to do.
pub async fn restore(
    settings: &Settings,
    from: &Place,
    replace: bool,
) -> Result<Restored, RestoreError> {
    let database = settings.database_file()?;
    let places = Places::new(settings, &database);
    let folder = |error| RestoreError::Folder(Box::new(error));
    let _locks = [
        lock(&settings.data_dir.join("mig33.lock")).map_err(folder)?,
        lock(&beside(&database, ".lock")).map_err(folder)?,
    ];
    if !replace && let Some(path) = places.taken().map_err(io_at(&places.pictures))? {
        return Err(RestoreError::Exists { path });
    }
    let unpacked = Unpacked::make(&places)?;
    let (source, from) = match from {
        Place::File(path) => (path.clone(), Some(path.clone())),
        Place::Standard => ("from standard input".into(), None),
    };
    let (manifest, pictures) = unpack(&unpacked, &source, from)?;
    let named = check_database(&unpacked.database, &source).await?;
    check_key(&unpacked, &places).await?;
    let missing = named.iter().filter(|name| !unpacked.pictures.join(name).exists()).count();
    unpacked.give_to_owner_of(&settings.data_dir)?;
    let before = put_in_place(&unpacked, &places, &settings.data_dir)?;
    Ok(Restored { made_at: manifest.made_at, pictures, missing, before })
}

fn io_at(path: &Path) -> impl Fn(io::Error) -> RestoreError {
    let path = path.to_owned();
    move |source| RestoreError::Io { path: path.clone(), source }
}

/// Where everything belongs.
struct Places {
    database: PathBuf,
    key: PathBuf,
    pictures: PathBuf,
}

impl Places {
    fn new(settings: &Settings, database: &Path) -> Self {
        Self {
            database: database.to_owned(),
            key: Settings::key_file(database),
            pictures: settings.data_dir.join("pictures"),
        }
    }

    /// What is there already, if anything is. A key alone is not: it is what a backup without one needs.
    fn taken(&self) -> io::Result<Option<PathBuf>> {
        if self.database.exists() {
            return Ok(Some(self.database.clone()));
        }
        let has_pictures = match fs::read_dir(&self.pictures) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        Ok(has_pictures.then(|| self.pictures.clone()))
    }
}

/// The folder that a file is in.
fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A backup that was unpacked beside where it belongs; removed when this goes.
struct Unpacked {
    database: PathBuf,
    key: PathBuf,
    pictures: PathBuf,
}

impl Unpacked {
    /// Folders for it, with nothing in them.
    fn make(places: &Places) -> Result<Self, RestoreError> {
        let inside = |place: &Path| {
            let name = place.file_name().unwrap_or_default();
            folder_of(place).join(UNPACKED).join(name)
        };
        let unpacked = Self {
            database: inside(&places.database),
            key: inside(&places.key),
            pictures: inside(&places.pictures),
        };
        unpacked.remove(); // one that was cut short
        for folder in [folder_of(&unpacked.database), &unpacked.pictures] {
            make_folder(folder).map_err(io_at(folder))?;
        }
        Ok(unpacked)
    }

    fn folders(&self) -> [&Path; 2] {
        [folder_of(&self.database), folder_of(&self.pictures)]
    }

    fn remove(&self) {
        for folder in self.folders() {
            drop(fs::remove_dir_all(folder));
        }
    }

    /// Where the administrator restores what a user of its own runs: the files are that user's.
    fn give_to_owner_of(&self, data_dir: &Path) -> Result<(), RestoreError> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, lchown};
            let owner = fs::metadata(data_dir).map_err(io_at(data_dir))?;
            let own = fs::metadata(&self.pictures).map_err(io_at(&self.pictures))?;
            if (owner.uid(), owner.gid()) == (own.uid(), own.gid()) {
                return Ok(());
            }
            let give = |path: &Path| {
                lchown(path, Some(owner.uid()), Some(owner.gid())).map_err(io_at(path))
            };
            for entry in fs::read_dir(&self.pictures).map_err(io_at(&self.pictures))? {
                give(&entry.map_err(io_at(&self.pictures))?.path())?;
            }
            give(&self.pictures)?;
            give(&self.database)?;
            if self.key.exists() {
                give(&self.key)?;
            }
        }
        Ok(())
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Unpacks the archive and holds it against its own list; what it says of itself, and how many pictures it has.
fn unpack(
    unpacked: &Unpacked,
    source: &Path,
    from: Option<PathBuf>,
) -> Result<(Manifest, usize), RestoreError> {
    let reader: Box<dyn Read> = match &from {
        Some(path) => Box::new(File::open(path).map_err(io_at(path))?),
        None => Box::new(io::stdin().lock()),
    };
    let bad =
        |source_error| RestoreError::Archive { path: source.to_owned(), source: source_error };
    let mut manifest: Option<Manifest> = None;
    let (mut pictures, mut has_database) = (0, false);
    let mut newer = None;
    let read = archive::read(io::BufReader::with_capacity(1 << 18, reader), |name, content| {
        let foreign = || ArchiveError::Foreign { name: name.to_owned() };
        if manifest.is_none() {
            if name != MANIFEST {
                return Err(foreign());
            }
            let mut text = String::new();
            content.take(SMALL).read_to_string(&mut text).map_err(archive::broken)?;
            // of a newer format, only its number is known
            let format = toml::from_str::<toml::Table>(&text)
                .ok()
                .and_then(|table| u32::try_from(table.get("format")?.as_integer()?).ok());
            newer = format.filter(|format| *format > FORMAT);
            let damaged = |_| ArchiveError::Damaged { name: name.to_owned() };
            manifest = Some(toml::from_str(&text).map_err(damaged)?);
            return if newer.is_some() { Err(foreign()) } else { Ok(()) };
        }
        let path = match name {
            DATABASE => {
                has_database = true;
                unpacked.database.clone()
            }
            KEY => unpacked.key.clone(),
            picture => {
                let file = picture.strip_prefix(PICTURES).filter(|file| is_file_name(file));
                pictures += 1;
                unpacked.pictures.join(file.ok_or_else(foreign)?)
            }
        };
        let mut file = private(fs::OpenOptions::new().write(true).create_new(true))
            .open(&path)
            .map_err(ArchiveError::Unpack)?;
        archive::copy(content, &mut file)
    });
    if let Some(found) = newer {
        return Err(RestoreError::Newer { path: source.to_owned(), found });
    }
    read.map_err(bad)?;
    match manifest {
        Some(manifest) if has_database && manifest.has_key == unpacked.key.exists() => {
            Ok((manifest, pictures))
        }
        Some(_) | None => Err(bad(ArchiveError::Short)),
    }
}

/// Whether the database is whole, and one that this program can use; the files of the pictures that it names.
async fn check_database(path: &Path, source: &Path) -> Result<Vec<String>, RestoreError> {
    let damaged = |problem: String| RestoreError::Database { path: source.to_owned(), problem };
    let standing = SqliteStore::examine(path).await?;
    if standing == Standing::New {
        return Err(damaged("there is nothing in it".to_owned()));
    }
    let checked: Result<(Vec<String>, Vec<String>), sqlx::Error> = async {
        let mut db = open(path).await?;
        let problems = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut db).await?;
        let files = sqlx::query_scalar("SELECT file FROM pictures").fetch_all(&mut db).await?;
        db.close().await?;
        Ok((problems, files))
    }
    .await;
    let (problems, files) = checked.map_err(|error| damaged(error.to_string()))?;
    if problems != ["ok"] {
        return Err(damaged(problems.into_iter().next().unwrap_or_default()));
    }
    Ok(files)
}

async fn open(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(true)
        .disable_statement_logging();
    SqliteConnection::connect_with(&options).await
}

/// Whether the key of the backup, or else the one that is there, opens the passwords in it.
async fn check_key(unpacked: &Unpacked, places: &Places) -> Result<(), RestoreError> {
    let path = if unpacked.key.exists() { &unpacked.key } else { &places.key };
    if !path.exists() {
        return Err(RestoreError::NoKey { path: path.clone() });
    }
    let sealer: Sealer = load_key(path, true, &crate::clock::SystemEntropy::new()?)?;
    let checked: Result<Option<Vec<u8>>, sqlx::Error> = async {
        let mut db = open(&unpacked.database).await?;
        let check = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'key_check'")
            .fetch_optional(&mut db)
            .await?;
        db.close().await?;
        Ok(check)
    }
    .await;
    let check = checked.map_err(|error| RestoreError::Database {
        path: unpacked.database.clone(),
        problem: error.to_string(),
    })?;
    let (_, bound_to) = KEY_CHECK;
    // there is none where the service was stopped while it started for the first time
    if check.is_some_and(|check| sealer.open(bound_to, &Sealed(check)).is_err()) {
        return Err(RestoreError::OtherKey { path: path.clone() });
    }
    Ok(())
}

/// Moves what is there aside and the backup in its place; the folders with what was there.
fn put_in_place(
    unpacked: &Unpacked,
    places: &Places,
    data_dir: &Path,
) -> Result<Vec<PathBuf>, RestoreError> {
    // once, for all that was unpacked
    #[cfg(unix)]
    rustix::fs::sync();
    let marker = data_dir.join(UNFINISHED);
    let mark = || {
        File::create(&marker)?.sync_all()?;
        sync_folder(&marker)
    };
    mark().map_err(io_at(&marker))?;
    let moving = |path: &Path| {
        let path = path.to_owned();
        move |source| RestoreError::Moving { path: path.clone(), source }
    };
    // with nothing in it, it is nothing to be kept
    drop(fs::remove_dir(&places.pictures));
    let name = format!(
        "before-{}",
        humantime::format_rfc3339_seconds(SystemTime::now()).to_string().replace(':', "")
    );
    let mut before = Vec::new();
    let mut old = vec![places.database.clone(), places.pictures.clone()];
    old.extend(["-wal", "-shm", "-journal"].map(|end| beside(&places.database, end)));
    if unpacked.key.exists() {
        old.push(places.key.clone());
    }
    for path in old.iter().filter(|path| path.exists()) {
        let folder = folder_of(path).join(&name);
        if !before.contains(&folder) {
            make_folder(&folder).map_err(moving(&folder))?;
            before.push(folder.clone());
        }
        fs::rename(path, folder.join(path.file_name().unwrap_or_default()))
            .map_err(moving(path))?;
    }
    for (from, to) in [
        (&unpacked.pictures, &places.pictures),
        (&unpacked.key, &places.key),
        (&unpacked.database, &places.database),
    ] {
        if from.exists() {
            fs::rename(from, to).map_err(moving(to))?;
            sync_folder(to).map_err(moving(to))?;
        }
    }
    fs::remove_file(&marker).map_err(moving(&marker))?;
    sync_folder(&marker).map_err(moving(&marker))?;
    Ok(before)
}
