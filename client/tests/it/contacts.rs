//! Contacts: the list, changes to it, requests.
use mig33_client::{Action, NoticeKind, Presence};
use mig33_codec::packets;

use crate::stage::{Stage, error};

fn contact(id: u32, name: &str, presence: Presence) -> packets::Contact {
    packets::Contact {
        contact_id: Some(id),
        group_id: Some(1),
        username: Some(name.into()),
        presence: Some(presence),
        ..Default::default()
    }
}

/// A stage whose contact list has Bob in a group of friends.
fn with_bob() -> Stage {
    let mut stage = Stage::online();
    stage.push(packets::ContactListVersion::default());
    let (number, _) = stage.take::<packets::GetContacts>();
    stage.reply(
        number,
        packets::Group {
            group_id: Some(1),
            group_name: Some("Friends".into()),
            ..Default::default()
        },
    );
    stage.reply(number, contact(7, "Bob", Presence::AWAY));
    assert!(stage.session.state().contacts.is_empty(), "the list is shown when it is whole");
    stage.reply(number, packets::GetContactsComplete::default());
    stage
}

#[test]
fn the_list_is_replaced_when_it_is_complete() {
    let stage = with_bob();
    let state = stage.session.state();
    let bob = state.contact("BOB").unwrap();
    assert_eq!((bob.id, &*bob.display_name, bob.presence), (7, "Bob", Presence::AWAY));
    assert_eq!(&*state.groups[&1], "Friends");
}

#[test]
fn presence_and_status_message_follow() {
    let mut stage = with_bob();
    stage.push(packets::Presence {
        contact_id: Some(7),
        presence: Some(Presence::BUSY),
        ..Default::default()
    });
    stage.push(packets::StatusMessage {
        contact_id: Some(7),
        status_message: Some("lunch".into()),
        ..Default::default()
    });
    stage.push(packets::Presence {
        contact_id: Some(99),
        presence: Some(Presence::BUSY),
        ..Default::default()
    });
    let bob = stage.session.state().contact("bob").unwrap().clone();
    assert_eq!((bob.presence, &*bob.status_message), (Presence::BUSY, "lunch"));
    assert_eq!(stage.session.state().contacts.len(), 1);
}

#[test]
fn requests_are_listed_arrive_and_go() {
    let mut stage = with_bob();
    let request =
        |name: &str| packets::ContactRequest { username: Some(name.into()), ..Default::default() };
    stage.push(request("eve"));
    stage.push(request("eve"));
    stage.push(request("Mallory"));
    assert_eq!(stage.session.state().contact_requests.len(), 2);

    stage.act(Action::RejectContact { username: "eve".into(), block: true });
    let (number, reject) = stage.take::<packets::RejectContactRequest>();
    assert_eq!((reject.username, reject.block_user), (Some("eve".into()), Some(1)));
    stage.reply(number, packets::Ok::default());
    // an accepted one goes when the contact comes
    stage.push(contact(8, "mallory", Presence::AVAILABLE));
    assert!(stage.session.state().contact_requests.is_empty());
}

#[test]
fn who_has_not_answered_is_told_apart_and_a_yes_is_told() {
    let pending =
        |id, name| packets::Contact { pending: Some(true), ..contact(id, name, Presence::OFFLINE) };
    let is_pending = |stage: &Stage, name| stage.session.state().contact(name).unwrap().pending;
    let mut stage = with_bob();
    for (id, name) in [(8, "Eve"), (9, "Carol")] {
        stage.push(pending(id, name));
        assert!(is_pending(&stage, name) && !is_pending(&stage, "bob"));
    }
    stage.push(contact(8, "Eve", Presence::AVAILABLE));
    stage.push(contact(8, "Eve", Presence::AWAY));
    assert!(!is_pending(&stage, "eve"));
    // or while there was no connection
    stage.push(packets::ContactListVersion::default());
    let (number, _) = stage.take::<packets::GetContacts>();
    stage.reply(number, contact(7, "Bob", Presence::AWAY));
    stage.reply(number, contact(8, "Eve", Presence::AWAY));
    stage.reply(number, contact(9, "Carol", Presence::OFFLINE));
    stage.reply(number, packets::GetContactsComplete::default());
    let told: Vec<_> =
        stage.session.state().notices.iter().map(|notice| notice.text.to_string()).collect();
    let yes = |name| format!("{name} accepted your contact request.");
    assert_eq!(told, [yes("Eve"), yes("Carol")]);
}

#[test]
fn a_refusal_leaves_everything_as_it_was() {
    let mut stage = with_bob();
    let action = stage.act(Action::RemoveContact { id: 7 });
    let (number, remove) = stage.take::<packets::RemoveContact>();
    assert_eq!(remove.contact_id, Some(7));
    stage.reply(number, error("Not now."));
    assert_eq!(stage.outcome(action), Some(Err("Not now.".into())));
    assert!(stage.session.state().contact("bob").is_some());
    stage.act(Action::RemoveContact { id: 7 });
    let (number, _) = stage.take::<packets::RemoveContact>();
    stage.reply(number, packets::Ok::default());
    assert!(stage.session.state().contact("bob").is_none());
}

