//! A Redis that forgets: restarted, flushed, evicted from, replaced.

use cairn_engine::State;
use cairn_engine::contracts::*;
use cairn_stores::{RedisConfig, RedisSessions};
use cairn_tests::{RedisCluster, RedisServer};

use crate::words::*;

#[tokio::test]
async fn after_a_restart_a_record_is_doubted_until_somebody_vouches() {
    let mut server = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let sessions = open(&server);
    created(&sessions, &upload(1)).await;
    record(&sessions, &receipt(0, 100, 1)).await.unwrap();
    assert_eq!(all(&sessions).await, (vec![receipt(0, 100, 1)], 100, false));
    server.kill();
    server.start_again();
    until_it_works(&sessions).await;
    assert_eq!(all(&sessions).await, (vec![receipt(0, 100, 1)], 100, true));
    record(&sessions, &receipt(100, 100, 2)).await.unwrap();
    assert!(all(&sessions).await.2, "recording more is not vouching");
    sessions.vouch(id(1)).await.unwrap();
    assert!(!all(&sessions).await.2);
    // Another daemon believes it as well.
    assert!(!all(&open(&server)).await.2);
    server.stop();
    server.start_again();
    until_it_works(&sessions).await;
    assert!(all(&sessions).await.2);
}

#[tokio::test]
async fn vouching_for_one_run_is_not_vouching_for_the_next() {
    let mut server = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let sessions = open(&server);
    created(&sessions, &upload(1)).await;
    for _ in 0..2 {
        server.kill();
        server.start_again();
        until_it_works(&sessions).await;
        if !all(&sessions).await.2 {
            panic!("it was restarted");
        }
        server.kill();
        server.start_again();
        until_it_works(&sessions).await;
        sessions.vouch(id(1)).await.unwrap();
        assert!(sessions.load(id(1), View::Head).await.unwrap().unwrap().doubted);
    }
}

#[tokio::test]
async fn what_was_flushed_is_not_there_and_can_be_restored() {
    let server = RedisServer::start();
    let sessions = open(&server);
    created(&sessions, &upload(1)).await;
    record(&sessions, &receipt(0, 100, 1)).await.unwrap();
    let whole = sessions.load(id(1), View::All).await.unwrap().unwrap();
    server.ask(&["FLUSHALL"]);
    assert_eq!(sessions.load(id(1), View::All).await.unwrap(), None);
    assert_eq!(record(&sessions, &receipt(0, 1, 1)).await.unwrap(), Recording::Unknown);
    sessions.restore(&whole).await.unwrap();
    assert_eq!(sessions.load(id(1), View::All).await.unwrap(), Some(whole));
    let listed = sessions.list(&UploadFilter::default(), &PageRequest::first(9)).await.unwrap();
    assert_eq!(listed.items.len(), 1);
}

#[tokio::test]
async fn of_an_evicted_record_nothing_stays_in_the_indices() {
    let server = RedisServer::start();
    let sessions = open(&server);
    created(&sessions, &upload(1)).await;
    created(&sessions, &upload(2)).await;
    server.ask(&["DEL", &format!("MP_{}", id(1))]);
    assert_eq!(sessions.load(id(1), View::Head).await.unwrap(), None);
    let owner = upload(1).owner;
    let staged = Staged { uploads: 1, bytes: 250 };
    assert_eq!(sessions.staged(&owner).await.unwrap(), staged);
    let one = Admission { max_open: 2, max_staged_bytes: None };
    // The key of the one that is gone is free again.
    let again = cairn_engine::Upload { idempotency_key: upload(1).idempotency_key, ..upload(3) };
    assert_eq!(sessions.create(&again, &one).await.unwrap(), Creation::Created);
    let listed = sessions.list(&UploadFilter::default(), &PageRequest::first(9)).await.unwrap();
    assert_eq!(listed.items, [upload(2), again]);
    for n in [2, 3] {
        sessions.remove(id(n)).await.unwrap();
    }
    assert_eq!(server.ask(&["KEYS", "{cairn}*"]), "");
}

#[tokio::test]
async fn a_record_whose_extents_are_gone_holds_nothing_and_is_doubted() {
    let server = RedisServer::start();
    let sessions = open(&server);
    for view in [View::Head, View::All] {
        created(&sessions, &upload(1)).await;
        record(&sessions, &receipt(0, 130, 1)).await.unwrap();
        server.ask(&["DEL", &format!("{{MP_{}}}:extents", id(1))]);
        let session = sessions.load(id(1), view).await.unwrap().unwrap();
        assert_eq!((session.receipts.len(), session.upload.received_bytes, session.doubted), (0, 0, true));
        let hash = server.ask(&["HKEYS", &format!("MP_{}", id(1))]);
        assert!(!hash.contains("chkidx_") && !hash.contains("part_"), "{hash}");
        let found = record(&sessions, &receipt(0, 130, 1)).await.unwrap();
        assert_eq!(found, Recording::Recorded { received_bytes: 130, replaced: vec![] });
        sessions.load(id(1), View::All).await.unwrap();
        sessions.vouch(id(1)).await.unwrap();
        assert_eq!(all(&sessions).await, (vec![receipt(0, 130, 1)], 130, false));
        sessions.remove(id(1)).await.unwrap();
    }
}

