//! Chat sync: paging, the list of chats, unread counts (spec/wire.md section 7).
use mig33_codec::packets::{
    Chat, ChatListVersion, EndMessages, GetChats, GetMessages, HaveLatestChatList, Message,
    MessageStatusEvent,
};
use mig33_codec::values::{ChatDestination, StatusEvent};

use crate::harness::{Client, World, guid, picture, private};

scenarios!(
    pages_neither_skip_nor_repeat,
    a_range_has_both_its_ends,
    pages_forward_neither_skip_nor_repeat,
    what_became_of_a_message_is_in_its_history,
    history_is_for_its_two_only,
    chats_and_what_is_unread,
    chats_by_version_come_all,
    large_messages_make_short_pages,
);

async fn page(client: &mut Client, query: GetMessages) -> (Vec<Message>, EndMessages) {
    client.send(GetMessages { chat_type: Some(ChatDestination::PRIVATE), ..query }).await;
    let (frames, end) = client.until::<EndMessages>().await;
    let messages: Vec<Message> = frames.iter().map(crate::harness::decode).collect();
    assert_eq!(end.messages_sent, Some(messages.len() as u32));
    (messages, end)
}

fn of(chat: &str) -> GetMessages {
    GetMessages { chat_id: Some(chat.into()), ..GetMessages::default() }
}

async fn pages_neither_skip_nor_repeat(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    for n in 0..130 {
        alice.send(private("bob", &format!("g{n}"), "x")).await;
    }
    alice.fence().await;
    bob.fence().await;
    let (usual, end) = page(&mut bob, of("ALICE")).await;
    assert_eq!(usual.len(), 50, "the newest, where no limit is named");
    assert_eq!((guid(&usual[0]), guid(&usual[49])), ("g80".into(), "g129".into()));
    assert_eq!(
        (end.first_message_guid.unwrap(), end.final_message_guid.unwrap()),
        ("g80".into(), "g129".into())
    );
    assert_eq!(page(&mut bob, GetMessages { limit: Some(1000), ..of("alice") }).await.0.len(), 100);
    for limit in [1, 7, 100] {
        let mut got = Vec::new();
        let mut latest = None;
        loop {
            let query = GetMessages { limit: Some(limit), latest_timestamp: latest, ..of("alice") };
            let (messages, _) = page(&mut bob, query).await;
            let Some(first) = messages.first() else { break };
            latest = first.timestamp.map(|time| time - 1);
            got.splice(0..0, messages.iter().map(guid));
        }
        assert_eq!(got, (0..130).map(|n| format!("g{n}")).collect::<Vec<_>>(), "by {limit}");
    }
}

async fn a_range_has_both_its_ends(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let mut times = Vec::new();
    for n in 0..5 {
        times.push(alice.say("bob", &format!("g{n}"), "x").await.unwrap().value);
    }
    bob.fence().await;
    let query =
        GetMessages { oldest_timestamp: times[1], latest_timestamp: times[3], ..of("alice") };
    let (messages, _) = page(&mut bob, query).await;
    assert_eq!(messages.iter().map(guid).collect::<Vec<_>>(), ["g1", "g2", "g3"]);
    assert_eq!(messages.iter().map(|message| message.timestamp).collect::<Vec<_>>(), times[1..=3]);
    let query = GetMessages { oldest_timestamp: times[1], limit: Some(2), ..of("alice") };
    let (messages, _) = page(&mut bob, query).await;
    assert_eq!(
        messages.iter().map(guid).collect::<Vec<_>>(),
        ["g3", "g4"],
        "the newest of the range"
    );
    let query = GetMessages { oldest_timestamp: times[4].map(|time| time + 1), ..of("alice") };
    let (messages, end) = page(&mut bob, query).await;
    assert!(messages.is_empty() && end.first_message_guid.is_none());
}

