//! The command table: what may be asked when, what it costs, what it needs, and who does it.
use futures_util::future::BoxFuture;
use mig33_codec::values::StatusEvent;
use mig33_codec::{Command, FieldKind, Frame, PacketInfo, catalogue};

use crate::answer::{Answer, Outcome, Refused};
use crate::core::Call;
use crate::handlers::{
    contacts, groups, login, messages, pictures, presence, register, rooms, sync,
};
use crate::session::Phase;

/// A command that the service serves.
pub(crate) struct Row {
    command: Command,
    when: When,
    /// How many ordinary requests it counts for.
    cost: u32,
    /// Blocks that it cannot do without.
    needs: &'static [u16],
    run: for<'a> fn(Call<'a>) -> BoxFuture<'a, Outcome>,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Everybody.
    Always,
    /// Who is not logged in.
    Before,
    /// Who is logged in.
    Member,
}

/// The row of a command, a handler.
macro_rules! row {
    ($command:ident, $when:ident, $cost:literal, $needs:expr, $run:path) => {
        Row {
            command: Command::$command,
            when: When::$when,
            cost: $cost,
            needs: &$needs,
            run: |call| Box::pin($run(call)),
        }
    };
}

/// Everything that is served, by command.
static ROWS: &[Row] = &[
    row!(PING, Always, 1, [], login::ping),
    row!(NEW_REGISTRATION, Before, 5, [2, 3], register::register),
    row!(LOGIN, Before, 2, [5], login::login),
    row!(LOGIN_RESPONSE, Before, 2, [1], login::prove),
    row!(LOGOUT, Always, 1, [], login::logout),
    row!(GET_CONTACTS, Member, 2, [], contacts::list),
    row!(ADD_CONTACT, Member, 2, [12], contacts::add),
    row!(REMOVE_CONTACT, Member, 2, [1], contacts::remove),
    row!(ADD_GROUP, Member, 2, [2], groups::add),
    row!(REMOVE_GROUP, Member, 2, [1], groups::remove),
    row!(UPDATE_GROUP, Member, 2, [1, 2], groups::rename),
    row!(MOVE_CONTACT, Member, 2, [1, 2], groups::move_contact),
    row!(ACCEPT_CONTACT_REQUEST, Member, 2, [1], contacts::accept),
    row!(REJECT_CONTACT_REQUEST, Member, 2, [1], contacts::reject),
    row!(SET_PERMISSION, Member, 2, [1, 2], contacts::set_permission),
    row!(HAVE_LATEST_CONTACT_LIST, Member, 2, [1], contacts::have_latest),
    row!(GET_CONTACT_REQUESTS, Member, 1, [], contacts::requests),
    row!(MESSAGE, Member, 1, [3, 4, 8], messages::send),
    row!(UPLOAD_FILE, Member, 5, [1, 2, 4], pictures::upload),
    row!(MESSAGE_STATUS_EVENT, Member, 1, [6], messages::status_event),
    row!(GET_MESSAGES, Member, 2, [1], sync::messages),
    row!(GET_CHATS, Member, 2, [], sync::chats),
    row!(HAVE_LATEST_CHAT_LIST, Member, 2, [1], sync::have_latest_chats),
    row!(SET_PRESENCE, Member, 2, [1], presence::set_presence),
    row!(SET_STATUS_MESSAGE, Member, 2, [1], presence::set_status_message),
    row!(SET_DISPLAY_PICTURE, Member, 2, [1], presence::set_display_picture),
    row!(GET_CHATROOMS, Member, 2, [], rooms::list),
    row!(JOIN_CHATROOM, Member, 2, [1], rooms::join),
    row!(LEAVE_CHATROOM, Member, 1, [1], rooms::leave),
    row!(CREATE_CHATROOM, Member, 5, [1], rooms::create),
    row!(GET_CHATROOM_PARTICIPANTS, Member, 2, [1], rooms::participants),
    row!(GET_URL, Member, 5, [1, 2], pictures::upload_address),
];

fn row(command: Command) -> Option<&'static Row> {
    let at = ROWS.binary_search_by_key(&command, |row| row.command).ok()?;
    ROWS.get(at)
}

