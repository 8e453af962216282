//! Contacts, contact requests, groups and blocks.
use sqlx::SqliteConnection;

use super::{groups, natural, number, small};
use crate::clock::Millis;
use crate::ids::{ContactId, FIRST_GROUP, GroupId, UserId};
use crate::rules::contacts::{Change, ContactState, Effect, Pair, Refusal, decide};
use crate::store::{
    Contact, ContactChange, ContactChanged, ContactList, ListVersion, Other, Receiver, state_number,
};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// A contact with what its owner may see of it. `?1` is the owner.
macro_rules! contact_rows {
    ($condition:literal) => {
        concat!(
            "SELECT c.id, c.group_id, c.other, a.name, c.display_name,
                    c.state = 1
                      AND NOT EXISTS (SELECT 1 FROM blocks WHERE owner = c.owner AND other = c.other)
                      AND NOT EXISTS (SELECT 1 FROM blocks WHERE owner = c.other AND other = c.owner),
                    c.state <> 1, a.status_message, a.status_changed_at, a.display_picture
             FROM contacts c JOIN accounts a ON a.id = c.other WHERE c.owner = ?1 ",
            $condition
        )
    };
}

type ContactRow = (i64, i64, i64, String, String, bool, bool, String, i64, String);

fn contact(row: ContactRow) -> Contact {
    let (
        id,
        group,
        user,
        name,
        display_name,
        open,
        pending,
        status_message,
        status_changed_at,
        display_picture,
    ) = row;
    Contact {
        id: ContactId(small(id)),
        group: GroupId(small(group)),
        user: UserId(small(user)),
        name,
        display_name,
        open,
        pending,
        status_message: if open { status_message } else { String::new() },
        status_changed_at: Millis(natural(status_changed_at)),
        display_picture: if open { display_picture } else { String::new() },
    }
}

pub(super) async fn list(db: &mut SqliteConnection, user: UserId) -> Result<ContactList> {
    let groups: Vec<(i64, String)> =
        sqlx::query_as("SELECT id, name FROM contact_groups WHERE owner = ? ORDER BY id")
            .bind(user.0)
            .fetch_all(&mut *db)
            .await?;
    let contacts: Vec<ContactRow> =
        sqlx::query_as(contact_rows!("ORDER BY c.id")).bind(user.0).fetch_all(&mut *db).await?;
    Ok(ContactList {
        version: version(db, user).await?,
        groups: groups.into_iter().map(|(id, name)| (GroupId(small(id)), name)).collect(),
        contacts: contacts.into_iter().map(contact).collect(),
    })
}

pub(super) async fn watchers(
    db: &mut SqliteConnection,
    user: UserId,
) -> Result<Vec<(UserId, ContactId)>> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT owner, id FROM contacts c WHERE other = ?1 AND state = 1
           AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.owner = ?1 AND b.other = c.owner)
           AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.owner = c.owner AND b.other = ?1)",
    )
    .bind(user.0)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(owner, id)| (UserId(small(owner)), ContactId(small(id)))).collect())
}

pub(super) async fn requests(
    db: &mut SqliteConnection,
    user: UserId,
    limit: u32,
) -> Result<Vec<String>> {
    sqlx::query_scalar(
        "SELECT a.name FROM contacts c JOIN accounts a ON a.id = c.owner
         WHERE c.other = ?1 AND c.state = 0
           AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.owner = ?1 AND b.other = c.owner)
         ORDER BY c.asked_at, a.id LIMIT ?2",
    )
    .bind(user.0)
    .bind(limit)
    .fetch_all(db)
    .await
}

pub(super) async fn receiver(
    db: &mut SqliteConnection,
    sender: UserId,
    name_key: &str,
    open: bool,
) -> Result<Option<Receiver>> {
    let Some((id, name)) = by_key(&mut *db, name_key).await? else { return Ok(None) };
    let allowed = id != sender && pair(db, sender, id).await?.may_write(open);
    Ok(allowed.then_some(Receiver { id, name }))
}

/// What is between two accounts, seen by the first.
pub(super) async fn pair(db: &mut SqliteConnection, me: UserId, other: UserId) -> Result<Pair> {
    type Row = (Option<i64>, Option<i64>, bool, bool, bool, bool);
    let (mine, theirs, i_block, they_block, i_reject, they_reject): Row = sqlx::query_as(
        "SELECT (SELECT state FROM contacts WHERE owner = ?1 AND other = ?2),
                (SELECT state FROM contacts WHERE owner = ?2 AND other = ?1),
                EXISTS (SELECT 1 FROM blocks WHERE owner = ?1 AND other = ?2),
                EXISTS (SELECT 1 FROM blocks WHERE owner = ?2 AND other = ?1),
                EXISTS (SELECT 1 FROM rejections WHERE owner = ?1 AND other = ?2),
                EXISTS (SELECT 1 FROM rejections WHERE owner = ?2 AND other = ?1)",
    )
    .bind(me.0)
    .bind(other.0)
    .fetch_one(db)
    .await?;
    let (mine, theirs) = (mine.map(state), theirs.map(state));
    Ok(Pair { mine, theirs, i_block, they_block, i_reject, they_reject })
}

