//! SIGKILL: no warning, at any moment.

use cairn_tests::{Content, Daemon};

use super::sending::{Acknowledged, CHUNK, create, numbers_of, scattered, send};

const COUNT: u64 = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_goes_on_after_sigkill_with_only_the_missing_chunks() {
    let mut daemon = Daemon::start().await;
    // The last chunk is a short one.
    let content = Content::new(11, COUNT * CHUNK - 1000);
    let upload = create(&daemon.client(), "films/long.mkv", content).await;
    let acknowledged = Acknowledged::default();
    let mut missing = scattered(COUNT, 1);
    for stop_at in [9, 30, 50] {
        let client = daemon.client();
        let sending = send(&client, &upload, content, missing, &acknowledged);
        let killing = async {
            acknowledged.reach(stop_at).await;
            daemon.kill9().await;
        };
        tokio::join!(sending, killing);
        daemon.restart().await;

        let status = daemon.client().get(&upload).await.expect(200).json();
        let received = numbers_of(&status["received"]);
        let promised = acknowledged.all();
        assert!(promised.is_subset(&received), "acknowledged {promised:?}, kept {received:?}");
        missing = numbers_of(&status["missing"]).into_iter().collect();
        assert_eq!(missing.len() + received.len(), 64);
    }
    send(&daemon.client(), &upload, content, missing, &acknowledged).await;
    daemon.client().post(&format!("{upload}/complete"), "").await.expect(200);
    let file = daemon.client().download("/v1/files/films/long.mkv").await;
    assert_eq!((file.status, file.length, file.sha1), (200, content.length(), content.sha1()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_completed_file_is_there_after_sigkill_and_complete_says_so_again() {
    let mut daemon = Daemon::start().await;
    let content = Content::new(12, 5 * CHUNK);
    let upload = create(&daemon.client(), "a.bin", content).await;
    send(&daemon.client(), &upload, content, scattered(5, 2), &Acknowledged::default()).await;
    let complete = format!("{upload}/complete");
    let first = daemon.client().post(&complete, "").await.expect(200);
    daemon.kill9().await;
    daemon.restart().await;
    let again = daemon.client().post(&complete, "").await.expect(200);
    assert_eq!(again.json(), first.json());
    assert_eq!(daemon.client().download("/v1/files/a.bin").await.sha1, content.sha1());
    // Whole files are as durable.
    daemon.client().put("/v1/files/b.bin", content.bytes()).await.expect(201);
    daemon.kill9().await;
    daemon.restart().await;
    assert_eq!(daemon.client().download("/v1/files/b.bin").await.sha1, content.sha1());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn complete_that_is_cut_by_sigkill_can_be_asked_for_again() {
    let mut daemon = Daemon::start().await;
    let content = Content::new(13, 8 * CHUNK);
    for round in 0..3 {
        let path = format!("c{round}.bin");
        let upload = create(&daemon.client(), &path, content).await;
        send(&daemon.client(), &upload, content, scattered(8, round), &Acknowledged::default()).await;
        let client = daemon.client();
        let complete = format!("{upload}/complete");
        let completing = client.call("POST", &complete).try_send();
        let (_, ()) = tokio::join!(completing, daemon.kill9());
        daemon.restart().await;
        daemon.client().post(&complete, "").await.expect(200);
        let file = daemon.client().download(&format!("/v1/files/{path}")).await;
        assert_eq!((file.status, file.sha1), (200, content.sha1()));
        daemon.client().delete(&format!("/v1/files/{path}")).await.expect(204);
    }
}
