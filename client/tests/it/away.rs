//! A bridge or server that is restarted: nothing of it is to be seen, and what is done meanwhile is done then.
use mig33_client::{Action, ChatId, Delivery, History, Link, Membership, PATIENCE};
use mig33_codec::packets;

use crate::resume::{begin, bob, online, say};
use crate::stage::Stage;

/// Online, and the bridge is restarted: it wants its client back in so many milliseconds.
fn restarted(pause: u64) -> Stage {
    let mut stage = online();
    restart(&mut stage, pause);
    stage
}

pub(crate) fn restart(stage: &mut Stage, pause: u64) {
    let reason = format!("retry_ms={pause}");
    stage.session.disconnected(stage.now, 1012, Some(&reason));
    stage.pump();
}

/// Milliseconds until the next attempt.
fn pause(stage: &Stage) -> u64 {
    let Link::Waiting { until, .. } = stage.session.state().link else { panic!("waits") };
    until - stage.now
}

#[test]
fn nothing_is_wrong_until_the_connection_is_late() {
    let mut stage = restarted(4_000);
    let late = stage.now + 4_000 + PATIENCE;
    assert_eq!(stage.session.state().quiet_until(), late);
    stage.wait_for_attempt();
    assert_eq!(stage.session.state().link, Link::Connecting);
    assert!(stage.session.state().is_away_briefly(stage.now));
    // not there yet: that makes it no later
    stage.cut();
    assert_eq!(stage.session.state().quiet_until(), late);
    assert!(!stage.session.state().is_away_briefly(late));
    stage.wait_for_attempt();
    begin(&mut stage);
    assert_eq!(stage.session.state().quiet_until(), 0, "there is a connection");
    // one that breaks is worth a word at once
    stage.session.disconnected(stage.now, 1011, Some("gone"));
    assert!(!stage.session.state().is_away_briefly(stage.now));
}

#[test]
fn a_session_that_goes_on_has_as_long() {
    let mut stage = online();
    stage.cut();
    assert_eq!(stage.session.state().quiet_until(), stage.now + PATIENCE);
}

#[test]
fn a_server_that_is_restarted_is_waited_for_in_the_same_way() {
    let mut stage = Stage::online();
    let reason = Some("shutdown".into());
    stage.push(packets::SessionTerminated { reason, ..Default::default() });
    let until = stage.now + pause(&stage);
    assert_eq!(stage.session.state().quiet_until(), until + PATIENCE);
    // the bridge has lost its upstream by that
    stage.session.disconnected(stage.now, 1011, Some("the server has closed"));
    assert_eq!(stage.now + pause(&stage), until);
}

#[test]
fn what_is_wanted_meanwhile_is_asked_for_then() {
    let mut stage = restarted(400);
    let add = stage.act(Action::AddContact { username: "carol".into(), group: 0 });
    let search = stage.act(Action::SearchRooms { search: "tea".into(), page: 1 });
    assert!(stage.session.state().directory.loading);
    assert_eq!((stage.outcome(add), stage.outcome(search)), (None, None));
    stage.wait_for_attempt();
    begin(&mut stage);
    let (number, packet) = stage.take::<packets::AddContact>();
    assert_eq!(packet.username.unwrap(), "carol");
    stage.reply(number, packets::Ok::default());
    assert_eq!(stage.outcome(add), Some(Ok(())));
    stage.take::<packets::GetChatrooms>();
    assert!(stage.try_take::<packets::AddContact>().is_none(), "once");
}

#[test]
fn what_cannot_be_asked_for_in_time_is_told() {
    let mut stage = restarted(400);
    let asked = stage.act(Action::AddContact { username: "carol".into(), group: 0 });
    stage.wait_for_attempt();
    stage.cut();
    stage.wait(PATIENCE - 1);
    assert_eq!(stage.outcome(asked), None);
    stage.wait(1);
    assert!(stage.outcome(asked).unwrap().is_err());
    let late = stage.act(Action::AddContact { username: "dora".into(), group: 0 });
    assert!(stage.outcome(late).unwrap().is_err());
}

#[test]
fn who_logs_out_meanwhile_hears_of_it() {
    let mut stage = restarted(400);
    let asked = stage.act(Action::AddContact { username: "carol".into(), group: 0 });
    stage.session.log_out(stage.now);
    stage.pump();
    assert!(stage.outcome(asked).unwrap().is_err());
}

