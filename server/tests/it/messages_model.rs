//! Random messages with guids that come again and a clock that jumps: one message a guid, times that grow, and every
//! receiver has all of them in order.
use std::collections::BTreeMap;

use mig33_codec::Command;
use mig33_codec::packets::Message;
use proptest::prelude::*;

use crate::harness::{World, befriend, decode, guid, private};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// By whom, its guid, its time.
type Said = (usize, String, u64);

#[derive(Clone, Copy, Debug)]
enum Act {
    /// Who, to whom, with which guid.
    Say(usize, usize, u8),
    /// The clock jumps there.
    Clock(u64),
    /// This one's connection breaks and comes back.
    Reconnect(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let say = (0..3usize, 1..3usize, 0..12u8)
        .prop_map(|(me, step, guid)| Act::Say(me, (me + step) % 3, guid));
    let act = prop_oneof![
        8 => say,
        1 => (0u64..10).prop_map(Act::Clock),
        1 => (0..3usize).prop_map(Act::Reconnect),
    ];
    proptest::collection::vec(act, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn each_guid_is_one_message_and_times_grow(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(acts))?;
    }
}

async fn run(acts: Vec<Act>) -> Result<(), TestCaseError> {
    // any later packet says that what came before it is there
    let world = World::with(|settings| settings.limits.silent_receipt_s = 0).await;
    let mut clients =
        [world.user(NAMES[0]).await, world.user(NAMES[1]).await, world.user(NAMES[2]).await];
    for (one, two) in [(0, 1), (0, 2), (1, 2)] {
        let (left, right) = clients.split_at_mut(two);
        befriend(&mut left[one], &mut right[0]).await;
    }
    // what was accepted, by sender and guid: its answer and where it went
    let mut accepted: BTreeMap<(usize, String), (u64, usize)> = BTreeMap::new();
    // each chat's messages in order, by its two
    let mut chats: BTreeMap<(usize, usize), Vec<Said>> = BTreeMap::new();
    let mut heard: Vec<Vec<(String, Message)>> = vec![Vec::new(); 3];
    for act in acts {
        match act {
            Act::Clock(millis) => world.clock.set(millis),
            Act::Reconnect(who) => {
                let frames = clients[who].fence().await;
                note(&mut heard[who], &frames);
                clients[who].fence().await; // a later packet: what came counts as delivered
                clients[who] = world.session(NAMES[who]).await;
            }
            Act::Say(me, other, n) => {
                let guid = format!("g{n}");
                let (before, answer) = clients[me].ask_all(private(NAMES[other], &guid, "x")).await;
                note(&mut heard[me], &before);
                let time = answer.unwrap().value.unwrap();
                if let Some((known, _)) = accepted.get(&(me, guid.clone())) {
                    prop_assert_eq!(*known, time, "the same answer");
                    continue;
                }
                accepted.insert((me, guid.clone()), (time, other));
                let chat = chats.entry((me.min(other), me.max(other))).or_default();
                if let Some((.., last)) = chat.last() {
                    prop_assert!(time > *last, "{} after {}", time, last);
                }
                chat.push((me, guid, time));
            }
        }
    }
    for (who, client) in clients.iter_mut().enumerate() {
        let frames = client.fence().await;
        note(&mut heard[who], &frames);
        for (pair, chat) in &chats {
            if pair.0 != who && pair.1 != who {
                continue;
            }
            let other = pair.0 + pair.1 - who;
            let wanted: Vec<_> = chat
                .iter()
                .filter(|(by, ..)| *by == other)
                .map(|(_, guid, time)| (guid.clone(), *time))
                .collect();
            let got: Vec<_> = heard[who]
                .iter()
                .filter(|(by, _)| by == NAMES[other])
                .map(|(_, message)| (guid(message), message.timestamp.unwrap()))
                .collect();
            prop_assert_eq!(got, wanted, "{} from {}", NAMES[who], NAMES[other]);
            for (_, message) in heard[who].iter().filter(|(by, _)| by == NAMES[other]) {
                let at = chat
                    .iter()
                    .position(|(by, known, _)| *by == other && *known == guid(message))
                    .unwrap();
                let before = at.checked_sub(1).map(|at| chat[at].1.clone());
                let told =
                    message.previous_message_guid.as_ref().map(|guid| guid.as_str().into_owned());
                prop_assert_eq!(told, before);
            }
        }
    }
    Ok(())
}

/// Keeps the messages among these.
fn note(heard: &mut Vec<(String, Message)>, frames: &[mig33_codec::Frame]) {
    for frame in frames.iter().filter(|frame| frame.command == Command::MESSAGE) {
        let message: Message = decode(frame);
        heard.push((message.source.clone().unwrap().as_str().into_owned(), message));
    }
}
