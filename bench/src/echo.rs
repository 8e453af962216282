//! The upstream of a measurement: a process that returns every byte it gets.
use std::io::Write;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Where a buffer begins, and the most that it grows to while it is filled at once.
const SMALL: usize = 16 * 1024;
const LARGE: usize = 512 * 1024;

/// Listens on a free port, tells it on standard output, and serves until it is ended.
pub(crate) async fn run() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "listening echo {}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        // a client that is gone is none of the others' business
        tokio::spawn(async move {
            let _ = serve(stream).await;
        });
    }
}

async fn serve(mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; SMALL];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(buffer.get(..count).unwrap_or_default()).await?;
        if count == buffer.len() && count < LARGE {
            buffer.resize(count * 2, 0);
        }
    }
}