#[test]
fn who_does_something_is_back_sooner() {
    let mut stage = restarted(30_000);
    assert_eq!(pause(&stage), 30_000);
    say(&mut stage, "are you there?");
    assert_eq!(pause(&stage), 500);
    stage.wait(200);
    stage.act(Action::OpenChat { chat: ChatId::private("bob") });
    assert_eq!(pause(&stage), 300, "and not later for doing more");
    stage.wait_for_attempt();
    begin(&mut stage);
    let (_, sent) = stage.take::<packets::Message>();
    assert_eq!(sent.content.unwrap(), "are you there?");
    assert_eq!(stage.messages(&bob())[0].delivery, Delivery::Sending);
    // where nobody knows what is wrong, attempts keep their distance
    stage.session.disconnected(stage.now, 1011, None);
    let before = pause(&stage);
    say(&mut stage, "and now?");
    assert_eq!(pause(&stage), before);
}

#[test]
fn a_chat_in_which_nothing_was_said_does_not_look_as_if_it_were_loaded() {
    let mut stage = online();
    stage.act(Action::OpenChat { chat: bob() });
    let (number, _) = stage.take::<packets::GetMessages>();
    assert_eq!(stage.session.state().chats[&bob()].history, History::Loading);
    stage.reply(number, packets::EndMessages::default());
    assert_eq!(stage.session.state().chats[&bob()].history, History::Complete);
    stage.session.disconnected(stage.now, 1012, Some("retry_ms=500"));
    stage.pump();
    stage.wait_for_attempt();
    begin(&mut stage);
    let (number, _) = stage.take::<packets::GetMessages>();
    assert_eq!(stage.session.state().chats[&bob()].history, History::Complete);
    // and what was said meanwhile comes
    let said = crate::stage::message("bob", "m1", stage.now, None);
    stage.reply(number, said);
    stage.reply(number, packets::EndMessages::default());
    assert_eq!(stage.texts(&bob()), ["m1"]);
}

/// Restarted while in the Lobby, with others.
fn restarted_in_lobby() -> (Stage, ChatId) {
    let mut stage = online();
    let lobby = ChatId::room("Lobby");
    stage.act(Action::JoinRoom { name: "Lobby".into() });
    let (number, _) = stage.take::<packets::JoinChatroom>();
    let participants = packets::ChatroomParticipants {
        chatroom_name: Some("Lobby".into()),
        participant_list: Some(["alice", "bob"].into_iter().collect()),
        ..Default::default()
    };
    stage.reply(number, participants);
    stage.reply(number, packets::Ok::default());
    stage.session.disconnected(stage.now, 1012, Some("retry_ms=500"));
    stage.pump();
    (stage, lobby)
}

#[test]
fn a_room_that_is_left_meanwhile_is_left_at_the_server_too() {
    let (mut stage, lobby) = restarted_in_lobby();
    let left = stage.act(Action::LeaveRoom { chat: lobby.clone() });
    let membership = |stage: &Stage| {
        stage.session.state().chats[&lobby].room.as_ref().unwrap().membership.clone()
    };
    assert_eq!(membership(&stage), Membership::Outside, "at once");
    stage.wait_for_attempt();
    begin(&mut stage);
    assert!(stage.try_take::<packets::JoinChatroom>().is_none());
    let (number, packet) = stage.take::<packets::LeaveChatroom>();
    assert_eq!(packet.chatroom_name.unwrap(), "Lobby");
    stage.reply(number, packets::Ok::default());
    assert_eq!(stage.outcome(left), Some(Ok(())));
    assert_eq!(membership(&stage), Membership::Outside);
}

#[test]
fn who_enters_it_again_meanwhile_stays() {
    let (mut stage, lobby) = restarted_in_lobby();
    let left = stage.act(Action::LeaveRoom { chat: lobby });
    stage.act(Action::JoinRoom { name: "Lobby".into() });
    assert_eq!(stage.outcome(left), Some(Ok(())));
    stage.wait_for_attempt();
    begin(&mut stage);
    stage.take::<packets::JoinChatroom>();
    assert!(stage.try_take::<packets::LeaveChatroom>().is_none());
}
