//! Rooms, as a store keeps them.
use crate::clock::Millis;
use crate::ids::{RoomId, UserId};

/// A room to be made.
#[derive(Clone, Debug)]
pub struct NewRoom {
    /// Its name as it is shown.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Who makes it.
    pub creator: UserId,
    /// How many people it holds.
    pub capacity: u32,
    /// When.
    pub now: Millis,
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// Its name as it is shown.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Who made it; none: the service.
    pub creator: Option<String>,
    /// How many people it holds.
    pub capacity: u32,
}

/// A page of the list of rooms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomPage {
    /// The rooms on it.
    pub rooms: Vec<Room>,
    /// How many rooms there are on all pages.
    pub total: u32,
}

/// Why a room was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomRefused {
    /// There is one of this name.
    Exists,
    /// The creator has as many as an account may make.
    TooMany,
}
