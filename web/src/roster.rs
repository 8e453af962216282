//! The list of chats: rooms, contacts by group, and others, in the order in which they are shown.
use std::rc::Rc;

use mig33_client::{Body, Chat, ChatId, Contact, Membership, Millis, Presence, State};

use crate::sorted::sorted;

/// What was typed and not sent, by chat. They are few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drafts(Vec<(ChatId, Rc<str>)>);

impl Drafts {
    /// What was typed in a chat.
    pub(crate) fn get(&self, chat: &ChatId) -> Option<&Rc<str>> {
        self.0.iter().find(|(of, _)| of == chat).map(|(_, text)| text)
    }

    /// Whether there is any.
    pub(crate) const fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Keeps what was typed in a chat; blank text is none.
    pub(crate) fn set(&mut self, chat: &ChatId, text: &str) {
        self.0.retain(|(of, _)| of != chat);
        if !text.trim().is_empty() {
            self.0.push((chat.clone(), text.into()));
        }
    }
}

/// Entries under one heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// Unlike every other section's.
    pub(crate) key: SectionKey,
    /// The heading.
    pub(crate) title: Rc<str>,
    /// What stands under it.
    pub(crate) entries: Vec<Rc<Entry>>,
}

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SectionKey {
    /// Rooms.
    Rooms,
    /// Contacts of a group; 0 for those in none.
    Group(u32),
    /// Chats with people who are no contacts.
    Others,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What opens with it.
    pub(crate) chat: ChatId,
    /// What it is called.
    pub(crate) name: Rc<str>,
    /// A contact's presence; `None` for rooms and people who are no contacts.
    pub(crate) presence: Option<Presence>,
    /// Messages of others that were not read.
    pub(crate) unread: u32,
    /// When something last happened; 0 for never.
    pub(crate) active: Millis,
    /// What stands below the name.
    pub(crate) preview: Preview,
}

/// What stands below a name in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Preview {
    /// Nothing.
    Nothing,
    /// What was typed and not sent.
    Draft(Rc<str>),
    /// The last message.
    Said {
        /// Who is named before it.
        author: Option<Rc<str>>,
        /// What it says, or what it is.
        text: Rc<str>,
    },
    /// A status message.
    Status(Rc<str>),
}

/// Lays out the list. The open chat's draft is not shown: it stands in the composer.
pub(crate) fn sections(state: &State, drafts: &Drafts, open: Option<&ChatId>) -> Vec<Section> {
    let mut rooms = Vec::new();
    let mut others = Vec::new();
    for chat in state.chats.values() {
        let known = match &chat.id {
            ChatId::Private(_) => state.contact(&chat.name).is_some(),
            ChatId::Room(_) => false,
        };
        if known {
            continue;
        }
        let entry = entry(chat, drafts, open);
        match &chat.id {
            ChatId::Room(_) => {
                let outside = chat
                    .room
                    .as_ref()
                    .is_none_or(|room| matches!(room.membership, Membership::Outside));
                if !outside || open == Some(&chat.id) {
                    rooms.push(Rc::new(entry));
                }
            }
            ChatId::Private(_) => {
                let empty = chat.messages.is_empty() && chat.active == 0 && chat.unread == 0;
                if !empty || open == Some(&chat.id) || drafts.get(&chat.id).is_some() {
                    others.push(Rc::new(entry));
                }
            }
        }
    }
    let mut groups: Vec<(u32, Rc<str>, Vec<Rc<Entry>>)> =
        state.groups.iter().map(|(id, name)| (*id, name.clone(), Vec::new())).collect();
    groups = sorted(groups, |(_, name, _)| name.to_ascii_lowercase());
    groups.push((0, "Contacts".into(), Vec::new()));
    for contact in state.contacts.values() {
        // who is in no group, or in one that is not there, stands in the last one
        let at = groups.iter().position(|(id, ..)| *id == contact.group);
        let at = at.unwrap_or(groups.len() - 1);
        if let Some((.., entries)) = groups.get_mut(at) {
            entries.push(Rc::new(contact_entry(state, contact, drafts, open)));
        }
    }

    let mut sections = Vec::new();
    let mut push = |key, title: Rc<str>, entries: Vec<Rc<Entry>>| {
        if !entries.is_empty() {
            let entries = sorted(entries, |entry| order(entry));
            sections.push(Section { key, title, entries });
        }
    };
    push(SectionKey::Rooms, "Rooms".into(), rooms);
    for (id, title, entries) in groups {
        push(SectionKey::Group(id), title, entries);
    }
    push(SectionKey::Others, "Other chats".into(), others);
    sections
}

