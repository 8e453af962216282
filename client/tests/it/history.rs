//! History: pages, gaps, the list of chats.
use mig33_client::{Action, ChatId, History, Millis};
use mig33_codec::packets::{self, Packet};
use mig33_codec::values::{ChatDestination, ContentType};

use crate::stage::{START, Stage, bytes, message};

fn bob() -> ChatId {
    ChatId::private("bob")
}

/// Answers the oldest GET_MESSAGES with messages of these times, and says what was asked for.
fn answer(
    stage: &mut Stage,
    times: impl Iterator<Item = Millis>,
) -> (Option<Millis>, Option<Millis>, Option<u32>) {
    let (number, asked) = stage.take::<packets::GetMessages>();
    assert_eq!(asked.chat_id, Some("bob".into()));
    let mut packets: Vec<Packet> = times
        .map(|time| Packet::from(message("bob", &format!("m{}", time - START), time, None)))
        .collect();
    let sent = packets.len() as u32;
    packets.push(packets::EndMessages { messages_sent: Some(sent), ..Default::default() }.into());
    let bytes = bytes(number, &packets);
    stage.session.handle_bytes(stage.now, bytes);
    stage.wait(0);
    (asked.oldest_timestamp, asked.latest_timestamp, asked.limit)
}

fn times(stage: &Stage) -> Vec<Millis> {
    stage.messages(&bob()).iter().map(|message| message.time - START).collect()
}

fn live(stage: &mut Stage, time: Millis, previous: Millis) {
    stage.push(message("bob", &format!("m{time}"), START + time, Some(&format!("m{previous}"))));
}

/// Time goes by on a connection that is alive.
fn wait_awake(stage: &mut Stage, millis: Millis) {
    let end = stage.now + millis;
    while stage.now < end {
        stage.wait(10_000.min(end - stage.now));
        if let Some((number, _)) = stage.try_take::<packets::Ping>() {
            stage.reply(number, packets::Pong::default());
        }
    }
}

#[test]
fn opening_a_chat_loads_its_newest_page_and_scrolling_the_ones_before_until_the_first() {
    let mut stage = Stage::online();
    stage.act(Action::OpenChat { chat: bob() });
    assert_eq!(answer(&mut stage, START + 51..=START + 100), (None, None, Some(50)));
    assert_eq!(stage.session.state().chats[&bob()].history, History::More);
    stage.act(Action::LoadOlder { chat: bob() });
    stage.act(Action::LoadOlder { chat: bob() }); // asked for once
    assert_eq!(answer(&mut stage, START + 20..=START + 50), (None, Some(START + 50), Some(50)));
    assert!(stage.try_take::<packets::GetMessages>().is_none());
    assert_eq!(stage.session.state().chats[&bob()].history, History::Complete);
    assert_eq!(times(&stage), (20..=100).collect::<Vec<_>>());
    assert_eq!(stage.session.state().unread(), 0);
}

#[test]
fn a_previous_guid_that_is_not_known_makes_the_client_fetch_the_gap() {
    let mut stage = Stage::online();
    stage.act(Action::OpenChat { chat: bob() });
    answer(&mut stage, START + 1..=START + 2);
    live(&mut stage, 3, 2);
    assert!(stage.try_take::<packets::GetMessages>().is_none(), "there is no gap");
    live(&mut stage, 9, 8);
    assert_eq!(answer(&mut stage, START + 4..=START + 9), (Some(START + 4), None, Some(50)));
    assert_eq!(times(&stage), (1..=9).collect::<Vec<_>>());
}

#[test]
fn a_gap_that_arises_while_another_is_filled_is_filled_too() {
    let mut stage = Stage::online();
    stage.act(Action::OpenChat { chat: bob() });
    answer(&mut stage, START + 1..=START + 10);
    live(&mut stage, 200, 199);
    answer(&mut stage, START + 151..=START + 200);
    // the server has left out what came after the first page, and the second is still to come
    live(&mut stage, 300, 299);
    assert_eq!(answer(&mut stage, START + 140..=START + 150).1, Some(START + 150));
    let asked = answer(&mut stage, START + 290..=START + 300);
    assert_eq!(asked, (Some(START + 201), None, Some(50)));
    assert!(stage.try_take::<packets::GetMessages>().is_none());
    live(&mut stage, 301, 300);
    assert!(stage.try_take::<packets::GetMessages>().is_none(), "it is in step again");
}

