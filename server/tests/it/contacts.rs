//! Contacts, requests, groups, presence (spec/wire.md section 5).
use mig33_codec::packets::{
    self, AcceptContactRequest, AddContact, AddGroup, Avatar, Contact, ContactListVersion,
    ContactRequest, DisplayPicture, GetContactRequests, GetContacts, GetContactsComplete, Group,
    HaveLatestContactList, MoveContact, RejectContactRequest, RemoveContact, RemoveGroup,
    SetDisplayPicture, SetPermission, SetPresence, SetStatusMessage, StatusMessage, UpdateGroup,
};
use mig33_codec::values::{Permission, Presence};
use mig33_codec::{Command, Frame};

use crate::harness::{Client, World, decode};

scenarios!(
    asking_and_accepting,
    asking_back_is_a_yes,
    rejecting_is_silent,
    removal_is_mutual,
    requests_wait_for_log_in,
    who_cannot_be_asked,
    no_answer_tells_who_exists,
    presence_is_for_contacts_and_the_most_available_shows,
    blocking_hides,
    texts_beside_names_are_short,
    a_large_list_ends_no_session_that_reads,
    status_messages,
    display_pictures,
    groups,
    a_kept_list_comes_again_only_if_it_changed,
);

fn add(name: &str) -> AddContact {
    AddContact { username: Some(name.into()), ..AddContact::default() }
}

fn commands(frames: &[Frame]) -> Vec<Command> {
    frames.iter().map(|frame| frame.command).collect()
}

/// Who has not answered yet, by the whole list.
async fn listed_as_pending(client: &mut Client) -> Vec<String> {
    client.send(GetContacts::default()).await;
    let (before, _) = client.until::<GetContactsComplete>().await;
    let contacts = before.iter().filter(|frame| frame.command == Command::CONTACT).map(decode);
    let pending = contacts.filter(|contact: &Contact| contact.pending == Some(true));
    pending.map(|contact| contact.username.unwrap_or_default().as_str().into_owned()).collect()
}

async fn asking_and_accepting(world: World) {
    let (mut alice, mut bob) = (world.user("Alice").await, world.user("Bob").await);
    alice.ask(add("bob")).await.unwrap();
    let pending: Vec<Contact> = alice.all().await;
    assert_eq!(pending[0].presence, Some(Presence::OFFLINE), "not before it is accepted");
    assert_eq!(pending[0].pending, Some(true));
    assert_eq!(listed_as_pending(&mut alice).await, ["Bob"]);
    let requests: Vec<ContactRequest> = bob.all().await;
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].username.clone().unwrap(), "Alice");
    bob.send(GetContactRequests::default()).await;
    assert_eq!(bob.expect::<ContactRequest>().await.username.unwrap(), "Alice");
    bob.expect::<packets::Ok>().await;
    let accept =
        AcceptContactRequest { contact_username: Some("alice".into()), ..Default::default() };
    bob.ask(accept.clone()).await.unwrap();
    for client in [&mut alice, &mut bob] {
        let frames = client.fence().await;
        assert_eq!(commands(&frames), [Command::CONTACT, Command::PRESENCE]);
        assert!(frames.iter().all(|frame| frame.transaction == 0));
        let contact: Contact = decode(&frames[0]);
        let presence: packets::Presence = decode(&frames[1]);
        assert_eq!((contact.contact_id, contact.pending), (presence.contact_id, None));
        assert_eq!(presence.presence, Some(Presence::AVAILABLE));
    }
    let listed = alice.contacts().await;
    assert_eq!(listed, [("Bob".to_owned(), pending[0].contact_id.unwrap(), Presence::AVAILABLE)]);
    bob.send(GetContactRequests::default()).await;
    bob.expect::<packets::Ok>().await;
    bob.ask(accept).await.unwrap();
    assert!(alice.fence().await.is_empty(), "saying it twice changes nothing");
}

