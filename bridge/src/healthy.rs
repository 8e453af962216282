//! `healthy`: asks the program that runs whether it does, for containers that have no other program to ask with.
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::settings::Settings;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks at the address of the settings' admin listener.
///
/// # Errors
/// Nobody answers there, or something else does.
pub fn ask(settings: &Settings) -> io::Result<()> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in settings.admin_listen.as_str().to_socket_addrs()? {
        match ask_at(on_this_machine(address)) {
            Ok(()) => return Ok(()),
            Err(error) => {
                last = io::Error::new(error.kind(), format!("asked at {address}: {error}"));
            }
        }
    }
    Err(last)
}

fn ask_at(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    if start == *b"HTTP/1.1 200" {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "it answers, and is not well"))
    }
}

/// Where a listener on all addresses can be reached.
fn on_this_machine(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_asked_at_loopback() {
        for (listens, asked) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("192.0.2.1:1", "192.0.2.1:1")]
        {
            assert_eq!(on_this_machine(listens.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
