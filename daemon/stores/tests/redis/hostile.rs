//! Values in Redis that cairn never put there.

use cairn_engine::contracts::*;
use cairn_engine::{State, Timestamp};
use cairn_tests::RedisServer;

use crate::words::*;

/// Every call about the upload, as long as it neither panics nor hangs.
async fn every_call(sessions: &cairn_stores::RedisSessions) -> Vec<Option<Failure>> {
    let prefix = SavedPrefix { length: 1, rewrites: 0, state: vec![1] };
    let failure = |error: Option<StoreError>| error.map(|error| error.failure);
    vec![
        failure(record(sessions, &receipt(0, 100, 9)).await.err()),
        failure(sessions.claim(id(1)).await.err()),
        failure(sessions.settle(id(1), &[State::Completing], aborted()).await.err()),
        failure(sessions.save_prefix(id(1), &prefix).await.err()),
        failure(sessions.load_prefix(id(1)).await.err()),
        failure(sessions.list(&UploadFilter::default(), &PageRequest::first(3)).await.err()),
        failure(sessions.expired(Timestamp(u64::MAX >> 1), 3).await.err()),
        failure(sessions.staged(&upload(1).owner).await.err()),
        failure(sessions.count().await.err()),
        failure(sessions.vouch(id(1)).await.err()),
    ]
}

#[tokio::test]
async fn a_broken_record_is_told_as_such_and_set_aside_when_it_is_loaded() {
    let server = RedisServer::start();
    let sessions = open(&server);
    let key = format!("MP_{}", id(1));
    let values = ["", "x", "-1", "99999999999999999999999", "0x10", "1e400", "nan", "\u{7f}"];
    let fields = [
        "cairn",
        "state",
        "epoch",
        "received",
        "rewrites",
        "expires",
        "filesize",
        "digest",
        "count",
        "sequence",
        "classes",
        "chunksize",
        "staged",
        "name",
        "run",
        "chkidx_1",
        "part_1",
    ];
    for field in fields {
        for value in values {
            sessions.remove(id(1)).await.unwrap();
            created(&sessions, &upload(1)).await;
            record(&sessions, &receipt(0, 30, 1)).await.unwrap();
            server.ask(&["HSET", &key, field, value]);
            for failure in every_call(&sessions).await.into_iter().flatten() {
                assert_eq!(failure, Failure::Corrupt, "{field} = {value}");
            }
            let loaded = sessions.load(id(1), View::All).await.unwrap();
            let Some(session) = loaded else {
                assert_eq!(server.ask(&["EXISTS", &key, &format!("{{{key}}}:broken")]), "1");
                continue;
            };
            let told = (session.receipts.len(), session.upload.received_bytes);
            assert!(session.doubted || told.0 > 0, "{field} = {value}: {session:?}");
        }
    }
}

#[tokio::test]
async fn a_key_of_another_kind_is_set_aside_too() {
    let server = RedisServer::start();
    let sessions = open(&server);
    let key = format!("MP_{}", id(1));
    let extents = format!("{{{key}}}:extents");
    for (key, wrong) in [(&key, "record"), (&extents, "extents")] {
        created(&sessions, &upload(1)).await;
        record(&sessions, &receipt(0, 30, 1)).await.unwrap();
        server.ask(&["SET", key, "something else"]);
        for failure in every_call(&sessions).await.into_iter().flatten() {
            assert_eq!(failure, Failure::Corrupt, "{wrong}");
        }
        assert_eq!(sessions.load(id(1), View::All).await.unwrap(), None, "{wrong}");
        let rebuilt = cairn_engine::Upload { received_bytes: 30, ..upload(1) };
        sessions.restore(&Session::whole(rebuilt, vec![receipt(0, 30, 1)])).await.unwrap();
        assert_eq!(all(&sessions).await, (vec![receipt(0, 30, 1)], 30, false));
        sessions.remove(id(1)).await.unwrap();
    }
}

#[tokio::test]
async fn extents_that_nobody_recorded_are_never_believed() {
    let server = RedisServer::start();
    let sessions = open(&server);
    let extents = format!("{{MP_{}}}:extents", id(1));
    let long = "f".repeat(200);
    for member in ["", "x", "05", &long, "05zzzzzzzzzzzzzzzz"] {
        created(&sessions, &upload(1)).await;
        record(&sessions, &receipt(0, 30, 1)).await.unwrap();
        // One for one, so that their number is right.
        let real = server.ask(&["ZRANGE", &extents, "0", "-1"]);
        assert!(!real.is_empty());
        server.ask(&["ZREMRANGEBYRANK", &extents, "0", "-1"]);
        server.ask(&["ZADD", &extents, "0", member]);
        for failure in every_call(&sessions).await.into_iter().flatten() {
            assert_eq!(failure, Failure::Corrupt, "{member}");
        }
        let loaded = sessions.load(id(1), View::All).await.unwrap();
        assert_eq!(loaded, None, "{member}");
        sessions.remove(id(1)).await.unwrap();
    }
}

#[tokio::test]
async fn indices_that_are_nonsense_do_not_stop_a_listing() {
    let server = RedisServer::start();
    let sessions = open(&server);
    created(&sessions, &upload(1)).await;
    let names = ["", "zzz", "00", "../../etc/passwd", &"9".repeat(32)];
    for name in names {
        for index in ["uploads", "expires", "owner:ann"] {
            server.ask(&["ZADD", &format!("{{cairn}}:{index}"), "0", name]);
        }
        server.ask(&["SADD", "{cairn}:open:ann", name]);
    }
    let page = PageRequest::first(1);
    let listed = sessions.list(&UploadFilter::default(), &page).await.unwrap();
    assert_eq!((listed.items, listed.next_cursor), (vec![upload(1)], None));
    assert_eq!(sessions.expired(LATER, 1).await.unwrap(), [upload(1)]);
    let staged = Staged { uploads: 1, bytes: 250 };
    assert_eq!(sessions.staged(&upload(1).owner).await.unwrap(), staged);
    assert_eq!(server.ask(&["ZCARD", "{cairn}:uploads"]), "1");
}
