//! Contact lists and changes to them, as a store keeps them.
use crate::clock::Millis;
use crate::ids::{ContactId, GroupId, UserId};
use crate::rules::contacts::{Change, ContactState, Effect};

/// Which version of a contact list: the numbers of CONTACT_LIST_VERSION.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListVersion {
    /// Counts changes.
    pub version: u32,
    /// When it changed; strictly increasing.
    pub changed_at: Millis,
}

/// An account's contact list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactList {
    /// Which version it is.
    pub version: ListVersion,
    /// Groups by id.
    pub groups: Vec<(GroupId, String)>,
    /// Contacts by id.
    pub contacts: Vec<Contact>,
}

/// Somebody in a contact list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The id under which the owner knows this contact.
    pub id: ContactId,
    /// The group it is in.
    pub group: GroupId,
    /// Who it is.
    pub user: UserId,
    /// The name.
    pub name: String,
    /// What the owner calls it, or empty.
    pub display_name: String,
    /// Whether presence and status may be shown: accepted, and nobody blocks.
    pub open: bool,
    /// Whether the contact was asked and has not accepted; who was refused sees the same.
    pub pending: bool,
    /// What the contact has set to be read beside the name; empty unless `open`.
    pub status_message: String,
    /// When that was set.
    pub status_changed_at: Millis,
    /// The guid of the picture that the contact shows; empty unless `open`.
    pub display_picture: String,
}

/// A change between two accounts.
#[derive(Clone, Debug)]
pub struct ContactChange {
    /// Who does it.
    pub actor: UserId,
    /// Whom it is about.
    pub other: Other,
    /// What.
    pub change: Change,
    /// The group that the other is to be in, on the actor's side.
    pub group: Option<GroupId>,
    /// What the actor calls the other.
    pub display_name: Option<String>,
    /// When.
    pub now: Millis,
    /// How many contacts an account may have.
    pub most_contacts: u32,
    /// How many people an account may block.
    pub most_blocked: u32,
}

/// How a client names the other one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Other {
    /// By name, in lower case.
    Name(String),
    /// By the id in its contact list.
    Contact(ContactId),
}

/// What a change between two accounts did.
#[derive(Clone, Debug)]
pub struct ContactChanged {
    /// What it came to.
    pub effect: Effect,
    /// The other.
    pub other: UserId,
    /// The actor's side of it, after a change also before it was removed.
    pub actor_side: Option<Contact>,
    /// The other's side of it, likewise.
    pub other_side: Option<Contact>,
    /// The actor's new list version, when the list changed.
    pub actor_version: Option<ListVersion>,
    /// The other's new list version, when the list changed.
    pub other_version: Option<ListVersion>,
}

/// A change to an account's groups.
#[derive(Clone, Debug)]
pub struct GroupChange {
    /// Whose.
    pub user: UserId,
    /// What.
    pub kind: GroupChangeKind,
    /// When.
    pub now: Millis,
    /// How many groups an account may have.
    pub most: u32,
}

/// What is to be done with groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupChangeKind {
    /// A new group.
    Add(String),
    /// A group goes; its contacts move to the first group.
    Remove(GroupId),
    /// A group gets another name.
    Rename(GroupId, String),
    /// A contact goes to a group.
    Move(ContactId, GroupId),
}

/// What `state` says about a contact row; kept here so that every store writes the same.
#[must_use]
pub const fn state_number(state: ContactState) -> i64 {
    match state {
        ContactState::Asked => 0,
        ContactState::Accepted => 1,
        ContactState::Declined => 2,
    }
}
