//! `LocalFanout`: the fan-out within one process.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use mig33_codec::packets::{self, Packet};
use mig33_codec::values::Presence;

use super::{Ending, Event, Fanout, Joined, Mailbox, RoomFull, Seat, Taken, TakenOver};
use crate::ids::{ContactId, RoomId, SessionNumber, UserId};
use crate::rules::presence;

/// Who is there, in this process.
#[derive(Debug, Default)]
pub struct LocalFanout {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Sessions in the order in which they came.
    users: HashMap<UserId, Vec<Present>>,
    /// Members in the order in which they came. An empty room has no entry.
    rooms: HashMap<RoomId, Vec<Member>>,
    /// What each user's contacts were told last; nobody who shows as offline.
    announced: HashMap<UserId, Presence>,
}

#[derive(Debug)]
struct Present {
    seat: Seat,
    presence: Presence,
    /// Kept, and its user is back on another seat: it shows nothing.
    is_back: bool,
    rooms: Vec<RoomId>,
    receipts: bool,
}

impl Present {
    fn shown(&self) -> Presence {
        if self.is_back { Presence::OFFLINE } else { self.presence }
    }

    fn taken(&self) -> Taken {
        Taken {
            seat: self.seat.clone(),
            presence: self.presence,
            rooms: self.rooms.clone(),
            is_back: self.is_back,
            receipts: self.receipts,
        }
    }
}

#[derive(Debug)]
struct Member {
    user: UserId,
    name: Arc<str>,
    sessions: Vec<(SessionNumber, Arc<Mailbox>)>,
}

#[async_trait]
impl Fanout for LocalFanout {
    async fn attach(&self, seat: Seat, presence: Presence, most: usize) {
        let mut state = self.lock();
        let sessions = state.users.entry(seat.user).or_default();
        let live = |present: &&Present| present.seat.mailbox.ending().is_none();
        if sessions.iter().filter(live).count() >= most
            && let Some(oldest) = sessions.iter().find(live)
        {
            oldest.seat.mailbox.end(Ending::TakenOver);
        }
        let waits = |present: &&mut Present| present.seat.is_kept() && !present.is_back;
        if let Some(kept) = sessions.iter_mut().find(waits) {
            kept.is_back = true;
        }
        sessions.push(Present {
            seat,
            presence,
            is_back: false,
            rooms: Vec::new(),
            receipts: false,
        });
    }

    async fn take_over(&self, public_id: &str, seat: Seat) -> Option<TakenOver> {
        let mut state = self.lock();
        let sessions = state.users.get_mut(&seat.user)?;
        let present = sessions.iter_mut().find(|present| {
            &*present.seat.public_id == public_id
                && (present.seat.mailbox.ending().is_none() || present.seat.is_kept())
        })?;
        let taken = TakenOver {
            presence: present.presence,
            rooms: present.rooms.clone(),
            receipts: present.receipts,
        };
        let old = std::mem::replace(&mut present.seat, seat.clone());
        present.is_back = false;
        for room in &taken.rooms {
            let members = state.rooms.entry(*room).or_default();
            let Some(member) = members.iter_mut().find(|member| member.user == seat.user) else {
                continue;
            };
            for session in member.sessions.iter_mut().filter(|(number, _)| *number == old.session) {
                *session = (seat.session, Arc::clone(&seat.mailbox));
            }
        }
        old.mailbox.end(Ending::TakenOver);
        Some(taken)
    }

    async fn detach(&self, user: UserId, session: SessionNumber) -> Vec<Taken> {
        let mut state = self.lock();
        let Some(sessions) = state.users.get_mut(&user) else { return Vec::new() };
        let Some(at) = sessions.iter().position(|present| present.seat.session == session) else {
            return Vec::new();
        };
        let present = sessions.remove(at);
        let is_last = sessions.iter().all(|present| present.is_back);
        let left = sessions.iter().filter(|_| is_last).map(Present::taken).collect();
        if sessions.is_empty() {
            state.users.remove(&user);
        }
        for room in present.rooms {
            state.leave(room, user, session);
        }
        left
    }