async fn asking_back_is_a_yes(world: World) {
    let (mut alice, mut bob) = (world.user("alice").await, world.user("bob").await);
    alice.ask(add("bob")).await.unwrap();
    bob.ask(add("ALICE")).await.unwrap();
    assert_eq!(alice.contacts().await.len(), 1);
    assert_eq!(bob.contacts().await[0].2, Presence::AVAILABLE);
    alice.say("bob", "g", "hello").await.unwrap();
}

async fn rejecting_is_silent(world: World) {
    let (mut alice, mut bob) = (world.user("alice").await, world.user("bob").await);
    alice.ask(add("bob")).await.unwrap();
    alice.fence().await;
    let reject = |block| RejectContactRequest {
        username: Some("alice".into()),
        block_user: Some(block),
        ..Default::default()
    };
    bob.ask(reject(0)).await.unwrap();
    assert!(alice.fence().await.is_empty());
    assert_eq!(alice.contacts().await[0].2, Presence::OFFLINE);
    assert_eq!(listed_as_pending(&mut alice).await, ["bob"], "as if it were still open");
    bob.send(GetContactRequests::default()).await;
    bob.expect::<packets::Ok>().await;
    assert!(
        bob.ask(AcceptContactRequest {
            contact_username: Some("alice".into()),
            ..Default::default()
        })
        .await
        .is_err()
    );
    assert!(alice.say("bob", "g", "x").await.is_err());
    bob.ask(reject(1)).await.unwrap();
    let id = alice.contacts().await[0].1;
    alice.ask(RemoveContact { contact_id: Some(id), ..Default::default() }).await.unwrap();
    assert_eq!(
        alice.ask(add("bob")).await.unwrap_err(),
        alice.ask(add("nob")).await.unwrap_err().replace("nob", "bob")
    );
}

async fn removal_is_mutual(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let mut other = world.session("alice").await;
    other.fence().await;
    let id = alice.contacts().await[0].1;
    alice.ask(RemoveContact { contact_id: Some(id), ..Default::default() }).await.unwrap();
    for client in [&mut alice, &mut bob, &mut other] {
        let frames = client.fence().await;
        assert_eq!(
            commands(&frames),
            [Command::PRESENCE, Command::CONTACT_LIST_VERSION],
            "{}",
            client.name
        );
        assert_eq!(decode::<packets::Presence>(&frames[0]).presence, Some(Presence::OFFLINE));
        assert!(client.contacts().await.is_empty());
    }
    assert!(bob.say("alice", "g", "x").await.is_err());
    bob.ask(SetPresence { presence: Some(Presence::AWAY), ..Default::default() }).await.unwrap();
    assert!(alice.fence().await.is_empty());
    assert!(alice.ask(RemoveContact { contact_id: Some(id), ..Default::default() }).await.is_err());
    // and again from the beginning, with another number
    crate::harness::befriend(&mut alice, &mut bob).await;
    assert_ne!(alice.contacts().await[0].1, id);
}

async fn requests_wait_for_log_in(world: World) {
    let mut alice = world.user("alice").await;
    drop(world.user("bob").await);
    alice.ask(add("bob")).await.unwrap();
    let mut bob = world.session("bob").await;
    assert_eq!(bob.all::<ContactRequest>().await.len(), 1);
    // a request that is taken back waits no more
    let id = alice.contacts().await[0].1;
    alice.ask(RemoveContact { contact_id: Some(id), ..Default::default() }).await.unwrap();
    assert!(world.session("bob").await.fence().await.is_empty());
}

async fn who_cannot_be_asked(_: World) {
    let world = World::with(|settings| settings.limits.contacts = 2).await;
    let mut alice = world.user("alice").await;
    for name in ["bob", "carol", "dave"] {
        world.user(name).await;
    }
    assert!(alice.ask(add("alice")).await.is_err());
    assert!(alice.ask(add("nobody")).await.is_err());
    assert!(
        alice
            .ask(AddContact { group_id: Some(7), ..add("bob") })
            .await
            .unwrap_err()
            .contains("group")
    );
    alice.ask(add("bob")).await.unwrap();
    alice.ask(add("bob")).await.unwrap();
    alice.ask(add("carol")).await.unwrap();
    assert!(alice.ask(add("dave")).await.unwrap_err().contains("full"));
    assert_eq!(alice.contacts().await.len(), 2);
}

