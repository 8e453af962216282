//! The one writer: takes changes from everybody, commits them in groups, and only then says that they are done.
//!
//! Each change is a savepoint of its own within the group's transaction, so one that fails takes nothing with it.
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::Connection as _;
use sqlx::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::store::StoreError;

/// Changes that may wait for the writer; who has one more waits with it.
const QUEUE: usize = 1024;
/// Changes in one commit.
const GROUP: usize = 256;

/// Hands changes to the writer's task.
pub(super) struct Writer {
    queue: mpsc::Sender<Work>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

/// A change: works on the connection, and leaves what has to be done once its group is committed, or is not.
type Work = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Worked> + Send>;
type Worked = Result<WhenCommitted, (Fail, sqlx::Error)>;
type WhenCommitted = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Fail = Box<dyn FnOnce(StoreError) + Send>;

impl Writer {
    /// Starts the task that writes on this connection. It ends when the last `Writer` is gone and all is written.
    pub(super) fn start(connection: SqliteConnection) -> (Self, JoinHandle<()>) {
        let (queue, work) = mpsc::channel(QUEUE);
        (Self { queue }, tokio::spawn(write(connection, work)))
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
        let work: Work = Box::new(move |connection| {
            let working = change(connection);
            Box::pin(async move {
                let fail = |tell: oneshot::Sender<Result<T, StoreError>>| -> Fail {
                    Box::new(move |error| drop(tell.send(Err(error))))
                };
                let value = match working.await {
                    Ok(value) => value,
                    Err(error) => return Err((fail(tell), error)),
                };
                let when_committed: WhenCommitted = Box::new(move |committed| {
                    if committed.is_ok() {
                        then(&value);
                    }
                    drop(tell.send(committed.map(|()| value)));
                });
                Ok(when_committed)
            })
        });
        self.queue.send(work).await.map_err(|_| StoreError::Closed)?;
        told.await.map_err(|_| StoreError::Closed)?
    }
}

async fn write(mut connection: SqliteConnection, mut queue: mpsc::Receiver<Work>) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut group, GROUP).await > 0 {
        write_group(&mut connection, &mut group).await;
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the database did not close cleanly");
    }
}

async fn write_group(connection: &mut SqliteConnection, group: &mut Vec<Work>) {
    let mut done = Vec::with_capacity(group.len());
    let committed = match sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await {
        Ok(_) => {
            for work in group.drain(..) {
                match write_one(connection, work).await {
                    Ok(when_committed) => done.push(when_committed),
                    Err((fail, error)) => fail(error.into()),
                }
            }
            sqlx::query("COMMIT").execute(&mut *connection).await
        }
        Err(error) => {
            group.clear(); // who waits for these is told that the store is closed
            Err(error)
        }
    };
    match committed {
        Ok(_) => done.into_iter().for_each(|when_committed| when_committed(Ok(()))),
        Err(error) => {
            tracing::error!(%error, changes = done.len(), "changes could not be committed");
            // some failures have rolled back already, and then this fails, too
            drop(sqlx::query("ROLLBACK").execute(&mut *connection).await);
            let error = Arc::new(error);
            for when_committed in done {
                when_committed(Err(StoreError::Commit(Arc::clone(&error))));
            }
        }
    }
}

async fn write_one(connection: &mut SqliteConnection, work: Work) -> Worked {
    if let Err(error) = sqlx::query("SAVEPOINT change").execute(&mut *connection).await {
        return Err((Box::new(|_| {}), error));
    }
    let worked = work(connection).await;
    if worked.is_err() {
        drop(sqlx::query("ROLLBACK TO change").execute(&mut *connection).await);
    }
    let released = sqlx::query("RELEASE change").execute(&mut *connection).await;
    match (worked, released) {
        (Ok(when_committed), Err(error)) => {
            Err((Box::new(move |error| when_committed(Err(error))), error))
        }
        (worked, _) => worked,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use sqlx::sqlite::SqliteConnectOptions;

    use super::*;

    async fn writer(folder: &std::path::Path) -> Writer {
        let options =
            SqliteConnectOptions::new().filename(folder.join("x.db")).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
            .execute(&mut connection)
            .await
            .unwrap();
        Writer::start(connection).0
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
