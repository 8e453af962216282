//! Opening the database: its connections, its schema, and what belongs to it.
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection};

use super::writer::{LOG_BYTES, Writer};
use super::{SqliteStore, schema};
use crate::passwords::Sealed;
use crate::store::Health;

/// Connections that read at a time.
const READERS: u32 = 4;
/// How long a connection waits for a lock that somebody outside holds (a backup, a shell).
const BUSY: Duration = Duration::from_secs(10);

/// Why a database did not open, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A newer program has been at work, and has changed what this one would have to know.
    #[error(
        "the database {path} has schema {found}, and this program knows schemas up to {known}: a newer version has \
         written it. Start that version, or put back the backup that was made before the upgrade"
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// A migration failed, or is not what it was.
    #[error("the schema of the database {path} could not be brought up to date: {source}")]
    Migrate {
        /// The database file.
        path: PathBuf,
        /// What went wrong.
        source: Box<MigrateError>,
    },
    /// The file cannot be opened.
    #[error(
        "the database {path} cannot be opened: {source}. Is it a SQLite file that this user can write?"
    )]
    Open {
        /// The database file.
        path: PathBuf,
        /// What went wrong.
        source: sqlx::Error,
    },
}

impl SqliteStore {
    /// Opens the database in this file, makes it if it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`], whose text says what to do.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let fail = |source| OpenError::Open { path: path.to_owned(), source };
        create(path).map_err(|error| fail(error.into()))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // once all of a larger log is in the file, it is cut to this
            .pragma("journal_size_limit", LOG_BYTES.to_string());
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(fail)?;
        schema::bring_up_to_date(&mut connection, path).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.read_only(true))
            .await
            .map_err(fail)?;
        let health = Arc::new(Health::default());
        let (writer, writing) = Writer::start(connection, log_of(path), Arc::clone(&health));
        Ok(Self {
            readers,
            health,
            writer: Mutex::new(Some(writer.into())),
            writing: Mutex::new(Some(writing)),
        })
    }

    /// Something that was sealed with the key of this database when it was made; kept at the first call.
    ///
    /// # Errors
    /// [`super::StoreError`].
    pub async fn key_check(&self, new: Sealed) -> Result<Sealed, super::StoreError> {
        self.writer()?
            .run(|db| {
                Box::pin(async move {
                    sqlx::query("INSERT OR IGNORE INTO meta VALUES ('key_check', ?)")
                        .bind(new.0)
                        .execute(&mut *db)
                        .await?;
                    sqlx::query_scalar("SELECT value FROM meta WHERE name = 'key_check'")
                        .fetch_one(db)
                        .await
                })
            })
            .await
            .map(Sealed)
    }
}

/// Makes the file, unless it is there: its owner's only, and so what SQLite puts beside it.
fn create(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Where SQLite keeps what is committed and not in the file yet: beside what the path leads to.
fn log_of(path: &Path) -> PathBuf {
    let mut log = path.canonicalize().unwrap_or_else(|_| path.to_owned()).into_os_string();
    log.push("-wal");
    log.into()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn the_log_is_cut_once_nobody_reads_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let store = SqliteStore::open(&path).await.unwrap();
        let writer = store.writer().unwrap();
        let write = |bytes: i64| {
            writer.run(move |db| {
                Box::pin(async move {
                    sqlx::query("INSERT OR REPLACE INTO meta VALUES ('x', randomblob(?))")
                        .bind(bytes)
                        .execute(db)
                        .await
                })
            })
        };
        let log = || std::fs::metadata(log_of(&path)).unwrap().len();
        let mut reading = store.readers.begin().await.unwrap();
        sqlx::query("SELECT * FROM meta").fetch_all(&mut *reading).await.unwrap();
        for _ in 0..24 {
            write(1 << 20).await.unwrap();
        }
        assert!(log() > LOG_BYTES, "somebody needs what is in it");
        drop(reading);
        let begun = Instant::now();
        while log() > LOG_BYTES {
            write(1).await.unwrap();
            assert!(begun.elapsed() < Duration::from_secs(20), "it stays at {}", log());
        }
    }
}
