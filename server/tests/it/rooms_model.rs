//! Random comings and goings of a few sessions in two rooms, held against a plain model of who hears what.
use std::collections::{BTreeSet, VecDeque};

use mig33_codec::packets::{
    ChatroomParticipants, ChatroomUserStatus, CreateChatroom, GetChatroomParticipants,
    LeaveChatroom, Message,
};
use mig33_codec::values::ChatUserStatus;
use mig33_codec::{Command, Frame};
use proptest::prelude::*;

use crate::harness::{Client, World, decode, guid, in_room};

const USERS: [&str; 3] = ["alice", "bob", "carol"];
/// Two sessions each.
const SESSIONS: usize = 6;
const ROOMS: [&str; 2] = ["den", "attic"];
const CAPACITY: usize = 2;

#[derive(Clone, Copy, Debug)]
enum Act {
    Join(usize),
    Leave(usize),
    Say(usize),
    Drop,
}

/// What a session hears.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Joined(usize, usize),
    Left(usize, usize),
    Said(String),
}

#[derive(Debug, Default)]
struct Model {
    /// Sessions in each room.
    rooms: [BTreeSet<usize>; 2],
    /// The rooms of each session, in the order in which it came in: it leaves them so when it goes.
    order: [Vec<usize>; SESSIONS],
    heard: [VecDeque<Heard>; SESSIONS],
    said: usize,
}

const fn user(session: usize) -> usize {
    session / 2
}

impl Model {
    fn users(&self, room: usize) -> BTreeSet<usize> {
        self.rooms[room].iter().map(|session| user(*session)).collect()
    }

    fn tell(&mut self, room: usize, except: usize, what: &Heard) {
        for session in self.rooms[room].iter().filter(|session| **session != except) {
            self.heard[*session].push_back(what.clone());
        }
    }

    fn join(&mut self, session: usize, room: usize) -> bool {
        let users = self.users(room);
        if !users.contains(&user(session)) {
            if users.len() >= CAPACITY {
                return false;
            }
            self.tell(room, session, &Heard::Joined(user(session), room));
        }
        if self.rooms[room].insert(session) {
            self.order[session].push(room);
        }
        true
    }

    fn leave(&mut self, session: usize, room: usize) -> bool {
        let was = self.rooms[room].remove(&session);
        self.order[session].retain(|other| *other != room);
        if was && !self.users(room).contains(&user(session)) {
            self.tell(room, session, &Heard::Left(user(session), room));
        }
        was
    }

    fn say(&mut self, session: usize, room: usize) -> bool {
        self.said += 1;
        let may = self.rooms[room].contains(&session);
        if may {
            self.tell(room, session, &Heard::Said(format!("g{}", self.said)));
        }
        may
    }
}

fn heard(frame: &Frame) -> Option<Heard> {
    let place = |names: &[&str], name: &str| names.iter().position(|known| *known == name).unwrap();
    if frame.command == Command::MESSAGE {
        return Some(Heard::Said(guid(&decode::<Message>(frame))));
    }
    if frame.command != Command::CHATROOM_USER_STATUS {
        return None;
    }
    let packet: ChatroomUserStatus = decode(frame);
    let who = place(&USERS, &packet.username.unwrap().as_str());
    let room = place(&ROOMS, &packet.chatroom_name.unwrap().as_str());
    Some(match packet.status {
        Some(ChatUserStatus::JOINED) => Heard::Joined(who, room),
        _ => Heard::Left(who, room),
    })
}

/// A client and what it has heard that was not asked for.
struct Listener {
    client: Client,
    heard: VecDeque<Heard>,
}

impl Listener {
    async fn ask(&mut self, packet: impl mig33_codec::Encode) -> bool {
        let (before, result) = self.client.ask_all(packet).await;
        self.heard.extend(before.iter().filter(|frame| frame.transaction == 0).filter_map(heard));
        result.is_ok()
    }

