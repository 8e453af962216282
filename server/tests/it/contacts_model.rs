//! Random wishes of a few people about each other, held against a plain model of what comes of them.
use std::collections::BTreeSet;

use mig33_codec::packets::{
    AcceptContactRequest, AddContact, ContactRequest, GetContactRequests, Ok as OkPacket,
    RejectContactRequest, RemoveContact, SetPermission,
};
use mig33_codec::values::{Permission, Presence};
use proptest::prelude::*;

use crate::harness::{Client, World};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

#[derive(Clone, Copy, Debug)]
enum Wish {
    Add,
    Accept,
    Reject { block: bool },
    Remove,
    Block,
    Allow,
}

/// Who has what of whom, as sets of pairs (of whom, about whom).
#[derive(Debug, Default)]
struct Model {
    friends: BTreeSet<(usize, usize)>,
    /// Asked, and not answered or refused.
    asked: BTreeSet<(usize, usize)>,
    /// Of these the other side has been told and has not refused.
    open: BTreeSet<(usize, usize)>,
    blocks: BTreeSet<(usize, usize)>,
    /// Who has rejected whom, and not asked since.
    rejections: BTreeSet<(usize, usize)>,
}

impl Model {
    /// Whether the service says OK.
    fn wish(&mut self, me: usize, other: usize, wish: Wish) -> bool {
        let (mine, theirs) = ((me, other), (other, me));
        match wish {
            Wish::Add => {
                if self.friends.contains(&mine) || self.asked.contains(&mine) {
                    return true;
                }
                if self.blocks.contains(&theirs) {
                    return false;
                }
                self.blocks.remove(&mine);
                self.rejections.remove(&mine);
                if self.asked.contains(&theirs) {
                    self.befriend(mine);
                } else {
                    self.asked.insert(mine);
                    if !self.rejections.contains(&theirs) {
                        self.open.insert(mine);
                    }
                }
                true
            }
            Wish::Accept => {
                if self.friends.contains(&mine) {
                    return true;
                }
                let may = self.open.contains(&theirs)
                    && !self.blocks.contains(&mine)
                    && !self.blocks.contains(&theirs);
                if may {
                    self.befriend(mine);
                }
                may
            }
            Wish::Reject { block } => {
                if !self.asked.contains(&theirs) {
                    return false;
                }
                self.open.remove(&theirs);
                self.rejections.insert(mine);
                if block {
                    self.blocks.insert(mine);
                }
                true
            }
            Wish::Remove => {
                let was = self.friends.remove(&mine) | self.asked.remove(&mine);
                self.friends.remove(&theirs);
                self.open.remove(&mine);
                was
            }
            Wish::Block => {
                self.blocks.insert(mine);
                true
            }
            Wish::Allow => {
                self.blocks.remove(&mine);
                true
            }
        }
    }

    fn befriend(&mut self, pair: (usize, usize)) {
        let turned = (pair.1, pair.0);
        for pair in [pair, turned] {
            self.asked.remove(&pair);
            self.open.remove(&pair);
            self.rejections.remove(&pair);
            self.friends.insert(pair);
        }
    }

    fn list(&self, me: usize) -> Vec<(String, bool)> {
        let mut list: Vec<_> = (0..NAMES.len())
            .filter(|other| {
                self.friends.contains(&(me, *other)) || self.asked.contains(&(me, *other))
            })
            .map(|other| {
                let hidden =
                    self.blocks.contains(&(me, other)) || self.blocks.contains(&(other, me));
                (NAMES[other].to_owned(), self.friends.contains(&(me, other)) && !hidden)
            })
            .collect();
        list.sort();
        list
    }

    fn requests(&self, me: usize) -> BTreeSet<String> {
        let waits = |other: &usize| {
            self.open.contains(&(*other, me)) && !self.blocks.contains(&(me, *other))
        };
        (0..NAMES.len()).filter(waits).map(|other| NAMES[other].to_owned()).collect()
    }
}

async fn wish(client: &mut Client, other: &str, wish: Wish) -> bool {
    let name = || Some(other.into());
    let set = |permission| SetPermission {
        username: name(),
        permission: Some(permission),
        ..Default::default()
    };
    match wish {
        Wish::Add => client.ask(AddContact { username: name(), ..Default::default() }).await,
        Wish::Accept => {
            client
                .ask(AcceptContactRequest { contact_username: name(), ..Default::default() })
                .await
        }
        Wish::Reject { block } => {
            let block_user = Some(u8::from(block));
            client
                .ask(RejectContactRequest { username: name(), block_user, ..Default::default() })
                .await
        }
        Wish::Remove => {
            let id = client
                .contacts()
                .await
                .into_iter()
                .find(|(of, ..)| of == other)
                .map_or(999, |(_, id, _)| id);
            client.ask(RemoveContact { contact_id: Some(id), ..Default::default() }).await
        }
        Wish::Block => client.ask(set(Permission::BLOCK)).await,
        Wish::Allow => client.ask(set(Permission::ALLOW)).await,
    }
    .is_ok()
}

async fn requests(client: &mut Client) -> BTreeSet<String> {
    client.fence().await;
    client.send(GetContactRequests::default()).await;
    let (frames, _) = client.until::<OkPacket>().await;
    let name = |frame| {
        crate::harness::decode::<ContactRequest>(frame).username.unwrap().as_str().into_owned()
    };
    frames.iter().map(name).collect()
}

fn wishes() -> impl Strategy<Value = Vec<(usize, usize, Wish)>> {
    let wish = prop_oneof![
        3 => Just(Wish::Add),
        2 => Just(Wish::Accept),
        3 => any::<bool>().prop_map(|block| Wish::Reject { block }),
        3 => Just(Wish::Remove),
        1 => Just(Wish::Block),
        1 => Just(Wish::Allow),
    ];
    let who =
        (0..NAMES.len(), 1..NAMES.len()).prop_map(|(me, step)| (me, (me + step) % NAMES.len()));
    proptest::collection::vec((who, wish).prop_map(|((me, other), wish)| (me, other, wish)), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn wishes_come_to_what_the_model_says(wishes in wishes()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let mut clients = Vec::new();
            for name in NAMES {
                clients.push(world.user(name).await);
            }
            let mut model = Model::default();
            for (me, other, what) in wishes {
                let done = wish(&mut clients[me], NAMES[other], what).await;
                prop_assert_eq!(done, model.wish(me, other, what), "{} {:?} {}", NAMES[me], what, NAMES[other]);
            }
            for (me, client) in clients.iter_mut().enumerate() {
                let mut list: Vec<_> = client
                    .contacts()
                    .await
                    .into_iter()
                    .map(|(name, _, presence)| (name, presence == Presence::AVAILABLE))
                    .collect();
                list.sort();
                prop_assert_eq!(list, model.list(me));
                prop_assert_eq!(requests(client).await, model.requests(me));
                for (other, name) in NAMES.iter().enumerate().filter(|(other, _)| *other != me) {
                    let may = client.say(name, &format!("g{other}"), "x").await.is_ok();
                    prop_assert_eq!(may, model.list(me).contains(&((*name).to_owned(), true)));
                }
            }
            Ok(())
        })?;
    }
}
