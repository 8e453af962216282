//! The one writer: takes changes from everybody, commits them in groups, and only then says that they are done.
//!
//! Each change is a savepoint of its own within the group's transaction, so one that fails takes nothing with it. Some
//! failures make SQLite end the whole transaction (a full disk, for one). Its savepoints are gone then, and what came
//! next would be a transaction of its own: so the group stops there, and fails as a whole.
//!
//! The log that SQLite writes first (WAL) goes on growing while there is always somebody who reads. Where it has become
//! large, the writer has it put into the file and cut, as soon as nobody stands in the way for a moment.
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::Connection as _;
use sqlx::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::cause;
use crate::store::{Cause, Health, StoreError};

/// Changes that may wait for the writer; who has one more waits with it.
const QUEUE: usize = 1024;
/// Changes in one commit.
const GROUP: usize = 256;
/// Bytes that the log may have before it is cut.
pub(super) const LOG_BYTES: u64 = 16 << 20;
/// How long the writer waits between two attempts to cut it.
const BETWEEN_CUTS: Duration = Duration::from_secs(1);
/// For how long nobody may be able to write while readers are waited for, in milliseconds.
const CUT_WAITS_MS: u32 = 20;

/// Hands changes to the writer's task.
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Work>>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts the task that writes on this connection, whose log is in that file. It ends when the last `Writer` is gone and all is written.
    pub(super) fn start(
        connection: SqliteConnection,
        log: PathBuf,
        health: Arc<Health>,
    ) -> (Self, JoinHandle<()>) {
        let (queue, work) = mpsc::channel(QUEUE);
        let writing = Writing { connection, log, next_cut: None, health };
        (Self { queue }, tokio::spawn(writing.run(work)))
    }

    /// Makes a change, and returns when it is committed.
    pub(super) async fn run<T, F>(&self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>>
            + Send
            + 'static,
    {
        self.run_then(change, |_| {}).await
    }

    /// As [`run`](Self::run), and calls `then` right after the commit. Calls come in the order of the changes.
    pub(super) async fn run_then<T, F>(
        &self,
        change: F,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>>
            + Send
            + 'static,
    {
        let (tell, told) = oneshot::channel();
        let work = Box::new(Change { change, then, tell });
        self.queue.send(work).await.map_err(|_| StoreError::Closed)?;
        told.await.map_err(|_| StoreError::Closed)?
    }
}

/// A change that somebody waits for.
trait Work: Send {
    /// Makes it; what has to be done once its group is committed, or is not.
    fn run(self: Box<Self>, connection: &mut SqliteConnection) -> BoxFuture<'_, Worked>;
    /// It was not made.
    fn fail(self: Box<Self>, error: StoreError);
}

type Worked = Result<WhenCommitted, (Fail, sqlx::Error)>;
type WhenCommitted = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Fail = Box<dyn FnOnce(StoreError) + Send>;

struct Change<F, N, T> {
    change: F,
    then: N,
    tell: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F, N> Work for Change<F, N, T>
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send,
    N: FnOnce(&T) + Send + 'static,
{
    fn run(self: Box<Self>, connection: &mut SqliteConnection) -> BoxFuture<'_, Worked> {
        let Self { change, then, tell } = *self;
        let working = change(connection);
        Box::pin(async move {
            match working.await {
                Ok(value) => {
                    let when_committed: WhenCommitted = Box::new(move |committed| {
                        if committed.is_ok() {
                            then(&value);
                        }
                        drop(tell.send(committed.map(|()| value)));
                    });
                    Ok(when_committed)
                }
                Err(error) => {
                    let fail: Fail = Box::new(move |error| drop(tell.send(Err(error))));
                    Err((fail, error))
                }
            }
        })
    }

    fn fail(self: Box<Self>, error: StoreError) {
        drop(self.tell.send(Err(error)));
    }
}

/// The writer's task.
struct Writing {
    connection: SqliteConnection,
    log: PathBuf,
    /// When the log may be cut again.
    next_cut: Option<Instant>,
    health: Arc<Health>,
}

impl Writing {
    async fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Work>>) {
        let mut group = Vec::with_capacity(GROUP);
        while queue.recv_many(&mut group, GROUP).await > 0 {
            self.write_group(&mut group).await;
            self.cut_log().await;
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }

    /// Makes the changes and commits them. Whoever waits for one is told only then.
    async fn write_group(&mut self, group: &mut Vec<Box<dyn Work>>) {
        let connection = &mut self.connection;
        // a commit tells nothing of the disk unless there was something to write
        let before = if self.health.is_failing() { total_changes(connection).await } else { None };
        let mut done = Vec::with_capacity(group.len());
        let mut left = group.drain(..);
        match write_all(connection, &self.health, &mut left, &mut done).await {
            Ok(()) => {
                if before.is_some() && total_changes(connection).await > before {
                    self.health.stored();
                }
                done.into_iter().for_each(|when_committed| when_committed(Ok(())));
            }
            Err(error) => {
                let changes = done.len() + left.len();
                self.health.failed(cause(&error), changes);
                self.health.cannot_store();
                tracing::error!(%error, changes, "changes could not be committed");
                // where SQLite has rolled back by itself this fails; where it fails otherwise, the next BEGIN does, too
                drop(sqlx::query("ROLLBACK").execute(connection).await);
                let error = Arc::new(error);
                for when_committed in done {
                    when_committed(Err(StoreError::Commit(Arc::clone(&error))));
                }
                left.for_each(|work| work.fail(StoreError::Commit(Arc::clone(&error))));
            }
        }
    }

    /// Puts a large log into the file and cuts it, where readers let it.
    async fn cut_log(&mut self) {
        let now = Instant::now();
        if self.next_cut.is_some_and(|next| now < next)
            || !fs::metadata(&self.log).is_ok_and(|log| log.len() > LOG_BYTES)
        {
            return;
        }
        self.next_cut = Some(now + BETWEEN_CUTS);
        let connection = &mut self.connection;
        let cut: Result<(), sqlx::Error> = async {
            let waits: u32 =
                sqlx::query_scalar("PRAGMA busy_timeout").fetch_one(&mut *connection).await?;
            set_busy_timeout(connection, CUT_WAITS_MS).await?;
            let cut =
                sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *connection).await;
            set_busy_timeout(connection, waits).await?;
            cut.map(drop)
        }
        .await;
        if let Err(error) = cut {
            tracing::warn!(%error, "the database's log could not be cut");
        }
    }
}