#[test]
fn what_was_missed_before_our_own_message_is_fetched() {
    let mut stage = Stage::online();
    stage.act(Action::OpenChat { chat: bob() });
    answer(&mut stage, START + 1..=START + 2);
    let say = |stage: &mut Stage, time: Millis, before: &str| {
        stage.act(Action::SendText { chat: bob(), text: "hi".into() });
        let (number, sent) = stage.take::<packets::Message>();
        let ok = crate::stage::ok(&sent.guid.unwrap().as_str(), START + time);
        let before = Some(before.into());
        stage.reply(number, packets::Ok { previous_message_guid: before, ..ok });
    };
    say(&mut stage, 3, "m2");
    assert!(stage.try_take::<packets::GetMessages>().is_none(), "it is here");
    say(&mut stage, 9, "m8");
    let asked = answer(&mut stage, START + 4..=START + 8);
    assert_eq!(asked, (Some(START + 4), None, Some(50)));
}

#[test]
fn after_a_reconnect_everything_since_is_fetched_page_by_page() {
    let mut stage = Stage::online();
    stage.act(Action::OpenChat { chat: bob() });
    answer(&mut stage, START + 1..=START + 10);
    stage.cut_and_wait();
    stage.accept();
    let (number, _) = stage.take::<packets::Login>();
    stage.reply(number, crate::stage::login_ok());
    stage.settle(); // the chat that is shown is asked for even when it is not listed
    assert_eq!(answer(&mut stage, START + 61..=START + 110), (Some(START + 11), None, Some(50)));
    assert_eq!(
        answer(&mut stage, START + 11..=START + 60),
        (Some(START + 11), Some(START + 60), Some(50))
    );
    assert_eq!(times(&stage), (1..=110).collect::<Vec<_>>());
    assert!(stage.try_take::<packets::GetMessages>().is_none());
}

#[test]
fn a_gap_that_is_too_long_is_not_shown_as_if_it_were_none() {
    let mut stage = Stage::online();
    stage.act(Action::OpenChat { chat: bob() });
    answer(&mut stage, START + 1..=START + 10);
    live(&mut stage, 10_000, 9_999);
    for page in 0..10 {
        let latest = START + 10_000 - page * 50;
        let asked = (page > 0).then_some(latest);
        assert_eq!(answer(&mut stage, latest - 49..=latest).1, asked);
    }
    assert!(stage.try_take::<packets::GetMessages>().is_none());
    assert_eq!(times(&stage)[0], 9_501);
    assert_eq!(stage.session.state().chats[&bob()].history, History::More);
}

#[test]
fn a_long_chat_that_nobody_looks_at_forgets_its_oldest_and_loads_them_again() {
    let mut stage = Stage::online();
    stage.act(Action::OpenChat { chat: bob() });
    answer(&mut stage, START + 1..=START + 2);
    for time in 3..=2_100 {
        live(&mut stage, time, time - 1);
    }
    assert_eq!(times(&stage).len(), 2_100, "it is being read");

    stage.act(Action::CloseChat);
    assert_eq!(times(&stage).len(), 2_100, "the server does not know yet that the oldest are here");
    wait_awake(&mut stage, 120_000); // their receipts have gone out, those of the newest have not
    live(&mut stage, 2_101, 2_100);
    assert_eq!(times(&stage), (1_102..=2_101).collect::<Vec<_>>());
    assert_eq!(stage.session.state().chats[&bob()].history, History::More);
    wait_awake(&mut stage, 120_000);
    for time in 2_102..=3_102 {
        live(&mut stage, time, time - 1);
        wait_awake(&mut stage, 200);
    }
    assert_eq!(times(&stage), (2_103..=3_102).collect::<Vec<_>>());

    stage.act(Action::OpenChat { chat: bob() });
    stage.act(Action::LoadOlder { chat: bob() });
    stage.wait(1_000);
    let asked = answer(&mut stage, START + 2_053..=START + 2_102);
    assert_eq!(asked, (None, Some(START + 2_102), Some(50)));
    assert_eq!(times(&stage), (2_053..=3_102).collect::<Vec<_>>());
}