    async fn set_presence(&self, user: UserId, session: SessionNumber, presence: Presence) {
        if let Some(present) = self.lock().present(user, session) {
            present.presence = presence;
        }
    }

    async fn set_receipts(&self, user: UserId, session: SessionNumber) {
        if let Some(present) = self.lock().present(user, session) {
            present.receipts = true;
        }
    }

    async fn seats(&self) -> Vec<Taken> {
        let state = self.lock();
        let mut seats: Vec<Taken> = state.users.values().flatten().map(Present::taken).collect();
        seats.sort_unstable_by_key(|taken| taken.seat.session);
        seats
    }

    async fn seats_of(&self, user: UserId) -> Vec<Taken> {
        self.lock().users.get(&user).into_iter().flatten().map(Present::taken).collect()
    }

    async fn restore(&self, kept: Taken) {
        let Taken { seat, presence, rooms, is_back, receipts } = kept;
        let mut state = self.lock();
        for room in &rooms {
            let session = (seat.session, Arc::clone(&seat.mailbox));
            let members = state.rooms.entry(*room).or_default();
            match members.iter_mut().find(|member| member.user == seat.user) {
                Some(member) => member.sessions.push(session),
                None => {
                    let name = Arc::clone(&seat.name);
                    members.push(Member { user: seat.user, name, sessions: vec![session] });
                }
            }
        }
        let user = seat.user;
        let present = Present { seat, presence, is_back, rooms, receipts };
        state.users.entry(user).or_default().push(present);
        let shown = state.shown(user);
        if shown != Presence::OFFLINE {
            state.announced.insert(user, shown);
        }
    }

    async fn presences(&self, users: &[UserId]) -> Vec<Presence> {
        let state = self.lock();
        users.iter().map(|user| state.shown(*user)).collect()
    }

    async fn join(
        &self,
        room: RoomId,
        capacity: u32,
        seat: &Seat,
        joined: &Event,
    ) -> Result<Joined, RoomFull> {
        let mut state = self.lock();
        let members = state.rooms.entry(room).or_default();
        let session = (seat.session, Arc::clone(&seat.mailbox));
        let is_full = members.len() >= capacity as usize;
        match members.iter_mut().find(|member| member.user == seat.user) {
            Some(member) if member.sessions.iter().any(|(number, _)| *number == seat.session) => {}
            Some(member) => member.sessions.push(session),
            None if is_full => return Err(RoomFull),
            None => {
                for (_, mailbox) in mailboxes(&*members) {
                    mailbox.tell(joined);
                }
                let name = Arc::clone(&seat.name);
                members.push(Member { user: seat.user, name, sessions: vec![session] });
            }
        }
        let names = members.iter().map(|member| Arc::clone(&member.name)).collect();
        if let Some(present) = state.present(seat.user, seat.session)
            && !present.rooms.contains(&room)
        {
            present.rooms.push(room);
        }
        state.replace_kept(room, seat.user);
        Ok(Joined { members: names })
    }

    async fn leave(
        &self,
        room: RoomId,
        user: UserId,
        session: SessionNumber,
        left: &Event,
    ) -> bool {
        let mut state = self.lock();
        if let Some(present) = state.present(user, session) {
            present.rooms.retain(|other| *other != room);
        }
        let gone = state.leave(room, user, session);
        if gone == Some(true) {
            for (_, mailbox) in mailboxes(state.rooms.get(&room).into_iter().flatten()) {
                mailbox.tell(left);
            }
        }
        gone.is_some()
    }

    async fn is_in(&self, room: RoomId, user: UserId) -> bool {
        let state = self.lock();
        state
            .rooms
            .get(&room)
            .is_some_and(|members| members.iter().any(|member| member.user == user))
    }

    async fn members(&self, room: RoomId) -> Vec<Arc<str>> {
        let state = self.lock();
        state
            .rooms
            .get(&room)
            .into_iter()
            .flatten()
            .map(|member| Arc::clone(&member.name))
            .collect()
    }

