//! What the person wants, as requests: one arm an action.
use mig33_codec::packets;

use crate::action::{Action, ActionId};
use crate::change::Change;
use crate::requests::{Purpose, Then};
use crate::session::Session;
use crate::state::Millis;

/// What kind of address is asked for in GET_URL: one that takes a picture (spec/wire.md section 4).
const PICTURE_UPLOAD: u8 = 20;

impl Session {
    pub(crate) fn carry_out(&mut self, now: Millis, id: ActionId, action: Action) {
        match action {
            Action::SendText { chat, text } => self.send_text(now, id, chat, &text),
            Action::SendPicture { chat, mime_type, file_name, bytes } => {
                self.send_picture(now, id, chat, &mime_type, &file_name, bytes)
            }
            Action::Retry { chat, guid } => self.retry(now, id, &chat, &guid),
            Action::Discard { chat, guid } => {
                self.change(Change::MessageGone { chat, guid });
                self.answer(id, Ok(()));
            }
            Action::OpenChat { chat } => self.open_chat(now, id, &chat),
            Action::CloseChat => {
                self.close_chat();
                self.answer(id, Ok(()));
            }
            Action::LoadOlder { chat } => {
                self.load_older(now, &chat);
                self.answer(id, Ok(()));
            }
            Action::MarkRead { chat, up_to } => {
                self.mark_read(now, &chat, &up_to);
                self.answer(id, Ok(()));
            }
            Action::AddContact { username, group } => {
                let packet = packets::AddContact {
                    username: Some(username.trim().into()),
                    group_id: some_group(group),
                    ..Default::default()
                };
                self.ask(now, &packet, id, Then::ContactAsked);
            }
            Action::AcceptContact { username } => {
                let packet = packets::AcceptContactRequest {
                    contact_username: Some((&*username).into()),
                    add_contact: Some(true),
                    ..Default::default()
                };
                self.ask(now, &packet, id, Then::RequestGone(username));
            }
            Action::RejectContact { username, block } => {
                let packet = packets::RejectContactRequest {
                    username: Some((&*username).into()),
                    block_user: Some(u8::from(block)),
                    ..Default::default()
                };
                self.ask(now, &packet, id, Then::RequestGone(username));
            }
            Action::RemoveContact { id: contact } => {
                let packet =
                    packets::RemoveContact { contact_id: Some(contact), ..Default::default() };
                self.ask(now, &packet, id, Then::ContactGone(contact));
            }
            Action::AddGroup { name } => {
                let packet = packets::AddGroup {
                    group_name: Some(name.trim().into()),
                    ..Default::default()
                };
                self.ask(now, &packet, id, Then::RefreshContacts);
            }
            Action::RenameGroup { id: group, name } => {
                let packet = packets::UpdateGroup {
                    group_id: Some(group),
                    group_name: Some(name.trim().into()),
                    ..Default::default()
                };
                self.ask(now, &packet, id, Then::RefreshContacts);
            }
            Action::RemoveGroup { id: group } => {
                let packet = packets::RemoveGroup { group_id: Some(group), ..Default::default() };
                self.ask(now, &packet, id, Then::RefreshContacts);
            }
            Action::MoveContact { id: contact, group } => {
                let packet = packets::MoveContact {
                    contact_id: Some(contact),
                    group_id: Some(group),
                    ..Default::default()
                };
                self.ask(now, &packet, id, Then::RefreshContacts);
            }
            Action::SetPresence(presence) => {
                let packet =
                    packets::SetPresence { presence: Some(presence), ..Default::default() };
                self.ask(now, &packet, id, Then::Presence(presence));
            }
            Action::SetStatusMessage(text) => {
                let text = text.trim();
                let packet = packets::SetStatusMessage {
                    status_message: Some(text.into()),
                    ..Default::default()
                };
                self.ask(now, &packet, id, Then::StatusMessage(text.into()));
            }
            Action::SearchRooms { search, page } => self.search_rooms(now, id, search.trim(), page),
            Action::JoinRoom { name } => self.join_room(now, Some(id), name.trim()),
            Action::LeaveRoom { chat } => self.leave_room(now, id, chat),
            Action::CreateRoom { name, description } => {
                let packet = packets::CreateChatroom {
                    chatroom_name: Some(name.trim().into()),
                    description: Some(description.trim().into()),
                    ..Default::default()
                };
                let purpose = Purpose::Create { name: name.trim().into(), action: id };
                self.ask_with(now, &packet, id, purpose);
            }
            Action::RequestUpload { chat } => {
                let name = self.name_of(&chat);
                let packet = packets::GetUrl {
                    url_type: Some(PICTURE_UPLOAD),
                    profile_name: Some((&*name).into()),
                    ..Default::default()
                };
                self.ask_with(now, &packet, id, Purpose::Upload { action: id });
            }
            Action::Dismiss { notice } => {
                self.change(Change::NoticeGone(notice));
                self.answer(id, Ok(()));
            }
        }
    }

    fn search_rooms(&mut self, now: Millis, id: ActionId, search: &str, page: u8) {
        let page = page.max(1);
        let packet = packets::GetChatrooms {
            search_string: Some(search.into()),
            page: Some(page),
            ..Default::default()
        };
        if self.takes_wishes(now) {
            self.change(Change::DirectoryAsked { search: search.into(), page });
        }
        self.ask_with(now, &packet, id, Purpose::Directory { action: id, page, found: Vec::new() });
    }
}

const fn some_group(group: u32) -> Option<u32> {
    if group == 0 { None } else { Some(group) }
}