#[test]
fn what_waited_is_counted_once_whether_it_comes_before_the_list_or_after_it() {
    let mut stage = Stage::new();
    stage.session.log_in(stage.now, "alice", "secret");
    stage.accept();
    let (number, _) = stage.take::<packets::Login>();
    stage.reply(number, crate::stage::login_ok());
    let contacts = stage.take::<packets::GetContacts>().0;
    stage.reply(contacts, packets::GetContactsComplete::default());
    live(&mut stage, 1, 0);
    assert!(!stage.session.state().listed, "nobody knows yet what else is unread");
    let number = stage.take::<packets::GetChats>().0;
    let chat = packets::Chat {
        chat_id: Some("bob".into()),
        timestamp: Some(START + 3),
        unread_message_count: Some(3),
        read_at: Some(START),
        ..Default::default()
    };
    let listed = bytes(number, &[chat.into(), packets::ChatListVersion::default().into()]);
    stage.session.handle_bytes(stage.now, listed);
    assert!(stage.session.state().listed);
    for time in [2, 3] {
        live(&mut stage, time, time - 1);
    }
    assert_eq!(stage.session.state().unread(), 3);
    live(&mut stage, 4, 3);
    assert_eq!(stage.session.state().unread(), 4);
}

/// Everything is asked for from here on after a reconnect.
fn asked_after_a_reconnect(stage: &mut Stage) -> Option<Millis> {
    stage.cut_and_wait();
    stage.accept();
    let (number, _) = stage.take::<packets::Login>();
    stage.reply(number, crate::stage::login_ok());
    stage.settle();
    let (_, asked) = stage.take::<packets::GetMessages>();
    asked.oldest_timestamp
}

#[test]
fn an_own_message_that_was_accepted_late_hides_nothing_that_came_before_it() {
    let mut stage = Stage::online();
    stage.act(Action::OpenChat { chat: bob() });
    answer(&mut stage, START + 1..=START + 2);
    stage.act(Action::SendText { chat: bob(), text: "sent as the connection dies".into() });
    assert_eq!(asked_after_a_reconnect(&mut stage), Some(START + 3));
    // the OK comes before the answer to that, and the connection dies again: 3 and 4 were never here
    let (number, sent) = stage.take::<packets::Message>();
    stage.reply(number, crate::stage::ok(&sent.guid.unwrap().as_str(), START + 5));
    assert_eq!(asked_after_a_reconnect(&mut stage), Some(START + 3));
}

#[test]
fn a_gap_that_was_seen_but_not_filled_is_asked_for_again() {
    let mut stage = Stage::online();
    stage.act(Action::OpenChat { chat: bob() });
    answer(&mut stage, START + 1..=START + 2);
    live(&mut stage, 9, 8);
    stage.take::<packets::GetMessages>();
    assert_eq!(asked_after_a_reconnect(&mut stage), Some(START + 3));
}

#[test]
fn in_step_with_the_server_nothing_is_fetched_twice() {
    let mut stage = Stage::online();
    stage.act(Action::OpenChat { chat: bob() });
    answer(&mut stage, START + 1..=START + 2);
    live(&mut stage, 3, 2);
    stage.act(Action::SendText { chat: bob(), text: "hi".into() });
    let (number, sent) = stage.take::<packets::Message>();
    stage.reply(number, crate::stage::ok(&sent.guid.unwrap().as_str(), START + 4));
    assert_eq!(asked_after_a_reconnect(&mut stage), Some(START + 5));
}

