//! `Inherited`: listeners that whoever started this program has opened for it (socket activation).
//!
//! While one program ends and the next one starts, such a listener stays open: who connects waits in its queue, and is
//! not refused.
use std::env;
use std::io;
use std::net::TcpListener;

use listenfd::ListenFd;
use tracing::warn;

use crate::bridge::Listener;

/// The first descriptor that is handed over (sd_listen_fds(3)).
const FIRST: usize = 3;

/// Listeners that are open already, at most one for each purpose.
#[derive(Debug, Default)]
pub struct Inherited(Vec<(Listener, TcpListener)>);

/// Why the sockets that came with the program cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InheritedError {
    /// Nobody knows what it is for.
    #[error(
        "the inherited socket {descriptor} is named `{name}`: name it page, tcp or admin, with FileDescriptorName= in \
         the socket unit"
    )]
    Name {
        /// Which descriptor.
        descriptor: usize,
        /// What it is called.
        name: String,
    },
    /// Several are for the same purpose.
    #[error(
        "several inherited sockets are named `{name}`: one is taken, and `ListenStream=PORT` is IPv4 and IPv6"
    )]
    Twice {
        /// What they are called.
        name: &'static str,
    },
    /// There are as many names as sockets, or none.
    #[error("{sockets} sockets were inherited and {names} names for them")]
    Count {
        /// How many sockets.
        sockets: usize,
        /// How many names.
        names: usize,
    },
    /// It is not what connections can be accepted on.
    #[error("the inherited socket `{name}` is no TCP listener: {source}")]
    Socket {
        /// What it is called.
        name: &'static str,
        /// Why not.
        source: io::Error,
    },
}

impl Inherited {
    /// The sockets that `LISTEN_FDS` and `LISTEN_FDNAMES` tell of, which are taken out of the environment. To be called
    /// before the program has threads, and once.
    ///
    /// # Errors
    /// One of the sockets has no use here.
    pub fn from_environment() -> Result<Self, InheritedError> {
        let names = env::var("LISTEN_FDNAMES").ok();
        let mut sockets = ListenFd::from_env();
        let mut inherited = Self::default();
        for (at, what) in purposes(names.as_deref(), sockets.len())?.into_iter().enumerate() {
            let name = what.name();
            let bad = |source| InheritedError::Socket { name, source };
            if let Some(socket) = sockets.take_tcp_listener(at).map_err(bad)? {
                check(&socket).map_err(bad)?;
                inherited.0.push((what, socket));
            }
        }
        Ok(inherited)
    }

    /// The one for a purpose.
    pub(crate) fn take(&mut self, what: Listener) -> Option<TcpListener> {
        let at = self.0.iter().position(|(of, _)| *of == what)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Lets go of the others, and says so: who comes to one of them waits for nothing.
    pub(crate) fn close_unused(self) {
        for (what, _) in self.0 {
            warn!(listener = what.name(), "an inherited socket is of no use with these settings");
        }
    }
}

/// That connections can be accepted on it, without waiting.
fn check(socket: &TcpListener) -> io::Result<()> {
    if !rustix::net::sockopt::socket_acceptconn(socket)? {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "nothing listens on it"));
    }
    socket.set_nonblocking(true)
}

/// What so many sockets are for. The only one needs no name.
fn purposes(names: Option<&str>, sockets: usize) -> Result<Vec<Listener>, InheritedError> {
    let names: Vec<&str> = match names {
        None | Some("") if sockets == 1 => return Ok(vec![Listener::Page]),
        None | Some("") => Vec::new(),
        // left over from somebody else's start
        Some(_) if sockets == 0 => return Ok(Vec::new()),
        Some(names) => names.split(':').collect(),
    };
    if names.len() != sockets {
        return Err(InheritedError::Count { sockets, names: names.len() });
    }
    let mut purposes = Vec::new();
    for (at, name) in names.into_iter().enumerate() {
        let what = Listener::ALL.into_iter().find(|what| what.name() == name).ok_or_else(|| {
            InheritedError::Name { descriptor: FIRST + at, name: name.to_owned() }
        })?;
        if purposes.contains(&what) {
            return Err(InheritedError::Twice { name: what.name() });
        }
        purposes.push(what);
    }
    Ok(purposes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_sockets_are_for() {
        use Listener::{Admin, Page, Tcp};
        for (names, sockets, expected) in [
            (None, 0, vec![]),
            (Some("page"), 0, vec![]),
            (None, 1, vec![Page]),
            (Some(""), 1, vec![Page]),
            (Some("tcp"), 1, vec![Tcp]),
            (Some("admin:page:tcp"), 3, vec![Admin, Page, Tcp]),
        ] {
            assert_eq!(purposes(names, sockets).unwrap(), expected, "{names:?}");
        }
    }

    #[test]
    fn what_has_no_use_is_named() {
        for (names, sockets, part) in [
            (None, 2, "2 sockets were inherited and 0 names"),
            (Some("page:tcp"), 1, "1 sockets were inherited and 2 names"),
            (Some("page:web"), 2, "socket 4 is named `web`"),
            (Some("page:page"), 2, "ListenStream="),
        ] {
            let message = purposes(names, sockets).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_socket_that_nothing_listens_on_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(check(&listener).is_ok());
        let connected = TcpListener::from(std::os::fd::OwnedFd::from(stream));
        assert!(check(&connected).is_err());
    }
}
