//! Accounts and their stay-logged-in tokens.
use sqlx::SqliteConnection;

use super::{natural, number, small};
use crate::clock::Millis;
use crate::ids::{TokenId, UserId};
use crate::names;
use crate::passwords::Sealed;
use crate::store::{Account, ListVersion, NewAccount, NewToken, Redeem, Redeemed};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// What the group that every account has is called at first.
const FIRST_GROUP_NAME: &str = "Friends";

pub(super) async fn create(db: &mut SqliteConnection, new: NewAccount) -> Result<Option<UserId>> {
    let now = number(new.now.0);
    let id: Option<i64> = sqlx::query_scalar(
        "INSERT INTO accounts (name, name_key, password, mobile_phone, contacts_changed_at, created_at)
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name_key) DO NOTHING RETURNING id",
    )
    .bind(&new.name)
    .bind(names::key(&new.name))
    .bind(&new.password.0)
    .bind(&new.mobile_phone)
    .bind(now)
    .bind(now)
    .fetch_optional(&mut *db)
    .await?;
    let Some(id) = id else { return Ok(None) };
    sqlx::query("INSERT INTO contact_groups VALUES (?, 1, ?)")
        .bind(id)
        .bind(FIRST_GROUP_NAME)
        .execute(db)
        .await?;
    Ok(Some(UserId(small(id))))
}

pub(super) async fn by_name(db: &mut SqliteConnection, name_key: &str) -> Result<Option<Account>> {
    type Row = (i64, String, Vec<u8>, Option<String>, String, i64, i64);
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, name, password, mobile_phone, status_message, contacts_version, contacts_changed_at
         FROM accounts WHERE name_key = ?",
    )
    .bind(name_key)
    .fetch_optional(db)
    .await?;
    Ok(row.map(|(id, name, password, mobile_phone, status_message, version, changed_at)| Account {
        id: UserId(small(id)),
        name,
        password: Sealed(password),
        mobile_phone,
        status_message,
        contacts: ListVersion { version: small(version), changed_at: Millis(natural(changed_at)) },
    }))
}

pub(super) async fn set_status(
    db: &mut SqliteConnection,
    user: UserId,
    text: String,
    now: Millis,
) -> Result<()> {
    sqlx::query(
        "UPDATE accounts SET status_message = ?, status_changed_at = max(status_changed_at + 1, ?) WHERE id = ?",
    )
    .bind(text)
    .bind(number(now.0))
    .bind(user.0)
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn set_picture(
    db: &mut SqliteConnection,
    user: UserId,
    guid: String,
) -> Result<()> {
    sqlx::query("UPDATE accounts SET display_picture = ? WHERE id = ?")
        .bind(guid)
        .bind(user.0)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn add_token(
    db: &mut SqliteConnection,
    user: UserId,
    parent: Option<TokenId>,
    new: NewToken,
    keep: u32,
) -> Result<TokenId> {
    sqlx::query("DELETE FROM tokens WHERE account = ? AND expires_at <= ?")
        .bind(user.0)
        .bind(number(new.now.0))
        .execute(&mut *db)
        .await?;
    // the one that is being used stays, whatever the clock says
    sqlx::query(
        "DELETE FROM tokens WHERE account = ?1 AND id NOT IN
           (SELECT id FROM tokens WHERE account = ?1 ORDER BY id IS ?3 DESC, used_at DESC, id DESC LIMIT ?2)",
    )
    .bind(user.0)
    .bind(keep.saturating_sub(1))
    .bind(parent.map(|parent| number(parent.0)))
    .execute(&mut *db)
    .await?;
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO tokens (account, hash, parent, used_at, expires_at) VALUES (?, ?, ?, ?, ?) RETURNING id",
    )
    .bind(user.0)
    .bind(&new.hash[..])
    .bind(parent.map(|parent| number(parent.0)))
    .bind(number(new.now.0))
    .bind(number(new.expires.0))
    .fetch_one(db)
    .await?;
    Ok(TokenId(natural(id)))
}

pub(super) async fn redeem(db: &mut SqliteConnection, redeem: Redeem) -> Result<Option<Redeemed>> {
    let Redeem { name_key, hash, successor, keep } = redeem;
    let found: Option<(i64, Option<i64>)> = sqlx::query_as(
        "SELECT tokens.id, parent FROM tokens JOIN accounts ON accounts.id = account
         WHERE hash = ? AND name_key = ? AND expires_at > ?",
    )
    .bind(&hash[..])
    .bind(&name_key)
    .bind(number(successor.now.0))
    .fetch_optional(&mut *db)
    .await?;
    let (Some((id, parent)), Some(account)) = (found, by_name(&mut *db, &name_key).await?) else {
        return Ok(None);
    };
    if let Some(parent) = parent {
        sqlx::query("DELETE FROM tokens WHERE id = ?").bind(parent).execute(&mut *db).await?;
    }
    sqlx::query("UPDATE tokens SET parent = NULL, used_at = ? WHERE id = ?")
        .bind(number(successor.now.0))
        .bind(id)
        .execute(&mut *db)
        .await?;
    let used = TokenId(natural(id));
    let issued = add_token(db, account.id, Some(used), successor, keep).await?;
    Ok(Some(Redeemed { account, used, issued }))
}

pub(super) async fn drop_tokens(
    db: &mut SqliteConnection,
    user: UserId,
    tokens: Vec<TokenId>,
) -> Result<()> {
    for token in tokens {
        sqlx::query("DELETE FROM tokens WHERE account = ? AND id = ?")
            .bind(user.0)
            .bind(number(token.0))
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}