async fn pages_forward_neither_skip_nor_repeat(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let mut times = Vec::new();
    for n in 0..60 {
        times.push(alice.say("bob", &format!("g{n}"), "x").await.unwrap().value);
    }
    bob.fence().await;
    let forward = |limit, oldest| GetMessages {
        limit: Some(limit),
        oldest_timestamp: oldest,
        forward: Some(true),
        ..of("alice")
    };
    for limit in [1, 7, 100] {
        let mut got = Vec::new();
        let mut oldest = None;
        loop {
            let (messages, _) = page(&mut bob, forward(limit, oldest)).await;
            let Some(last) = messages.last() else { break };
            oldest = last.timestamp.map(|time| time + 1);
            got.extend(messages.iter().map(guid));
        }
        assert_eq!(got, (0..60).map(|n| format!("g{n}")).collect::<Vec<_>>(), "by {limit}");
    }
    let within = GetMessages { latest_timestamp: times[12], ..forward(100, times[10]) };
    let (messages, _) = page(&mut bob, within).await;
    assert_eq!(messages.iter().map(guid).collect::<Vec<_>>(), ["g10", "g11", "g12"]);
}

async fn what_became_of_a_message_is_in_its_history(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    for n in 0..3 {
        alice.say("bob", &format!("g{n}"), "x").await.unwrap();
    }
    for (n, kind) in
        [(0, StatusEvent::RECEIVED), (1, StatusEvent::RECEIVED), (0, StatusEvent::READ)]
    {
        bob.send(event("alice", n, kind)).await;
    }
    bob.fence().await;
    alice.fence().await;
    let status =
        |messages: Vec<Message>| messages.iter().map(|message| message.status).collect::<Vec<_>>();
    assert_eq!(
        status(page(&mut alice, of("bob")).await.0),
        [Some(StatusEvent::READ), Some(StatusEvent::RECEIVED), None]
    );
    assert_eq!(status(page(&mut bob, of("alice")).await.0), [None; 3], "for its writer only");
}

fn event(to: &str, n: u32, kind: StatusEvent) -> MessageStatusEvent {
    MessageStatusEvent {
        message_destination: Some(to.into()),
        message_guid: Some(format!("g{n}").into()),
        message_event_type: Some(kind),
        ..MessageStatusEvent::default()
    }
}

async fn history_is_for_its_two_only(world: World) {
    let (mut alice, _bob) = world.friends("alice", "bob").await;
    alice.say("bob", "g0", "x").await.unwrap();
    let mut eve = world.user("eve").await;
    for chat in ["alice", "bob", "nobody"] {
        assert!(page(&mut eve, of(chat)).await.0.is_empty());
    }
    let room = GetMessages { chat_type: Some(ChatDestination::CHATROOM), ..of("Lobby") };
    assert!(eve.ask(room.clone()).await.is_err(), "not in it");
    eve.join("Lobby").await.unwrap();
    eve.ask(crate::harness::in_room("Lobby", "r1", "hello")).await.unwrap();
    eve.send(room).await;
    assert_eq!(guid(&eve.expect().await), "r1");
    eve.expect::<EndMessages>().await;
    let group = GetMessages { chat_type: Some(ChatDestination::GROUP_CHAT), ..of("x") };
    assert!(eve.ask(group).await.unwrap_err().contains("block 2"));
}

async fn chats(client: &mut Client, version: Option<u32>) -> (Vec<Chat>, u32) {
    client.send(GetChats { version, ..GetChats::default() }).await;
    let (frames, end) = client.until::<ChatListVersion>().await;
    (frames.iter().map(crate::harness::decode).collect(), end.version.unwrap())
}

fn unread(chats: &[Chat]) -> Vec<(String, u32)> {
    let name = |chat: &Chat| chat.chat_id.clone().unwrap().as_str().into_owned();
    chats.iter().map(|chat| (name(chat), chat.unread_message_count.unwrap_or(0))).collect()
}

