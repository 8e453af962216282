//! Backup and restore: made under load, put back whole, refused where something is wrong.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Program, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use mig33_codec::packets::{EndMessages, GetMessages, Message};
use mig33_server::backup::{ArchiveError, BackupError, Place, RestoreError, backup, restore};
use mig33_server::{Service, Settings, StartError};
use sqlx::Connection;

use crate::harness::{World, befriend, decode, guid, text};
use crate::pictures::{PNG, address, http, put};

/// How many write at full speed.
const SENDERS: usize = 4;

/// Settings of another folder.
fn elsewhere(folder: &tempfile::TempDir) -> Settings {
    let mut settings = Settings { data_dir: folder.path().join("data"), ..Settings::default() };
    settings.limits.request_burst = 1_000_000;
    settings
}

async fn backup_to(world: &World, file: &Path, with_key: bool) {
    let made = backup(&world.settings, &Place::from(file.to_owned()), with_key).await.unwrap();
    assert_eq!(made.bytes, fs::metadata(file).unwrap().len());
    assert_eq!(made.missing, [""; 0]);
}

/// The names in a folder, and in those in it.
fn names(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        names.extend(if path.is_dir() { names_in(&path) } else { vec![path] });
    }
    names.sort();
    names
}

fn names_in(folder: &Path) -> Vec<PathBuf> {
    let mut all = names(folder);
    all.push(folder.to_owned());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_ends_and_has_all_that_was_acknowledged_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new().await;
    let mut bob = world.user("bob").await;
    let mut senders = Vec::new();
    for n in 0..SENDERS {
        let mut sender = world.user(&format!("sender{n}")).await;
        befriend(&mut sender, &mut bob).await;
        senders.push(sender);
    }
    let path = address(&mut senders[0], "bob").await.unwrap();
    assert_eq!(put(&world, &path, PNG).await, StatusCode::CREATED);
    let picture = text(&bob.until::<Message>().await.1);
    drop(bob);
    let counts: Arc<Vec<AtomicUsize>> =
        Arc::new((0..SENDERS).map(|_| AtomicUsize::new(0)).collect());
    let is_over = Arc::new(AtomicBool::new(false));
    let writing: Vec<_> = senders
        .into_iter()
        .enumerate()
        .map(|(n, mut sender)| {
            let (counts, is_over) = (Arc::clone(&counts), Arc::clone(&is_over));
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let count = counts[n].load(Ordering::Relaxed);
                    sender.say("bob", &format!("m{count}"), &"x".repeat(1000)).await.unwrap();
                    counts[n].store(count + 1, Ordering::Release);
                }
            })
        })
        .collect();
    let all =
        || -> Vec<usize> { counts.iter().map(|count| count.load(Ordering::Acquire)).collect() };
    while all().iter().sum::<usize>() < 400 {
        tokio::task::yield_now().await;
    }
    let before = all();
    let file = folder.path().join("backup.tar");
    backup_to(&world, &file, true).await;
    let after = all();
    is_over.store(true, Ordering::Relaxed);
    for writing in writing {
        writing.await.unwrap();
    }
    assert!(after.iter().sum::<usize>() > before.iter().sum(), "nobody waited for it: {before:?}");
    world.service.shutdown().await;

    let settings = elsewhere(&folder);
    let restored = restore(&settings, &Place::from(file), false).await.unwrap();
    assert_eq!((restored.pictures, restored.missing), (1, 0));
    assert_eq!(restored.before, [""; 0].map(PathBuf::from));
    let world = World::on_data(settings).await;
    let shown = picture.strip_prefix("http://page:1").unwrap();
    assert_eq!(http(&world, Method::GET, shown, Body::empty()).await.status(), StatusCode::OK);
    let mut bob = world.session("bob").await;
    for (n, acknowledged) in before.into_iter().enumerate() {
        let (mut kept, mut latest) = (std::collections::BTreeSet::new(), None);
        loop {
            let number = bob
                .send(GetMessages {
                    chat_id: Some(format!("sender{n}").into()),
                    latest_timestamp: latest,
                    limit: Some(100),
                    ..GetMessages::default()
                })
                .await;
            let (frames, end) = bob.until::<EndMessages>().await;
            if end.messages_sent == Some(0) {
                break;
            }
            let page: Vec<Message> =
                frames.iter().filter(|frame| frame.transaction == number).map(decode).collect();
            latest = page[0].timestamp.map(|time| time - 1);
            kept.extend(page.iter().map(guid));
        }
        for count in 0..acknowledged {
            assert!(kept.contains(&format!("m{count}")), "m{count} of sender{n}");
        }
    }
}

