//! The bytes in S3: the main job from end to end, and a service that fails.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and waits for the task that it starts"
)]

use std::collections::BTreeMap;

use cairn_tests::{Builder, Client, Content, Daemon, Fault, MotoBucket, S3Faults, S3Server};
use serde_json::json;
use tokio::task::JoinSet;

const CHUNK: u64 = 5 << 20;

/// A daemon whose bytes lie there.
fn daemon(options: &BTreeMap<String, String>) -> Builder {
    let mut toml = "[storage]\nscheme = \"s3\"\nretries = 1\n[storage.options]\n".to_owned();
    for (name, value) in options {
        toml.push_str(&format!("{name} = \"{value}\"\n"));
    }
    Daemon::builder().config(&toml)
}

async fn create(client: &Client, content: Content) -> String {
    let digest = format!("sha1:{}", content.sha1());
    let wish =
        json!({ "path": "films/a.mkv", "length": content.length(), "chunk_size": CHUNK, "digest": digest });
    let upload = client.create_upload(&wish).await;
    format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap())
}

/// Sends chunks in parallel; those that were acknowledged.
async fn send(
    client: &Client,
    upload: &str,
    content: Content,
    numbers: impl IntoIterator<Item = u64>,
) -> Vec<u64> {
    let mut sending = JoinSet::new();
    for number in numbers {
        let (client, upload) = (client.clone(), upload.to_owned());
        sending.spawn(async move {
            let call = client.call("PUT", &format!("{upload}/chunks/{number}"));
            let answer = call.body(content.chunk(number, CHUNK)).try_send().await;
            match answer {
                Ok(answer) if answer.status == 200 => Some(number),
                Ok(answer) => {
                    assert_eq!(answer.status, 503, "{answer:?}");
                    assert!(answer.header("retry-after").is_some(), "{answer:?}");
                    None
                }
                Err(_) => None,
            }
        });
    }
    let mut sent: Vec<u64> = sending.join_all().await.into_iter().flatten().collect();
    sent.sort_unstable();
    sent
}

/// Chunks out of order and in parallel, SIGKILL while more are sent, the rest, complete, merge, download.
async fn main_job(options: BTreeMap<String, String>) {
    let mut daemon = daemon(&options).start().await;
    let content = Content::new(5, 5 * CHUNK + 1000);
    let upload = create(&daemon.client(), content).await;
    assert_eq!(send(&daemon.client(), &upload, content, [6, 2]).await, [2, 6]);
    let client = daemon.client();
    let cut_off = {
        let upload = upload.clone();
        tokio::spawn(async move { send(&client, &upload, content, [4, 1]).await })
    };
    daemon.kill9().await;
    let acknowledged = cut_off.await.unwrap();
    daemon.restart().await;
    let status = daemon.client().get(&upload).await.expect(200).json();
    let missing: Vec<u64> = (status["missing"].as_array().unwrap().iter())
        .flat_map(|range| range[0].as_u64().unwrap()..=range[1].as_u64().unwrap())
        .collect();
    assert!(![2, 6].iter().chain(&acknowledged).any(|number| missing.contains(number)), "{status}");
    assert_eq!(send(&daemon.client(), &upload, content, missing.clone()).await, missing);
    daemon.client().post(&format!("{upload}/complete"), "").await.expect(200);
    for merged in [false, true] {
        if merged {
            let printed = daemon.cairnctl(&["blobs", "merge", "--all"]).await;
            assert_eq!(printed.code, 0, "{printed:?}");
        }
        let file = daemon.client().download("/v1/files/films/a.mkv").await;
        assert_eq!((file.status, file.length, file.sha1), (200, content.length(), content.sha1()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_in_chunks_survives_sigkill_on_s3s() {
    let server = S3Server::start();
    main_job(server.options()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_in_chunks_survives_sigkill_on_moto() {
    let bucket = tokio::task::spawn_blocking(MotoBucket::make).await.unwrap();
    main_job(bucket.options()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_fails_costs_tries_and_never_a_chunk() {
    const FAULTS: &[Fault] = &[Fault::Status(500), Fault::Status(503), Fault::AnswerLost, Fault::Closed];
    let server = S3Server::start();
    let faults = S3Faults::before(server.address()).await;
    let daemon = daemon(&S3Server::options_at(&faults.endpoint())).start().await;
    let content = Content::new(6, 5 * CHUNK);
    let upload = create(&daemon.client(), content).await;
    faults.play(|asked| (asked.method != "HEAD").then_some(Fault::Status(503)));
    assert_eq!(send(&daemon.client(), &upload, content, [1]).await, [0; 0]);
    faults.seeded(3, 200, FAULTS);
    let sent = send(&daemon.client(), &upload, content, 1..=5).await;
    faults.calm();
    let rest = (1..=5).filter(|number| !sent.contains(number));
    send(&daemon.client(), &upload, content, rest).await;
    daemon.client().post(&format!("{upload}/complete"), "").await.expect(200);
    let file = daemon.client().download("/v1/files/films/a.mkv").await;
    assert_eq!((file.status, file.sha1), (200, content.sha1()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_asked_too_often_is_told_as_503_with_retry_after_and_a_repetition_is_taken() {
    let server = S3Server::start();
    let faults = S3Faults::before(server.address()).await;
    let daemon = daemon(&S3Server::options_at(&faults.endpoint())).start().await;
    let (client, content) = (daemon.client(), Content::new(7, 1000));
    let upload = create(&client, content).await;
    let chunk = format!("{upload}/chunks/1");
    faults.play(|_| Some(Fault::Status(429)));
    let refused = client.put(&chunk, content.bytes()).await.expect_problem(503, "unavailable");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{refused:?}");
    assert_eq!(client.get(&upload).await.expect(200).json()["missing"], json!([[1, 1]]));
    faults.calm();
    client.put(&chunk, content.bytes()).await.expect(200);
    client.post(&format!("{upload}/complete"), "").await.expect(200);
    // A reader, who was promised so many bytes, gets no other ones: the answer breaks off.
    faults.play(|_| Some(Fault::Status(429)));
    let cut_off = client.call("GET", "/v1/files/films/a.mkv").try_send().await;
    assert!(cut_off.is_err(), "{cut_off:?}");
    faults.calm();
    assert_eq!(client.download("/v1/files/films/a.mkv").await.sha1, content.sha1());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_config_tries_the_service_and_tells_what_it_can() {
    let server = S3Server::start();
    let checked = daemon(&server.options()).argument("--check-config").run_to_end().await;
    assert!(checked.log.contains("merging      copied inside the store"), "{checked:?}");
    assert_eq!(server.keys(), [""; 0]);
    let mut options = server.options();
    options.insert("secret_access_key".to_owned(), "wrong".to_owned());
    let refused = daemon(&options).argument("--check-config").run_to_end().await;
    assert!(
        refused.log.contains("the storage `default` was tried and did not do what it must"),
        "{refused:?}"
    );
    assert!(!refused.log.contains("wrong"), "{refused:?}");
}
