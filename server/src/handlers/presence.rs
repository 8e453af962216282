//! Own presence and status message, and who is told of them (spec/wire.md section 5).
use mig33_codec::Command;
use mig33_codec::packets::{
    Avatar, DisplayPicture, Packet, SetDisplayPicture, SetPresence, SetStatusMessage, StatusMessage,
};
use mig33_codec::values::Presence;

use super::login::log_store_error;
use crate::answer::{Answer, Outcome, Refused};
use crate::core::{Call, Core};
use crate::fanout::Event;
use crate::ids::UserId;
use crate::names;
use crate::rules::presence;

/// SET_PRESENCE: what this session shows.
pub(crate) async fn set_presence(call: Call<'_>) -> Outcome {
    let presence = call.packet::<SetPresence>()?.presence.unwrap_or(Presence::AVAILABLE);
    if !presence::is_known(presence) {
        return Err(Refused::value(Command::SET_PRESENCE, 1, "there is no such presence."));
    }
    let (core, member) = call.member()?;
    core.fanout.set_presence(member.seat.user, member.seat.session, presence).await;
    announce(core, member.seat.user).await;
    Ok(Answer::ok())
}

/// SET_STATUS_MESSAGE: what one's contacts read beside the name.
pub(crate) async fn set_status_message(call: Call<'_>) -> Outcome {
    let text = call.packet::<SetStatusMessage>()?.status_message.unwrap_or_default();
    let text = names::status(&text.as_str())?.to_owned();
    let (core, member) = call.member()?;
    let user = member.seat.user;
    let now = core.now();
    core.store.set_status_message(user, &text, now).await?;
    for (watcher, contact) in core.store.watchers(user).await? {
        let packet = StatusMessage {
            contact_id: Some(contact.0),
            status_message: Some(text.as_str().into()),
            timestamp: Some(now.0),
            ..StatusMessage::default()
        };
        core.fanout.tell_user(watcher, None, &Event::new(Packet::StatusMessage(packet)));
    }
    let own = Avatar { status_message: Some(text.into()), ..Avatar::default() };
    core.fanout.tell_user(user, Some(member.seat.session), &Event::new(Packet::Avatar(own)));
    Ok(Answer::ok())
}

/// SET_DISPLAY_PICTURE: the picture beside one's name, by its guid; none takes it away.
pub(crate) async fn set_display_picture(call: Call<'_>) -> Outcome {
    let guid = call.packet::<SetDisplayPicture>()?.display_picture_guid.unwrap_or_default();
    let guid =
        if guid.is_empty() { String::new() } else { names::guid(&guid.as_str())?.to_owned() };
    let (core, member) = call.member()?;
    core.store.set_display_picture(member.seat.user, &guid).await?;
    for (watcher, contact) in core.store.watchers(member.seat.user).await? {
        let packet = DisplayPicture {
            contact_id: Some(contact.0),
            display_picture_guid: Some(guid.as_str().into()),
            timestamp: Some(core.now().0),
            ..DisplayPicture::default()
        };
        core.fanout.tell_user(watcher, None, &Event::new(Packet::DisplayPicture(packet)));
    }
    Ok(Answer::ok())
}

/// Tells a user's accepted contacts what the user shows now.
pub(crate) async fn announce(core: &Core, user: UserId) {
    match core.store.watchers(user).await {
        Ok(watchers) => core.fanout.announce(user, &watchers),
        Err(error) => log_store_error(&error), // they see it at the next change, or when they ask for their list
    }
}