/// How much of what a session may ask in a time this request takes up. Status events that belong to messages which the
/// session was sent are free: they come as fast as the messages.
pub(crate) fn cost(frame: &Frame, phase: &mut Phase) -> u32 {
    if frame.command == Command::MESSAGE_STATUS_EVENT
        && let Phase::Member(member) = phase
        && frame.block(6).is_some_and(|kind| kind.last() != Some(&StatusEvent::COMPOSING.0))
        && let Some(left) = member.free_events.checked_sub(1)
    {
        member.free_events = left;
        return 0;
    }
    row(frame.command).map_or(1, |row| row.cost)
}

/// Does what a packet asks for, if it may be asked for.
pub(crate) async fn run(call: Call<'_>) -> Outcome {
    let row = match check(call.frame, &call.session.phase, call.core.settings.limits.text_bytes) {
        Ok(row) => row,
        Err(refused) => return Err(refused),
    };
    (row.run)(call).await
}

fn check(frame: &Frame, phase: &Phase, text_bytes: usize) -> Result<&'static Row, Refused> {
    let is_member = matches!(phase, Phase::Member(_));
    let Some(row) = row(frame.command) else {
        return Err(if is_member {
            Refused::NotServed(frame.command)
        } else {
            Refused::NotLoggedIn
        });
    };
    match row.when {
        When::Member if !is_member => return Err(Refused::NotLoggedIn),
        When::Before if is_member => return Err(Refused::LoggedIn),
        When::Always | When::Before | When::Member => {}
    }
    let info = info(frame.command);
    for block in row.needs {
        if frame.block(*block).is_none() {
            return Err(Refused::Missing {
                command: frame.command,
                block: *block,
                field: field(info, *block),
            });
        }
    }
    for block in frame.blocks() {
        let of = info.and_then(|info| info.fields.iter().find(|field| field.id == block.id));
        let text = of.filter(|field| {
            matches!(field.kind, FieldKind::Text | FieldKind::List(_) | FieldKind::StringArray)
        });
        if let Some(field) = text
            && block.content.len() > text_bytes
        {
            return Err(Refused::TooLong {
                command: frame.command,
                block: block.id,
                field: field.name,
                most: text_bytes,
            });
        }
    }
    Ok(row)
}

fn info(command: Command) -> Option<&'static PacketInfo> {
    catalogue().iter().find(|info| info.command == command)
}

fn field(info: Option<&'static PacketInfo>, block: u16) -> &'static str {
    let fields = info.map_or(&[][..], |info| info.fields);
    fields.iter().find(|field| field.id == block).map_or("unknown", |field| field.name)
}

/// The name of a block, as the catalogue has it.
pub(crate) fn field_name(command: Command, block: u16) -> &'static str {
    field(info(command), block)
}

/// The answer to nothing: a packet that wants none.
pub(crate) fn silence() -> Outcome {
    Ok(Answer::default())
}

#[cfg(test)]
mod tests {
    use mig33_codec::Direction;

    use super::*;

    #[test]
    fn rows_are_in_order_and_in_the_catalogue() {
        assert!(ROWS.windows(2).all(|pair| pair[0].command < pair[1].command));
        for row in ROWS {
            let info = info(row.command).unwrap();
            assert_ne!(info.direction, Direction::ServerToClient, "{}", info.name);
            for block in row.needs {
                assert_ne!(field(Some(info), *block), "unknown", "{} {block}", info.name);
            }
        }
    }

    #[test]
    fn before_log_in_nothing_is_told_about_what_is_served() {
        let frame = |command| Frame::new(command, 1, bytes::Bytes::new()).unwrap();
        for command in [Command::GET_CONTACTS, Command(9999), Command::MESSAGE] {
            assert!(matches!(check(&frame(command), &Phase::Open, 100), Err(Refused::NotLoggedIn)));
        }
        assert!(check(&frame(Command::PING), &Phase::Open, 100).is_ok());
        assert!(matches!(
            check(&frame(Command::LOGIN), &Phase::Open, 100),
            Err(Refused::Missing { block: 5, .. })
        ));
    }

    #[test]
    fn long_texts_are_named() {
        use mig33_codec::{Encode, packets::Login};
        let login = Login { username: Some("x".repeat(101).into()), ..Login::default() };
        let frame = login.encode(1).unwrap();
        assert!(matches!(check(&frame, &Phase::Open, 100), Err(Refused::TooLong { block: 5, .. })));
        assert!(check(&frame, &Phase::Open, 101).is_ok());
    }
}
