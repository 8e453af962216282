//! Groups of contacts (spec/wire.md section 5).
use mig33_codec::packets::{AddGroup, MoveContact, RemoveGroup, UpdateGroup};

use super::contacts::{refused, version_event};
use crate::answer::{Answer, Outcome};
use crate::core::Call;
use crate::ids::{ContactId, GroupId};
use crate::names;
use crate::store::{GroupChange, GroupChangeKind};

/// ADD_GROUP.
pub(crate) async fn add(call: Call<'_>) -> Outcome {
    let packet: AddGroup = call.packet()?;
    let name = names::group(&packet.group_name.unwrap_or_default().as_str())?.to_owned();
    change(call, GroupChangeKind::Add(name)).await
}

/// REMOVE_GROUP: its contacts go to the first group.
pub(crate) async fn remove(call: Call<'_>) -> Outcome {
    let packet: RemoveGroup = call.packet()?;
    change(call, GroupChangeKind::Remove(GroupId(packet.group_id.unwrap_or_default()))).await
}

/// UPDATE_GROUP: another name.
pub(crate) async fn rename(call: Call<'_>) -> Outcome {
    let packet: UpdateGroup = call.packet()?;
    let name = names::group(&packet.group_name.unwrap_or_default().as_str())?.to_owned();
    change(call, GroupChangeKind::Rename(GroupId(packet.group_id.unwrap_or_default()), name)).await
}

/// MOVE_CONTACT.
pub(crate) async fn move_contact(call: Call<'_>) -> Outcome {
    let packet: MoveContact = call.packet()?;
    let contact = ContactId(packet.contact_id.unwrap_or_default());
    change(call, GroupChangeKind::Move(contact, GroupId(packet.group_id.unwrap_or_default()))).await
}

async fn change(call: Call<'_>, kind: GroupChangeKind) -> Outcome {
    let (core, member) = call.member()?;
    let user = member.seat.user;
    let change =
        GroupChange { user, kind, now: core.now(), most: core.settings.limits.contact_groups };
    let version =
        core.store.change_groups(change).await?.map_err(|refusal| refused(refusal, ""))?;
    // also to this session, behind OK: a new group's number is in the list
    member.seat.mailbox.hold();
    core.fanout.tell_user(user, None, &version_event(version));
    Ok(Answer::ok())
}