fn state(number: i64) -> ContactState {
    [ContactState::Asked, ContactState::Accepted]
        .into_iter()
        .find(|state| state_number(*state) == number)
        .unwrap_or(ContactState::Declined)
}

pub(super) async fn change(
    db: &mut SqliteConnection,
    change: ContactChange,
) -> Result<std::result::Result<Option<ContactChanged>, Refusal>> {
    let me = change.actor;
    let other = match &change.other {
        Other::Name(key) => by_key(&mut *db, key).await?.map(|(id, _)| id),
        Other::Contact(id) => contact_by_id(&mut *db, me, *id).await?,
    };
    let before = match other {
        Some(other) if other == me => return Ok(Err(Refusal::Oneself)),
        Some(other) => pair(&mut *db, me, other).await?,
        None if matches!(change.other, Other::Contact(_)) => return Ok(Err(Refusal::NotAContact)),
        None => Pair::NOBODY,
    };
    // what is wrong with one's own list comes first: it is the same whomever one asks
    let asks = change.change == Change::Ask && before.mine.is_none();
    if asks && let Err(refusal) = has_room(&mut *db, &change).await? {
        return Ok(Err(refusal));
    }
    let (after, effect) = match decide(before, change.change) {
        Ok(decided) => decided,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let accepts = !asks && before.mine.is_none() && after.mine.is_some();
    if accepts && let Err(refusal) = has_room(&mut *db, &change).await? {
        return Ok(Err(refusal));
    }
    if after.i_block && !before.i_block && !may_block(&mut *db, &change).await? {
        return Ok(Err(Refusal::TooMany));
    }
    let Some(other) = other else { return Ok(Ok(None)) };
    let removed = (side(&mut *db, me, other).await?, side(&mut *db, other, me).await?);
    write_pair(&mut *db, &change, other, before, after).await?;
    let mine_changed = before.mine != after.mine || before.is_open() != after.is_open();
    let theirs_changed = before.theirs != after.theirs
        && !matches!(effect, Effect::Asked | Effect::AskedInVain | Effect::Declined)
        || before.is_open() != after.is_open();
    Ok(Ok(Some(ContactChanged {
        effect,
        other,
        actor_side: side(&mut *db, me, other).await?.or(removed.0),
        other_side: side(&mut *db, other, me).await?.or(removed.1),
        actor_version: if mine_changed {
            Some(new_version(&mut *db, me, change.now).await?)
        } else {
            None
        },
        other_version: if theirs_changed {
            Some(new_version(db, other, change.now).await?)
        } else {
            None
        },
    })))
}

/// Whether the actor's list takes one more, in the group that is named. The other's list grows by its own wish only.
async fn has_room(
    db: &mut SqliteConnection,
    change: &ContactChange,
) -> Result<std::result::Result<(), Refusal>> {
    let me = change.actor;
    if let Some(group) = change.group
        && !groups::has_group(&mut *db, me, group).await?
    {
        return Ok(Err(Refusal::NoSuchGroup));
    }
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM contacts WHERE owner = ?")
        .bind(me.0)
        .fetch_one(db)
        .await?;
    Ok(if small(count) < change.most_contacts { Ok(()) } else { Err(Refusal::ListFull) })
}

/// Whether the actor may block one more.
async fn may_block(db: &mut SqliteConnection, change: &ContactChange) -> Result<bool> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM blocks WHERE owner = ?")
        .bind(change.actor.0)
        .fetch_one(db)
        .await?;
    Ok(small(count) < change.most_blocked)
}

