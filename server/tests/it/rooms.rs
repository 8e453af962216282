//! Rooms in their simple form (spec/wire.md section 6).
use mig33_codec::Command;
use mig33_codec::packets::{
    Chatroom, ChatroomParticipants, ChatroomUserStatus, CreateChatroom, GetChatroomParticipants,
    GetChatrooms, GetChatroomsComplete, JoinChatroom, LeaveChatroom, Message, Ok as OkPacket,
};
use mig33_codec::values::ChatUserStatus;

use crate::harness::{Client, World, decode, guid, in_room};

scenarios!(
    joining_talking_leaving,
    the_last_messages_come_with_the_door,
    two_sessions_of_one_count_once,
    a_full_room_lets_its_creator_in,
    rooms_are_found_by_page_and_name,
    rooms_have_rules,
    who_is_not_in_it_hears_and_says_nothing,
    a_connection_that_is_dropped_leaves,
);

fn join(room: &str) -> JoinChatroom {
    JoinChatroom { chatroom_name: Some(room.into()), ..JoinChatroom::default() }
}

fn leave(room: &str) -> LeaveChatroom {
    LeaveChatroom { chatroom_name: Some(room.into()), ..LeaveChatroom::default() }
}

async fn changes(client: &mut Client) -> Vec<(String, ChatUserStatus)> {
    let all: Vec<ChatroomUserStatus> = client.all().await;
    let change = |packet: ChatroomUserStatus| {
        assert_eq!(packet.chatroom_name.unwrap(), "Lobby");
        (packet.username.unwrap().as_str().into_owned(), packet.status.unwrap())
    };
    all.into_iter().map(change).collect()
}

async fn joining_talking_leaving(world: World) {
    let (mut alice, mut bob, mut carol) =
        (world.user("alice").await, world.user("bob").await, world.user("carol").await);
    alice.join("lobby").await.unwrap();
    let number = bob.send(join("Lobby")).await;
    let frame = bob.frame().await;
    assert_eq!(frame.transaction, number);
    let participants: ChatroomParticipants = decode(&frame);
    assert_eq!(participants.participant_list.unwrap().entries(), ["alice", "bob"]);
    bob.expect::<OkPacket>().await;
    assert_eq!(changes(&mut alice).await, [("bob".into(), ChatUserStatus::JOINED)]);
    carol.join("Lobby").await.unwrap();
    alice.ask(in_room("LOBBY", "g1", "hello")).await.unwrap();
    for client in [&mut bob, &mut carol] {
        let (_, message) = client.until::<Message>().await;
        assert_eq!(message.source.unwrap(), "alice");
        assert_eq!(message.destination.unwrap(), "Lobby");
    }
    assert!(alice.fence().await.is_empty(), "one's own words do not come back");
    bob.ask(leave("lobby")).await.unwrap();
    drop(carol);
    let (_, left) = alice.until::<ChatroomUserStatus>().await;
    assert_eq!((left.username.unwrap(), left.status), ("bob".into(), Some(ChatUserStatus::LEFT)));
    let (_, left) = alice.until::<ChatroomUserStatus>().await;
    assert_eq!((left.username.unwrap(), left.status), ("carol".into(), Some(ChatUserStatus::LEFT)));
    let who = GetChatroomParticipants { chatroom_name: Some("Lobby".into()), ..Default::default() };
    alice.send(who).await;
    let packet: ChatroomParticipants = alice.expect().await;
    assert_eq!(packet.participant_list.unwrap().entries(), ["alice"]);
    assert!(bob.fence().await.is_empty());
}

async fn the_last_messages_come_with_the_door(world: World) {
    let (mut alice, mut bob) = (world.user("alice").await, world.user("bob").await);
    alice.join("Lobby").await.unwrap();
    for n in 0..60 {
        alice.send(in_room("Lobby", &format!("g{n}"), "x")).await;
    }
    alice.fence().await;
    bob.send(join("Lobby")).await;
    bob.expect::<ChatroomParticipants>().await;
    bob.expect::<OkPacket>().await;
    let messages: Vec<Message> = bob.all().await;
    assert_eq!(messages.len(), 50);
    assert_eq!((guid(&messages[0]), guid(&messages[49])), ("g10".into(), "g59".into()));
    assert!(messages.windows(2).all(|pair| {
        pair[0].timestamp < pair[1].timestamp && pair[1].previous_message_guid == pair[0].guid
    }));
    // again: the same answer, and nothing for the others
    alice.fence().await;
    bob.send(join("Lobby")).await;
    assert_eq!(bob.fence().await.len(), 52);
    assert!(alice.fence().await.is_empty());
}

async fn two_sessions_of_one_count_once(world: World) {
    let mut alice = world.user("alice").await;
    alice.join("Lobby").await.unwrap();
    let (mut one, mut two) = (world.user("bob").await, world.session("bob").await);
    one.join("Lobby").await.unwrap();
    two.send(join("Lobby")).await;
    assert_eq!(
        two.expect::<ChatroomParticipants>().await.participant_list.unwrap().entries(),
        ["alice", "bob"]
    );
    assert_eq!(changes(&mut alice).await, [("bob".into(), ChatUserStatus::JOINED)]);
    one.ask(in_room("Lobby", "g1", "x")).await.unwrap();
    assert_eq!(guid(&two.until::<Message>().await.1), "g1", "the other session hears it");
    one.ask(leave("Lobby")).await.unwrap();
    let (_, message) = alice.until::<Message>().await;
    assert_eq!(guid(&message), "g1");
    assert!(alice.fence().await.is_empty(), "bob is still there");
    two.ask(leave("Lobby")).await.unwrap();
    assert_eq!(changes(&mut alice).await, [("bob".into(), ChatUserStatus::LEFT)]);
}

