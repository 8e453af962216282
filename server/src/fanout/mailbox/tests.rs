//! What waits, in which order it goes out, and what is left out where there is no room.
use mig33_codec::packets::Pong;

use super::*;
use crate::ids::UserId;

fn event(mark: Mark) -> Event {
    Event::marked(Packet::Pong(Pong::default()), mark)
}

fn taken(mailbox: &Mailbox) -> Vec<Outgoing> {
    std::iter::from_fn(|| mailbox.take()).collect()
}

fn waits(seq: u64) -> Mark {
    Mark::Private { with: UserId(1), seq: Seq(seq), waits: true }
}

const ROOM: Chat = Chat::Room(RoomId(1));

#[test]
fn nobodys_session_ends_because_others_talk() {
    let mailbox = Mailbox::new("", 20);
    let say = |seq| mailbox.tell(&event(Mark::InRoom(RoomId(1), Seq(seq))));
    (1..=5).for_each(say);
    assert_eq!((mailbox.waiting_bytes(), mailbox.ending()), (18, None), "two of them");
    assert_eq!(taken(&mailbox).len(), 1);
    // none comes before the one that shows what is missing
    say(6);
    assert_eq!(mailbox.take(), None);
    assert_eq!(mailbox.missed(), Some(Missed::Message(ROOM, Seq(6))));
    say(7);
    mailbox.bring(ROOM, Seq(6), Bytes::from_static(b"six"));
    assert_eq!(mailbox.take(), None, "there is a later one");
    assert_eq!(mailbox.missed(), Some(Missed::Message(ROOM, Seq(7))));
    mailbox.bring(ROOM, Seq(7), Bytes::from_static(b"seven"));
    say(8);
    assert_eq!(mailbox.missed(), None);
    let out = taken(&mailbox);
    assert!(out[0].bytes.starts_with(b"seven"));
    assert_eq!(out[0].bytes.len(), 5 + 9);
}

#[test]
fn an_empty_mailbox_takes_an_event_of_any_size() {
    let mailbox = Mailbox::new("", 1);
    mailbox.tell(&event(Mark::InRoom(RoomId(1), Seq(1))));
    mailbox.tell(&event(Mark::InRoom(RoomId(1), Seq(2))));
    assert_eq!(mailbox.waiting_bytes(), 9);
}

#[test]
fn one_chat_that_is_too_loud_silences_no_other() {
    let mailbox = Mailbox::new("", 20);
    (1..=5).for_each(|seq| mailbox.tell(&event(Mark::InRoom(RoomId(1), Seq(seq)))));
    taken(&mailbox);
    mailbox.tell(&event(Mark::InRoom(RoomId(2), Seq(6))));
    mailbox.tell(&event(waits(7)));
    assert_eq!(mailbox.waiting_bytes(), 18);
    mailbox.room_left(RoomId(1));
    assert_eq!(mailbox.missed(), None);
}

#[test]
fn a_room_that_is_entered_again_brings_what_was_left_out() {
    let mailbox = Mailbox::new("", 20);
    (1..=5).for_each(|seq| mailbox.tell(&event(Mark::InRoom(RoomId(1), Seq(seq)))));
    mailbox.room_caught_up(RoomId(1), Seq(4));
    assert_eq!(mailbox.missed(), Some(Missed::Message(ROOM, Seq(5))));
    mailbox.room_caught_up(RoomId(1), Seq(5));
    assert_eq!(mailbox.missed(), None);
}

#[test]
fn private_messages_go_back_to_those_that_wait() {
    let length = bytes([1]).len();
    let mailbox = Mailbox::new("", 2 * length);
    (1..=5).for_each(|seq| mailbox.tell(&message(seq)));
    assert_eq!(parts(&mailbox), [(bytes([1, 2]), Some(Seq(2)), 2)]);
    assert_eq!(mailbox.missed(), Some(Missed::Waiting(Seq(2))));
    mailbox.tell(&message(6));
    mailbox.catch_up(bytes([3]), Seq(3));
    mailbox.catch_up(bytes([4]), Seq(4));
    mailbox.stop_catching_up();
    assert_eq!(parts(&mailbox), [(bytes([3, 4]), Some(Seq(4)), 2)]);
    // the store had no more of them at that moment; 6 came after it
    assert_eq!(mailbox.missed(), Some(Missed::Waiting(Seq(4))));
    mailbox.catch_up(bytes([5]), Seq(5));
    mailbox.catch_up(bytes([6]), Seq(6));
    mailbox.stop_catching_up();
    assert_eq!(mailbox.missed(), None);
    mailbox.tell(&message(7));
    assert_eq!(parts(&mailbox), [(bytes([5, 6, 7]), Some(Seq(7)), 3)]);
}

