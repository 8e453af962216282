//! The contact list, contact requests and blocks (spec/wire.md section 5).
use mig33_codec::packets::{
    self, AcceptContactRequest, AddContact, Avatar, ContactListVersion, ContactRequest,
    GetContactsComplete, Group, HaveLatestContactList, Packet, RejectContactRequest, RemoveContact,
    SetPermission, StatusMessage,
};
use mig33_codec::values::{Permission, Presence};
use mig33_codec::{Command, Text};

use crate::answer::{Answer, Outcome, Refused};
use crate::core::{Call, Core};
use crate::fanout::Event;
use crate::ids::{ContactId, GroupId, UserId};
use crate::names;
use crate::rules::contacts::{Change, Effect, Refusal};
use crate::session::{Member, Phase};
use crate::store::{
    Contact, ContactChange, ContactChanged, ContactList, ListVersion, Other, StoreError,
};

/// Contact requests in one answer.
const REQUESTS: u32 = 1000;

/// GET_CONTACTS: groups, contacts, and which version of the list it is.
pub(crate) async fn list(call: Call<'_>) -> Outcome {
    let (core, member) = call.member()?;
    let list = core.store.contact_list(member.seat.user).await?;
    Ok(whole_list(core, list).await)
}

/// HAVE_LATEST_CONTACT_LIST: the list if it has changed, else who is there. Ends with GET_CONTACTS_COMPLETE either way.
pub(crate) async fn have_latest(call: Call<'_>) -> Outcome {
    let known = call.packet::<HaveLatestContactList>()?.timestamp.unwrap_or_default();
    let (core, member) = call.member()?;
    let list = core.store.contact_list(member.seat.user).await?;
    if known != list.version.changed_at.0 {
        return Ok(whole_list(core, list).await);
    }
    let mut answer = Answer::default();
    for (contact, presence) in with_presence(core, list.contacts).await {
        if presence != Presence::OFFLINE {
            let id = Some(contact.id.0);
            answer = answer.and(packets::Presence {
                contact_id: id,
                presence: Some(presence),
                ..Default::default()
            });
        }
        if contact.status_changed_at.0 > known && contact.open {
            answer = answer.and(StatusMessage {
                contact_id: Some(contact.id.0),
                status_message: Some(contact.status_message.into()),
                timestamp: Some(contact.status_changed_at.0),
                ..StatusMessage::default()
            });
        }
    }
    Ok(answer.and(GetContactsComplete::default()))
}

async fn whole_list(core: &Core, list: ContactList) -> Answer {
    let mut answer = Answer::default();
    for (id, name) in list.groups {
        let name = Some(name.into());
        answer = answer.and(Group { group_id: Some(id.0), group_name: name, ..Group::default() });
    }
    for (contact, presence) in with_presence(core, list.contacts).await {
        answer = answer.and(contact_packet(&contact, presence));
    }
    answer.and(version_packet(list.version)).and(GetContactsComplete::default())
}

async fn with_presence(
    core: &Core,
    contacts: Vec<Contact>,
) -> impl Iterator<Item = (Contact, Presence)> {
    let users: Vec<_> = contacts.iter().map(|contact| contact.user).collect();
    let presences = core.fanout.presences(&users).await;
    contacts.into_iter().zip(presences).map(|(contact, presence)| {
        let shown = if contact.open { presence } else { Presence::OFFLINE };
        (contact, shown)
    })
}

fn contact_packet(contact: &Contact, presence: Presence) -> packets::Contact {
    let display_name =
        Some(&contact.display_name).filter(|name| !name.is_empty()).unwrap_or(&contact.name);
    packets::Contact {
        contact_id: Some(contact.id.0),
        group_id: Some(contact.group.0),
        display_name: Some(display_name.as_str().into()),
        username: Some(contact.name.as_str().into()),
        presence: Some(presence),
        status_message: Some(contact.status_message.as_str().into()),
        display_picture_guid: Some(&contact.display_picture)
            .filter(|guid| !guid.is_empty())
            .map(|guid| guid.as_str().into()),
        pending: contact.pending.then_some(true),
        ..packets::Contact::default()
    }
}

fn version_packet(version: ListVersion) -> ContactListVersion {
    ContactListVersion {
        version: Some(version.version),
        timestamp: Some(version.changed_at.0),
        ..ContactListVersion::default()
    }
}

