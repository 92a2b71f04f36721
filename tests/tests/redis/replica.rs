//! A replica that lagged behind is promoted: it shows fewer chunks than were acknowledged, and they are found again.

use std::time::{Duration, Instant};

use cairn_tests::{Content, LIMIT, Proxy, RedisServer};

use crate::scene::{builder, complete, nobody_panicked, put, received, until_ready};
use crate::sending::{CHUNK, create};

/// Waits until the replica has everything that the master has.
async fn until_level(master: &RedisServer) {
    let begun = Instant::now();
    while master.ask(&["WAIT", "1", "100"]) != "1" {
        assert!(begun.elapsed() < LIMIT, "the replica never caught up");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_stale_replica_gets_back_what_it_lacks() {
    for placement in ["in_place", "objects"] {
        let mut master = RedisServer::start();
        let wire = Proxy::to(master.address()).await;
        let port = wire.address().port().to_string();
        let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port]);
        let proxy = Proxy::to(master.address()).await;
        let url = format!("redis://{}", proxy.address());
        let daemon = builder(&url).env("CAIRN__STORAGE__PLACEMENT", placement).start().await;
        let client = daemon.client();

        let content = Content::new(21, 10 * CHUNK);
        let upload = create(&client, "a.bin", content).await;
        let late = create(&client, "late.bin", content).await;
        let ended = create(&client, "ended.bin", content).await;
        for number in [9, 2] {
            put(&client, &upload, content, number).await.expect(200);
        }
        until_level(&master).await;
        wire.refuse(true);
        wire.cut();
        // From here on the replica hears nothing.
        for number in [5, 1, 10] {
            put(&client, &upload, content, number).await.expect(200);
        }
        let unseen = create(&client, "unseen.bin", content).await;
        put(&client, &unseen, content, 3).await.expect(200);
        put(&client, &late, content, 7).await.expect(200);
        client.delete(&ended).await.expect(204);

        master.kill();
        assert_eq!(replica.ask(&["REPLICAOF", "NO", "ONE"]), "OK");
        proxy.switch(replica.address());
        proxy.cut();
        until_ready(&client).await;
        assert_eq!(received(&client, &upload).await, [1, 2, 5, 9, 10]);
        put(&client, &late, content, 1).await.expect(200);
        assert_eq!(received(&client, &late).await, [1, 7]);
        assert_eq!(received(&client, &unseen).await, [3]);
        // What ended does not come back.
        put(&client, &ended, content, 1).await.expect(404);
        for number in [3, 4, 6, 7, 8] {
            put(&client, &upload, content, number).await.expect(200);
        }
        complete(&client, &upload, "a.bin", content).await;
        nobody_panicked(&daemon);
    }
}