async fn write_pair(
    db: &mut SqliteConnection,
    change: &ContactChange,
    other: UserId,
    before: Pair,
    after: Pair,
) -> Result<()> {
    let me = change.actor;
    let group = change.group.unwrap_or(FIRST_GROUP);
    let display_name = change.display_name.as_deref().unwrap_or_default();
    write_side(&mut *db, (me, other), (before.mine, after.mine), (group, display_name), change.now)
        .await?;
    let theirs = (before.theirs, after.theirs);
    write_side(&mut *db, (other, me), theirs, (FIRST_GROUP, ""), change.now).await?;
    const BLOCKS: (&str, &str) = (
        "INSERT INTO blocks (owner, other) VALUES (?, ?)",
        "DELETE FROM blocks WHERE owner = ? AND other = ?",
    );
    const REJECTIONS: (&str, &str) = (
        "INSERT INTO rejections (owner, other) VALUES (?, ?)",
        "DELETE FROM rejections WHERE owner = ? AND other = ?",
    );
    for (owner, other, (before, after), (insert, delete)) in [
        (me, other, (before.i_block, after.i_block), BLOCKS),
        (me, other, (before.i_reject, after.i_reject), REJECTIONS),
        (other, me, (before.they_reject, after.they_reject), REJECTIONS),
    ] {
        let sql = match (before, after) {
            (false, true) => insert,
            (true, false) => delete,
            (true, true) | (false, false) => continue,
        };
        sqlx::query(sql).bind(owner.0).bind(other.0).execute(&mut *db).await?;
    }
    Ok(())
}

async fn write_side(
    db: &mut SqliteConnection,
    (owner, other): (UserId, UserId),
    (before, after): (Option<ContactState>, Option<ContactState>),
    (group, display_name): (GroupId, &str),
    now: Millis,
) -> Result<()> {
    match (before, after) {
        (None, Some(state)) => {
            let id: i64 = sqlx::query_scalar(
                "UPDATE accounts SET next_contact = next_contact + 1 WHERE id = ? RETURNING next_contact - 1",
            )
            .bind(owner.0)
            .fetch_one(&mut *db)
            .await?;
            sqlx::query(
                "INSERT INTO contacts (owner, other, id, group_id, display_name, state, asked_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(owner.0)
            .bind(other.0)
            .bind(id)
            .bind(group.0)
            .bind(display_name)
            .bind(state_number(state))
            .bind(number(now.0))
            .execute(db)
            .await?;
        }
        (Some(_), None) => {
            sqlx::query("DELETE FROM contacts WHERE owner = ? AND other = ?")
                .bind(owner.0)
                .bind(other.0)
                .execute(db)
                .await?;
        }
        (Some(old), Some(new)) if old != new => {
            sqlx::query("UPDATE contacts SET state = ? WHERE owner = ? AND other = ?")
                .bind(state_number(new))
                .bind(owner.0)
                .bind(other.0)
                .execute(db)
                .await?;
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    Ok(())
}

pub(super) async fn by_key(
    db: &mut SqliteConnection,
    name_key: &str,
) -> Result<Option<(UserId, String)>> {
    let row: Option<(i64, String)> =
        sqlx::query_as("SELECT id, name FROM accounts WHERE name_key = ?")
            .bind(name_key)
            .fetch_optional(db)
            .await?;
    Ok(row.map(|(id, name)| (UserId(small(id)), name)))
}

async fn contact_by_id(
    db: &mut SqliteConnection,
    owner: UserId,
    id: ContactId,
) -> Result<Option<UserId>> {
    let other: Option<i64> =
        sqlx::query_scalar("SELECT other FROM contacts WHERE owner = ? AND id = ?")
            .bind(owner.0)
            .bind(id.0)
            .fetch_optional(db)
            .await?;
    Ok(other.map(|other| UserId(small(other))))
}

async fn side(db: &mut SqliteConnection, owner: UserId, other: UserId) -> Result<Option<Contact>> {
    let row: Option<ContactRow> = sqlx::query_as(contact_rows!("AND c.other = ?2"))
        .bind(owner.0)
        .bind(other.0)
        .fetch_optional(db)
        .await?;
    Ok(row.map(contact))
}

async fn version(db: &mut SqliteConnection, user: UserId) -> Result<ListVersion> {
    let row: (i64, i64) =
        sqlx::query_as("SELECT contacts_version, contacts_changed_at FROM accounts WHERE id = ?")
            .bind(user.0)
            .fetch_one(db)
            .await?;
    Ok(ListVersion { version: small(row.0), changed_at: Millis(natural(row.1)) })
}

pub(super) async fn new_version(
    db: &mut SqliteConnection,
    user: UserId,
    now: Millis,
) -> Result<ListVersion> {
    let row: (i64, i64) = sqlx::query_as(
        "UPDATE accounts SET contacts_version = contacts_version + 1,
                             contacts_changed_at = max(contacts_changed_at + 1, ?)
         WHERE id = ? RETURNING contacts_version, contacts_changed_at",
    )
    .bind(number(now.0))
    .bind(user.0)
    .fetch_one(db)
    .await?;
    Ok(ListVersion { version: small(row.0), changed_at: Millis(natural(row.1)) })
}
