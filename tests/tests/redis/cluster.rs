//! A cluster that changes under a live upload: its slot moves to another master, its master dies and a replica follows.

use std::time::Instant;

use cairn_tests::{Client, Content, LIMIT, RedisCluster, RedisServer};

use crate::scene::{builder, complete, nobody_panicked, put, received, until_ready};
use crate::sending::{Acknowledged, CHUNK, create, scattered, send};

const COUNT: u64 = 40;

/// The slot in which the keys of an upload lie.
fn slot_of(node: &RedisServer, upload: &str) -> String {
    let id = upload.rsplit('/').next().unwrap();
    node.ask(&["cluster", "keyslot", &format!("MP_{id}")])
}

/// Whether a server has keys in this slot.
fn keys_in(node: &RedisServer, slot: &str) -> Vec<String> {
    let told = node.ask(&["cluster", "getkeysinslot", slot, "10"]);
    told.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Sends a chunk until it is acknowledged; what is answered before that says when to come again.
async fn put_until_acknowledged(client: &Client, upload: &str, content: Content, number: u64) {
    let begun = Instant::now();
    loop {
        let answer = put(client, upload, content, number).await;
        if answer.status == 200 {
            return;
        }
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
        assert!(begun.elapsed() < LIMIT, "never acknowledged: {answer:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_slot_of_a_live_upload_moves_to_another_master_while_its_chunks_come() {
    let cluster = RedisCluster::start();
    let daemon = builder(&cluster.url()).env("CAIRN__SESSIONS__TIMEOUT", "1s").start().await;
    let client = daemon.client();
    let content = Content::new(31, COUNT * CHUNK - 1000);
    let upload = create(&client, "a.bin", content).await;
    put(&client, &upload, content, 1).await.expect(200);
    let slot = slot_of(&cluster.nodes()[0], &upload);
    let from = cluster.nodes().iter().find(|node| !keys_in(node, &slot).is_empty()).unwrap();
    let to = cluster.nodes().iter().find(|node| node.address() != from.address()).unwrap();
    let (from_id, to_id) = (from.ask(&["cluster", "myid"]), to.ask(&["cluster", "myid"]));
    let port = to.address().port().to_string();

    assert_eq!(to.ask(&["cluster", "setslot", &slot, "importing", &from_id]), "OK");
    assert_eq!(from.ask(&["cluster", "setslot", &slot, "migrating", &to_id]), "OK");
    put_until_acknowledged(&client, &upload, content, 2).await;
    let keys = keys_in(from, &slot);
    assert!(keys.len() >= 2, "{keys:?}");
    let migrate = |key: &str| assert_eq!(from.ask(&["migrate", "127.0.0.1", &port, key, "0", "5000"]), "OK");
    // Half of the upload is here and half is there: nobody can work on it, and nobody says that it is gone.
    migrate(&keys[0]);
    let torn = put(&client, &upload, content, 3).await.expect(503);
    assert!(torn.header("retry-after").is_some(), "{torn:?}");
    let acknowledged = Acknowledged::default();
    let sending = send(&client, &upload, content, vec![6, 5, 4], &acknowledged);
    let moving = async {
        keys[1..].iter().for_each(|key| migrate(key));
        // The new master has all of it and not the slot: it runs no script that names a key which is not there yet.
        // So chunks that come now may be told to come again, until the slot is handed over.
        for node in [to, from] {
            assert_eq!(node.ask(&["cluster", "setslot", &slot, "node", &to_id]), "OK");
        }
    };
    tokio::join!(sending, moving);
    put_until_acknowledged(&client, &upload, content, 3).await;

    let there = received(&client, &upload).await;
    let mut promised = [1, 2, 3].into_iter().chain(acknowledged.all());
    assert!(promised.all(|number| there.contains(&number)), "{there:?}");
    for number in (1..=COUNT).filter(|number| !there.contains(number)) {
        put_until_acknowledged(&client, &upload, content, number).await;
    }
    assert_eq!(keys_in(from, &slot), [""; 0]);
    assert!(!keys_in(to, &slot).is_empty());
    complete(&client, &upload, "a.bin", content).await;
    nobody_panicked(&daemon);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_master_of_a_live_upload_dies_and_its_replica_goes_on() {
    let mut cluster = RedisCluster::start();
    cluster.add_replica();
    let daemon = builder(&cluster.url()).env("CAIRN__SESSIONS__TIMEOUT", "1s").start().await;
    let client = daemon.client();
    let content = Content::new(32, COUNT * CHUNK - 1000);
    // Ids are drawn: of so many, one lies with the master that has a replica.
    let mut upload = create(&client, "a.bin", content).await;
    while slot_of(&cluster.nodes()[0], &upload).parse::<u32>().unwrap() > 5460 {
        client.delete(&upload).await.expect(204);
        upload = create(&client, "a.bin", content).await;
    }
    let acknowledged = Acknowledged::default();
    let sending = send(&client, &upload, content, scattered(20, 3), &acknowledged);
    let dying = async {
        acknowledged.reach(12).await;
        cluster.kill(0);
    };
    tokio::join!(sending, dying);
    tokio::task::block_in_place(|| cluster.nodes()[3].wait_until(&["role"], "master"));
    until_ready(&client).await;
    let begun = Instant::now();
    let there = loop {
        let answer = client.get(&upload).await;
        if answer.status == 200 {
            break received(&client, &upload).await;
        }
        assert!(answer.status == 503 && answer.header("retry-after").is_some(), "{answer:?}");
        assert!(begun.elapsed() < LIMIT, "never there again");
    };
    let lost: Vec<_> = acknowledged.all().into_iter().filter(|number| !there.contains(number)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    for number in (1..=COUNT).filter(|number| !there.contains(number)) {
        put_until_acknowledged(&client, &upload, content, number).await;
    }
    complete(&client, &upload, "a.bin", content).await;
    nobody_panicked(&daemon);
}
