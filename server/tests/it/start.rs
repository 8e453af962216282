//! What the service says when it cannot start, and what it makes at its first start.
use std::fs;

use mig33_server::store::sqlite::{OpenError, SqliteStore, Standing};
use mig33_server::{Service, Settings, StartError};

fn settings(folder: &tempfile::TempDir) -> Settings {
    Settings { data_dir: folder.path().join("data"), ..Settings::default() }
}

async fn started_once() -> (tempfile::TempDir, Settings) {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    Service::start(settings.clone()).await.unwrap().shutdown().await;
    (folder, settings)
}

#[tokio::test]
async fn a_folder_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let first = Service::start(settings(&folder)).await.unwrap();
    let error = Service::start(settings(&folder)).await.unwrap_err();
    assert!(matches!(error, StartError::InUse { .. }));
    assert!(error.to_string().contains("--data-dir"), "{error}");
    // nor may two folders share a database
    let other = Settings {
        data_dir: folder.path().join("other"),
        database: Some(format!("sqlite://{}", folder.path().join("data/mig33.db").display())),
        ..Settings::default()
    };
    assert!(matches!(Service::start(other).await, Err(StartError::InUse { .. })));
    first.shutdown().await;
    Service::start(settings(&folder)).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn a_database_needs_its_key() {
    let (_folder, settings) = started_once().await;
    let key = settings.data_dir.join("mig33.key");
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let error = Service::start(settings.clone()).await.unwrap_err();
    assert!(matches!(error, StartError::Key(_)));
    assert!(error.to_string().contains("backup"), "{error}");
    assert!(!key.exists(), "none is made");
    // another database's key
    let (_other, others) = started_once().await;
    fs::copy(others.data_dir.join("mig33.key"), &key).unwrap();
    assert!(matches!(Service::start(settings.clone()).await, Err(StartError::OtherKey { .. })));
    fs::write(&key, kept).unwrap();
    Service::start(settings).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn a_key_without_a_database_is_kept() {
    let (_folder, settings) = started_once().await;
    let key = fs::read(settings.data_dir.join("mig33.key")).unwrap();
    for name in ["mig33.db", "mig33.db-wal", "mig33.db-shm"] {
        drop(fs::remove_file(settings.data_dir.join(name)));
    }
    Service::start(settings.clone()).await.unwrap().shutdown().await;
    assert_eq!(fs::read(settings.data_dir.join("mig33.key")).unwrap(), key);
}

/// The newest schema that this program knows: its migrations are numbered.
fn known() -> i64 {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
    i64::try_from(fs::read_dir(folder).unwrap().count()).unwrap()
}

/// A newer program has been at work on the database: it has two more migrations, and the last says that programs can use
/// it that know this schema.
async fn written_by_a_newer_one(settings: &Settings, oldest: Option<&str>) {
    let newer = known() + 2;
    sql(
        settings,
        &format!(
            "INSERT OR IGNORE INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES ({newer}, 'of the future', 1, x'00', 0)"
        ),
    )
    .await;
    if let Some(oldest) = oldest {
        says(settings, newer, oldest).await;
    }
}

/// A migration says that programs can use it that know this schema.
async fn says(settings: &Settings, schema: i64, oldest: &str) {
    let says = format!(
        "INSERT OR REPLACE INTO meta VALUES ('oldest_for_schema_{schema}', CAST('{oldest}' AS BLOB))"
    );
    sql(settings, &says).await;
}

/// The database as the first two migrations made it, in place of the one that is there; with the same key.
async fn of_schema_2(settings: &Settings) {
    let path = settings.database_file().unwrap();
    let newer = path.with_extension("newer");
    fs::rename(&path, &newer).unwrap();
    fs::write(&path, "").unwrap();
    sql(settings, include_str!("../../migrations/sqlite/0001_first.sql")).await;
    sql(settings, include_str!("../../migrations/sqlite/0002_display_picture.sql")).await;
    let of_newer = format!(
        "ATTACH '{}' AS newer;
         CREATE TABLE _sqlx_migrations AS SELECT * FROM newer._sqlx_migrations WHERE version <= 2;
         INSERT INTO meta SELECT * FROM newer.meta WHERE name = 'key_check'",
        newer.display()
    );
    sql(settings, &of_newer).await;
    fs::remove_file(newer).unwrap();
}

/// Does something to the database that no service has open.
async fn sql(settings: &Settings, statement: &str) {
    use sqlx::Connection;
    let path = settings.database_file().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut database = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let (_folder, settings) = started_once().await;
    let newer = (known() + 2).to_string();
    for oldest in [None, Some(&*newer), Some("something else")] {
        written_by_a_newer_one(&settings, oldest).await;
        let error = Service::start(settings.clone()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("schema {newer}")) && text.contains("newer"), "{text}");
    }
}