#[tokio::test]
async fn a_backup_is_put_in_the_place_of_nothing_or_of_what_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new().await;
    let (mut alice, _bob) = world.friends("alice", "bob").await;
    let path = address(&mut alice, "bob").await.unwrap();
    assert_eq!(put(&world, &path, PNG).await, StatusCode::CREATED);
    let file = folder.path().join("backup.tar");
    backup_to(&world, &file, false).await;
    // again, over the one that is there
    backup_to(&world, &file, false).await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(names(folder.path()), std::slice::from_ref(&file), "nothing else stays");
    let place = Place::from(file);
    let error = restore(&world.settings, &place, true).await.unwrap_err();
    assert!(matches!(error, RestoreError::Folder(_)), "it runs: {error}");
    alice.say("bob", "late", "after the backup").await.unwrap();
    world.service.shutdown().await;
    let before = names(&world.settings.data_dir);
    let error = restore(&world.settings, &place, false).await.unwrap_err();
    assert!(
        matches!(error, RestoreError::Exists { .. }) && error.to_string().contains("--replace")
    );
    assert_eq!(names(&world.settings.data_dir), before);

    let restored = restore(&world.settings, &place, true).await.unwrap();
    let [aside] = &restored.before[..] else { panic!("{restored:?}") };
    let moved = names(aside);
    assert!(moved.contains(&aside.join("mig33.db")), "{moved:?}");
    assert!(moved.iter().any(|path| path.starts_with(aside.join("pictures"))), "{moved:?}");
    assert!(!aside.join("mig33.key").exists(), "the key that is there stays");
    assert!(!world.settings.data_dir.join("restoring").exists());
    let world = world.started_again().await;
    let mut alice = world.session("alice").await;
    alice.send(GetMessages { chat_id: Some("bob".into()), ..GetMessages::default() }).await;
    let kept = alice.until::<EndMessages>().await.1.messages_sent;
    assert_eq!(kept, Some(1), "the picture, and not what came later");
}

#[tokio::test]
async fn a_backup_needs_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new().await;
    world.user("alice").await;
    let [without, with] = ["without.tar", "with.tar"].map(|name| folder.path().join(name));
    backup_to(&world, &without, false).await;
    backup_to(&world, &with, true).await;
    let key = fs::read(world.settings.data_dir.join("mig33.key")).unwrap();
    assert!(!fs::read(&without).unwrap().windows(32).any(|bytes| bytes == key));
    world.service.shutdown().await;

    let settings = elsewhere(&folder);
    let (without, with) = (Place::from(without), Place::from(with));
    let error = restore(&settings, &without, false).await.unwrap_err();
    assert!(matches!(error, RestoreError::NoKey { .. }), "{error}");
    // another service's key
    Service::start(settings.clone()).await.unwrap().shutdown().await;
    let error = restore(&settings, &without, true).await.unwrap_err();
    assert!(matches!(error, RestoreError::OtherKey { .. }), "{error}");
    let error = restore(&settings, &with, false).await.unwrap_err();
    assert!(matches!(error, RestoreError::Exists { .. }), "{error}");
    let restored = restore(&settings, &with, true).await.unwrap();
    assert!(restored.before[0].join("mig33.key").exists(), "no key is lost");
    assert_eq!(fs::read(settings.data_dir.join("mig33.key")).unwrap(), key);
    World::on_data(settings.clone()).await.session("alice").await;

    // the key alone was brought there
    let other = tempfile::tempdir().unwrap();
    let settings = elsewhere(&other);
    fs::create_dir(&settings.data_dir).unwrap();
    let path = settings.data_dir.join("mig33.key");
    fs::copy(world.settings.data_dir.join("mig33.key"), &path).unwrap();
    restore(&settings, &without, false).await.unwrap();
    World::on_data(settings).await.session("alice").await;
}

