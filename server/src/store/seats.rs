//! Seats that are kept while the service is restarted, as a store keeps them.
use mig33_codec::values::Presence;

use crate::clock::Millis;
use crate::ids::{RoomId, UserId};

/// A logged-in session's place, for the time in which nobody serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSeat {
    /// Whose.
    pub user: UserId,
    /// The id that the client knows the session by.
    pub public_id: String,
    /// What it showed.
    pub presence: Presence,
    /// The rooms that it was in.
    pub rooms: Vec<RoomId>,
    /// Whether its client says itself what it has received.
    pub receipts: bool,
}

/// All seats that were kept when the service stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptSeats {
    /// When that was; 0 where there are none.
    pub stopped_at: Millis,
    /// Each seat with its user's name as it is shown, in the order in which they came.
    pub seats: Vec<(String, KeptSeat)>,
}
