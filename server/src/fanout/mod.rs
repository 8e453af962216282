//! `Fanout`: who is there, and how what happens reaches them.
//!
//! Asking and changing may wait for other machines; telling never waits: it puts an event into queues that have a
//! bound each.
mod event;
mod later;
mod left_out;
mod local;
mod mailbox;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use mig33_codec::values::Presence;

pub use self::event::{Event, Mark};
pub(crate) use self::event::{PICTURES, encode, encode_into, expand};
pub use self::left_out::{Chat, Missed};
pub use self::local::LocalFanout;
pub use self::mailbox::{Ending, Mailbox, Outgoing};
use crate::ids::{ContactId, RoomId, SessionNumber, UserId};

/// A logged-in session's place among the others.
#[derive(Clone, Debug)]
pub struct Seat {
    /// Which session.
    pub session: SessionNumber,
    /// Whose.
    pub user: UserId,
    /// The user's name as it is shown.
    pub name: Arc<str>,
    /// The id that the client knows the session by (LOGIN_CHAL).
    pub public_id: Arc<str>,
    /// Where its events go.
    pub mailbox: Arc<Mailbox>,
}

impl Seat {
    /// Whether it is kept for somebody who is not here: the service stops, or has just started again, or the connection
    /// has just broken.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.mailbox.ending() == Some(Ending::Shutdown)
    }
}

/// Who is there, and how what happens reaches them.
#[async_trait]
pub trait Fanout: Debug + Send + Sync {
    /// A session has logged in. With as many sessions as `most`, the user's oldest one is ended. The first seat that was
    /// kept for the user shows nothing from now on; it stays in its rooms.
    async fn attach(&self, seat: Seat, presence: Presence, most: usize);
    /// A session has logged in and goes on where this user's session of that public id was: it has the other's rooms
    /// and presence, and the other is ended. None, and nothing done, when there is no such session.
    async fn take_over(&self, public_id: &str, seat: Seat) -> Option<TakenOver>;
    /// A session is gone. It has left its rooms before, or leaves them without a word. Where it was its user's last, the
    /// seats that had been kept for it: nobody will come for them.
    async fn detach(&self, user: UserId, session: SessionNumber) -> Vec<Taken>;
    /// A session shows another presence.
    async fn set_presence(&self, user: UserId, session: SessionNumber, presence: Presence);
    /// A session's client says itself what it has received: so does who takes the session over.
    async fn set_receipts(&self, user: UserId, session: SessionNumber);
    /// All seats of this process, in the order in which they came.
    async fn seats(&self) -> Vec<Taken>;
    /// Those of a user.
    async fn seats_of(&self, user: UserId) -> Vec<Taken>;
    /// Puts a seat back that was kept over a restart. Its user's contacts and rooms know of it, and are told nothing.
    async fn restore(&self, kept: Taken);
    /// What each of these users shows.
    async fn presences(&self, users: &[UserId]) -> Vec<Presence>;

    /// A session enters a room. Others there are told `joined` when it is its user's first in the room. A seat that was
    /// kept for it is in the room no more.
    async fn join(
        &self,
        room: RoomId,
        capacity: u32,
        seat: &Seat,
        joined: &Event,
    ) -> Result<Joined, RoomFull>;
    /// A session leaves a room; false when it was not there. Others are told `left` when its user is gone by that.
    async fn leave(&self, room: RoomId, user: UserId, session: SessionNumber, left: &Event)
    -> bool;
    /// Whether any session of this user is in the room.
    async fn is_in(&self, room: RoomId, user: UserId) -> bool;
    /// The names of those who are in a room, in the order in which they came.
    async fn members(&self, room: RoomId) -> Vec<Arc<str>>;
    /// How many are in each of these rooms.
    async fn member_counts(&self, rooms: &[RoomId]) -> Vec<u32>;

    /// Tells all sessions of a user, but for one.
    fn tell_user(&self, user: UserId, except: Option<SessionNumber>, event: &Event);
    /// Tells all sessions that are in a room, but for one.
    fn tell_room(&self, room: RoomId, except: Option<SessionNumber>, event: &Event);
    /// Tells these users what `user` shows at this moment, unless that is what was announced last; each knows the user
    /// by an id of its own.
    fn announce(&self, user: UserId, watchers: &[(UserId, ContactId)]);
    /// Tells these users what `user` shows at this moment, whether or not that is new.
    fn tell_presence(&self, user: UserId, watchers: &[(UserId, ContactId)]);
    /// Ends every session of this process.
    fn end_all(&self, ending: Ending);
}

/// A seat that is taken, or kept.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Which one.
    pub seat: Seat,
    /// What it shows.
    pub presence: Presence,
    /// Where it is.
    pub rooms: Vec<RoomId>,
    /// It was kept, and its user is back on another one: it holds its rooms and nothing else.
    pub is_back: bool,
    /// Whether its client says itself what it has received.
    pub receipts: bool,
}

/// A session goes on where another was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOver {
    /// What it shows.
    pub presence: Presence,
    /// Where it is.
    pub rooms: Vec<RoomId>,
    /// Whether its client says itself what it has received.
    pub receipts: bool,
}

/// A session is in a room now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Who is there, the new one included, in the order in which they came.
    pub members: Vec<Arc<str>>,
}

/// The room holds no more people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomFull;