async fn no_answer_tells_who_exists(_: World) {
    let world = World::with(|settings| {
        settings.limits.contacts = 1;
        settings.limits.blocked = 1;
    })
    .await;
    let mut alice = world.user("alice").await;
    for name in ["bob", "carol"] {
        world.user(name).await;
    }
    // what is asked about somebody who is there, and about somebody who is not
    let accept = |name: &str| AcceptContactRequest {
        contact_username: Some(name.into()),
        ..Default::default()
    };
    let reject =
        |name: &str| RejectContactRequest { username: Some(name.into()), ..Default::default() };
    let set = |name: &str, permission| SetPermission {
        username: Some(name.into()),
        permission: Some(permission),
        ..Default::default()
    };
    let in_no_group = |name: &str| AddContact { group_id: Some(7), ..add(name) };
    for full in [false, true] {
        if full {
            alice.ask(add("carol")).await.unwrap();
            alice.ask(set("carol", Permission::BLOCK)).await.unwrap();
        }
        let mut answers = Vec::new();
        for name in ["bob", "nob"] {
            let mut told = vec![
                alice.ask(accept(name)).await,
                alice.ask(AcceptContactRequest { group_id: Some(7), ..accept(name) }).await,
                alice.ask(reject(name)).await,
                alice.ask(set(name, Permission::ALLOW)).await,
                alice.ask(set(name, Permission::BLOCK)).await,
                alice.ask(set(name, Permission::ALLOW)).await,
                alice.ask(in_no_group(name)).await,
            ];
            if full {
                told.push(alice.ask(add(name)).await);
            }
            let plain = |answer: Result<packets::Ok, String>| {
                answer.map(drop).map_err(|error| error.replace(name, "NAME"))
            };
            answers.push(told.into_iter().map(plain).collect::<Vec<_>>());
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0][4].is_ok(), !full);
        alice.fence().await;
    }
}

async fn shown(client: &mut Client) -> Vec<Presence> {
    client.all::<packets::Presence>().await.iter().map(|packet| packet.presence.unwrap()).collect()
}

async fn presence_is_for_contacts_and_the_most_available_shows(world: World) {
    let (alice, mut bob) = world.friends("alice", "bob").await;
    let mut eve = world.user("eve").await;
    eve.ask(add("bob")).await.unwrap();
    eve.fence().await;
    bob.fence().await;
    let mut alice = alice;
    let set = |presence| SetPresence { presence: Some(presence), ..Default::default() };
    alice.ask(set(Presence::AWAY)).await.unwrap();
    assert_eq!(shown(&mut bob).await.last(), Some(&Presence::AWAY));
    let mut second = world.session("alice").await;
    second.ask(set(Presence::BUSY)).await.unwrap();
    assert_eq!(shown(&mut bob).await.last(), Some(&Presence::BUSY));
    drop(second);
    let (_, packet) = bob.until::<packets::Presence>().await;
    assert_eq!(packet.presence, Some(Presence::AWAY));
    alice.ask(set(Presence::OFFLINE)).await.unwrap();
    assert_eq!(shown(&mut bob).await, [Presence::OFFLINE]);
    assert_eq!(bob.contacts().await[0].2, Presence::OFFLINE);
    bob.say("alice", "g", "I know you are there").await.unwrap();
    assert!(alice.ask(set(Presence(7))).await.unwrap_err().contains("block 1 (presence)"));
    drop(alice);
    assert!(eve.fence().await.is_empty(), "not for who was not accepted");
    assert_eq!(eve.contacts().await[0].2, Presence::OFFLINE);
}