async fn set_busy_timeout(connection: &mut SqliteConnection, ms: u32) -> Result<(), sqlx::Error> {
    let sql = sqlx::AssertSqlSafe(format!("PRAGMA busy_timeout = {ms}"));
    sqlx::query(sql).execute(connection).await.map(drop)
}

/// Rows that this connection has changed since it is open.
async fn total_changes(connection: &mut SqliteConnection) -> Option<i64> {
    sqlx::query_scalar("SELECT total_changes()").fetch_one(connection).await.ok()
}

/// One transaction; on an error nothing of it may last, whether or not SQLite still has it open.
async fn write_all(
    connection: &mut SqliteConnection,
    health: &Health,
    group: &mut impl Iterator<Item = Box<dyn Work>>,
    done: &mut Vec<WhenCommitted>,
) -> Result<(), sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    for work in group {
        if let Err(error) = sqlx::query("SAVEPOINT change").execute(&mut *connection).await {
            done.push(fails_with_group(Box::new(move |error| work.fail(error))));
            return Err(error);
        }
        let failed = match work.run(&mut *connection).await {
            Ok(when_committed) => {
                done.push(when_committed);
                None
            }
            Err((fail, error)) => {
                let undone = sqlx::query("ROLLBACK TO change").execute(&mut *connection).await;
                if undone.is_err() {
                    // the transaction is gone: what went wrong is the change's error, not this one
                    done.push(fails_with_group(fail));
                    return Err(error);
                }
                Some((fail, error))
            }
        };
        // fails where the transaction is gone, also when the change has not noticed
        let released = sqlx::query("RELEASE change").execute(&mut *connection).await;
        if let Some((fail, error)) = failed {
            let cause = cause(&error);
            health.failed(cause, 1);
            if matches!(cause, Cause::Full | Cause::Disk) {
                health.cannot_store();
            }
            fail(error.into());
        }
        released?;
    }
    sqlx::query("COMMIT").execute(&mut *connection).await.map(drop)
}