#[tokio::test]
async fn indices_that_were_evicted_come_back_with_the_next_record() {
    let server = RedisServer::start();
    let sessions = open(&server);
    created(&sessions, &upload(1)).await;
    let keys = server.ask(&["KEYS", "{cairn}*"]);
    for key in keys.lines() {
        server.ask(&["DEL", key]);
    }
    assert_eq!(sessions.count().await.unwrap(), []);
    record(&sessions, &receipt(0, 10, 1)).await.unwrap();
    assert_eq!(sessions.count().await.unwrap().len(), 1);
    assert_eq!(sessions.expired(LATER, 5).await.unwrap().len(), 1);
    assert_eq!(sessions.staged(&upload(1).owner).await.unwrap().uploads, 1);
}

#[tokio::test]
async fn a_full_redis_says_so_and_records_nothing_by_halves() {
    let server = RedisServer::start();
    let sessions = open(&server);
    created(&sessions, &upload(1)).await;
    record(&sessions, &receipt(0, 100, 1)).await.unwrap();
    let before = all(&sessions).await;
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let calls = [
        record(&sessions, &receipt(100, 100, 2)).await.unwrap_err(),
        record(&sessions, &receipt(0, 100, 3)).await.unwrap_err(),
        sessions.create(&upload(2), &FREE).await.unwrap_err(),
    ];
    for error in calls {
        assert_eq!(error.failure, Failure::Full, "{error:?}");
    }
    assert_eq!(all(&sessions).await, before);
    assert_eq!(sessions.load(id(2), View::Head).await.unwrap(), None);
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    record(&sessions, &receipt(100, 100, 2)).await.unwrap();
    created(&sessions, &upload(2)).await;
}

#[tokio::test]
async fn a_promoted_replica_is_doubted_and_found_through_its_sentinel() {
    let mut master = RedisServer::start();
    let port = master.address().port().to_string();
    let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port]);
    replica.wait_until(&["INFO", "replication"], "master_link_status:up");
    let sentinel = master.start_sentinel();
    sentinel.wait_until(&["SENTINEL", "MASTER", "mymaster"], "num-slaves\n1");
    let url = format!("redis+sentinel://{}/mymaster", sentinel.address());
    let sessions = RedisSessions::open(&RedisConfig { url, ..config() }).unwrap();
    until_it_works(&sessions).await;
    created(&sessions, &upload(1)).await;
    record(&sessions, &receipt(0, 100, 1)).await.unwrap();
    assert!(!all(&sessions).await.2);
    assert_eq!(master.ask(&["WAIT", "1", "10000"]), "1");
    master.kill();
    sentinel.wait_until(&["SENTINEL", "MASTER", "mymaster"], &replica.address().port().to_string());
    replica.wait_until(&["INFO", "replication"], "role:master");
    until_it_works(&sessions).await;
    assert_eq!(all(&sessions).await, (vec![receipt(0, 100, 1)], 100, true));
    sessions.vouch(id(1)).await.unwrap();
    assert!(!all(&sessions).await.2);
}

#[tokio::test]
async fn a_replica_is_not_taken_for_a_master() {
    let master = RedisServer::start();
    let port = master.address().port().to_string();
    let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port]);
    let error = open(&replica).check().await.unwrap_err();
    assert_eq!(error.failure, Failure::Unavailable);
    assert!(told(&error).contains("replica"), "{error:?}");
}

#[tokio::test]
async fn in_a_cluster_the_keys_of_an_upload_lie_together_and_it_names_its_run() {
    let cluster = RedisCluster::shared();
    let config = RedisConfig { url: cluster.url(), prefix: "together:".to_owned(), ..config() };
    let sessions = RedisSessions::open(&config).unwrap();
    created(&sessions, &upload(1)).await;
    record(&sessions, &receipt(0, 100, 1)).await.unwrap();
    sessions.save_prefix(id(1), &SavedPrefix { length: 1, rewrites: 0, state: vec![1] }).await.unwrap();
    let record = format!("together:MP_{}", id(1));
    let slot = |key: &str| cluster.nodes()[0].ask(&["CLUSTER", "KEYSLOT", key]);
    for what in ["extents", "digesting"] {
        assert_eq!(slot(&format!("{{{record}}}:{what}")), slot(&record));
    }
    assert!(!all(&sessions).await.2);
    sessions.settle(id(1), &[State::Open], Settlement::to(State::Open)).await.unwrap();
    let standing = sessions.standing().await.unwrap();
    assert!(standing.facts.contains(&("mode", "cluster".to_owned())), "{standing:?}");
    // As after a fail-over: the record names another run than that of the server that has it.
    for node in cluster.nodes() {
        if !node.ask(&["HGET", &record, "run"]).contains("MOVED") {
            node.ask(&["HSET", &record, "run", "another"]);
        }
    }
    assert!(all(&sessions).await.2);
    sessions.vouch(id(1)).await.unwrap();
    assert!(!all(&sessions).await.2);
    sessions.remove(id(1)).await.unwrap();
}
