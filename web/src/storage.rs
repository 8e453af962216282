//! What the browser keeps: who is logged in, what was not sent, drafts, small settings. Everything works when it keeps
//! nothing: then it is gone with the page.
use std::rc::Rc;

use bytes::Bytes;
use mig33_client::{ChatId, Presence};
use web_sys::Storage;

use crate::roster::Drafts;

const ACCOUNT: &str = "mig33/account";
const MEMBERS_PANE: &str = "mig33/members-pane";

/// What the browser keeps for this site. Names of accounts compare without case.
pub(crate) struct Store {
    lasting: Option<Storage>,
    tab: Option<Storage>,
    outbox_name: String,
}

impl Store {
    /// Opens it. `page` tells this page's outbox from those of other tabs.
    pub(crate) fn open(page: &str) -> Self {
        let window = web_sys::window();
        let window = window.as_ref();
        Self {
            lasting: window.and_then(|window| window.local_storage().ok().flatten()),
            tab: window.and_then(|window| window.session_storage().ok().flatten()),
            outbox_name: page.to_owned(),
        }
    }

    /// Whose page this is: of this tab, else who logged in last in any.
    pub(crate) fn account(&self) -> Option<String> {
        read(self.tab.as_ref(), ACCOUNT).or_else(|| self.get(ACCOUNT))
    }

    /// Keeps whose page this is.
    pub(crate) fn set_account(&self, username: &str) {
        write(self.tab.as_ref(), ACCOUNT, Some(username));
        self.set(ACCOUNT, Some(username));
    }

    /// Forgets whose page this was; who is in another tab stays.
    pub(crate) fn forget_account(&self, username: &str) {
        self.forget_tab();
        if self.get(ACCOUNT).is_some_and(|last| last.eq_ignore_ascii_case(username)) {
            self.set(ACCOUNT, None);
        }
    }

    /// Forgets whose page this was, in this tab alone.
    pub(crate) fn forget_tab(&self) {
        write(self.tab.as_ref(), ACCOUNT, None);
    }

    /// The sign that an account is logged in in this browser, which its tabs have in common and a log-out takes away. The
    /// first of them makes it. None where nothing is kept: then no tab knows of another.
    pub(crate) fn sign(&self, username: &str) -> Option<String> {
        let name = named("sign", username);
        if self.get(&name).is_none() {
            self.set(&name, Some(&self.outbox_name));
        }
        self.kept_sign(username)
    }

    /// That sign, as it is now.
    pub(crate) fn kept_sign(&self, username: &str) -> Option<String> {
        self.get(&named("sign", username))
    }

    /// Forgets all of an account but what others see of it: its person leaves this browser.
    pub(crate) fn forget_all(&self, username: &str) {
        for what in ["sign", "token", "outbox", "draft", "last-chat", "rooms", "asked", "motd"] {
            let name = named(what, username);
            for within in self.names(&format!("{name}/")) {
                self.set(&within, None);
            }
            self.set(&name, None);
        }
    }

    /// The token that logs this account in.
    pub(crate) fn token(&self, username: &str) -> Option<Bytes> {
        self.get(&named("token", username)).and_then(|text| from_text(&text))
    }

    /// Keeps the token that logs this account in; `None` forgets it.
    pub(crate) fn set_token(&self, username: &str, token: Option<&[u8]>) {
        self.set(&named("token", username), token.map(to_text).as_deref());
    }

    /// Takes what waits to be sent for this account, from this page and from all that were closed before it was sent.
    /// The same message from two pages is one for the server.
    pub(crate) fn take_outbox(&self, username: &str) -> Bytes {
        let prefix = format!("{}/", named("outbox", username));
        let mut all = Vec::new();
        for name in self.names(&prefix) {
            if let Some(bytes) = self.get(&name).and_then(|text| from_text(&text)) {
                all.extend_from_slice(&bytes);
            }
            if name[prefix.len()..] != self.outbox_name {
                self.set(&name, None);
            }
        }
        let all = Bytes::from(all);
        self.set_outbox(username, &all);
        all
    }

    /// Keeps what waits to be sent from this page.
    pub(crate) fn set_outbox(&self, username: &str, outbox: &[u8]) {
        let name = format!("{}/{}", named("outbox", username), self.outbox_name);
        self.set(&name, (!outbox.is_empty()).then(|| to_text(outbox)).as_deref());
    }

    /// What was typed and not sent.
    pub(crate) fn drafts(&self, username: &str) -> Drafts {
        let prefix = format!("{}/", named("draft", username));
        let mut drafts = Drafts::default();
        for name in self.names(&prefix) {
            if let (Some(chat), Some(text)) =
                (chat_from_name(&name[prefix.len()..]), self.get(&name))
            {
                drafts.set(&chat, &text);
            }
        }
        drafts
    }

    /// Keeps what was typed in a chat; nothing forgets it.
    pub(crate) fn set_draft(&self, username: &str, chat: &ChatId, text: &str) {
        let name = format!("{}/{chat:?}", named("draft", username));
        self.set(&name, (!text.is_empty()).then_some(text));
    }

    /// The chat whose draft has this name in storage.
    pub(crate) fn chat_of_draft(username: &str, name: &str) -> Option<ChatId> {
        chat_from_name(name.strip_prefix(&named("draft", username))?.strip_prefix('/')?)
    }