    async fn member_counts(&self, rooms: &[RoomId]) -> Vec<u32> {
        let state = self.lock();
        let count = |room| state.rooms.get(room).map_or(0, Vec::len);
        rooms.iter().map(|room| u32::try_from(count(room)).unwrap_or(u32::MAX)).collect()
    }

    fn tell_user(&self, user: UserId, except: Option<SessionNumber>, event: &Event) {
        let state = self.lock();
        for present in state.users.get(&user).into_iter().flatten() {
            if Some(present.seat.session) != except {
                present.seat.mailbox.tell(event);
            }
        }
    }

    fn tell_room(&self, room: RoomId, except: Option<SessionNumber>, event: &Event) {
        let state = self.lock();
        for (session, mailbox) in mailboxes(state.rooms.get(&room).into_iter().flatten()) {
            if Some(*session) != except {
                mailbox.tell(event);
            }
        }
    }

    fn announce(&self, user: UserId, watchers: &[(UserId, ContactId)]) {
        // under one lock: what is told last is what is so
        let mut state = self.lock();
        let shown = state.shown(user);
        let before = match shown {
            Presence::OFFLINE => state.announced.remove(&user),
            shown => state.announced.insert(user, shown),
        };
        if before.unwrap_or(Presence::OFFLINE) != shown {
            state.tell_presence(user, watchers);
        }
    }

    fn tell_presence(&self, user: UserId, watchers: &[(UserId, ContactId)]) {
        self.lock().tell_presence(user, watchers);
    }

    fn end_all(&self, ending: Ending) {
        for present in self.lock().users.values().flatten() {
            present.seat.mailbox.end(ending);
        }
    }
}

/// PRESENCE of a contact.
pub(crate) fn presence_event(contact: ContactId, presence: Presence) -> Event {
    Event::new(Packet::Presence(packets::Presence {
        contact_id: Some(contact.0),
        presence: Some(presence),
        ..packets::Presence::default()
    }))
}

impl LocalFanout {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn present(&mut self, user: UserId, session: SessionNumber) -> Option<&mut Present> {
        self.users.get_mut(&user)?.iter_mut().find(|present| present.seat.session == session)
    }

    fn shown(&self, user: UserId) -> Presence {
        presence::shown(self.users.get(&user).into_iter().flatten().map(Present::shown))
    }

    fn tell_presence(&self, user: UserId, watchers: &[(UserId, ContactId)]) {
        let shown = self.shown(user);
        for (watcher, contact) in watchers {
            let Some(sessions) = self.users.get(watcher) else { continue };
            let event = presence_event(*contact, shown);
            for present in sessions {
                present.seat.mailbox.tell(&event);
            }
        }
    }

    /// A user is in a room by a session again: the seats that were kept for it are not.
    fn replace_kept(&mut self, room: RoomId, user: UserId) {
        let mut kept = Vec::new();
        for present in self.users.get_mut(&user).into_iter().flatten() {
            if present.is_back && present.rooms.contains(&room) {
                present.rooms.retain(|other| *other != room);
                kept.push(present.seat.session);
            }
        }
        for session in kept {
            self.leave(room, user, session);
        }
    }

    /// Takes a session out of a room: whether its user is gone by that; none when it was not there.
    fn leave(&mut self, room: RoomId, user: UserId, session: SessionNumber) -> Option<bool> {
        let members = self.rooms.get_mut(&room)?;
        let at = members.iter().position(|member| member.user == user)?;
        let sessions = &mut members.get_mut(at)?.sessions;
        let before = sessions.len();
        sessions.retain(|(number, _)| *number != session);
        if sessions.len() == before {
            return None;
        }
        let gone = sessions.is_empty();
        if gone {
            members.remove(at);
        }
        if members.is_empty() {
            self.rooms.remove(&room);
        }
        Some(gone)
    }
}

fn mailboxes<'a>(
    members: impl IntoIterator<Item = &'a Member>,
) -> impl Iterator<Item = &'a (SessionNumber, Arc<Mailbox>)> {
    members.into_iter().flat_map(|member| &member.sessions)
}
