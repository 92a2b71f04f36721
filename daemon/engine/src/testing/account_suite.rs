//! The rules of [`Accounts`], one function each; [`account_suite!`](crate::account_suite) makes each a test.
//!
//! A rule gets accounts that are empty and its own. It fails by panicking.

#![allow(clippy::unwrap_used, reason = "a rule that does not hold panics")]

use futures_util::future::join_all;
use serde_json::json;

use crate::account::{Limits, Quota, Scopes, SecretHash, Token, TokenId, TokenText, User};
use crate::contracts::*;
use crate::owner::Owner;
use crate::testing::world::CountingChance;
use crate::time::Timestamp;

/// Makes every rule of [`Accounts`] a test of an adapter.
///
/// `$make` is an async function that gives new, empty accounts and whatever must live as long as they do.
#[macro_export]
macro_rules! account_suite {
    ($make:path) => {
        $crate::account_suite!(@tests $make:
            a_user_is_found_as_added,
            a_name_is_given_once,
            of_many_users_of_one_name_one_is_added,
            a_change_changes_what_it_names_alone,
            users_are_listed_by_name,
            a_removed_user_takes_their_tokens_along,
            a_token_is_found_with_its_user,
            a_token_needs_a_user_and_an_id_of_its_own,
            a_token_is_revoked_once,
            tokens_are_listed_by_user_and_id,
            pages_of_tokens_tell_everything_once,
            the_latest_use_is_noted,
            a_link_is_spent_once,
        );
    };
    (@tests $make:path: $($rule:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $rule() {
                let (accounts, _kept_alive) = $make().await;
                $crate::testing::account_suite::$rule(&accounts).await;
            }
        )+
    };
}

fn user(name: &str) -> User {
    User {
        name: name.parse().unwrap(),
        created_at: Timestamp(1_000),
        disabled: false,
        quota: Quota::AsConfigured,
        limits: Limits::new(),
    }
}

fn owner(name: &str) -> Owner {
    name.parse().unwrap()
}

fn id(number: u64) -> TokenId {
    format!("{number:020x}").parse().unwrap()
}

fn token(number: u64, user: &str) -> Token {
    Token {
        id: id(number),
        user: owner(user),
        scopes: Scopes { read: true, write: true, admin: false },
        created_at: Timestamp(2_000 + number),
        expires_at: None,
        used_at: None,
        revoked_at: None,
    }
}

fn hash(number: u8) -> SecretHash {
    SecretHash::from_bytes([number; 32])
}

async fn add(accounts: &dyn Accounts, name: &str) {
    assert!(accounts.add_user(&user(name)).await.unwrap());
}

/// All of what a user is comes back; a name is any text.
pub async fn a_user_is_found_as_added(accounts: &dyn Accounts) {
    let limits = json!({ "max_open": 5, "deep": { "a": [1, null] } }).as_object().unwrap().clone();
    let rich = User { disabled: true, quota: Quota::Bytes(u64::MAX >> 1), limits, ..user("зоя o'x") };
    let unbounded = User { quota: Quota::Unbounded, ..user("bob") };
    let nothing = User { quota: Quota::Bytes(0), ..user("eve") };
    for user in [&user("ann"), &rich, &unbounded, &nothing] {
        assert!(accounts.add_user(user).await.unwrap());
        assert_eq!(accounts.find_user(&user.name).await.unwrap().as_ref(), Some(user));
    }
    for name in ["Ann", "ann ", "a"] {
        assert_eq!(accounts.find_user(&owner(name)).await.unwrap(), None, "{name}");
    }
}

/// The second one of a name changes nothing.
pub async fn a_name_is_given_once(accounts: &dyn Accounts) {
    add(accounts, "ann").await;
    let other = User { disabled: true, quota: Quota::Bytes(1), ..user("ann") };
    assert!(!accounts.add_user(&other).await.unwrap());
    assert_eq!(accounts.find_user(&owner("ann")).await.unwrap(), Some(user("ann")));
}

/// However many come at once.
pub async fn of_many_users_of_one_name_one_is_added(accounts: &dyn Accounts) {
    let ann = user("ann");
    let added = join_all((0..20).map(|_| accounts.add_user(&ann))).await;
    assert_eq!(added.into_iter().filter(|answer| *answer.as_ref().unwrap()).count(), 1);
}