#[test]
fn what_waits_no_more_leaves_a_gap_that_is_seen() {
    let length = bytes([1]).len();
    let mailbox = Mailbox::new("", length);
    (1..=3).for_each(|seq| mailbox.tell(&message(seq)));
    taken(&mailbox);
    assert_eq!(mailbox.missed(), Some(Missed::Waiting(Seq(1))));
    // another session has confirmed both
    mailbox.stop_catching_up();
    let chat = Chat::Private(UserId(1));
    assert_eq!(mailbox.missed(), Some(Missed::Message(chat, Seq(3))));
    mailbox.bring(chat, Seq(3), bytes([3]));
    assert_eq!(mailbox.missed(), None);
    // and what one says elsewhere does not wait at all
    mailbox.tell(&event(Mark::Private { with: UserId(2), seq: Seq(4), waits: false }));
    mailbox.tell(&event(Mark::Private { with: UserId(2), seq: Seq(5), waits: false }));
    taken(&mailbox);
    assert_eq!(mailbox.missed(), Some(Missed::Message(Chat::Private(UserId(2)), Seq(5))));
}

#[test]
fn how_things_stand_is_told_anew_and_what_changes_then_follows() {
    let mailbox = Mailbox::new("", 20);
    let tell = |mark| mailbox.tell(&event(mark));
    [Mark::None, Mark::None].into_iter().for_each(tell);
    [Mark::Contacts, Mark::Members(RoomId(1)), Mark::Receipt, Mark::None]
        .into_iter()
        .for_each(tell);
    assert_eq!(taken(&mailbox)[0].bytes.len(), 18);
    for missed in [Missed::Contacts, Missed::Members(RoomId(1))] {
        assert_eq!(mailbox.missed(), Some(missed));
        tell(Mark::Contacts);
        assert_eq!(mailbox.take(), None);
        mailbox.answer(Bytes::from_static(b"so"), Vec::new());
        let out = taken(&mailbox);
        assert!(out[0].bytes.starts_with(b"so"));
        assert_eq!(out[0].bytes.len(), 2 + 9);
    }
    assert_eq!(mailbox.missed(), None);
}

#[test]
fn what_is_small_has_a_reserve() {
    let mailbox = Mailbox::new("", 36);
    let tell = |mark| mailbox.tell(&event(mark));
    (1..=9).for_each(|seq| tell(Mark::InRoom(RoomId(1), Seq(seq))));
    assert_eq!(mailbox.waiting_bytes(), 36);
    tell(Mark::Receipt);
    assert_eq!(mailbox.waiting_bytes(), 45);
    tell(Mark::Receipt);
    assert_eq!(mailbox.waiting_bytes(), 45);
}

#[test]
fn what_is_left_out_stays_small() {
    let mailbox = Mailbox::new("", 9);
    for n in 1..=10_000 {
        mailbox.tell(&event(Mark::Private { with: UserId(n), seq: Seq(n.into()), waits: false }));
    }
    taken(&mailbox);
    let mut brought = 0;
    while let Some(Missed::Message(chat, seq)) = mailbox.missed() {
        mailbox.bring(chat, seq, Bytes::new());
        brought += 1;
    }
    assert_eq!(brought, 1024);
}

#[test]
fn answers_do_not_count_for_what_may_pile_up() {
    let mailbox = Mailbox::new("", 20);
    mailbox.answer(Bytes::from(vec![1; 100]), vec![Seq(9)]);
    mailbox.catch_up(Bytes::from(vec![2; 100]), Seq(1));
    mailbox.tell(&event(Mark::None));
    mailbox.tell(&event(Mark::None));
    assert_eq!((mailbox.waiting_bytes(), mailbox.ending()), (218, None));
    taken(&mailbox);
    mailbox.tell(&event(Mark::None));
    mailbox.tell(&event(Mark::None));
    assert_eq!((mailbox.waiting_bytes(), mailbox.ending()), (18, None));
    mailbox.tell(&event(Mark::None));
    assert_eq!((mailbox.waiting_bytes(), mailbox.ending()), (18, None));
}

#[test]
fn small_packets_go_out_together_and_large_ones_alone() {
    let mailbox = Mailbox::new("", usize::MAX);
    mailbox.tell(&event(waits(3)));
    mailbox.tell(&event(waits(4)));
    mailbox.answer(Bytes::from(vec![1; CHUNK]), Vec::new());
    mailbox.tell(&event(Mark::None));
    let lengths: Vec<_> =
        taken(&mailbox).iter().map(|out| (out.bytes.len(), out.message)).collect();
    assert_eq!(lengths, [(18, Some(Seq(4))), (CHUNK, None), (9, None)]);
}

