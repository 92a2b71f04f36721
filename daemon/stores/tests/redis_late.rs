//! Late replies: whatever the wire does to them, none reaches another request.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cairn_engine::contracts::{Admission, Creation, Session, SessionStore, View};
use cairn_engine::{Owner, State, StorageName, Timestamp, Upload, UploadId};
use cairn_stores::{RedisConfig, RedisSessions};
use cairn_tests::{Proxy, RedisServer, Way};
use tokio::task::JoinSet;

/// Requests altogether.
const ROUNDS: u64 = 100_000;
/// Requests at once.
const CROWD: u64 = 64;
/// Uploads that they ask for.
const UPLOADS: u64 = 32;
/// How long a request may take.
const TIMEOUT: Duration = Duration::from_millis(60);
/// How long a piece of replies is held back that is late.
const LATE: Duration = Duration::from_millis(90);
/// One of so many pieces is late.
const SELDOM: u64 = 150;

fn id(n: u64) -> UploadId {
    format!("{n:032x}").parse().unwrap()
}

fn owner(n: u64) -> Owner {
    format!("owner-{n}").parse().unwrap()
}

fn upload(n: u64) -> Upload {
    Upload {
        id: id(n),
        owner: owner(n),
        path: format!("file-{n}").parse().unwrap(),
        length: Some(1_000 + n),
        digest: None,
        chunk_size: 100,
        storage: StorageName::DEFAULT,
        content_type: None,
        metadata: Default::default(),
        naming: Default::default(),
        idempotency_key: None,
        created_at: Timestamp(1_000),
        expires_at: Timestamp(u64::MAX >> 12),
        state: State::Open,
        epoch: 0,
        received_bytes: 0,
        rewrites: 0,
    }
}

/// Asks for something of upload `n` in one of several ways; whether an answer came. A wrong one panics.
async fn ask(sessions: &RedisSessions, n: u64, way: u64) -> bool {
    match way % 4 {
        0 | 1 => match sessions.load(id(n), View::All).await {
            Ok(found) => {
                assert_eq!(found, Some(Session::whole(upload(n), Vec::new())));
                true
            }
            Err(_) => false,
        },
        2 => match sessions.staged(&owner(n)).await {
            Ok(staged) => {
                assert_eq!((staged.uploads, staged.bytes), (1, 1_000 + n));
                true
            }
            Err(_) => false,
        },
        _ => match sessions.load(id(n + UPLOADS), View::Head).await {
            Ok(found) => {
                assert_eq!(found, None);
                true
            }
            Err(_) => false,
        },
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_late_reply_reaches_another_request() {
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.address()).await;
    let config = RedisConfig {
        url: format!("redis://{}", proxy.address()),
        timeout: TIMEOUT,
        ..RedisConfig::default()
    };
    let sessions = Arc::new(RedisSessions::open(&config).unwrap());
    let free = Admission { max_open: u64::MAX, max_staged_bytes: None };
    for n in 0..UPLOADS {
        // The first calls also load the scripts.
        while sessions.load(id(n), View::Head).await.ok().flatten().is_none() {
            let created = sessions.create(&upload(n), &free).await;
            assert!(matches!(created, Ok(Creation::Created) | Err(_)), "{created:?}");
        }
    }
    let late = |number: u64| if number.is_multiple_of(SELDOM) { LATE } else { Duration::ZERO };
    proxy.delay_each(Way::ToClient, late);
    let (next, answered) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut crowd = JoinSet::new();
    for _ in 0..CROWD {
        let (sessions, next, answered) = (Arc::clone(&sessions), Arc::clone(&next), Arc::clone(&answered));
        crowd.spawn(async move {
            loop {
                let round = next.fetch_add(1, Ordering::Relaxed);
                if round >= ROUNDS {
                    return;
                }
                if ask(&sessions, round * 7 % UPLOADS, round / 5).await {
                    answered.fetch_add(1, Ordering::Relaxed);
                } else {
                    // A connection that was let go of is made anew after a pause; rounds are not to be spent on that.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        });
    }
    while let Some(done) = crowd.join_next().await {
        done.unwrap();
    }
    let answered = answered.load(Ordering::Relaxed);
    assert!(answered > ROUNDS / 2, "only {answered} of {ROUNDS} were answered");
    assert!(answered < ROUNDS, "nothing was late");
}
