//! Users and tokens, beside the files: one database, so that one copy of it is whole.

use async_trait::async_trait;
use cairn_engine::account::{Quota, Scopes, SecretHash, Token, TokenId, User};
use cairn_engine::contracts::{Accounts, HeldToken, Page, PageRequest, StoreError, UserChange};
use cairn_engine::{Owner, Timestamp};
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::SqliteCatalog;
use crate::sqlite::columns::{Json, Moment, Number, Text};
use crate::sqlite::fault::Fault;

const USER: &str = "name, created_at, disabled, quota, limits";
const TOKEN: &str = "id, user, scopes, created_at, expires_at, used_at, revoked_at";
/// How many columns of a user there are.
const COLUMNS_OF_USER: usize = 5;

#[async_trait]
impl Accounts for SqliteCatalog {
    async fn add_user(&self, user: &User) -> Result<bool, StoreError> {
        let user = user.clone();
        self.database.change("add_user", move |connection| add_user(connection, &user)).await
    }

    async fn find_user(&self, name: &Owner) -> Result<Option<User>, StoreError> {
        let name = name.clone();
        self.database.read("find_user", move |connection| find_user(connection, &name)).await
    }

    async fn list_users(&self, page: &PageRequest) -> Result<Page<User>, StoreError> {
        let page = page.clone();
        self.database.read("list_users", move |connection| list_users(connection, &page)).await
    }

    async fn change_user(&self, name: &Owner, change: &UserChange) -> Result<Option<User>, StoreError> {
        let (name, change) = (name.clone(), change.clone());
        self.database.change("change_user", move |connection| change_user(connection, &name, &change)).await
    }

    async fn remove_user(&self, name: &Owner) -> Result<bool, StoreError> {
        let name = name.clone();
        let work = move |connection: &Connection| {
            let mut statement = connection.prepare_cached("DELETE FROM users WHERE name = ?1")?;
            Ok(statement.execute([name.as_str()])? > 0)
        };
        self.database.change("remove_user", work).await
    }

    async fn add_token(&self, token: &Token, hash: &SecretHash) -> Result<bool, StoreError> {
        let (token, hash) = (token.clone(), *hash);
        self.database.change("add_token", move |connection| add_token(connection, &token, &hash)).await
    }

    async fn find_token(&self, id: TokenId) -> Result<Option<HeldToken>, StoreError> {
        self.database.read("find_token", move |connection| find_token(connection, id)).await
    }

    async fn list_tokens(&self, user: Option<&Owner>, page: &PageRequest) -> Result<Page<Token>, StoreError> {
        let (user, page) = (user.cloned(), page.clone());
        let work = move |connection: &Connection| list_tokens(connection, user.as_ref(), &page);
        self.database.read("list_tokens", work).await
    }

    async fn revoke_token(&self, id: TokenId, now: Timestamp) -> Result<Option<Token>, StoreError> {
        let sql = format!(
            "UPDATE tokens SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1 RETURNING {TOKEN}"
        );
        let work = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            Ok(statement.query_row(params![Text(id), Moment(now)], |row| token(row, 0)).optional()?)
        };
        self.database.change("revoke_token", work).await
    }

    async fn note_used(&self, id: TokenId, at: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE tokens SET used_at = max(coalesce(used_at, 0), ?2) WHERE id = ?1";
        let work = move |connection: &Connection| {
            connection.prepare_cached(sql)?.execute(params![Text(id), Moment(at)])?;
            Ok(())
        };
        self.database.note("note_used", work).await
    }

    async fn spend_link(&self, id: &str, expires_at: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let id = id.to_owned();
        let work = move |connection: &Connection| {
            let forget = "DELETE FROM spent_links WHERE expires_at <= ?1";
            connection.prepare_cached(forget)?.execute([Moment(now)])?;
            let spend = "INSERT OR IGNORE INTO spent_links (id, expires_at) VALUES (?1, ?2)";
            Ok(connection.prepare_cached(spend)?.execute(params![id, Moment(expires_at)])? > 0)
        };
        self.database.change("spend_link", work).await
    }
}

fn add_user(connection: &Connection, user: &User) -> Result<bool, Fault> {
    let sql = "INSERT OR IGNORE INTO users (name, created_at, disabled, quota, limits) \
               VALUES (:name, :created_at, :disabled, :quota, :limits)";
    let added = connection.prepare_cached(sql)?.execute(named_params! {
        ":name": user.name.as_str(),
        ":created_at": Moment(user.created_at),
        ":disabled": user.disabled,
        ":quota": Bound(user.quota),
        ":limits": Json(&user.limits),
    })?;
    Ok(added > 0)
}