async fn chats_and_what_is_unread(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let mut carol = world.user("carol").await;
    crate::harness::befriend(&mut carol, &mut bob).await;
    assert_eq!(chats(&mut bob, None).await, (vec![], 0));
    let mut second_time = None;
    for n in 0..3 {
        let said = alice.say("bob", &format!("g{n}"), "x").await.unwrap();
        second_time = if n == 1 { said.value } else { second_time };
    }
    world.clock.pass(10);
    let last = carol.say("bob", "g0", "x").await.unwrap();
    bob.fence().await;
    let (list, first) = chats(&mut bob, None).await;
    assert_eq!(unread(&list), [("carol".into(), 1), ("alice".into(), 3)], "the latest first");
    assert_eq!(list[0].timestamp, last.value);
    assert_eq!(list[1].read_at, Some(0), "nothing of it was read");
    assert!(list[0].contact_id.is_some());
    bob.send(event("alice", 1, StatusEvent::READ)).await;
    bob.fence().await;
    let (list, second) = chats(&mut bob, Some(first)).await;
    assert_eq!(unread(&list), [("alice".into(), 1)], "what has changed since");
    assert_eq!(list[0].read_at, second_time, "up to where it was read");
    bob.send(event("alice", 0, StatusEvent::READ)).await;
    bob.fence().await;
    assert_eq!(chats(&mut bob, Some(second)).await, (vec![], second), "nothing is unread again");
    alice.fence().await;
    assert_eq!(unread(&chats(&mut alice, None).await.0), [("bob".into(), 0)]);
    bob.join("Lobby").await.unwrap();
    assert_eq!(unread(&chats(&mut bob, Some(second)).await.0), [("Lobby".into(), 0)]);
    bob.send(HaveLatestChatList { version: Some(first), ..HaveLatestChatList::default() }).await;
    assert_eq!(bob.until::<ChatListVersion>().await.0.len(), 2);
}

async fn chats_by_version_come_all(world: World) {
    let mut bob = world.user("bob").await;
    let mut friends = Vec::new();
    for n in 0..7 {
        let mut friend = world.user(&format!("friend{n}")).await;
        crate::harness::befriend(&mut bob, &mut friend).await;
        friends.push(friend);
    }
    let names = |list: &[Chat]| unread(list).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let page = async |bob: &mut Client, version: Option<u32>| {
        bob.send(GetChats { version, limit: Some(3), ..GetChats::default() }).await;
        let (frames, end) = bob.until::<ChatListVersion>().await;
        let chats: Vec<Chat> = frames.iter().map(crate::harness::decode).collect();
        (names(&chats), end.version.unwrap())
    };
    // from nothing, and from a version in between
    let mut known = 0;
    for round in 0..2 {
        for friend in &mut friends {
            world.clock.pass(10);
            friend.say("bob", &format!("r{round}"), "x").await.unwrap();
        }
        // this one again: it is the last to have changed
        world.clock.pass(10);
        friends[2].say("bob", &format!("r{round}-again"), "x").await.unwrap();
        bob.fence().await;
        let mut all = Vec::new();
        loop {
            let (chats, version) = page(&mut bob, Some(known)).await;
            if chats.is_empty() {
                assert_eq!(version, known, "nothing is new");
                break;
            }
            assert!(chats.len() <= 3 && version > known);
            known = version;
            all.extend(chats);
        }
        all.sort();
        assert_eq!(all, (0..7).map(|n| format!("friend{n}")).collect::<Vec<_>>());
    }
    // who names no version wants the latest
    let (latest, version) = page(&mut bob, None).await;
    assert_eq!(
        (latest, version),
        (vec!["friend2".into(), "friend6".into(), "friend5".into()], known)
    );
}

async fn large_messages_make_short_pages(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    for n in 0..5 {
        let message = Message {
            content_type: Some(mig33_codec::values::ContentType::IMAGE),
            content: Some(picture(200_000)),
            ..private("bob", &format!("g{n}"), "")
        };
        alice.ask(message).await.unwrap();
    }
    let (before, _) = bob.ask_all(event_for_fence()).await;
    assert_eq!(before.len(), 5);
    let (messages, _) = page(&mut bob, of("alice")).await;
    assert_eq!(messages.iter().map(guid).collect::<Vec<_>>(), ["g3", "g4"]);
    let latest = messages[0].timestamp.map(|time| time - 1);
    let (messages, _) =
        page(&mut bob, GetMessages { latest_timestamp: latest, ..of("alice") }).await;
    assert_eq!(messages.iter().map(guid).collect::<Vec<_>>(), ["g1", "g2"]);
}

/// Something that is answered by an ERROR.
fn event_for_fence() -> MessageStatusEvent {
    MessageStatusEvent { message_event_type: Some(StatusEvent(9)), ..MessageStatusEvent::default() }
}