    /// Joins; the last messages that come with it are no news.
    async fn join(&mut self, room: &str) -> bool {
        let done = {
            let packet = mig33_codec::packets::JoinChatroom {
                chatroom_name: Some(room.into()),
                ..Default::default()
            };
            self.ask(packet).await
        };
        let frames = self.client.fence().await;
        self.heard.extend(
            frames.iter().filter(|frame| frame.command != Command::MESSAGE).filter_map(heard),
        );
        done
    }
}

fn acts() -> impl Strategy<Value = Vec<(usize, Act)>> {
    let room = 0..ROOMS.len();
    let act = prop_oneof![
        4 => room.clone().prop_map(Act::Join),
        2 => room.clone().prop_map(Act::Leave),
        3 => room.prop_map(Act::Say),
        1 => Just(Act::Drop),
    ];
    proptest::collection::vec((0..SESSIONS, act), 1..50)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn everybody_hears_what_the_model_says(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(acts))?;
    }
}

async fn run(acts: Vec<(usize, Act)>) -> Result<(), TestCaseError> {
    let world = World::with(|settings| settings.limits.room_capacity = CAPACITY as u32).await;
    let mut owner = world.user("owner").await;
    for room in ROOMS {
        owner
            .ask(CreateChatroom { chatroom_name: Some(room.into()), ..Default::default() })
            .await
            .unwrap();
    }
    let mut listeners = Vec::new();
    for name in USERS {
        for client in [world.user(name).await, world.session(name).await] {
            listeners.push(Listener { client, heard: VecDeque::new() });
        }
    }
    let mut model = Model::default();
    for (session, act) in acts {
        let listener = &mut listeners[session];
        match act {
            Act::Join(room) => {
                // what it hears from here on is behind what it heard before
                let before = listener.client.fence().await;
                listener.heard.extend(before.iter().filter_map(heard));
                prop_assert_eq!(listener.join(ROOMS[room]).await, model.join(session, room));
            }
            Act::Leave(room) => {
                let packet =
                    LeaveChatroom { chatroom_name: Some(ROOMS[room].into()), ..Default::default() };
                prop_assert_eq!(listener.ask(packet).await, model.leave(session, room));
            }
            Act::Say(room) => {
                let may = model.say(session, room);
                let packet = in_room(ROOMS[room], &format!("g{}", model.said), "x");
                prop_assert_eq!(listener.ask(packet).await, may);
            }
            Act::Drop => {
                let rest = listener.client.fence().await;
                listener.heard.extend(rest.iter().filter_map(heard));
                prop_assert_eq!(&listener.heard, &model.heard[session]);
                let client = std::mem::replace(
                    &mut listener.client,
                    world.session(USERS[user(session)]).await,
                );
                listener.heard.clear();
                leave_by_closing(client).await;
                for room in model.order[session].clone() {
                    model.leave(session, room);
                }
                model.heard[session].clear();
            }
        }
    }
    for (session, listener) in listeners.iter_mut().enumerate() {
        let rest = listener.client.fence().await;
        listener.heard.extend(rest.iter().filter_map(heard));
        prop_assert_eq!(&listener.heard, &model.heard[session], "session {}", session);
        for (room, name) in ROOMS.iter().enumerate() {
            if !model.rooms[room].contains(&session) {
                continue;
            }
            let ask = GetChatroomParticipants {
                chatroom_name: Some((*name).into()),
                ..Default::default()
            };
            listener.client.send(ask).await;
            let (_, packet) = listener.client.until::<ChatroomParticipants>().await;
            let there: BTreeSet<String> =
                packet.participant_list.unwrap().entries().into_iter().collect();
            let wanted = model.users(room).into_iter().map(|user| USERS[user].to_owned()).collect();
            prop_assert_eq!(there, wanted);
        }
    }
    Ok(())
}

/// Closes a connection, and returns once the service has let it go: it closes its side last.
async fn leave_by_closing(mut client: Client) {
    use tokio::io::AsyncWriteExt;
    client.stream.shutdown().await.unwrap();
    client.closed().await;
}
