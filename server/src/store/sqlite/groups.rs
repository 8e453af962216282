//! Groups of contacts.
use sqlx::SqliteConnection;

use super::contacts::new_version;
use super::small;
use crate::ids::{FIRST_GROUP, GroupId, UserId};
use crate::rules::contacts::Refusal;
use crate::store::{GroupChange, GroupChangeKind, ListVersion};

type Result<T> = std::result::Result<T, sqlx::Error>;

pub(super) async fn change(
    db: &mut SqliteConnection,
    change: GroupChange,
) -> Result<std::result::Result<ListVersion, Refusal>> {
    let me = change.user;
    match change.kind {
        GroupChangeKind::Add(name) => {
            let count: i64 =
                sqlx::query_scalar("SELECT count(*) FROM contact_groups WHERE owner = ?")
                    .bind(me.0)
                    .fetch_one(&mut *db)
                    .await?;
            if small(count) >= change.most {
                return Ok(Err(Refusal::TooMany));
            }
            if has_group_named(&mut *db, me, &name, None).await? {
                return Ok(Err(Refusal::GroupExists));
            }
            let id: i64 = sqlx::query_scalar(
                "UPDATE accounts SET next_group = next_group + 1 WHERE id = ? RETURNING next_group - 1",
            )
            .bind(me.0)
            .fetch_one(&mut *db)
            .await?;
            sqlx::query("INSERT INTO contact_groups VALUES (?, ?, ?)")
                .bind(me.0)
                .bind(id)
                .bind(name)
                .execute(&mut *db)
                .await?;
        }
        GroupChangeKind::Remove(FIRST_GROUP) => return Ok(Err(Refusal::FirstGroup)),
        GroupChangeKind::Remove(group) => {
            sqlx::query("UPDATE contacts SET group_id = ? WHERE owner = ? AND group_id = ?")
                .bind(FIRST_GROUP.0)
                .bind(me.0)
                .bind(group.0)
                .execute(&mut *db)
                .await?;
            let gone = sqlx::query("DELETE FROM contact_groups WHERE owner = ? AND id = ?")
                .bind(me.0)
                .bind(group.0)
                .execute(&mut *db)
                .await?;
            if gone.rows_affected() == 0 {
                return Ok(Err(Refusal::NoSuchGroup));
            }
        }
        GroupChangeKind::Rename(group, name) => {
            if has_group_named(&mut *db, me, &name, Some(group)).await? {
                return Ok(Err(Refusal::GroupExists));
            }
            let renamed =
                sqlx::query("UPDATE contact_groups SET name = ? WHERE owner = ? AND id = ?")
                    .bind(name)
                    .bind(me.0)
                    .bind(group.0)
                    .execute(&mut *db)
                    .await?;
            if renamed.rows_affected() == 0 {
                return Ok(Err(Refusal::NoSuchGroup));
            }
        }
        GroupChangeKind::Move(contact, group) => {
            if !has_group(&mut *db, me, group).await? {
                return Ok(Err(Refusal::NoSuchGroup));
            }
            let moved = sqlx::query("UPDATE contacts SET group_id = ? WHERE owner = ? AND id = ?")
                .bind(group.0)
                .bind(me.0)
                .bind(contact.0)
                .execute(&mut *db)
                .await?;
            if moved.rows_affected() == 0 {
                return Ok(Err(Refusal::NotAContact));
            }
        }
    }
    Ok(Ok(new_version(db, me, change.now).await?))
}

pub(super) async fn has_group(
    db: &mut SqliteConnection,
    owner: UserId,
    group: GroupId,
) -> Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM contact_groups WHERE owner = ? AND id = ?)")
        .bind(owner.0)
        .bind(group.0)
        .fetch_one(db)
        .await
}

async fn has_group_named(
    db: &mut SqliteConnection,
    owner: UserId,
    name: &str,
    except: Option<GroupId>,
) -> Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM contact_groups WHERE owner = ? AND name = ? AND id IS NOT ?)",
    )
    .bind(owner.0)
    .bind(name)
    .bind(except.map(|group| group.0))
    .fetch_one(db)
    .await
}