/// What a change does not name stays; nobody is changed who is not there.
pub async fn a_change_changes_what_it_names_alone(accounts: &dyn Accounts) {
    add(accounts, "ann").await;
    add(accounts, "bob").await;
    let limits = json!({ "max_open": 5 }).as_object().unwrap().clone();
    let mut expected = user("ann");
    let ann = owner("ann");
    for (change, then) in [
        (UserChange { quota: Some(Quota::Bytes(7)), ..UserChange::default() }, 0),
        (UserChange { disabled: Some(true), ..UserChange::default() }, 1),
        (UserChange { limits: Some(limits.clone()), ..UserChange::default() }, 2),
        (UserChange { quota: Some(Quota::Unbounded), disabled: Some(false), limits: None }, 3),
        (UserChange { limits: Some(Limits::new()), quota: Some(Quota::AsConfigured), disabled: None }, 4),
        (UserChange::default(), 4),
    ] {
        match then {
            0 => expected.quota = Quota::Bytes(7),
            1 => expected.disabled = true,
            2 => expected.limits.clone_from(&limits),
            3 => (expected.quota, expected.disabled) = (Quota::Unbounded, false),
            _ => (expected.quota, expected.limits) = (Quota::AsConfigured, Limits::new()),
        }
        assert_eq!(accounts.change_user(&ann, &change).await.unwrap().as_ref(), Some(&expected));
        assert_eq!(accounts.find_user(&ann).await.unwrap().as_ref(), Some(&expected));
    }
    assert_eq!(accounts.find_user(&owner("bob")).await.unwrap(), Some(user("bob")));
    let change = UserChange { disabled: Some(true), ..UserChange::default() };
    assert_eq!(accounts.change_user(&owner("eve"), &change).await.unwrap(), None);
    assert_eq!(accounts.find_user(&owner("eve")).await.unwrap(), None);
}

/// By name, page by page; a cursor that no page gave never fails.
pub async fn users_are_listed_by_name(accounts: &dyn Accounts) {
    for name in ["bob", "ann", "Zoe", "ä", "ann2"] {
        add(accounts, name).await;
    }
    let (mut names, mut page) = (Vec::new(), PageRequest::first(2));
    loop {
        let found = accounts.list_users(&page).await.unwrap();
        assert!(found.items.len() <= 2);
        names.extend(found.items.into_iter().map(|user| user.name.to_string()));
        let Some(cursor) = found.next_cursor else { break };
        page.cursor = Some(cursor);
    }
    assert_eq!(names, ["Zoe", "ann", "ann2", "bob", "ä"]);
    let odd = PageRequest { cursor: Some("an\nx".to_owned()), limit: 1 };
    assert_eq!(accounts.list_users(&odd).await.unwrap().items, [user("ann")]);
}

/// Nothing of a removed user comes back with one of the same name.
pub async fn a_removed_user_takes_their_tokens_along(accounts: &dyn Accounts) {
    add(accounts, "ann").await;
    add(accounts, "bob").await;
    assert!(accounts.add_token(&token(1, "ann"), &hash(1)).await.unwrap());
    assert!(accounts.add_token(&token(2, "bob"), &hash(2)).await.unwrap());
    assert!(accounts.remove_user(&owner("ann")).await.unwrap());
    assert!(!accounts.remove_user(&owner("ann")).await.unwrap());
    add(accounts, "ann").await;
    assert_eq!(accounts.find_token(id(1)).await.unwrap(), None);
    assert!(accounts.find_token(id(2)).await.unwrap().is_some());
    let listed = accounts.list_tokens(None, &PageRequest::first(10)).await.unwrap();
    assert_eq!(listed.items, [token(2, "bob")]);
}

/// What is found decides whether the token is believed: it is as new as the last change.
pub async fn a_token_is_found_with_its_user(accounts: &dyn Accounts) {
    add(accounts, "ann").await;
    let text = TokenText::make(&CountingChance::default());
    let rich = Token {
        id: text.id,
        scopes: Scopes { read: false, write: false, admin: true },
        expires_at: Some(Timestamp(9_000)),
        ..token(0, "ann")
    };
    assert!(accounts.add_token(&rich, &text.hash()).await.unwrap());
    let expected = HeldToken { token: rich.clone(), hash: text.hash(), user: user("ann") };
    assert_eq!(accounts.find_token(text.id).await.unwrap(), Some(expected));
    let change = UserChange { disabled: Some(true), ..UserChange::default() };
    accounts.change_user(&owner("ann"), &change).await.unwrap();
    assert!(accounts.find_token(text.id).await.unwrap().unwrap().user.disabled);
    assert_eq!(accounts.find_token(id(77)).await.unwrap(), None);
}

/// There is no token of nobody, and no two of one id.
pub async fn a_token_needs_a_user_and_an_id_of_its_own(accounts: &dyn Accounts) {
    assert!(!accounts.add_token(&token(1, "ann"), &hash(1)).await.unwrap());
    assert_eq!(accounts.find_token(id(1)).await.unwrap(), None);
    add(accounts, "ann").await;
    assert!(accounts.add_token(&token(1, "ann"), &hash(1)).await.unwrap());
    assert!(accounts.add_token(&token(1, "ann"), &hash(2)).await.is_err());
    assert_eq!(accounts.find_token(id(1)).await.unwrap().unwrap().hash, hash(1));
}