#[tokio::test]
async fn a_backup_that_is_not_whole_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new().await;
    let (mut alice, _bob) = world.friends("alice", "bob").await;
    let path = address(&mut alice, "bob").await.unwrap();
    assert_eq!(put(&world, &path, PNG).await, StatusCode::CREATED);
    let file = folder.path().join("backup.tar");
    backup_to(&world, &file, true).await;
    world.service.shutdown().await;
    let before = names(&world.settings.data_dir);
    let whole = fs::read(&file).unwrap();
    let refused = async |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let error = restore(&world.settings, &Place::from(file.clone()), true).await.unwrap_err();
        assert_eq!(names(&world.settings.data_dir), before, "{error}");
        error
    };
    for length in [0, 100, 512, 5000, whole.len() / 2, whole.len() - 2000] {
        let error = refused(&whole[..length]).await;
        let RestoreError::Archive { source, .. } = error else { panic!("{error}") };
        assert!(!matches!(source, ArchiveError::Unpack(_)), "{source}");
    }
    // a name, the manifest, the database, and the list
    for at in [0, 520, 3000, whole.len() / 3, whole.len() / 2, whole.len() - 1024 - 500] {
        let mut bad = whole.clone();
        bad[at] ^= 0x55;
        assert!(matches!(refused(&bad).await, RestoreError::Archive { .. }), "{at}");
    }
    let newer = String::from_utf8_lossy(&whole).find("format = 1").unwrap();
    let mut later = whole.clone();
    later[newer + 9] = b'2';
    assert!(matches!(refused(&later).await, RestoreError::Newer { found: 2, .. }));
    fs::write(&file, whole).unwrap();
    restore(&world.settings, &Place::from(file), true).await.unwrap();
}

#[tokio::test]
async fn a_restore_that_was_cut_short_is_not_taken_for_data() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new().await;
    let file = folder.path().join("backup.tar");
    backup_to(&world, &file, true).await;
    world.service.shutdown().await;
    fs::write(world.settings.data_dir.join("restore.unfinished"), "").unwrap();
    let error = Service::start(world.settings.clone()).await.unwrap_err();
    assert!(matches!(error, StartError::Restoring { .. }), "{error}");
    let other = folder.path().join("other.tar");
    let error = backup(&world.settings, &Place::from(other), false).await.unwrap_err();
    assert!(matches!(error, BackupError::Restoring { .. }), "{error}");
    assert_eq!(names(folder.path()), std::slice::from_ref(&file), "nothing is made");
    restore(&world.settings, &Place::from(file), true).await.unwrap();
    Service::start(world.settings.clone()).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn a_backup_says_which_pictures_are_missing_and_spares_what_is_no_backup() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new().await;
    let (mut alice, _bob) = world.friends("alice", "bob").await;
    let path = address(&mut alice, "bob").await.unwrap();
    assert_eq!(put(&world, &path, PNG).await, StatusCode::CREATED);
    let pictures = world.settings.data_dir.join("pictures");
    let only = names(&pictures).remove(0);
    fs::write(pictures.join("c".repeat(32)), "of no message").unwrap();
    fs::remove_file(&only).unwrap();
    let file = folder.path().join("backup.tar");
    let made = backup(&world.settings, &Place::from(file.clone()), true).await.unwrap();
    assert_eq!(made.missing, [only.file_name().unwrap().to_str().unwrap()]);
    assert_eq!(made.pictures, 0);
    let database = world.settings.database_file().unwrap();
    let error = backup(&world.settings, &Place::from(database), true).await.unwrap_err();
    assert!(matches!(error, BackupError::Exists { .. }), "{error}");
    let nowhere = Place::from(folder.path().join("none/backup.tar"));
    let error = backup(&world.settings, &nowhere, true).await.unwrap_err();
    assert!(matches!(error, BackupError::Write { .. }), "{error}");
    let error = backup(&elsewhere(&folder), &nowhere, true).await.unwrap_err();
    assert!(matches!(error, BackupError::NoDatabase { .. }), "{error}");
    world.service.shutdown().await;
    let settings = elsewhere(&folder);
    assert_eq!(restore(&settings, &Place::from(file), false).await.unwrap().missing, 1);
}

