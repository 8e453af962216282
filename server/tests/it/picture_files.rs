//! The files of pictures: none without a message, whatever becomes of an upload.
use std::collections::BTreeSet;
use std::task::Poll;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use bytes::Bytes;
use mig33_codec::packets::{Message, UploadFile};
use mig33_codec::values::FileType;
use sqlx::Connection;

use crate::harness::{World, text};
use crate::pictures::{PNG, address, http, put};

scenarios!(
    what_a_crash_left_is_tidied,
    a_picture_whose_file_is_missing_is_gone,
    a_picture_over_the_quota_is_not_written,
);

async fn what_a_crash_left_is_tidied(world: World) {
    let (mut alice, _bob) = world.friends("alice", "bob").await;
    let path = address(&mut alice, "bob").await.unwrap();
    assert_eq!(put(&world, &path, PNG).await, StatusCode::CREATED);
    let folder = world.settings.data_dir.join("pictures");
    let named = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let (cut, other) = ("a".repeat(32), "b".repeat(32));
    std::fs::write(folder.join(&cut), PNG).unwrap();
    std::fs::write(folder.join(format!("{cut}.part")), PNG).unwrap();
    let before_there_was_this_database = std::fs::File::create(folder.join(&other)).unwrap();
    before_there_was_this_database.set_modified(std::time::UNIX_EPOCH).unwrap();
    std::fs::write(folder.join("README"), "somebody's own").unwrap();
    let _world = world.restarted().await;
    let mut left: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    left.sort();
    let mut kept = [named, folder.join(other), folder.join("README")];
    kept.sort();
    assert_eq!(left, kept, "the picture, what may be another database's, and what is not ours");
}

async fn a_picture_whose_file_is_missing_is_gone(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let path = address(&mut alice, "bob").await.unwrap();
    assert_eq!(put(&world, &path, PNG).await, StatusCode::CREATED);
    let shown = text(&bob.until::<Message>().await.1);
    let folder = world.settings.data_dir.join("pictures");
    for file in std::fs::read_dir(folder).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    // a start says that it is missing, and goes on without
    let world = world.restarted().await;
    let shown = shown.strip_prefix("http://page:1").unwrap();
    assert_eq!(http(&world, Method::GET, shown, Body::empty()).await.status(), StatusCode::GONE);
}

async fn a_picture_over_the_quota_is_not_written(_: World) {
    let world = World::with(|settings| settings.limits.pictures_per_day = 1).await;
    let (mut alice, _bob) = world.friends("alice", "bob").await;
    address(&mut alice, "bob").await.unwrap();
    // where nothing can be written, whatever is written is told of
    std::fs::remove_dir(world.settings.data_dir.join("pictures")).unwrap();
    let packet = UploadFile {
        file_type: Some(FileType::IMAGE),
        file_content: Some(Bytes::from_static(PNG)),
        destination: Some("bob".into()),
        ..UploadFile::default()
    };
    let refused = alice.ask(packet).await.unwrap_err();
    assert!(refused.contains("in a day"), "{refused}");
}

/// Polls a future so often, and drops it: at once then, while what it waits for is being done, or once that is done.
async fn cut<F: Future>(future: F, polls: usize, at_once: bool) -> Option<F::Output> {
    let (mut future, mut left) = (Box::pin(future), polls);
    std::future::poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 && at_once => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[test]
fn an_upload_that_is_cut_anywhere_leaves_no_file() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (world, cuts) = runtime.block_on(async {
        let world = World::with(|settings| settings.limits.pictures_per_day = 1000).await;
        let (mut alice, _bob) = world.friends("alice", "bob").await;
        let mut cuts = 0;
        for at_once in [true, false].repeat(3) {
            for polls in 1.. {
                let path = address(&mut alice, "bob").await.unwrap();
                let parts = PNG.chunks(16).map(|part| Ok::<_, std::io::Error>(part.to_vec()));
                let body = Body::from_stream(futures_util::stream::iter(parts));
                if cut(put(&world, &path, body), polls, at_once).await.is_some() {
                    break;
                }
                cuts += 1;
            }
        }
        world.service.shutdown().await;
        (world, cuts)
    });
    drop(runtime); // with it, all that was still being done
    assert!(cuts > 20, "{cuts}");
    let folder = world.settings.data_dir.join("pictures");
    let left: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let database = world.settings.database_file().unwrap();
    let named = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
        let mut database = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query_scalar("SELECT file FROM pictures").fetch_all(&mut database).await.unwrap()
    });
    assert_eq!(left, named.into_iter().collect::<BTreeSet<String>>());
    assert!(left.len() >= 6, "some were not cut");
}