/// The first revocation counts.
pub async fn a_token_is_revoked_once(accounts: &dyn Accounts) {
    add(accounts, "ann").await;
    for number in [1, 2] {
        accounts.add_token(&token(number, "ann"), &hash(1)).await.unwrap();
    }
    let revoked = Token { revoked_at: Some(Timestamp(5_000)), ..token(1, "ann") };
    assert_eq!(accounts.revoke_token(id(1), Timestamp(5_000)).await.unwrap().as_ref(), Some(&revoked));
    assert_eq!(accounts.revoke_token(id(1), Timestamp(6_000)).await.unwrap().as_ref(), Some(&revoked));
    assert_eq!(accounts.find_token(id(1)).await.unwrap().unwrap().token, revoked);
    assert_eq!(accounts.find_token(id(2)).await.unwrap().unwrap().token, token(2, "ann"));
    assert_eq!(accounts.revoke_token(id(3), Timestamp(6_000)).await.unwrap(), None);
}

/// Of one user or of all; revoked and expired ones too.
pub async fn tokens_are_listed_by_user_and_id(accounts: &dyn Accounts) {
    for name in ["bob", "ann"] {
        add(accounts, name).await;
    }
    for (number, user) in [(3, "ann"), (1, "bob"), (2, "ann")] {
        accounts.add_token(&token(number, user), &hash(1)).await.unwrap();
    }
    let list = async |user: Option<Owner>| {
        accounts.list_tokens(user.as_ref(), &PageRequest::first(10)).await.unwrap().items
    };
    accounts.revoke_token(id(1), Timestamp(1)).await.unwrap();
    let revoked = Token { revoked_at: Some(Timestamp(1)), ..token(1, "bob") };
    assert_eq!(list(None).await, [token(2, "ann"), token(3, "ann"), revoked.clone()]);
    assert_eq!(list(Some(owner("bob"))).await, [revoked]);
    assert_eq!(list(Some(owner("eve"))).await, []);
}

/// Each page goes on where the one before ended, within a user and from one to the next.
pub async fn pages_of_tokens_tell_everything_once(accounts: &dyn Accounts) {
    for name in ["ann", "bob"] {
        add(accounts, name).await;
    }
    for number in 0..7 {
        let user = if number < 4 { "ann" } else { "bob" };
        accounts.add_token(&token(number, user), &hash(1)).await.unwrap();
    }
    for (user, expected) in [(None, 0..7), (Some(owner("bob")), 4..7)] {
        let (mut ids, mut page) = (Vec::new(), PageRequest::first(3));
        loop {
            let found = accounts.list_tokens(user.as_ref(), &page).await.unwrap();
            ids.extend(found.items.into_iter().map(|token| token.id));
            let Some(cursor) = found.next_cursor else { break };
            page.cursor = Some(cursor);
        }
        assert_eq!(ids, expected.map(id).collect::<Vec<_>>());
    }
    for odd in ["", "zzz", "ann", "ann\nx", "\n"] {
        let page = PageRequest { cursor: Some(odd.to_owned()), limit: 3 };
        accounts.list_tokens(None, &page).await.unwrap();
    }
}

/// An earlier moment does not replace a later one; nobody minds a token that is gone.
pub async fn the_latest_use_is_noted(accounts: &dyn Accounts) {
    add(accounts, "ann").await;
    accounts.add_token(&token(1, "ann"), &hash(1)).await.unwrap();
    for at in [5_000, 7_000, 6_000] {
        accounts.note_used(id(1), Timestamp(at)).await.unwrap();
    }
    let used = accounts.find_token(id(1)).await.unwrap().unwrap().token.used_at;
    assert_eq!(used, Some(Timestamp(7_000)));
    accounts.note_used(id(9), Timestamp(1)).await.unwrap();
}

/// Of many at once one spends a link; once it is over it may be forgotten.
pub async fn a_link_is_spent_once(accounts: &dyn Accounts) {
    let (now, end) = (Timestamp(1_000), Timestamp(2_000));
    let told = futures_util::future::join_all((0..16).map(|_| accounts.spend_link("a", end, now))).await;
    assert_eq!(told.into_iter().filter(|told| *told.as_ref().unwrap()).count(), 1);
    assert!(!accounts.spend_link("a", end, Timestamp(1_999)).await.unwrap());
    assert!(accounts.spend_link("b", end, now).await.unwrap());
    assert!(!accounts.spend_link("b", end, now).await.unwrap());
    assert!(accounts.spend_link("c", Timestamp(9_000), Timestamp(2_000)).await.unwrap());
}