    /// What was typed in a chat has been sent. What another tab has typed there since stays.
    pub(crate) fn draft_sent(&self, username: &str, chat: &ChatId, text: &str) {
        let name = format!("{}/{chat:?}", named("draft", username));
        if self.get(&name).is_some_and(|kept| text.trim().starts_with(kept.trim())) {
            self.set(&name, None);
        }
    }

    /// The chat that was open last.
    pub(crate) fn last_chat(&self, username: &str) -> Option<ChatId> {
        self.get(&named("last-chat", username)).and_then(|name| chat_from_name(&name))
    }

    /// Keeps which chat is open.
    pub(crate) fn set_last_chat(&self, username: &str, chat: Option<&ChatId>) {
        let name = chat
            .map(|chat| format!("{}{}", if chat.is_room() { "#" } else { "@" }, chat.written()));
        self.set(&named("last-chat", username), name.as_deref());
    }

    /// The rooms that this account was in, by name.
    pub(crate) fn rooms(&self, username: &str) -> Vec<String> {
        // names of rooms hold no line breaks
        let names = self.get(&named("rooms", username)).unwrap_or_default();
        names.lines().map(str::to_owned).collect()
    }

    /// Keeps which rooms this account is in.
    pub(crate) fn set_rooms(&self, username: &str, names: &[Rc<str>]) {
        let names = names.join("\n");
        self.set(&named("rooms", username), (!names.is_empty()).then_some(&*names));
    }

    /// Who was asked to become a contact and had not answered.
    pub(crate) fn asked(&self, username: &str) -> Vec<Rc<str>> {
        let names = self.get(&named("asked", username)).unwrap_or_default();
        names.lines().map(Rc::from).collect()
    }

    /// Keeps who has not answered.
    pub(crate) fn set_asked(&self, username: &str, names: &[Rc<str>]) {
        let names = names.join("\n");
        self.set(&named("asked", username), (!names.is_empty()).then_some(&*names));
    }

    /// What others see of this account, as it was chosen here last.
    pub(crate) fn presence(&self, username: &str) -> Option<Presence> {
        self.get(&named("presence", username))?.parse().ok().map(Presence)
    }

    /// Keeps what others see of this account.
    pub(crate) fn set_presence(&self, username: &str, presence: Presence) {
        self.set(&named("presence", username), Some(&presence.0.to_string()));
    }

    /// The message of the day that was dismissed last.
    pub(crate) fn dismissed_motd(&self, username: &str) -> Option<String> {
        self.get(&named("motd", username))
    }

    /// Keeps which message of the day was dismissed.
    pub(crate) fn set_dismissed_motd(&self, username: &str, text: Option<&str>) {
        self.set(&named("motd", username), text);
    }

    /// Whether a room's members are shown beside it; `None` where nobody has chosen yet.
    pub(crate) fn members_pane(&self) -> Option<bool> {
        self.get(MEMBERS_PANE).map(|text| text == "open")
    }

    /// Keeps whether a room's members are shown.
    pub(crate) fn set_members_pane(&self, open: bool) {
        self.set(MEMBERS_PANE, Some(if open { "open" } else { "closed" }));
    }

    fn get(&self, name: &str) -> Option<String> {
        read(self.lasting.as_ref(), name)
    }

    fn set(&self, name: &str, value: Option<&str>) {
        write(self.lasting.as_ref(), name, value);
    }

    fn names(&self, prefix: &str) -> Vec<String> {
        let Some(storage) = &self.lasting else { return Vec::new() };
        let length = storage.length().unwrap_or(0);
        (0..length)
            .filter_map(|index| storage.key(index).ok().flatten())
            .filter(|name| name.starts_with(prefix))
            .collect()
    }
}

fn read(storage: Option<&Storage>, name: &str) -> Option<String> {
    storage?.get_item(name).ok().flatten()
}

/// A full or forbidden storage is no error: the page goes on with what it has in memory.
fn write(storage: Option<&Storage>, name: &str, value: Option<&str>) {
    let Some(storage) = storage else { return };
    let _ = match value {
        Some(value) => storage.set_item(name, value),
        None => storage.remove_item(name),
    };
}

fn named(what: &str, username: &str) -> String {
    format!("mig33/{what}/{}", username.to_ascii_lowercase())
}

/// A chat's name in storage is how it prints: `@bob`, `#lobby`.
fn chat_from_name(name: &str) -> Option<ChatId> {
    match name.split_at_checked(1)? {
        ("@", name) => Some(ChatId::private(name)),
        ("#", name) => Some(ChatId::room(name)),
        _ => None,
    }
}

/// Bytes as text, a character each: storage holds text only.
fn to_text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn from_text(text: &str) -> Option<Bytes> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect::<Option<Vec<u8>>>()
        .map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_kept_as_text() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(from_text(&to_text(&bytes)).as_deref(), Some(&bytes[..]));
        assert_eq!(from_text("\u{100}"), None);
    }

    #[test]
    fn chats_are_named_as_they_print() {
        for chat in [ChatId::private("bob"), ChatId::room("tea room"), ChatId::room("#")] {
            assert_eq!(chat_from_name(&format!("{chat:?}")), Some(chat));
        }
        for name in ["", "bob", "é"] {
            assert_eq!(chat_from_name(name), None, "{name}");
        }
    }
}