#[test]
fn own_presence_is_the_servers_ok_and_is_kept_over_a_reconnect() {
    let mut stage = with_bob();
    stage.act(Action::SetPresence(Presence::AWAY));
    assert_eq!(stage.session.state().account.as_ref().unwrap().presence, Presence::AVAILABLE);
    let (number, _) = stage.take::<packets::SetPresence>();
    stage.reply(number, packets::Ok::default());
    assert_eq!(stage.session.state().account.as_ref().unwrap().presence, Presence::AWAY);
    stage.cut_and_wait();
    stage.accept();
    assert_eq!(stage.take::<packets::Login>().1.initial_presence, Some(Presence::AWAY));
}

#[test]
fn a_presence_that_was_kept_goes_into_the_log_in_and_the_status_message_comes_back() {
    let mut stage = Stage::new();
    stage.session.set_initial_presence(Presence::BUSY);
    stage.session.log_in_with_token(stage.now, "alice", bytes::Bytes::from_static(b"token"));
    stage.accept();
    let (number, login) = stage.take::<packets::Login>();
    assert_eq!(login.initial_presence, Some(Presence::BUSY));
    stage.reply(number, crate::stage::login_ok());
    stage.push(packets::Avatar { status_message: Some("lunch".into()), ..Default::default() });
    let account = stage.session.state().account.clone().unwrap();
    assert_eq!((account.presence, &*account.status_message), (Presence::BUSY, "lunch"));
}

#[test]
fn an_error_that_answers_nothing_is_shown() {
    let mut stage = with_bob();
    stage.push(error("The server is tired."));
    let notice = stage.session.state().notices.last().unwrap().clone();
    assert_eq!((notice.kind, &*notice.text), (NoticeKind::Problem, "The server is tired."));
    stage.act(Action::Dismiss { notice: notice.id });
    assert!(stage.session.state().notices.is_empty());
}

#[test]
fn a_packet_that_cannot_be_read_is_named_and_the_session_goes_on() {
    let mut stage = with_bob();
    let bad = [2, 1, 0x94, 0, 0, 0, 0, 0, 9, 0, 1, 0, 0, 0, 3, 1, 2, 3]; // PRESENCE with an id of three bytes
    stage.session.handle_bytes(stage.now, bytes::Bytes::copy_from_slice(&bad));
    let notice = stage.session.state().notices.last().unwrap().clone();
    assert!(notice.text.ends_with("block 1 of command 404."), "{}", notice.text);
    assert_eq!(stage.session.state().link, mig33_client::Link::Online);
}

#[test]
fn a_yes_that_came_while_nobody_was_here_is_told() {
    let mut stage = Stage::new();
    stage.session.remember_asked(vec!["Eve".into(), "carol".into(), "gone".into()]);
    stage.session.log_in(stage.now, "alice", "secret");
    stage.come_online();
    for _ in 0..2 {
        stage.push(contact(8, "eve", Presence::OFFLINE));
        stage.push(packets::Contact {
            pending: Some(true),
            ..contact(9, "Carol", Presence::OFFLINE)
        });
    }
    let told: Vec<_> =
        stage.session.state().notices.iter().map(|notice| notice.text.to_string()).collect();
    assert_eq!(told, ["eve accepted your contact request."]);
}

#[test]
fn who_can_be_written_to_is_known_with_the_contacts() {
    for (features, contacts_only) in [(None, true), (Some(["other", "strangers"]), false)] {
        let mut stage = Stage::new();
        stage.session.log_in_with_token(stage.now, "alice", bytes::Bytes::from_static(b"token"));
        stage.accept();
        let (number, _) = stage.take::<packets::Login>();
        let features = features.map(|names| names.iter().collect());
        stage.reply(number, packets::LoginOk { features, ..crate::stage::login_ok() });
        assert!(!stage.session.state().contacts_only, "not before it is known who they are");
        stage.settle();
        assert_eq!(stage.session.state().contacts_only, contacts_only);
    }
}

#[test]
fn a_request_that_was_taken_back_is_not_accepted_later() {
    let mut stage = Stage::new();
    stage.session.remember_asked(vec!["Bob".into(), "Carol".into()]);
    stage.session.log_in(stage.now, "alice", "secret");
    stage.come_online();
    for (id, name) in [(7, "bob"), (8, "carol")] {
        stage
            .push(packets::Contact { pending: Some(true), ..contact(id, name, Presence::OFFLINE) });
    }
    stage.act(Action::RemoveContact { id: 7 });
    let (number, _) = stage.take::<packets::RemoveContact>();
    stage.reply(number, packets::Ok::default());
    // the other one in another session of ours
    stage.push(packets::ContactListVersion::default());
    let (number, _) = stage.take::<packets::GetContacts>();
    stage.reply(number, packets::GetContactsComplete::default());
    for (id, name) in [(9, "bob"), (10, "carol")] {
        stage.push(contact(id, name, Presence::OFFLINE));
    }
    assert_eq!(stage.session.state().notices.len(), 0);
}