fn find_user(connection: &Connection, name: &Owner) -> Result<Option<User>, Fault> {
    let sql = format!("SELECT {USER} FROM users WHERE name = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([name.as_str()], |row| user(row, 0)).optional()?)
}

fn list_users(connection: &Connection, page: &PageRequest) -> Result<Page<User>, Fault> {
    let sql = format!("SELECT {USER} FROM users WHERE name > ?1 ORDER BY name LIMIT ?2");
    let after = page.cursor.as_deref().unwrap_or_default();
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map(params![after, one_more(page)], |row| user(row, 0))?;
    Ok(page_of(found.collect::<Result<_, _>>()?, page, |user: &User| user.name.to_string()))
}

fn change_user(connection: &Connection, name: &Owner, change: &UserChange) -> Result<Option<User>, Fault> {
    let Some(mut user) = find_user(connection, name)? else { return Ok(None) };
    user.disabled = change.disabled.unwrap_or(user.disabled);
    user.quota = change.quota.unwrap_or(user.quota);
    if let Some(limits) = &change.limits {
        user.limits.clone_from(limits);
    }
    let sql = "UPDATE users SET disabled = ?2, quota = ?3, limits = ?4 WHERE name = ?1";
    let values = params![name.as_str(), user.disabled, Bound(user.quota), Json(&user.limits)];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(Some(user))
}

fn add_token(connection: &Connection, token: &Token, hash: &SecretHash) -> Result<bool, Fault> {
    if find_user(connection, &token.user)?.is_none() {
        return Ok(false);
    }
    let sql = "INSERT INTO tokens \
               (id, user, secret_hash, scopes, created_at, expires_at, used_at, revoked_at) \
               VALUES (:id, :user, :hash, :scopes, :created_at, :expires_at, :used_at, :revoked_at)";
    connection.prepare_cached(sql)?.execute(named_params! {
        ":id": Text(token.id),
        ":user": token.user.as_str(),
        ":hash": hash.as_bytes(),
        ":scopes": Text(token.scopes),
        ":created_at": Moment(token.created_at),
        ":expires_at": token.expires_at.map(Moment),
        ":used_at": token.used_at.map(Moment),
        ":revoked_at": token.revoked_at.map(Moment),
    })?;
    Ok(true)
}

fn find_token(connection: &Connection, id: TokenId) -> Result<Option<HeldToken>, Fault> {
    let sql = "SELECT u.name, u.created_at, u.disabled, u.quota, u.limits, \
               t.id, t.user, t.scopes, t.created_at, t.expires_at, t.used_at, t.revoked_at, t.secret_hash \
               FROM tokens t JOIN users u ON u.name = t.user WHERE t.id = ?1";
    let held = |row: &Row<'_>| {
        Ok(HeldToken {
            user: user(row, 0)?,
            token: token(row, COLUMNS_OF_USER)?,
            hash: SecretHash::from_bytes(row.get("secret_hash")?),
        })
    };
    Ok(connection.prepare_cached(sql)?.query_row([Text(id)], held).optional()?)
}

/// The cursor is the last user told, a line feed, and the last id.
fn list_tokens(
    connection: &Connection,
    user: Option<&Owner>,
    page: &PageRequest,
) -> Result<Page<Token>, Fault> {
    let sql = format!(
        "SELECT {TOKEN} FROM tokens WHERE (user, id) > (?1, ?2) AND (?3 IS NULL OR user = ?3) \
         ORDER BY user, id LIMIT ?4"
    );
    let cursor = page.cursor.as_deref().unwrap_or_default();
    let (last_user, last_id) = cursor.split_once('\n').unwrap_or((cursor, ""));
    // What sorts before the one user who is asked for is stepped over.
    let begins_before = user.filter(|user| last_user < user.as_str());
    let (last_user, last_id) = begins_before.map_or((last_user, last_id), |user| (user.as_str(), ""));
    let mut statement = connection.prepare_cached(&sql)?;
    let values = params![last_user, last_id, user.map(Owner::as_str), one_more(page)];
    let found = statement.query_map(values, |row| token(row, 0))?;
    let cursor_of = |token: &Token| format!("{}\n{}", token.user, token.id);
    Ok(page_of(found.collect::<Result<_, _>>()?, page, cursor_of))
}

/// As many as the page has, and one to tell whether there are more.
fn one_more(page: &PageRequest) -> i64 {
    i64::try_from(page.limit.max(1)).unwrap_or(i64::MAX).saturating_add(1)
}

fn page_of<T>(mut items: Vec<T>, page: &PageRequest, cursor: impl Fn(&T) -> String) -> Page<T> {
    let limit = page.limit.max(1);
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| more).map(cursor);
    Page { items, next_cursor }
}

/// The columns of `USER`, from one on.
fn user(row: &Row<'_>, first: usize) -> rusqlite::Result<User> {
    Ok(User {
        name: row.get::<_, Text<Owner>>(first)?.0,
        created_at: row.get::<_, Moment>(first + 1)?.0,
        disabled: row.get(first + 2)?,
        quota: row.get::<_, Bound>(first + 3)?.0,
        limits: row.get::<_, Json<_>>(first + 4)?.0,
    })
}

/// The columns of `TOKEN`, from one on.
fn token(row: &Row<'_>, first: usize) -> rusqlite::Result<Token> {
    let moment = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<Moment>>(column)?.map(|at| at.0));
    Ok(Token {
        id: row.get::<_, Text<TokenId>>(first)?.0,
        user: row.get::<_, Text<Owner>>(first + 1)?.0,
        scopes: row.get::<_, Text<Scopes>>(first + 2)?.0,
        created_at: row.get::<_, Moment>(first + 3)?.0,
        expires_at: moment(first + 4)?,
        used_at: moment(first + 5)?,
        revoked_at: moment(first + 6)?,
    })
}

/// A quota in its column.
struct Bound(Quota);

impl ToSql for Bound {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self.0 {
            Quota::AsConfigured => Ok(rusqlite::types::Null.into()),
            Quota::Unbounded => Ok((-1).into()),
            // What a table cannot hold is refused, not cut.
            Quota::Bytes(bytes) => match Number(bytes).to_sql()? {
                ToSqlOutput::Owned(value) => Ok(ToSqlOutput::Owned(value)),
                _ => Err(rusqlite::Error::InvalidParameterName("quota".to_owned())),
            },
        }
    }
}

impl FromSql for Bound {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self(match value {
            ValueRef::Null => Quota::AsConfigured,
            ValueRef::Integer(-1) => Quota::Unbounded,
            number => Quota::Bytes(Number::column_result(number)?.0),
        }))
    }
}