async fn blocking_hides(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let set = |permission| SetPermission {
        username: Some("alice".into()),
        permission: Some(permission),
        ..Default::default()
    };
    bob.ask(SetStatusMessage { status_message: Some("secret".into()), ..Default::default() })
        .await
        .unwrap();
    alice.expect::<StatusMessage>().await;
    bob.ask(set(Permission::BLOCK)).await.unwrap();
    assert_eq!(shown(&mut alice).await, [Presence::OFFLINE]);
    alice.send(GetContacts::default()).await;
    let (_, contact) = alice.until::<Contact>().await;
    assert_eq!(
        (contact.presence, contact.status_message),
        (Some(Presence::OFFLINE), Some("".into()))
    );
    alice.until::<GetContactsComplete>().await;
    bob.ask(SetPresence { presence: Some(Presence::AWAY), ..Default::default() }).await.unwrap();
    assert!(alice.fence().await.is_empty());
    bob.ask(set(Permission::ALLOW)).await.unwrap();
    assert_eq!(shown(&mut alice).await, [Presence::AWAY]);
}

async fn texts_beside_names_are_short(world: World) {
    let (mut alice, mut bob) = (world.user("alice").await, world.user("bob").await);
    let named = |name: &str| AddContact { display_name: Some(name.into()), ..add("bob") };
    assert!(alice.ask(named(&"x".repeat(61))).await.unwrap_err().contains("60 characters"));
    assert!(bob.fence().await.is_empty(), "nothing is done");
    alice.ask(named(&"x".repeat(60))).await.unwrap();
    let status =
        |text: &str| SetStatusMessage { status_message: Some(text.into()), ..Default::default() };
    assert!(alice.ask(status(&"x".repeat(256))).await.unwrap_err().contains("255 characters"));
    alice.ask(status(&"x".repeat(255))).await.unwrap();
}

async fn a_large_list_ends_no_session_that_reads(_: World) {
    let world = World::with(|settings| settings.limits.outgoing_bytes = 2000).await;
    let mut alice = world.user("alice").await;
    let status =
        SetStatusMessage { status_message: Some("x".repeat(200).into()), ..Default::default() };
    let mut bob = world.user("bob").await;
    crate::harness::befriend(&mut alice, &mut bob).await;
    for n in 0..20 {
        let mut friend = world.user(&format!("friend{n}")).await;
        friend.ask(status.clone()).await.unwrap();
        crate::harness::befriend(&mut alice, &mut friend).await;
        alice.fence().await;
    }
    // a stream that holds little: some lists are being written, others wait, and what happens waits behind that
    let mut slow = world.connect_from(None, 256);
    slow.log_in("alice").await;
    for _ in 0..6 {
        slow.send(GetContacts::default()).await;
    }
    // the last friend may be seen to leave before that
    slow.until::<Group>().await;
    for presence in [Presence::AWAY, Presence::BUSY, Presence::AVAILABLE] {
        bob.ask(SetPresence { presence: Some(presence), ..Default::default() }).await.unwrap();
    }
    for _ in 0..6 {
        let (frames, _) = slow.until::<GetContactsComplete>().await;
        let contacts = frames.iter().filter(|frame| frame.command == Command::CONTACT);
        assert_eq!(contacts.count(), 21);
    }
    assert_eq!(shown(&mut slow).await.last(), Some(&Presence::AVAILABLE));
}

async fn status_messages(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let mut second = world.session("alice").await;
    second.fence().await;
    alice
        .ask(SetStatusMessage { status_message: Some("on a train".into()), ..Default::default() })
        .await
        .unwrap();
    let packet: StatusMessage = bob.until().await.1;
    assert_eq!(packet.status_message.unwrap(), "on a train");
    assert_eq!(second.expect::<Avatar>().await.status_message.unwrap(), "on a train");
    let mut third = world.session("alice").await;
    assert_eq!(third.expect::<Avatar>().await.status_message.unwrap(), "on a train");
    bob.send(GetContacts::default()).await;
    assert_eq!(bob.until::<Contact>().await.1.status_message.unwrap(), "on a train");
}

