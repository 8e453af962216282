//! `Relay`: one connection of a client, and the one to the server that it is joined with.
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;

use super::address::Address;
use crate::print::Side;

/// Bytes that are read at once.
const CHUNK: usize = 16 * 1024;
/// How long the server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// What happened on a connection.
#[derive(Debug)]
pub(super) enum Seen {
    /// It is open on both sides.
    Opened {
        connection: u64,
        time: SystemTime,
        client: SocketAddr,
        /// What the client connected to.
        tap: SocketAddr,
        server: SocketAddr,
    },
    /// A side sent bytes.
    Bytes { connection: u64, time: SystemTime, from: Side, bytes: Bytes },
    /// A side sends nothing more.
    Ended { connection: u64, time: SystemTime, from: Side },
    /// It is closed; why, if not because both sides had ended.
    Closed { connection: u64, time: SystemTime, why: Option<String> },
}

/// Passes on what two connections send.
#[derive(Debug)]
pub(super) struct Relay {
    connection: u64,
    upstream: Address,
    seen: mpsc::Sender<Seen>,
}

impl Relay {
    pub(super) const fn new(connection: u64, upstream: Address, seen: mpsc::Sender<Seen>) -> Self {
        Self { connection, upstream, seen }
    }

    /// Connects to the server and passes on what comes, until both sides have ended or one breaks off.
    pub(super) async fn run(self, client: TcpStream) {
        let why =
            match self.connect(&client).await {
                Ok(server) => self.pass(client, server).await.err().map(|(side, error)| {
                    format!("broken off at the {}'s side: {error}", side.name())
                }),
                Err(error) => Some(format!("no connection to {}: {error}", self.upstream)),
            };
        let (connection, time) = (self.connection, SystemTime::now());
        self.tell(Seen::Closed { connection, time, why }).await;
    }

    async fn connect(&self, client: &TcpStream) -> io::Result<TcpStream> {
        let connect = TcpStream::connect(self.upstream.as_str());
        let server = tokio::time::timeout(CONNECT, connect).await??;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        self.tell(Seen::Opened {
            connection: self.connection,
            time: SystemTime::now(),
            client: client.peer_addr()?,
            tap: client.local_addr()?,
            server: server.peer_addr()?,
        })
        .await;
        Ok(server)
    }

    async fn pass(
        &self,
        mut client: TcpStream,
        mut server: TcpStream,
    ) -> Result<(), (Side, io::Error)> {
        let done = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            tokio::try_join!(
                self.pass_one_way(Side::Client, from_client, to_server),
                self.pass_one_way(Side::Server, from_server, to_client),
            )
        };
        if done.is_err() {
            // what one side broke off is broken off at the other, not ended as if all were well
            let _ = client.set_zero_linger();
            let _ = server.set_zero_linger();
        }
        done.map(|_| ())
    }

    /// Reads no more of a side than the other side takes.
    async fn pass_one_way(
        &self,
        from: Side,
        mut source: ReadHalf<'_>,
        mut sink: WriteHalf<'_>,
    ) -> Result<(), (Side, io::Error)> {
        let connection = self.connection;
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = source.read(&mut chunk).await.map_err(|error| (from, error))?;
            let time = SystemTime::now();
            if length == 0 {
                self.tell(Seen::Ended { connection, time, from }).await;
                return sink.shutdown().await.map_err(|error| (from.other(), error));
            }
            let read = chunk.get(..length).unwrap_or_default();
            // told before it is passed on, so that no answer is told before its request
            let bytes = Bytes::copy_from_slice(read);
            self.tell(Seen::Bytes { connection, time, from, bytes }).await;
            sink.write_all(read).await.map_err(|error| (from.other(), error))?;
        }
    }

    /// If nobody listens any more, the program is about to end.
    async fn tell(&self, seen: Seen) {
        let _ = self.seen.send(seen).await;
    }
}
