//! The database's schema: brought up to date, or left as a newer program has made it where this one can use that.
use std::path::Path;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use super::{OpenError, SqliteStore};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How a database's schema stands to this program, which can use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none yet.
    New,
    /// It has been made by a program with the same schema.
    Same,
    /// The next start brings it up to date.
    Older {
        /// What it is now.
        found: i64,
        /// What it will be.
        known: i64,
        /// Programs that know this one can use it then. Where it is higher than `found`, there is no way back to the
        /// program from before but with a backup.
        oldest: i64,
    },
    /// A newer program has added to it, in a way that leaves alone what this one knows.
    Newer {
        /// What it is.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
}

impl SqliteStore {
    /// Looks at the schema of the database in this file, and changes nothing, also where a program is at work on it.
    ///
    /// # Errors
    /// [`OpenError`]: this program cannot use it.
    pub async fn examine(path: &Path) -> Result<Standing, OpenError> {
        if !path.exists() {
            return Ok(Standing::New);
        }
        let fail = |source| OpenError::Open { path: path.to_owned(), source };
        // where it is a link, SQLite's own files are beside what it leads to
        let file = path.canonicalize().map_err(|error| fail(error.into()))?;
        let mut log = file.into_os_string();
        log.push("-wal");
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            // nobody is at work on it: without this, SQLite would put files beside it
            .immutable(!Path::new(&log).exists());
        let mut db = SqliteConnection::connect_with(&options).await.map_err(fail)?;
        let standing = standing(&mut db, path).await;
        db.close().await.map_err(fail)?;
        standing
    }
}

/// Brings the schema up to date.
///
/// # Errors
/// [`OpenError::Newer`] where a newer program has changed it in a way that this one cannot know.
pub(super) async fn bring_up_to_date(
    db: &mut SqliteConnection,
    path: &Path,
) -> Result<(), OpenError> {
    let standing = standing(db, path).await?;
    if let Standing::Newer { found, known } = standing {
        tracing::warn!(
            schema = found,
            known,
            "a newer version has written the database; this one can use it, too"
        );
        return Ok(());
    }
    MIGRATIONS
        .run(db)
        .await
        .map_err(|source| OpenError::Migrate { path: path.to_owned(), source: Box::new(source) })?;
    if let Standing::Older { found, known, oldest } = standing {
        tracing::info!(
            before = found,
            schema = known,
            oldest,
            "the database has another form now: programs that know schema `oldest` can use it"
        );
    }
    Ok(())
}

async fn standing(db: &mut SqliteConnection, path: &Path) -> Result<Standing, OpenError> {
    let fail = |source: sqlx::Error| OpenError::Migrate {
        path: path.to_owned(),
        source: Box::new(source.into()),
    };
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let applied = applied(db).await.map_err(fail)?;
    same_history(&applied)
        .map_err(|source| OpenError::Migrate { path: path.to_owned(), source: Box::new(source) })?;
    let Some(found) = applied.iter().map(|applied| applied.version).max() else {
        return Ok(Standing::New);
    };
    if found < known {
        let oldest = oldest_for_ours(known).await?;
        return Ok(Standing::Older { found, known, oldest });
    }
    // each of the migrations that this program does not know has to leave alone what it knows, and says so
    for schema in known + 1..=found {
        let oldest = oldest_for(db, schema).await.map_err(fail)?;
        if oldest.is_none_or(|oldest| oldest > known) {
            return Err(OpenError::Newer { path: path.to_owned(), found, known });
        }
    }
    Ok(if found == known { Standing::Same } else { Standing::Newer { found, known } })
}

/// The oldest schema whose programs can use what this program makes: the migrations say so where they have run.
async fn oldest_for_ours(known: i64) -> Result<i64, OpenError> {
    let path = Path::new(":memory:");
    let fail = |source| OpenError::Migrate { path: path.to_owned(), source: Box::new(source) };
    let mut db = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path))
        .await
        .map_err(|error| fail(error.into()))?;
    MIGRATIONS.run(&mut db).await.map_err(fail)?;
    let oldest = oldest_for(&mut db, known).await.map_err(|error| fail(error.into()))?;
    Ok(oldest.unwrap_or(known))
}

/// A migration that the database has.
#[derive(sqlx::FromRow)]
struct Applied {
    version: i64,
    checksum: Vec<u8>,
    success: bool,
}

/// The migrations that the database has; none where it is new.
async fn applied(db: &mut SqliteConnection) -> Result<Vec<Applied>, sqlx::Error> {
    let is_there: bool = sqlx::query_scalar(
        "SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'",
    )
    .fetch_one(&mut *db)
    .await?;
    if !is_there {
        return Ok(Vec::new());
    }
    sqlx::query_as("SELECT version, checksum, success FROM _sqlx_migrations").fetch_all(db).await
}

/// Whether what was done to the database is what this program would have done, as far as it knows.
fn same_history(applied: &[Applied]) -> Result<(), MigrateError> {
    for Applied { version, checksum, success } in applied {
        if !success {
            return Err(MigrateError::Dirty(*version));
        }
        let ours = MIGRATIONS.iter().find(|migration| migration.version == *version);
        if ours.is_some_and(|ours| *ours.checksum != **checksum) {
            return Err(MigrateError::VersionMismatch(*version));
        }
    }
    Ok(())
}

/// The oldest schema whose programs can use this one, where its migration says so.
async fn oldest_for(db: &mut SqliteConnection, schema: i64) -> Result<Option<i64>, sqlx::Error> {
    let value: Option<Vec<u8>> = sqlx::query_scalar("SELECT value FROM meta WHERE name = ?")
        .bind(format!("oldest_for_schema_{schema}"))
        .fetch_optional(db)
        .await?;
    Ok(value.and_then(|value| str::from_utf8(&value).ok()?.parse().ok()))
}
