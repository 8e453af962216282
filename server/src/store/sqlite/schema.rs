//! The database's schema: brought up to date, or left as a newer program has made it where this one can use that.
use std::path::Path;

use sqlx::SqliteConnection;
use sqlx::migrate::Migrator;

use super::OpenError;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Brings the schema up to date.
///
/// # Errors
/// [`OpenError::Newer`] where a newer program has changed it in a way that this one cannot know: a migration that
/// leaves alone what was there says in `meta` from which schema on programs can use its own.
pub(super) async fn bring_up_to_date(
    db: &mut SqliteConnection,
    path: &Path,
) -> Result<(), OpenError> {
    let fail = |source| OpenError::Migrate { path: path.to_owned(), source: Box::new(source) };
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let found = found(db).await.map_err(|error| fail(error.into()))?;
    if let Some(found) = found.filter(|found| *found > known) {
        // each of the migrations that this program does not know has to leave alone what it knows
        for schema in known + 1..=found {
            let oldest = oldest_for(db, schema).await.map_err(|error| fail(error.into()))?;
            if oldest.is_none_or(|oldest| oldest > known) {
                return Err(OpenError::Newer { path: path.to_owned(), found, known });
            }
        }
        tracing::warn!(
            schema = found,
            known,
            "a newer version has written the database; this one can use it, too"
        );
        return Ok(());
    }
    MIGRATIONS.run(&mut *db).await.map_err(fail)?;
    if let Some(before) = found.filter(|found| *found < known) {
        let oldest = oldest_for(db, known).await.map_err(|error| fail(error.into()))?;
        let oldest = oldest.unwrap_or(known);
        tracing::info!(
            before,
            schema = known,
            oldest,
            "the database has another form now: programs that know schema `oldest` can use it"
        );
    }
    Ok(())
}

/// The newest migration that the database has; none where it is new.
async fn found(db: &mut SqliteConnection) -> Result<Option<i64>, sqlx::Error> {
    let is_there: bool = sqlx::query_scalar(
        "SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'",
    )
    .fetch_one(&mut *db)
    .await?;
    if !is_there {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
        .fetch_one(db)
        .await
}

/// The oldest schema whose programs can use this one, where its migration says so.
async fn oldest_for(db: &mut SqliteConnection, schema: i64) -> Result<Option<i64>, sqlx::Error> {
    let value: Option<Vec<u8>> = sqlx::query_scalar("SELECT value FROM meta WHERE name = ?")
        .bind(format!("oldest_for_schema_{schema}"))
        .fetch_optional(db)
        .await?;
    Ok(value.and_then(|value| str::from_utf8(&value).ok()?.parse().ok()))
}