/// What somebody who may have missed any change has to know: the own status message, who asks to be a contact, who is
/// there, and that the list may be another one.
pub(crate) async fn all_news(core: &Core, member: &Member) -> Result<Vec<Packet>, StoreError> {
    let user = member.seat.user;
    let key = names::key(&member.seat.name);
    let own = core.store.account(&key).await?.map(|account| account.status_message);
    let avatar =
        Avatar { status_message: Some(own.unwrap_or_default().into()), ..Avatar::default() };
    let mut packets = vec![Packet::Avatar(avatar)];
    for name in core.store.contact_requests(user, REQUESTS).await? {
        packets.push(Packet::ContactRequest(request(&name)));
    }
    let list = core.store.contact_list(user).await?;
    for (contact, presence) in with_presence(core, list.contacts).await {
        packets.push(Packet::Presence(packets::Presence {
            contact_id: Some(contact.id.0),
            presence: Some(presence),
            ..packets::Presence::default()
        }));
    }
    packets.push(Packet::ContactListVersion(version_packet(list.version)));
    Ok(packets)
}

/// CONTACT_LIST_VERSION, unasked: the list is another than the client has.
pub(crate) fn version_event(version: ListVersion) -> Event {
    Event::new(Packet::ContactListVersion(version_packet(version)))
}

/// CONTACT_REQUEST of somebody.
pub(crate) fn request(name: &str) -> ContactRequest {
    ContactRequest { username: Some(name.into()), ..ContactRequest::default() }
}

/// GET_CONTACT_REQUESTS.
pub(crate) async fn requests(call: Call<'_>) -> Outcome {
    let (core, member) = call.member()?;
    let mut answer = Answer::default();
    for name in core.store.contact_requests(member.seat.user, REQUESTS).await? {
        answer = answer.and(request(&name));
    }
    Ok(answer.and(packets::Ok::default()))
}

/// ADD_CONTACT: asks somebody, or says yes to who has asked.
pub(crate) async fn add(call: Call<'_>) -> Outcome {
    let packet: AddContact = call.packet()?;
    let display_name = match &packet.display_name {
        Some(name) => Some(names::display_name(&name.as_str())?.to_owned()),
        None => None,
    };
    if let Phase::Member(member) = &call.session.phase {
        member.used.ask(call.instant).map_err(Refused::TooManyContacts)?;
    }
    change(call, by_name(packet.username), Change::Ask, group(packet.group_id), display_name).await
}

/// ACCEPT_CONTACT_REQUEST.
pub(crate) async fn accept(call: Call<'_>) -> Outcome {
    let packet: AcceptContactRequest = call.packet()?;
    change(call, by_name(packet.contact_username), Change::Accept, group(packet.group_id), None)
        .await
}

/// REJECT_CONTACT_REQUEST.
pub(crate) async fn reject(call: Call<'_>) -> Outcome {
    let packet: RejectContactRequest = call.packet()?;
    let block = packet.block_user.unwrap_or_default() != 0;
    change(call, by_name(packet.username), Change::Reject { block }, None, None).await
}

/// REMOVE_CONTACT: the two are no contacts any more, on either side.
pub(crate) async fn remove(call: Call<'_>) -> Outcome {
    let id = ContactId(call.packet::<RemoveContact>()?.contact_id.unwrap_or_default());
    change(call, Other::Contact(id), Change::Remove, None, None).await
}

/// SET_PERMISSION: blocks somebody, or allows them again.
pub(crate) async fn set_permission(call: Call<'_>) -> Outcome {
    let packet: SetPermission = call.packet()?;
    let wish = match packet.permission {
        Some(Permission::BLOCK) => Change::Block,
        Some(Permission::ALLOW) => Change::Allow,
        Some(_) | None => {
            return Err(Refused::value(Command::SET_PERMISSION, 2, "1 allows, 2 blocks."));
        }
    };
    change(call, by_name(packet.username), wish, None, None).await
}

fn by_name(name: Option<Text>) -> Other {
    Other::Name(names::key(name.unwrap_or_default().as_str().trim()))
}

/// Old handsets name no group, or group 0.
fn group(id: Option<u32>) -> Option<GroupId> {
    id.filter(|id| *id != 0).map(GroupId)
}