async fn a_full_room_lets_its_creator_in(_: World) {
    let world = World::with(|settings| settings.limits.room_capacity = 2).await;
    let mut owner = world.user("owner").await;
    create(&mut owner, "Den").await.unwrap();
    let mut guests = Vec::new();
    for name in ["bob", "carol"] {
        let mut guest = world.user(name).await;
        guest.join("den").await.unwrap();
        guests.push(guest);
    }
    let mut late = world.user("late").await;
    assert!(late.join("den").await.unwrap_err().contains("full"));
    assert!(late.fence().await.is_empty());
    world.session("bob").await.join("den").await.unwrap();
    owner.join("den").await.unwrap();
    guests.pop();
    let (_, left) = owner.until::<ChatroomUserStatus>().await;
    assert_eq!(left.username.unwrap(), "carol");
    assert!(late.join("den").await.is_err(), "the owner counts");
}

async fn create(client: &mut Client, name: &str) -> Result<OkPacket, String> {
    client
        .ask(CreateChatroom {
            chatroom_name: Some(name.into()),
            description: Some(format!("All about {name}").into()),
            ..CreateChatroom::default()
        })
        .await
}

async fn list(client: &mut Client, search: &str, page: u8) -> (Vec<Chatroom>, u8) {
    let query =
        GetChatrooms { search_string: Some(search.into()), page: Some(page), ..Default::default() };
    client.send(query).await;
    let (frames, end) = client.until::<GetChatroomsComplete>().await;
    (frames.iter().map(decode).collect(), end.number_of_pages.unwrap())
}

async fn rooms_are_found_by_page_and_name(_: World) {
    let world = World::with(|settings| {
        settings.limits.rooms_per_page = 3;
        settings.limits.rooms_per_account = 100;
    })
    .await;
    let mut alice = world.user("alice").await;
    let (rooms, pages) = list(&mut alice, "", 1).await;
    assert_eq!(
        (rooms[0].chatroom_name.clone().unwrap(), rooms.len(), pages),
        ("Lobby".into(), 1, 1)
    );
    assert_eq!(rooms[0].max_participants, Some(1000));
    for n in 0..7 {
        create(&mut alice, &format!("Den {n}")).await.unwrap();
    }
    alice.join("Den 3").await.unwrap();
    let mut names = Vec::new();
    for page in 1..=3 {
        let (rooms, pages) = list(&mut alice, "", page).await;
        assert_eq!(pages, 3);
        names.extend(
            rooms.iter().map(|room| room.chatroom_name.clone().unwrap().as_str().into_owned()),
        );
    }
    assert_eq!(names, ["Lobby", "Den 0", "Den 1", "Den 2", "Den 3", "Den 4", "Den 5", "Den 6"]);
    assert_eq!(list(&mut alice, "", 4).await, (vec![], 3));
    let (rooms, pages) = list(&mut alice, "eN 3", 1).await;
    assert_eq!((rooms.len(), pages), (1, 1));
    assert_eq!(rooms[0].participants, Some(1));
    assert_eq!(rooms[0].creator_name.clone().unwrap(), "alice");
    assert_eq!(rooms[0].description.clone().unwrap(), "All about Den 3");
    assert_eq!(list(&mut alice, "%", 1).await, (vec![], 0));
}

async fn rooms_have_rules(_: World) {
    let world = World::with(|settings| {
        settings.limits.rooms_per_account = 3;
        settings.limits.rooms_per_session = 2;
    })
    .await;
    let mut alice = world.user("alice").await;
    for bad in ["ab", " abc", "a  b", ".abc", &"x".repeat(31), "a;b"] {
        assert!(create(&mut alice, bad).await.is_err(), "{bad}");
    }
    assert!(create(&mut alice, "LOBBY").await.is_err());
    for name in ["one", "two", "three"] {
        create(&mut alice, name).await.unwrap();
    }
    assert!(create(&mut alice, "four").await.is_err());
    assert!(alice.join("four").await.is_err());
    alice.join("one").await.unwrap();
    alice.join("two").await.unwrap();
    assert!(alice.join("three").await.is_err());
    alice.ask(leave("one")).await.unwrap();
    assert!(alice.ask(leave("one")).await.is_err());
    alice.join("three").await.unwrap();
}

async fn who_is_not_in_it_hears_and_says_nothing(world: World) {
    let (mut alice, mut eve) = (world.user("alice").await, world.user("eve").await);
    alice.join("Lobby").await.unwrap();
    let error = eve.ask(in_room("Lobby", "g1", "x")).await.unwrap_err();
    assert_eq!(error, eve.ask(in_room("No such room", "g2", "x")).await.unwrap_err());
    let who = |name: &str| GetChatroomParticipants {
        chatroom_name: Some(name.into()),
        ..Default::default()
    };
    assert_eq!(eve.ask(who("Lobby")).await.unwrap_err(), eve.ask(who("nope")).await.unwrap_err());
    alice.ask(in_room("Lobby", "g3", "x")).await.unwrap();
    assert!(eve.fence().await.is_empty());
    assert!(alice.fence().await.iter().all(|frame| frame.command != Command::MESSAGE));
}

async fn a_connection_that_is_dropped_leaves(world: World) {
    let mut alice = world.user("alice").await;
    alice.join("Lobby").await.unwrap();
    let (mut bob, serving) = world.connect_held(1 << 16);
    bob.register("bob").await;
    bob.log_in("bob").await;
    bob.join("Lobby").await.unwrap();
    alice.until::<ChatroomUserStatus>().await;
    serving.abort(); // its stream is still open on our side
    let (_, left) = alice.until::<ChatroomUserStatus>().await;
    assert_eq!((left.username.unwrap(), left.status), ("bob".into(), Some(ChatUserStatus::LEFT)));
    bob.closed().await;
}