/// The chat `steps` below (above where negative) the open one in the list, going round at its ends.
pub(crate) fn neighbour(
    sections: &[Section],
    open: Option<&ChatId>,
    steps: isize,
) -> Option<ChatId> {
    let all: Vec<&ChatId> =
        sections.iter().flat_map(|section| &section.entries).map(|entry| &entry.chat).collect();
    let length = isize::try_from(all.len()).ok().filter(|length| *length > 0)?;
    let at = match open.and_then(|open| all.iter().position(|chat| *chat == open)) {
        Some(at) => isize::try_from(at).ok()? + steps,
        None if steps < 0 => length - 1,
        None => 0,
    };
    all.get(usize::try_from(at.rem_euclid(length)).ok()?).map(|chat| (*chat).clone())
}

/// The list with nothing but what is unread, and what is open.
pub(crate) fn unread_only(sections: &[Section], open: Option<&ChatId>) -> Vec<Section> {
    let mut left = sections.to_vec();
    for section in &mut left {
        section.entries.retain(|entry| entry.unread > 0 || Some(&entry.chat) == open);
    }
    left
}

/// What stands beside a contact that has not answered.
pub(crate) const REQUEST_SENT: &str = "Request sent";

/// Words for a presence.
pub(crate) fn presence_words(presence: Presence) -> &'static str {
    match presence {
        Presence::AVAILABLE => "available",
        Presence::ROAMING => "roaming",
        Presence::BUSY => "busy",
        Presence::AWAY => "away",
        _ => "offline",
    }
}

/// What the last message says, in a line.
pub(crate) fn said(body: &Body) -> Rc<str> {
    match body {
        Body::Text(text) | Body::Emote(text) | Body::Notice(text) | Body::Line(text) => {
            text.clone()
        }
        Body::PictureAt(_) | Body::Picture { .. } => "Picture".into(),
        Body::Other(_) => "A message that cannot be shown here".into(),
        Body::Joined => "joined".into(),
        Body::Left => "left".into(),
    }
}

fn contact_entry(
    state: &State,
    contact: &Contact,
    drafts: &Drafts,
    open: Option<&ChatId>,
) -> Entry {
    let id = ChatId::private(&contact.username);
    let mut entry = match state.chats.get(&id) {
        Some(chat) => entry(chat, drafts, open),
        None => Entry {
            preview: draft(&id, drafts, open).map_or(Preview::Nothing, Preview::Draft),
            chat: id,
            name: contact.username.clone(),
            presence: None,
            unread: 0,
            active: 0,
        },
    };
    entry.name = contact.username.clone();
    // nothing is known of who has not answered
    entry.presence = (!contact.pending).then_some(contact.presence);
    if entry.preview == Preview::Nothing && contact.pending {
        entry.preview = Preview::Status(REQUEST_SENT.into());
    } else if entry.preview == Preview::Nothing && !contact.status_message.is_empty() {
        entry.preview = Preview::Status(contact.status_message.clone());
    }
    entry
}

fn entry(chat: &Chat, drafts: &Drafts, open: Option<&ChatId>) -> Entry {
    let preview = match (draft(&chat.id, drafts, open), chat.last_message()) {
        (Some(draft), _) => Preview::Draft(draft),
        (None, Some(message)) => Preview::Said {
            author: if message.own {
                Some("You".into())
            } else {
                chat.id.is_room().then(|| message.author.clone())
            },
            text: said(&message.body),
        },
        (None, None) => Preview::Nothing,
    };
    Entry {
        chat: chat.id.clone(),
        name: chat.name.clone(),
        presence: None,
        unread: chat.unread,
        active: chat.active,
        preview,
    }
}

fn draft(chat: &ChatId, drafts: &Drafts, open: Option<&ChatId>) -> Option<Rc<str>> {
    if open == Some(chat) { None } else { drafts.get(chat).cloned() }
}

