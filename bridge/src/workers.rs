//! `Workers`: threads with a runtime each. A connection stays with one of them from its first byte to its last.
//!
//! A runtime that shares its tasks between threads pays for it on a bridge: whenever several connections have something
//! to do, threads wake each other for work that takes less time than that does, and the one that waits for sockets is
//! another each time. A tunnel has nothing to gain from it, since all that it does is short.
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::tick::tick;

/// So many connections more than another one the worker that accepts may have.
const SLACK: usize = 1;

/// The threads.
#[derive(Clone, Debug)]
pub(crate) struct Workers {
    /// At least one.
    workers: Arc<[Worker]>,
}

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    /// How many connections it has.
    load: Arc<AtomicUsize>,
}

/// A connection among those of one worker, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    load: Arc<AtomicUsize>,
}

impl Workers {
    /// So many threads, which end, with all that they still have to do, when the guard is dropped.
    ///
    /// # Errors
    /// The system has no thread, or no means to wait for sockets, for one of them; the others end.
    pub(crate) fn start(count: NonZeroUsize) -> io::Result<(Self, DropGuard)> {
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        let workers: io::Result<_> = (0..count.get())
            .map(|number| {
                let runtime = start_one(number, stop.clone())?;
                Ok(Worker { runtime, load: Arc::default() })
            })
            .collect();
        Ok((Self { workers: workers? }, guard))
    }

    /// Has a listener watched by the worker that accepts.
    ///
    /// # Errors
    /// The system does not let it be watched there.
    pub(crate) fn adopt(&self, listener: TcpListener) -> io::Result<(TcpListener, Handle)> {
        let runtime = &self.first().runtime;
        let _there = runtime.enter();
        Ok((TcpListener::from_std(listener.into_std()?)?, runtime.clone()))
    }

    /// Gives a connection, which the worker that accepts has, to the one that has the fewest; that one's runtime.
    ///
    /// # Errors
    /// The system does not let the connection be watched there.
    pub(crate) fn seat(&self, stream: TcpStream) -> io::Result<(TcpStream, Seat, Handle)> {
        let first = self.first();
        // one that changes threads wakes the other: worth it for balance, not for a connection that is about to end
        let has_more = |than: &&Worker| first.load() > than.load() + SLACK;
        let fewest = self.workers.iter().min_by_key(|worker| worker.load());
        let chosen = fewest.filter(has_more).unwrap_or(first);
        let seat = Seat::at(&chosen.load);
        let stream = if std::ptr::eq(chosen, first) {
            stream
        } else {
            let _there = chosen.runtime.enter();
            TcpStream::from_std(stream.into_std()?)?
        };
        Ok((stream, seat, chosen.runtime.clone()))
    }

    fn first(&self) -> &Worker {
        self.workers.first().expect("there is at least one")
    }
}

/// A thread and its runtime, which is made there: where there is no thread, there is none that has to be ended.
fn start_one(number: usize, stop: CancellationToken) -> io::Result<Handle> {
    let (tell, told) = mpsc::channel();
    thread::Builder::new().name(format!("tunnels-{number}")).spawn(move || {
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(tell.send(Err(error))),
        };
        // who started it waits
        let _ = tell.send(Ok(runtime.handle().clone()));
        runtime.block_on(tick(stop));
    })?;
    told.recv().map_err(io::Error::other)?
}

impl Worker {
    fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }
}

impl Seat {
    fn at(load: &Arc<AtomicUsize>) -> Self {
        load.fetch_add(1, Ordering::Relaxed);
        Self { load: Arc::clone(load) }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    fn start(count: usize) -> (Workers, DropGuard) {
        Workers::start(NonZeroUsize::new(count).unwrap()).unwrap()
    }

    async fn pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
        let near = TcpStream::connect(listener.local_addr().unwrap());
        let (near, far) = tokio::join!(near, listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    #[tokio::test]
    async fn connections_are_spread_and_each_is_served_where_it_is() {
        let (workers, _threads) = start(3);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut seats = Vec::new();
        for _ in 0..30 {
            let (mut client, stream) = pair(&listener).await;
            let (mut stream, seat, runtime) = workers.seat(stream).unwrap();
            let served = runtime.spawn(async move {
                let byte = stream.read_u8().await.unwrap();
                stream.write_u8(byte + 1).await.unwrap();
                thread::current().name().unwrap().to_owned()
            });
            client.write_u8(7).await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), 8);
            assert!(served.await.unwrap().starts_with("tunnels-"));
            seats.push(seat);
        }
        let loads: Vec<_> = workers.workers.iter().map(Worker::load).collect();
        assert_eq!(loads.iter().sum::<usize>(), 30);
        assert!(loads.iter().all(|load| (9..=11).contains(load)), "{loads:?}");
        drop(seats);
        assert!(workers.workers.iter().all(|worker| worker.load() == 0));
    }

    #[tokio::test]
    async fn a_connection_that_is_alone_does_not_change_threads() {
        let (workers, _threads) = start(2);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for _ in 0..5 {
            let (_client, stream) = pair(&listener).await;
            let (_stream, _seat, runtime) = workers.seat(stream).unwrap();
            assert_eq!(runtime.id(), workers.first().runtime.id());
        }
    }

    #[tokio::test]
    async fn tasks_end_with_the_threads() {
        let (workers, threads) = start(1);
        let (sender, receiver) = oneshot::channel::<()>();
        workers.first().runtime.spawn(async move {
            let _sender = sender;
            std::future::pending::<()>().await;
        });
        drop(threads);
        assert!(receiver.await.is_err(), "the task was dropped");
    }
}
