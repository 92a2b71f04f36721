//! Users and tokens: a change counts at the very next look.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use cairn_engine::account::{Limits, Quota, Scopes, TokenText};
use cairn_engine::contracts::{PageRequest, Placement, UserChange};
use cairn_engine::engine::{AccountError, Engine};
use cairn_engine::testing::bench::{Bench, owner};
use cairn_engine::{Clock, Policy};

const BOTH: Scopes = Scopes { read: true, write: true, admin: false };

async fn scene() -> (Bench, Engine, String) {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy::default());
    engine.add_user(owner("ann"), Quota::AsConfigured, Limits::new()).await.unwrap();
    let (_, text) = engine.add_token(&owner("ann"), BOTH, None).await.unwrap();
    (bench, engine, text.reveal())
}

async fn holds(engine: &Engine, text: &str) -> bool {
    engine.holder(text).await.unwrap().is_some()
}

#[tokio::test]
async fn a_token_says_whose_it_is_and_what_it_is_good_for() {
    let (_bench, engine, text) = scene().await;
    let holder = engine.holder(&text).await.unwrap().unwrap();
    assert_eq!((holder.user.name.clone(), holder.token.scopes), (owner("ann"), BOTH));
    let other_secret = format!("{}{}", &text[..text.len() - 4], "ffff");
    let other_id = text.replacen("cairn_0", "cairn_f", 1);
    for wrong in ["", "cairn_", &other_secret, &other_id, &text.to_uppercase(), &format!("{text} ")] {
        assert!(!holds(&engine, wrong).await, "{wrong}");
    }
    let (admin, text) = engine.add_token(&owner("ann"), "admin".parse().unwrap(), None).await.unwrap();
    assert_eq!(engine.holder(&text.reveal()).await.unwrap().unwrap().token.id, admin.id);
}

#[tokio::test]
async fn revoking_disabling_and_removing_count_at_the_next_look() {
    let (_bench, engine, text) = scene().await;
    assert!(holds(&engine, &text).await);
    let disabled = |disabled| UserChange { disabled: Some(disabled), ..UserChange::default() };
    engine.change_user(&owner("ann"), &disabled(true)).await.unwrap();
    assert!(!holds(&engine, &text).await);
    engine.change_user(&owner("ann"), &disabled(false)).await.unwrap();
    assert!(holds(&engine, &text).await);
    let id = text.parse::<TokenText>().unwrap().id;
    engine.revoke_token(id).await.unwrap();
    assert!(!holds(&engine, &text).await);
    let (_, other) = engine.add_token(&owner("ann"), BOTH, None).await.unwrap();
    assert!(holds(&engine, &other.reveal()).await && !holds(&engine, &text).await);
    engine.remove_user(&owner("ann")).await.unwrap();
    assert!(!holds(&engine, &other.reveal()).await);
    assert!(engine.user(&owner("ann")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_token_that_is_kept_in_mind_expires_all_the_same() {
    let (bench, engine, _) = scene().await;
    let end = bench.clock.now().after(Duration::from_secs(60));
    let (_, text) = engine.add_token(&owner("ann"), BOTH, Some(end)).await.unwrap();
    bench.clock.advance(Duration::from_millis(59_999));
    assert!(holds(&engine, &text.reveal()).await);
    bench.clock.advance(Duration::from_millis(1));
    assert!(!holds(&engine, &text.reveal()).await);
    let over = engine.add_token(&owner("ann"), BOTH, Some(bench.clock.now())).await;
    assert!(matches!(over, Err(AccountError::ExpiredFromTheStart)));
}

#[tokio::test]
async fn a_use_is_noted_once_an_hour() {
    let (bench, engine, text) = scene().await;
    let used = async || {
        bench.errands.run().await;
        engine.list_tokens(None, &PageRequest::first(1)).await.unwrap().items.remove(0).used_at
    };
    assert_eq!(used().await, None);
    let first = bench.clock.now();
    assert!(holds(&engine, &text).await);
    assert_eq!(used().await, Some(first));
    bench.clock.advance(Duration::from_secs(3599));
    assert!(holds(&engine, &text).await);
    assert_eq!(used().await, Some(first));
    bench.clock.advance(Duration::from_secs(1));
    assert!(holds(&engine, &text).await);
    assert_eq!(used().await, Some(bench.clock.now()));
}

#[tokio::test]
async fn whoever_waits_is_told_of_each_change_after_it_was_made() {
    let (_bench, engine, text) = scene().await;
    let mut changes = engine.account_changes();
    changes.mark_unchanged();
    assert!(holds(&engine, &text).await);
    assert!(!changes.has_changed().unwrap());
    engine.revoke_token(text.parse::<TokenText>().unwrap().id).await.unwrap();
    assert!(changes.has_changed().unwrap());
}

#[tokio::test]
async fn what_is_not_there_is_not_changed() {
    let (_bench, engine, text) = scene().await;
    let (ann, eve) = (owner("ann"), owner("eve"));
    let again = engine.add_user(ann, Quota::Unbounded, Limits::new()).await;
    assert!(matches!(again, Err(AccountError::UserExists)));
    assert!(matches!(engine.add_token(&eve, BOTH, None).await, Err(AccountError::NoUser)));
    let change = engine.change_user(&eve, &UserChange::default()).await;
    assert!(matches!(change, Err(AccountError::NoUser)));
    assert!(matches!(engine.remove_user(&eve).await, Err(AccountError::NoUser)));
    let nobody = "f".repeat(20).parse().unwrap();
    assert!(matches!(engine.revoke_token(nobody).await, Err(AccountError::NoToken)));
    assert_eq!(engine.user(&owner("ann")).await.unwrap().unwrap().quota, Quota::AsConfigured);
    assert!(holds(&engine, &text).await);
}