/// What was active last comes first; where nothing was said yet, the most available, then by name.
fn order(entry: &Entry) -> String {
    let rank = match entry.presence {
        Some(Presence::AVAILABLE) => 0,
        Some(Presence::ROAMING) => 1,
        Some(Presence::AWAY) => 2,
        Some(Presence::BUSY) => 3,
        _ => 4,
    };
    format!("{:020}{rank}{}", Millis::MAX - entry.active, entry.name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use mig33_client::{Delivery, History, Message, Room};

    use super::*;

    fn contact(id: u32, name: &str, group: u32, presence: Presence) -> (u32, Rc<Contact>) {
        let contact = Contact {
            id,
            group,
            username: name.into(),
            display_name: name.into(),
            presence,
            status_message: "".into(),
            pending: false,
        };
        (id, Rc::new(contact))
    }

    fn chat(id: ChatId, active: Millis, membership: Option<Membership>) -> (ChatId, Rc<Chat>) {
        let message = Message {
            guid: "g".into(),
            author: "bob".into(),
            own: false,
            time: active,
            body: Body::Text("hello".into()),
            delivery: Delivery::Sent,
        };
        let chat = Chat {
            name: id.key().into(),
            id: id.clone(),
            messages: Rc::new(vec![Rc::new(message)]),
            unread: 2,
            read_at: None,
            history: History::More,
            active,
            room: membership.map(|membership| Rc::new(Room { membership, ..Room::default() })),
        };
        (id, Rc::new(chat))
    }

    fn state() -> State {
        State {
            groups: Rc::new([(7, Rc::from("Family"))].into_iter().collect()),
            contacts: Rc::new(
                [
                    contact(1, "Zoe", 0, Presence::AVAILABLE),
                    contact(2, "adam", 0, Presence::OFFLINE),
                    contact(3, "bob", 0, Presence::OFFLINE),
                    contact(4, "mum", 7, Presence::BUSY),
                    contact(5, "lost", 9, Presence::AWAY),
                ]
                .into_iter()
                .collect(),
            ),
            chats: Rc::new(
                [
                    chat(ChatId::private("bob"), 5, None),
                    chat(ChatId::private("stranger"), 6, None),
                    chat(ChatId::room("lobby"), 7, Some(Membership::Inside)),
                    chat(ChatId::room("old"), 8, Some(Membership::Outside)),
                ]
                .into_iter()
                .collect(),
            ),
            ..State::default()
        }
    }

    fn names(sections: &[Section]) -> Vec<(String, Vec<String>)> {
        sections
            .iter()
            .map(|section| {
                let names = section.entries.iter().map(|entry| entry.name.to_string()).collect();
                (section.title.to_string(), names)
            })
            .collect()
    }

    #[test]
    fn rooms_then_groups_then_others() {
        let sections = sections(&state(), &Drafts::default(), None);
        let expected: Vec<(&str, Vec<&str>)> = vec![
            ("Rooms", vec!["lobby"]),
            ("Family", vec!["mum"]),
            ("Contacts", vec!["bob", "Zoe", "lost", "adam"]),
            ("Other chats", vec!["stranger"]),
        ];
        let expected: Vec<(String, Vec<String>)> = expected
            .into_iter()
            .map(|(title, names)| (title.into(), names.into_iter().map(Into::into).collect()))
            .collect();
        assert_eq!(names(&sections), expected);
    }

    #[test]
    fn a_room_that_was_left_stays_while_it_is_open() {
        let old = ChatId::room("old");
        let sections = sections(&state(), &Drafts::default(), Some(&old));
        assert_eq!(names(&sections)[0].1, ["old", "lobby"]);
    }

    #[test]
    fn drafts_show_except_in_the_open_chat() {
        let bob = ChatId::private("bob");
        let mut drafts = Drafts::default();
        drafts.set(&bob, "half a");
        let preview = |open: Option<&ChatId>| {
            sections(&state(), &drafts, open)
                .iter()
                .flat_map(|section| &section.entries)
                .find(|entry| entry.chat == bob)
                .map(|entry| entry.preview.clone())
        };
        assert_eq!(preview(None), Some(Preview::Draft("half a".into())));
        assert_eq!(preview(Some(&bob)), Some(Preview::Said { author: None, text: "hello".into() }));
    }

    #[test]
    fn who_has_not_answered_is_not_offline() {
        let mut state = state();
        let (id, mut adam) = contact(2, "adam", 0, Presence::OFFLINE);
        Rc::make_mut(&mut adam).pending = true;
        Rc::make_mut(&mut state.contacts).insert(id, adam);
        let sections = sections(&state, &Drafts::default(), None);
        let mut entries = sections.iter().flat_map(|section| &section.entries);
        let adam = entries.find(|entry| &*entry.name == "adam").expect("he stays in the list");
        assert_eq!((adam.presence, &adam.preview), (None, &Preview::Status(REQUEST_SENT.into())));
    }

    #[test]
    fn keys_go_round_the_list() {
        let sections = sections(&state(), &Drafts::default(), None);
        let next = |open: Option<ChatId>, steps| {
            neighbour(&sections, open.as_ref(), steps).map(|chat| chat.key().to_owned())
        };
        assert_eq!(next(None, 1).as_deref(), Some("lobby"));
        assert_eq!(next(None, -1).as_deref(), Some("stranger"));
        assert_eq!(next(Some(ChatId::room("lobby")), -1).as_deref(), Some("stranger"));
        assert_eq!(next(Some(ChatId::room("lobby")), 1).as_deref(), Some("mum"));
        assert_eq!(next(Some(ChatId::private("stranger")), 1).as_deref(), Some("lobby"));
        assert_eq!(neighbour(&[], None, 1), None);
    }
}
