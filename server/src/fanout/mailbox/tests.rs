//! What waits, in which order it goes out, and when it ends a session.
use mig33_codec::packets::Pong;

use super::*;

fn event(mark: Mark) -> Event {
    Event::marked(Packet::Pong(Pong::default()), mark)
}

fn taken(mailbox: &Mailbox) -> Vec<Outgoing> {
    std::iter::from_fn(|| mailbox.take()).collect()
}

#[test]
fn a_session_that_does_not_read_is_ended_and_holds_nothing() {
    let mailbox = Mailbox::new("", 20);
    mailbox.tell(&event(Mark::None));
    mailbox.tell(&event(Mark::None));
    assert_eq!((mailbox.waiting_bytes(), mailbox.ending()), (18, None));
    mailbox.tell(&event(Mark::None));
    assert_eq!((mailbox.waiting_bytes(), mailbox.ending()), (0, Some(Ending::NotReading)));
    mailbox.tell(&event(Mark::None));
    assert_eq!(mailbox.waiting_bytes(), 0);
    assert_eq!(mailbox.take(), None);
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
    assert_eq!(mailbox.ending(), Some(Ending::NotReading));
}

#[test]
fn small_packets_go_out_together_and_large_ones_alone() {
    let mailbox = Mailbox::new("", usize::MAX);
    mailbox.tell(&event(Mark::Waiting(Seq(3))));
    mailbox.tell(&event(Mark::Waiting(Seq(4))));
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
    Event::marked(Packet::Message(packet), Mark::Waiting(Seq(seq)))
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
    assert_eq!(mailbox.ending(), None);
    mailbox.tell(&message(4));
    assert_eq!(mailbox.ending(), Some(Ending::NotReading));
    assert_eq!(mailbox.take(), None);
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
