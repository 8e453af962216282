//! What a READ costs.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection};

use super::*;

/// A database in which 1 has sent 2 so many messages, and 2 has read none.
async fn with_unread(count: u32) -> SqliteConnection {
    let options = SqliteConnectOptions::new().in_memory(true);
    let mut db = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::migrate!("migrations/sqlite").run(&mut db).await.unwrap();
    let fill = format!(
        "INSERT INTO accounts (id, name, name_key, password, contacts_changed_at, created_at)
           VALUES (1, 'a', 'a', x'', 0, 0), (2, 'b', 'b', x'', 0, 0);
         INSERT INTO contact_groups VALUES (1, 1, 'f'), (2, 1, 'f');
         INSERT INTO contacts VALUES (1, 2, 1, 1, '', 1, 0), (2, 1, 1, 1, '', 1, 0);
         INSERT INTO chats VALUES (1, 1, 1, 2, {count}, 'g{count}');
         INSERT INTO chat_views (owner, chat, version, unread) VALUES (1, 1, 1, 0), (2, 1, 1, {count});
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
           INSERT INTO messages (chat, time, sender, guid, content_type, content)
           SELECT 1, i, 1, 'g' || i, 1, x'78' FROM n;
         INSERT INTO waiting SELECT 2, seq FROM messages"
    );
    sqlx::raw_sql(AssertSqlSafe(fill)).execute(&mut db).await.unwrap();
    db
}

/// How many steps of SQLite's machine it takes to read up to the message of this number; and what is unread then.
async fn read_up_to(db: &mut SqliteConnection, number: u32) -> (u64, u32) {
    let steps = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&steps);
    db.lock_handle().await.unwrap().set_progress_handler(10, move || {
        counter.fetch_add(10, Ordering::Relaxed);
        true
    });
    let read = set_read(db, UserId(2), "a".into(), format!("g{number}"), false).await.unwrap();
    assert!(read.is_some_and(|read| read.for_sender));
    db.lock_handle().await.unwrap().remove_progress_handler();
    let unread: i64 = sqlx::query_scalar(
        "SELECT unread FROM chat_views WHERE owner = 2
           AND unread = (SELECT count(*) FROM messages WHERE chat = 1 AND time > read_time AND sender <> 2)",
    )
    .fetch_one(db)
    .await
    .expect("the count is right");
    (steps.load(Ordering::Relaxed), small(unread))
}

#[tokio::test]
async fn what_reading_costs_goes_by_what_is_read_and_not_by_what_is_left() {
    let mut few = with_unread(100).await;
    let mut many = with_unread(50_000).await;
    for (number, left) in [(1, 49_999), (10, 49_990), (90, 49_910)] {
        let (steps_of_few, _) = read_up_to(&mut few, number).await;
        let (steps, unread) = read_up_to(&mut many, number).await;
        assert_eq!(unread, left);
        assert!(steps <= steps_of_few + 500, "{steps} steps where {steps_of_few} were enough");
    }
    let (_, unread) = read_up_to(&mut many, 50_000).await;
    assert_eq!(unread, 0);
}