#[test]
fn held_events_follow_the_answer() {
    let mailbox = Mailbox::new("", usize::MAX);
    mailbox.hold();
    mailbox.tell(&event(Mark::InRoom(RoomId(1), Seq(5))));
    mailbox.tell(&event(Mark::InRoom(RoomId(1), Seq(6))));
    mailbox.tell(&event(Mark::InRoom(RoomId(2), Seq(4))));
    assert_eq!(mailbox.take(), None);
    mailbox.room_caught_up(RoomId(1), Seq(5));
    mailbox.answer(Bytes::from_static(b"answer"), vec![Seq(5)]);
    let all = taken(&mailbox);
    assert_eq!(all.len(), 1);
    assert!(all[0].bytes.starts_with(b"answer"));
    assert_eq!(all[0].fetched, [Seq(5)]);
    assert_eq!(all[0].bytes.len(), 6 + 2 * 9);
}

/// What was taken out: each part's bytes, the last message in it, and how many there are.
fn parts(mailbox: &Mailbox) -> Vec<(Bytes, Option<Seq>, u32)> {
    taken(mailbox).into_iter().map(|out| (out.bytes, out.message, out.messages)).collect()
}

fn message(seq: u64) -> Event {
    let content = Some(Bytes::from(seq.to_string()));
    let packet = mig33_codec::packets::Message { content, ..Default::default() };
    Event::marked(Packet::Message(packet), waits(seq))
}

/// The bytes of these messages, one after the other.
fn bytes(seqs: impl IntoIterator<Item = u64>) -> Bytes {
    seqs.into_iter().flat_map(|seq| message(seq).bytes("", false)).collect()
}

#[test]
fn each_waiting_message_comes_once_from_the_store_or_as_it_happens() {
    let mailbox = Mailbox::new("", usize::MAX);
    mailbox.start_catching_up();
    mailbox.tell(&message(7));
    mailbox.tell(&message(8));
    assert_eq!(mailbox.take(), None, "not before the ones that waited");
    mailbox.catch_up(bytes([6]), Seq(6));
    mailbox.catch_up(bytes([7]), Seq(7));
    mailbox.stop_catching_up();
    mailbox.tell(&message(7));
    mailbox.tell(&message(9));
    assert_eq!(parts(&mailbox), [(bytes([6, 7, 8, 9]), Some(Seq(9)), 4)]);
}

#[test]
fn what_another_session_has_confirmed_meanwhile_comes_all_the_same() {
    let mailbox = Mailbox::new("", usize::MAX);
    mailbox.start_catching_up();
    (4..=8).for_each(|seq| mailbox.tell(&message(seq)));
    // the store does not have 4, 6 and 8 any more: another session has said that they were received
    for seq in [2, 5, 7] {
        mailbox.catch_up(bytes([seq]), Seq(seq));
    }
    mailbox.stop_catching_up();
    mailbox.tell(&message(9));
    assert_eq!(parts(&mailbox), [(bytes([2, 4, 5, 6, 7, 8, 9]), Some(Seq(9)), 7)]);
}

#[test]
fn what_happens_while_it_catches_up_has_the_same_bound() {
    let mailbox = Mailbox::new("", bytes([1, 2]).len());
    mailbox.start_catching_up();
    mailbox.tell(&message(1));
    mailbox.tell(&message(2));
    mailbox.catch_up(bytes([1]), Seq(1));
    assert_eq!(parts(&mailbox), [(bytes([1]), Some(Seq(1)), 1)]);
    mailbox.tell(&message(3));
    mailbox.tell(&message(4));
    assert_eq!(mailbox.ending(), None);
    mailbox.catch_up(bytes([2]), Seq(2));
    mailbox.stop_catching_up();
    assert_eq!(
        parts(&mailbox),
        [(bytes([2]), Some(Seq(2)), 1)],
        "and 3 not before 4 is looked for"
    );
    assert_eq!(mailbox.missed(), Some(Missed::Waiting(Seq(2))));
}

#[test]
fn a_log_out_under_way_outlasts_the_stop() {
    let mailbox = Mailbox::new("", 20);
    mailbox.end(Ending::Shutdown);
    mailbox.end(Ending::Logout);
    assert_eq!(mailbox.ending(), Some(Ending::Logout));
}

#[test]
fn the_first_ending_stays_and_is_the_last_packet() {
    let mailbox = Mailbox::new("", 20);
    mailbox.tell(&event(Mark::None));
    mailbox.end(Ending::TakenOver);
    mailbox.end(Ending::Shutdown);
    mailbox.tell(&event(Mark::None));
    assert_eq!(mailbox.ending(), Some(Ending::TakenOver));
    mailbox.end(Ending::Logout);
    assert_eq!(mailbox.ending(), Some(Ending::TakenOver));
    let out = mailbox.take().unwrap().bytes;
    assert!(out.ends_with(b"taken over"));
    assert_eq!(out.len(), 9 + 9 + 6 + 10);
}