#[tokio::test]
async fn a_damaged_database_is_not_put_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new().await;
    world.service.shutdown().await;
    // an index that says something else than its table
    let database = world.settings.database_file().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
    let mut db = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    for sql in [
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = 'CREATE INDEX rooms_by_creator ON rooms (capacity)'
         WHERE name = 'rooms_by_creator'",
    ] {
        sqlx::query(sql).execute(&mut db).await.unwrap();
    }
    db.close().await.unwrap();
    let file = folder.path().join("backup.tar");
    backup_to(&world, &file, true).await;
    let settings = elsewhere(&folder);
    let error = restore(&settings, &Place::from(file), false).await.unwrap_err();
    assert!(matches!(&error, RestoreError::Database { .. }), "{error}");
    assert!(error.to_string().contains("rooms_by_creator"), "{error}");
    assert!(!settings.data_dir.join("mig33.db").exists());
}

/// The program with these words; its exit code and what it says.
fn program(words: &[&str], limit: Option<&str>, input: Stdio) -> (Option<i32>, Vec<u8>, String) {
    let limit = limit.map(|blocks| format!("ulimit -f {blocks}; ")).unwrap_or_default();
    let output = Program::new("sh")
        .args(["-c", &format!("trap '' XFSZ; {limit}exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_mig33-server"))
        .args(words)
        .stdin(input)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), output.stdout, said)
}

#[tokio::test]
async fn the_program_makes_and_restores_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new().await;
    world.user("alice").await;
    let data = world.settings.data_dir.to_str().unwrap();
    let [one, two] = ["one.tar", "two.tar"].map(|name| folder.path().join(name));
    let (one, two) = (one.to_str().unwrap(), two.to_str().unwrap());
    let (code, _, said) = program(&["backup", one, "--data-dir", data], None, Stdio::null());
    assert!(code == Some(0) && said.contains("without the key"), "{said}");
    let words = ["--data-dir", data, "backup", "-", "--with-key"];
    let (code, archive, said) = program(&words, None, Stdio::null());
    assert!(code == Some(0) && said.contains("with the key"), "{said}");
    fs::write(two, archive).unwrap();
    let other = folder.path().join("other");
    let words = ["--data-dir", other.to_str().unwrap(), "restore", "-"];
    let input = || Stdio::from(fs::File::open(two).unwrap());
    let (code, _, said) = program(&words, None, input());
    assert_eq!(code, Some(0), "{said}");
    let (code, _, said) = program(&words, None, input());
    assert!(code == Some(1) && said.contains("--replace"), "{said}");
    World::on_data(Settings { data_dir: other, ..Settings::default() })
        .await
        .session("alice")
        .await;

    // a disk that takes no more: what was there stays as it is, and nothing is left beside it
    let before = (names(folder.path()), fs::read(one).unwrap());
    for blocks in ["0", "16", "200"] {
        let words = ["backup", one, "--data-dir", data];
        let (code, _, said) = program(&words, Some(blocks), Stdio::null());
        assert!(code == Some(1) && said.contains(one), "{blocks}: {said}");
        assert!((names(folder.path()), fs::read(one).unwrap()) == before, "{blocks}");
    }
}