async fn change(
    call: Call<'_>,
    other: Other,
    change: Change,
    group: Option<GroupId>,
    display_name: Option<String>,
) -> Outcome {
    let (core, member) = call.member()?;
    let named = match &other {
        Other::Name(name) => name.clone(),
        Other::Contact(_) => String::new(),
    };
    let changed = core
        .store
        .change_contact(ContactChange {
            actor: member.seat.user,
            other,
            change,
            group,
            display_name,
            now: core.now(),
            most_contacts: core.settings.limits.contacts,
            most_blocked: core.settings.limits.blocked,
        })
        .await?
        .map_err(|refusal| refused(refusal, &named))?;
    if let Some(changed) = changed {
        member.seat.mailbox.hold(); // OK comes first
        tell(core, member, &changed).await;
    }
    Ok(Answer::ok())
}

/// Tells both sides what has changed between them.
async fn tell(core: &Core, member: &Member, changed: &ContactChanged) {
    let (me, other) = (member.seat.user, changed.other);
    let fanout = &core.fanout;
    match changed.effect {
        Effect::Nothing | Effect::Declined => {}
        Effect::AskedInVain => {
            tell_contact(core, me, changed.actor_side.as_ref(), other).await;
        }
        Effect::Asked => {
            tell_contact(core, me, changed.actor_side.as_ref(), other).await;
            fanout.tell_user(
                other,
                None,
                &Event::new(Packet::ContactRequest(request(&member.seat.name))),
            );
        }
        Effect::Accepted => {
            tell_contact(core, me, changed.actor_side.as_ref(), other).await;
            tell_contact(core, other, changed.other_side.as_ref(), me).await;
            show_each_other(core, member, changed);
        }
        Effect::Allowed => show_each_other(core, member, changed),
        Effect::Blocked => hide_from_each_other(core, member, changed),
        Effect::Removed => {
            hide_from_each_other(core, member, changed);
            if let Some(version) = changed.actor_version {
                fanout.tell_user(me, None, &version_event(version));
            }
            if let Some(version) = changed.other_version {
                fanout.tell_user(other, None, &version_event(version));
            }
        }
    }
}

/// CONTACT of somebody to all sessions of whose list it is in.
async fn tell_contact(core: &Core, owner: UserId, side: Option<&Contact>, other: UserId) {
    let Some(contact) = side else { return };
    let presence = match core.fanout.presences(&[other]).await.first() {
        Some(presence) if contact.open => *presence,
        Some(_) | None => Presence::OFFLINE,
    };
    core.fanout.tell_user(
        owner,
        None,
        &Event::new(Packet::Contact(contact_packet(contact, presence))),
    );
}

/// PRESENCE of each to the other, if both may see it.
fn show_each_other(core: &Core, member: &Member, changed: &ContactChanged) {
    let (me, other) = (member.seat.user, changed.other);
    if let Some(mine) = changed.actor_side.as_ref().filter(|side| side.open) {
        core.fanout.tell_presence(other, &[(me, mine.id)]);
    }
    if let Some(theirs) = changed.other_side.as_ref().filter(|side| side.open) {
        core.fanout.tell_presence(me, &[(other, theirs.id)]);
    }
}

/// Each looks offline to the other, if they saw each other before.
fn hide_from_each_other(core: &Core, member: &Member, changed: &ContactChanged) {
    if changed.other_version.is_none() {
        return;
    }
    for (user, side) in
        [(member.seat.user, &changed.actor_side), (changed.other, &changed.other_side)]
    {
        if let Some(side) = side {
            let offline = packets::Presence {
                contact_id: Some(side.id.0),
                presence: Some(Presence::OFFLINE),
                ..packets::Presence::default()
            };
            core.fanout.tell_user(user, None, &Event::new(Packet::Presence(offline)));
        }
    }
}

/// What a refusal says to a person.
pub(crate) fn refused(refusal: Refusal, name: &str) -> Refused {
    Refused::Rule(match refusal {
        Refusal::NoSuchUser => {
            return Refused::RuleOf(format!("There is no user {name} whom you can add."));
        }
        Refusal::NoRequest => {
            return Refused::RuleOf(format!("There is no contact request of {name}."));
        }
        Refusal::NotAContact => "There is no such contact in your list.",
        Refusal::Oneself => "You cannot do that with yourself.",
        Refusal::NoSuchGroup => "There is no such group in your list.",
        Refusal::FirstGroup => "This group cannot be removed.",
        Refusal::GroupExists => "You have a group of that name.",
        Refusal::ListFull => "The contact list is full.",
        Refusal::TooMany => "There are as many as there may be.",
    })
}