#[test]
fn a_page_that_may_have_been_cut_for_its_size_is_not_the_last() {
    for (bytes, history) in [(1_000, History::Complete), (70_000, History::More)] {
        let mut stage = Stage::online();
        stage.act(Action::OpenChat { chat: bob() });
        let (number, _) = stage.take::<packets::GetMessages>();
        let picture = packets::Message {
            content_type: Some(ContentType::IMAGE),
            content: Some(vec![0; bytes].into()),
            ..message("bob", "m1", START, None)
        };
        stage.reply(number, picture);
        stage.reply(number, packets::EndMessages { messages_sent: Some(1), ..Default::default() });
        assert_eq!(stage.session.state().chats[&bob()].history, history, "{bytes} bytes");
    }
}

#[test]
fn a_page_with_a_picture_by_address_is_not_the_last() {
    let mut stage = Stage::online();
    stage.act(Action::OpenChat { chat: bob() });
    let (number, _) = stage.take::<packets::GetMessages>();
    let picture = packets::Message {
        content_type: Some(ContentType::EXISTING_FILE),
        content: Some("http://page/pictures/1-a".into()),
        ..message("bob", "m1", START, None)
    };
    stage.reply(number, picture);
    stage.reply(number, packets::EndMessages { messages_sent: Some(1), ..Default::default() });
    assert_eq!(stage.session.state().chats[&bob()].history, History::More);
    // an empty one is
    stage.act(Action::LoadOlder { chat: bob() });
    answer(&mut stage, std::iter::empty());
    assert_eq!(stage.session.state().chats[&bob()].history, History::Complete);
}

#[test]
fn listed_chats_have_their_unread_count_and_their_last_messages() {
    let mut stage = Stage::online();
    stage.cut_and_wait();
    stage.accept();
    let (number, _) = stage.take::<packets::Login>();
    stage.reply(number, crate::stage::login_ok());
    let (number, _) = stage.take::<packets::GetChats>();
    let chat = packets::Chat {
        chat_id: Some("bob".into()),
        chat_type: Some(ChatDestination::PRIVATE),
        unread_message_count: Some(3),
        timestamp: Some(START + 9),
        ..Default::default()
    };
    stage.reply(number, chat);
    stage.reply(number, packets::ChatListVersion::default());
    assert_eq!(stage.session.state().unread(), 3);
    assert_eq!(answer(&mut stage, START + 1..=START + 9), (None, None, Some(20)));
    let chat = &stage.session.state().chats[&bob()];
    assert_eq!((chat.unread, chat.last_message().unwrap().time), (3, START + 9));
    // and it is not loaded again when the person looks at it
    stage.act(Action::OpenChat { chat: bob() });
    assert!(stage.try_take::<packets::GetMessages>().is_none());
}

/// The times of a chat were those of a wrong clock, and have been moved back; or a backup was restored.
#[test]
fn a_chat_that_ends_before_what_is_loaded_of_it_is_loaded_anew() {
    let mut stage = Stage::online();
    stage.act(Action::OpenChat { chat: bob() });
    answer(&mut stage, START + 5_000..=START + 5_009);
    stage.cut_and_wait();
    stage.accept();
    let (number, _) = stage.take::<packets::Login>();
    stage.reply(number, crate::stage::login_ok());
    let (number, _) = stage.take::<packets::GetChats>();
    let chat = packets::Chat {
        chat_id: Some("bob".into()),
        chat_type: Some(ChatDestination::PRIVATE),
        timestamp: Some(START + 9),
        ..Default::default()
    };
    stage.reply(number, chat);
    stage.reply(number, packets::ChatListVersion::default());
    assert_eq!(answer(&mut stage, START..=START + 9), (None, None, Some(50)));
    let chat = &stage.session.state().chats[&bob()];
    let times: Vec<u64> = chat.messages.iter().map(|message| message.time).collect();
    assert_eq!(times, (START..=START + 9).collect::<Vec<_>>());
    assert_eq!(chat.active, START + 9);
}