#[tokio::test]
async fn a_newer_schema_that_adds_to_this_one_can_be_used() {
    let (_folder, settings) = started_once().await;
    written_by_a_newer_one(&settings, Some("3")).await;
    // the one before it says nothing: it may have changed what is known
    assert!(matches!(Service::start(settings.clone()).await, Err(StartError::Open(_))));
    says(&settings, known() + 1, "3").await;
    Service::start(settings.clone()).await.unwrap().shutdown().await;
    Service::start(settings).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn a_schema_is_examined_and_left_as_it_is() {
    let names = |folder: &std::path::Path| {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let nowhere = tempfile::tempdir().unwrap();
    let absent = nowhere.path().join("mig33.db");
    assert_eq!(SqliteStore::examine(&absent).await.unwrap(), Standing::New);
    fs::write(&absent, "").unwrap();
    assert_eq!(SqliteStore::examine(&absent).await.unwrap(), Standing::New);
    assert_eq!(names(nowhere.path()), ["mig33.db"]);

    let (_folder, settings) = started_once().await;
    let path = settings.database_file().unwrap();
    let (before, bytes) = (names(&settings.data_dir), fs::read(&path).unwrap());
    assert!(
        !before.iter().any(|name| name == "mig33.db-wal"),
        "a stop leaves one file: {before:?}"
    );
    assert_eq!(SqliteStore::examine(&path).await.unwrap(), Standing::Same);
    of_schema_2(&settings).await;
    let older = Standing::Older { found: 2, known: known(), oldest: 3 };
    let old = fs::read(&path).unwrap();
    assert_ne!(old, bytes);
    assert_eq!(SqliteStore::examine(&path).await.unwrap(), older);
    assert_eq!(names(&settings.data_dir), before, "nothing is put beside it");
    assert!(fs::read(&path).unwrap() == old, "nothing is changed");
    // while a program is at work on it, what it has not written to the file yet counts
    let service = Service::start(settings.clone()).await.unwrap();
    assert_eq!(SqliteStore::examine(&path).await.unwrap(), Standing::Same);
    #[cfg(unix)]
    {
        let link = nowhere.path().join("link.db");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(SqliteStore::examine(&link).await.unwrap(), Standing::Same);
    }
    service.shutdown().await;

    written_by_a_newer_one(&settings, Some("3")).await;
    let error = SqliteStore::examine(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Newer { found, .. } if found == known() + 2), "{error}");
    says(&settings, known() + 1, "3").await;
    let newer = Standing::Newer { found: known() + 2, known: known() };
    assert_eq!(SqliteStore::examine(&path).await.unwrap(), newer);

    fs::write(&path, "this is no database, but it is longer than a header ".repeat(9)).unwrap();
    let error = SqliteStore::examine(&path).await.unwrap_err();
    assert!(error.to_string().contains("mig33.db"), "{error}");
}

#[tokio::test]
async fn a_schema_with_another_history_is_refused_by_the_look_at_it_as_by_the_start() {
    let (_folder, settings) = started_once().await;
    let path = settings.database_file().unwrap();
    for (change, word) in [
        ("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 2", "migration 2"),
        ("UPDATE _sqlx_migrations SET success = 0 WHERE version = 3", "migration 3"),
    ] {
        sql(&settings, "CREATE TABLE kept AS SELECT * FROM _sqlx_migrations").await;
        sql(&settings, change).await;
        let looked = SqliteStore::examine(&path).await.unwrap_err();
        let started = Service::start(settings.clone()).await.unwrap_err();
        for text in [causes(&looked), causes(&started)] {
            assert!(text.contains(word), "{change}: {text}");
        }
        sql(&settings, "DELETE FROM _sqlx_migrations").await;
        sql(&settings, "INSERT INTO _sqlx_migrations SELECT * FROM kept").await;
        sql(&settings, "DROP TABLE kept").await;
    }
    assert_eq!(SqliteStore::examine(&path).await.unwrap(), Standing::Same);
}

/// What an error says, with what is behind it.
fn causes(error: &dyn std::error::Error) -> String {
    let more = error.source().map(causes).unwrap_or_default();
    format!("{error}: {more}")
}

#[tokio::test]
async fn no_database_is_said_plainly() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::write(
        folder.path().join("data/mig33.db"),
        "this is no database, but it is longer than a header ".repeat(9),
    )
    .unwrap();
    fs::write(folder.path().join("data/mig33.key"), [1; 32]).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(folder.path().join("data/mig33.key"), mode).unwrap();
    }
    let error = Service::start(settings(&folder)).await.unwrap_err();
    assert!(error.to_string().contains("mig33.db"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_made_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, settings) = started_once().await;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&settings.data_dir), 0o700);
    assert_eq!(mode(&settings.data_dir.join("pictures")), 0o700);
    assert_eq!(mode(&settings.data_dir.join("mig33.key")), 0o600);
    assert_eq!(mode(&settings.data_dir.join("mig33.db")), 0o600);
    for name in ["mig33.lock", "mig33.db.lock"] {
        let lock = settings.data_dir.join(name);
        assert_eq!(mode(&lock), 0o600, "{name}");
        // as an earlier version made it
        fs::set_permissions(&lock, fs::Permissions::from_mode(0o644)).unwrap();
    }
    Service::start(settings.clone()).await.unwrap().shutdown().await;
    assert_eq!(mode(&settings.data_dir.join("mig33.db.lock")), 0o600);
}