/// For a change that stops its group: nothing of the group will be committed.
fn fails_with_group(fail: Fail) -> WhenCommitted {
    Box::new(|committed| {
        if let Err(error) = committed {
            fail(error);
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use sqlx::sqlite::SqliteConnectOptions;

    use super::*;

    async fn writer(folder: &std::path::Path) -> Writer {
        watched_writer(folder, Arc::default()).await
    }

    async fn watched_writer(folder: &std::path::Path, health: Arc<Health>) -> Writer {
        let options =
            SqliteConnectOptions::new().filename(folder.join("x.db")).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
            .execute(&mut connection)
            .await
            .unwrap();
        Writer::start(connection, folder.join("x.db-wal"), health).0
    }

    async fn insert(writer: &Writer, n: i64) -> Result<i64, StoreError> {
        writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query("INSERT INTO numbers VALUES (?)")
                        .bind(n)
                        .execute(&mut *connection)
                        .await?;
                    sqlx::query("INSERT INTO numbers VALUES (?)")
                        .bind(-n)
                        .execute(connection)
                        .await?;
                    Ok(n)
                })
            })
            .await
    }

    async fn count(writer: &Writer) -> i64 {
        writer
            .run(|connection| {
                Box::pin(sqlx::query_scalar("SELECT count(*) FROM numbers").fetch_one(connection))
            })
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_change_that_fails_takes_nothing_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path()).await;
        // one group: the second writes a row, then fails
        let (one, two, three) =
            tokio::join!(insert(&writer, 1), insert(&writer, 0), insert(&writer, 2));
        assert_eq!(one.unwrap(), 1);
        assert!(matches!(two, Err(StoreError::Database(_))));
        assert_eq!(three.unwrap(), 2);
        assert_eq!(count(&writer).await, 4);
    }

    /// Inserts these at once; which of them were done. What is told is what is there.
    async fn insert_all(writer: &Writer, numbers: impl IntoIterator<Item = i64>) -> Vec<bool> {
        let numbers: Vec<i64> = numbers.into_iter().collect();
        let all = numbers.iter().map(|n| insert(writer, *n));
        let told: Vec<bool> =
            futures_util::future::join_all(all).await.iter().map(Result::is_ok).collect();
        let there = writer
            .run(move |connection| {
                Box::pin(async move {
                    let mut there = Vec::new();
                    for n in numbers {
                        let sql = "SELECT count(*) FROM numbers WHERE n IN (?, -?)";
                        let count: i64 = sqlx::query_scalar(sql)
                            .bind(n)
                            .bind(n)
                            .fetch_one(&mut *connection)
                            .await?;
                        there.push(count == 2);
                    }
                    Ok(there)
                })
            })
            .await
            .unwrap();
        assert_eq!(told, there);
        told
    }

    async fn execute(writer: &Writer, sql: &'static str) {
        writer
            .run(move |connection| {
                Box::pin(async move { sqlx::query(sql).execute(connection).await.map(drop) })
            })
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_group_that_sqlite_rolls_back_fails_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path()).await;
        let trigger = "CREATE TRIGGER unlucky BEFORE INSERT ON numbers WHEN new.n = -13
                       BEGIN SELECT RAISE(ROLLBACK, 'unlucky'); END";
        execute(&writer, trigger).await;
        let told = insert_all(&writer, [1, 2, 13, 3, 4]).await;
        assert_eq!(told, [false; 5]);
        assert!(matches!(insert(&writer, 13).await, Err(StoreError::Commit(_))));
        assert_eq!(insert_all(&writer, [5, 6]).await, [true; 2], "the next group is a new one");
    }

    #[tokio::test]
    async fn a_full_disk_loses_nothing_that_was_accepted_and_keeps_nothing_that_was_refused() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path()).await;
        execute(&writer, "CREATE TABLE filler (bytes BLOB)").await;
        let fill = "CREATE TRIGGER fill AFTER INSERT ON numbers BEGIN
                      INSERT INTO filler VALUES (randomblob(2000)); END";
        execute(&writer, fill).await;
        execute(&writer, "PRAGMA max_page_count = 40").await;
        let mut told = Vec::new();
        for group in 0..30 {
            told.extend(insert_all(&writer, (1..=5).map(|n| group * 5 + n)).await);
        }
        assert!(told[0] && told.contains(&false), "{told:?}");
        execute(&writer, "PRAGMA max_page_count = 100000").await;
        assert_eq!(insert_all(&writer, [1000]).await, [true]);
    }

    #[tokio::test]
    async fn a_full_disk_is_known_until_something_is_stored_again() {
        let folder = tempfile::tempdir().unwrap();
        let health = Arc::new(Health::default());
        let writer = watched_writer(folder.path(), Arc::clone(&health)).await;
        let full = || health.failures().get_or_create(&Cause::Full.into()).get();
        execute(&writer, "CREATE TABLE filler (bytes BLOB)").await;
        execute(&writer, "PRAGMA max_page_count = 40").await;
        assert!(!health.is_failing());
        let fails_to_fill = async || {
            let sql = "INSERT INTO filler VALUES (randomblob(200000))";
            let filling = writer.run(move |db| {
                Box::pin(async move { sqlx::query(sql).execute(db).await.map(drop) })
            });
            filling.await.is_err()
        };
        assert!(fails_to_fill().await);
        assert_eq!((health.is_failing(), full()), (true, 1));
        count(&writer).await;
        assert!(health.is_failing(), "reading tells nothing of it");
        assert!(fails_to_fill().await);
        assert_eq!((health.is_failing(), full()), (true, 2));
        execute(&writer, "PRAGMA max_page_count = 100000").await;
        assert!(insert(&writer, 1).await.is_ok() && !health.is_failing());
        assert!(insert(&writer, 0).await.is_err(), "it is there twice");
        assert!(!health.is_failing(), "what may not be stored says nothing of the disk");
        assert_eq!(full(), 2);
    }

    #[tokio::test]
    async fn what_follows_a_commit_comes_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path()).await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let all = (1..=100).map(|n| {
            let (seen, writer) = (Arc::clone(&seen), &writer);
            async move {
                let note = move |n: &i64| seen.lock().unwrap().push(*n);
                writer.run_then(move |_| Box::pin(async move { Ok(n) }), note).await.unwrap();
            }
        });
        futures_util::future::join_all(all).await;
        assert_eq!(*seen.lock().unwrap(), (1..=100).collect::<Vec<i64>>());
    }
}