async fn display_pictures(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let set = |guid: &str| SetDisplayPicture {
        display_picture_guid: Some(guid.into()),
        ..Default::default()
    };
    alice.ask(set("pic-1")).await.unwrap();
    assert_eq!(bob.expect::<DisplayPicture>().await.display_picture_guid.unwrap(), "pic-1");
    bob.send(GetContacts::default()).await;
    assert_eq!(bob.until::<Contact>().await.1.display_picture_guid.unwrap(), "pic-1");
    bob.until::<GetContactsComplete>().await;
    assert!(alice.ask(set("no guid")).await.is_err());
    alice.ask(set("")).await.unwrap();
    assert_eq!(bob.expect::<DisplayPicture>().await.display_picture_guid.unwrap(), "");
}

async fn groups(world: World) {
    let (mut alice, _bob) = world.friends("alice", "bob").await;
    let work = AddGroup { group_name: Some(" Work ".into()), ..Default::default() };
    alice.ask(work.clone()).await.unwrap();
    alice.expect::<ContactListVersion>().await;
    assert!(alice.ask(work).await.is_err(), "there is one of that name");
    assert!(
        alice.ask(AddGroup { group_name: Some(" ".into()), ..Default::default() }).await.is_err()
    );
    let named = |frames: &[Frame]| -> Vec<(u32, String)> {
        let groups =
            frames.iter().filter(|frame| frame.command == Command::GROUP).map(decode::<Group>);
        groups
            .map(|group| (group.group_id.unwrap(), group.group_name.unwrap().as_str().into_owned()))
            .collect()
    };
    alice.send(GetContacts::default()).await;
    let (frames, _) = alice.until::<GetContactsComplete>().await;
    assert_eq!(named(&frames), [(1, "Friends".into()), (2, "Work".into())]);
    let contact = alice.contacts().await[0].1;
    let to = |group_id| MoveContact {
        contact_id: Some(contact),
        group_id: Some(group_id),
        ..Default::default()
    };
    alice.ask(to(2)).await.unwrap();
    assert!(alice.ask(to(3)).await.is_err());
    let rename =
        UpdateGroup { group_id: Some(2), group_name: Some("Play".into()), ..Default::default() };
    alice.ask(rename).await.unwrap();
    assert!(alice.ask(RemoveGroup { group_id: Some(1), ..Default::default() }).await.is_err());
    assert!(alice.ask(RemoveGroup { group_id: Some(9), ..Default::default() }).await.is_err());
    alice.fence().await;
    alice.send(GetContacts::default()).await;
    assert_eq!(alice.until::<Contact>().await.1.group_id, Some(2));
    alice.until::<GetContactsComplete>().await;
    alice.ask(RemoveGroup { group_id: Some(2), ..Default::default() }).await.unwrap();
    alice.send(GetContacts::default()).await;
    assert_eq!(alice.until::<Contact>().await.1.group_id, Some(1));
}

async fn a_kept_list_comes_again_only_if_it_changed(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    alice.send(GetContacts::default()).await;
    let (_, version) = alice.until::<ContactListVersion>().await;
    alice.expect::<GetContactsComplete>().await;
    let have = HaveLatestContactList { timestamp: version.timestamp, ..Default::default() };
    alice.send(have.clone()).await;
    let (frames, _) = alice.until::<GetContactsComplete>().await;
    assert_eq!(commands(&frames), [Command::PRESENCE]);
    world.clock.pass(1000);
    bob.ask(SetStatusMessage { status_message: Some("new".into()), ..Default::default() })
        .await
        .unwrap();
    alice.fence().await;
    alice.send(have.clone()).await;
    let (frames, _) = alice.until::<GetContactsComplete>().await;
    assert_eq!(commands(&frames), [Command::PRESENCE, Command::STATUS_MESSAGE]);
    alice.ask(AddGroup { group_name: Some("Work".into()), ..Default::default() }).await.unwrap();
    alice.fence().await;
    alice.send(have).await;
    let (frames, _) = alice.until::<GetContactsComplete>().await;
    let listed = [Command::GROUP, Command::GROUP, Command::CONTACT, Command::CONTACT_LIST_VERSION];
    assert_eq!(commands(&frames), listed);
}
