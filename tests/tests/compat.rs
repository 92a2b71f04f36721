//! The tutorial's API, rule by rule, as its own clients use it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use cairn_tests::{Answer, Client, Content, Daemon};
use serde_json::{Value, json};

const CHUNK: u64 = 1000;

/// The `data` of an answer that is done.
#[track_caller]
fn done(answer: Answer) -> Value {
    let answer = answer.expect(200).json();
    assert_eq!((&answer["code"], &answer["msg"]), (&json!(0), &json!("OK")), "{answer}");
    answer["data"].clone()
}

/// The `code` of an answer that is not.
#[track_caller]
fn fault(answer: Answer, status: u16) -> i64 {
    let answer = answer.expect(status).json();
    let code = answer["code"].as_i64().unwrap();
    assert!(code < 0 && !answer["msg"].as_str().unwrap().is_empty(), "{answer}");
    code
}

/// Begins an upload of the content, in chunks of 1000 bytes.
async fn init(client: &Client, content: &Content, more: &str) -> Value {
    let form = format!(
        "username=ann&filehash={}&filesize={}&chunksize={CHUNK}{more}",
        content.sha1(),
        content.length()
    );
    done(client.post_form("/file/mpupload/init", &form).await)
}

async fn send(client: &Client, upload: &Value, content: &Content, index: u64) -> Answer {
    let id = upload["UploadID"].as_str().unwrap();
    let path = format!("/file/mpupload/uppart?uploadid={id}&index={index}");
    // The tutorial's client names a form and sends the bytes alone.
    let call = client.call("POST", &path).header("content-type", "multipart/form-data");
    call.body(content.chunk(index, CHUNK)).send().await
}

fn field(name: &str, value: &str) -> Vec<u8> {
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes()
}

fn file_field(bytes: &[u8]) -> Vec<u8> {
    let head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"part\"\r\n\
                Content-Type: application/octet-stream\r\n\r\n";
    [head.as_bytes(), bytes, b"\r\n"].concat()
}

async fn multipart(client: &Client, path: &str, fields: &[Vec<u8>]) -> Answer {
    let body = [fields.concat(), b"--b--\r\n".to_vec()].concat();
    client
        .call("POST", path)
        .header("content-type", "multipart/form-data; boundary=b")
        .body(body)
        .send()
        .await
}

#[tokio::test]
async fn the_tutorials_client_uploads_a_file_and_fetches_it() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let content = Content::new(10, 2500);
    let upload = init(&client, &content, "").await;
    assert_eq!(upload["FileHash"], content.sha1());
    assert_eq!((&upload["FileSize"], &upload["ChunkSize"]), (&json!(2500), &json!(1000)));
    assert_eq!((&upload["ChunkCount"], &upload["ChunkExists"]), (&json!(3), &json!([])));
    for index in [2, 3, 1] {
        assert_eq!(done(send(&client, &upload, &content, index).await), Value::Null);
    }
    let id = upload["UploadID"].as_str().unwrap();
    let form = format!("uploadid={id}&username=ann&filehash={}&filesize=2500&filename=a.bin", content.sha1());
    let file = done(client.post_form("/file/mpupload/complete", &form).await);
    assert_eq!((&file["UserName"], &file["FileName"]), (&json!("ann"), &json!("a.bin")));
    assert_eq!((&file["FileHash"], &file["FileSize"]), (&json!(content.sha1()), &json!(2500)));
    assert_eq!(done(client.post_form("/file/mpupload/complete", &form).await), file);
    let fetched =
        client.get(&format!("/file/download?username=ann&filehash={}", content.sha1())).await.expect(200);
    assert_eq!(fetched.body, content.bytes());
    assert_eq!(fetched.header("content-disposition"), Some("attachment; filename=\"a.bin\""));
    assert_eq!(client.user("ann").get("/v1/files/a.bin").await.expect(200).body, content.bytes());
}

#[tokio::test]
async fn a_second_init_resumes_the_open_upload_and_an_ended_one_is_begun_anew() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let content = Content::new(11, 2500);
    let first = init(&client, &content, "&filename=a").await;
    done(send(&client, &first, &content, 3).await);
    done(send(&client, &first, &content, 1).await);
    let second = init(&client, &content, "").await;
    assert_eq!((&second["UploadID"], &second["ChunkExists"]), (&first["UploadID"], &json!([1, 3])));
    let id = first["UploadID"].as_str().unwrap();
    done(client.post_form("/file/mpupload/cancel", &format!("uploadid={id}")).await);
    let third = init(&client, &content, "").await;
    assert_ne!(third["UploadID"], first["UploadID"]);
    assert_eq!(third["ChunkExists"], json!([]));
    let form = format!("username=bob&filehash={}&filesize=2500", content.sha1());
    let other = done(client.post_form("/file/mpupload/init", &form).await);
    assert_ne!(other["UploadID"], third["UploadID"]);
    assert_eq!(fault(send(&client, &first, &content, 2).await, 409), -5);
}

#[tokio::test]
async fn an_init_that_resumes_tells_every_chunk_that_is_there() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let content = Content::new(22, 1500);
    let form = format!("username=ann&filehash={}&filesize=1500&chunksize=1", content.sha1());
    let upload = done(client.post_form("/file/mpupload/init", &form).await);
    let target = format!("/v1/uploads/{}", upload["UploadID"].as_str().unwrap());
    let append = client.user("ann").call("PATCH", &target).header("upload-offset", "0");
    let append = append.header("content-type", "application/octet-stream").body(content.range(0..1200));
    append.send().await.expect(204);
    let again = done(client.post_form("/file/mpupload/init", &form).await);
    assert_eq!(again["ChunkExists"], json!((1..=1200).collect::<Vec<u64>>()));
}

#[tokio::test]
async fn parameters_may_come_from_anywhere_but_not_after_the_bytes() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let content = Content::new(12, 2500);
    let size = content.length().to_string();
    let fields = [field("username", "ann"), field("filehash", &content.sha1()), field("filesize", &size)];
    let upload = done(multipart(&client, "/file/mpupload/init?chunksize=1000", &fields).await);
    let id = upload["UploadID"].as_str().unwrap();
    let part = |index: u64| content.chunk(index, CHUNK);
    let ids = [field("uploadid", id), field("index", "1")].concat();
    done(multipart(&client, "/file/mpupload/uppart", &[ids.clone(), file_field(&part(1))]).await);
    let query = format!("/file/mpupload/uppart?uploadid={id}&index=2");
    done(multipart(&client, &query, &[file_field(&part(2))]).await);
    let late = multipart(&client, "/file/mpupload/uppart", &[file_field(&part(1)), ids]).await;
    assert_eq!(fault(late, 400), -2);
    let query = format!("/file/mpupload/uppart?uploadid={id}&index=3");
    let late = [file_field(&part(3)), field("chunkhash", &content.sha1())];
    assert_eq!(fault(multipart(&client, &query, &late).await, 400), -2);
    assert_eq!(fault(multipart(&client, &query, &[field("other", "x")]).await, 400), -2);
    let status = done(client.post_form("/file/mpupload/status", &format!("uploadid={id}")).await);
    assert_eq!((&status["State"], &status["ChunkExists"]), (&json!("open"), &json!([1, 2])));
    assert_eq!(status["ReceivedBytes"], 2000);
}

#[tokio::test]
async fn a_part_is_verified_and_nothing_of_a_bad_one_is_kept() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let content = Content::new(13, 2500);
    let upload = init(&client, &content, "").await;
    let id = upload["UploadID"].as_str().unwrap();
    let put = |query: String, body: Vec<u8>| {
        client.call("POST", &format!("/file/mpupload/uppart?{query}")).body(body).send()
    };
    let part = content.chunk(1, CHUNK).to_vec();
    let wrong = format!("uploadid={id}&index=1&chunkhash={}", content.sha1());
    assert_eq!(fault(put(wrong, part.clone()).await, 422), -8);
    assert_eq!(fault(put(format!("uploadid={id}&index=1&chunkhash=xyz"), part.clone()).await, 400), -2);
    assert_eq!(fault(put(format!("uploadid={id}&index=1"), part[1..].to_vec()).await, 400), -7);
    for index in ["0", "4"] {
        assert_eq!(fault(put(format!("uploadid={id}&index={index}"), part.clone()).await, 400), -6);
    }
    for index in ["-1", "1e3", "one", ""] {
        assert_eq!(fault(put(format!("uploadid={id}&index={index}"), part.clone()).await, 400), -2);
    }
    for unknown in ["..%2F..%2Fx", &"0".repeat(32)] {
        assert_eq!(fault(put(format!("uploadid={unknown}&index=1"), part.clone()).await, 404), -3);
    }
    let status = done(client.get(&format!("/file/mpupload/status?uploadid={id}")).await);
    assert_eq!((&status["ChunkExists"], &status["ReceivedBytes"]), (&json!([]), &json!(0)));
    let chunkhash = Content::new(13, CHUNK).sha1();
    done(put(format!("uploadid={id}&index=1&chunkhash={chunkhash}"), part).await);
}

#[tokio::test]
async fn complete_believes_the_session_and_not_its_parameters() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let content = Content::new(14, 2500);
    let upload = init(&client, &content, "&filename=a.bin").await;
    let id = upload["UploadID"].as_str().unwrap();
    let complete = |more: String| {
        let (client, form) = (client.clone(), format!("uploadid={id}&username=ann{more}"));
        async move { client.post_form("/file/mpupload/complete", &form).await }
    };
    done(send(&client, &upload, &content, 2).await);
    let refused = complete(String::new()).await;
    assert_eq!(refused.json()["data"], json!({ "ChunkMissing": [1, 3], "MissingBytes": 1500 }));
    assert_eq!(fault(refused, 409), -9);
    done(send(&client, &upload, &content, 1).await);
    done(send(&client, &upload, &content, 3).await);
    let other = Content::new(15, 10).sha1();
    for more in [format!("&filehash={other}"), "&filesize=2501".to_owned(), "&filename=b.bin".to_owned()] {
        assert_eq!(fault(complete(more).await, 409), -10);
    }
    assert_eq!(fault(complete("&filesize=-1".to_owned()).await, 400), -2);
    let unknown = format!("uploadid={}&username=ann&filesize=0", "0".repeat(32));
    assert_eq!(fault(client.post_form("/file/mpupload/complete", &unknown).await, 404), -3);
    assert_eq!(done(complete(String::new()).await)["FileName"], "a.bin");
}

#[tokio::test]
async fn bytes_that_are_not_what_was_declared_make_no_file() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let (declared, sent) = (Content::new(16, 1000), Content::new(17, 1000));
    let upload = init(&client, &declared, "").await;
    done(send(&client, &upload, &sent, 1).await);
    let form = format!("uploadid={}", upload["UploadID"].as_str().unwrap());
    assert_eq!(fault(client.post_form("/file/mpupload/complete", &form).await, 422), -8);
    assert_eq!(done(client.post_form("/file/query", "username=ann").await), json!([]));
    done(send(&client, &upload, &declared, 1).await);
    done(client.post_form("/file/mpupload/complete", &form).await);
}

/// A file of ann's by this name.
async fn stored(client: &Client, content: &Content, name: &str) -> String {
    let upload = init(client, content, &format!("&filename={name}")).await;
    for index in 1..=content.chunk_count(CHUNK) {
        done(send(client, &upload, content, index).await);
    }
    let form = format!("uploadid={}", upload["UploadID"].as_str().unwrap());
    let file = done(client.post_form("/file/mpupload/complete", &form).await);
    file["FileName"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn other_content_of_the_same_name_is_numbered_and_none_is_lost() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let (one, two) = (Content::new(18, 1500), Content::new(19, 1500));
    assert_eq!(stored(&client, &one, "a.bin").await, "a.bin");
    assert_eq!(stored(&client, &two, "a.bin").await, "a (2).bin");
    assert_eq!(stored(&client, &one, "a.bin").await, "a.bin");
    for content in [one, two] {
        let fetched = client.get(&format!("/file/download?username=ann&filehash={}", content.sha1())).await;
        assert_eq!(fetched.expect(200).body, content.bytes());
    }
}

#[tokio::test]
async fn an_instant_upload_is_only_for_who_has_the_content() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let content = Content::new(20, 1500);
    let form =
        |user: &str| format!("username={user}&filehash={}&filesize=1500&filename=again", content.sha1());
    let unknown = client.post_form("/file/fastupload", &form("ann")).await.expect(200).json();
    assert_eq!(unknown["code"], -1);
    stored(&client, &content, "a").await;
    assert_eq!(done(client.post_form("/file/fastupload", &form("ann")).await)["FileName"], "again");
    let other = client.post_form("/file/fastupload", &form("bob")).await.expect(200).json();
    assert_eq!(other["code"], -1);
    assert_eq!(fault(client.post_form("/file/fastupload", "username=ann&filehash=xyz").await, 400), -2);
}

#[tokio::test]
async fn files_are_listed_described_renamed_linked_and_deleted_by_their_hash() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let content = Content::new(21, 1500);
    let hash = content.sha1();
    stored(&client, &content, "a.txt").await;
    let form = format!("username=ann&filehash={hash}");
    let listed = done(client.post_form("/file/query", "username=ann&limit=5").await);
    assert_eq!((&listed[0]["FileName"], &listed[0]["FileHash"]), (&json!("a.txt"), &json!(hash)));
    assert_eq!(fault(client.post_form("/file/query", "username=ann&limit=0").await, 400), -2);
    let meta = done(client.get(&format!("/file/meta?{form}")).await);
    assert_eq!((&meta["FileSha1"], &meta["FileSize"]), (&json!(hash), &json!(1500)));
    let url = done(client.post_form("/file/downloadurl", &form).await);
    let target = url.as_str().unwrap().strip_prefix(&format!("http://{}", client.address())).unwrap();
    let part = client.call("GET", target).header("range", "bytes=10-19").send().await.expect(206);
    assert_eq!(part.body, content.range(10..20));
    let renamed = done(client.post_form("/file/update", &format!("{form}&op=0&filename=b.txt")).await);
    assert_eq!(renamed["FileName"], "b.txt");
    assert_eq!(fault(client.post_form("/file/update", &format!("{form}&op=1&filename=c")).await, 400), -2);
    assert_eq!(fault(client.post_form("/file/update", &format!("{form}&op=0&filename=..")).await, 400), -2);
    let foreign = format!("username=bob&filehash={hash}");
    for path in ["/file/meta", "/file/download", "/file/delete", "/file/downloadurl"] {
        assert_eq!(fault(client.post_form(path, &foreign).await, 404), -4);
    }
    assert_eq!(done(client.post_form("/file/delete", &form).await), Value::Null);
    assert_eq!(fault(client.post_form("/file/delete", &form).await, 404), -4);
    assert_eq!(done(client.post_form("/file/query", "username=ann").await), json!([]));
}

#[tokio::test]
async fn what_is_no_number_or_hash_begins_no_upload() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let hash = "0".repeat(40);
    for form in [
        format!("username=ann&filehash={hash}&filesize=-1"),
        format!("username=ann&filehash={hash}&filesize=1.5"),
        format!("username=ann&filehash={hash}&filesize=9223372036854775808"),
        format!("username=ann&filehash={hash}"),
        "username=ann&filehash=xyz&filesize=5".to_owned(),
        "username=ann&filesize=5".to_owned(),
        format!("username=a%0Ab&filehash={hash}&filesize=5"),
        format!("username=ann&filehash={hash}&filesize=5&filename=..%2Fx"),
    ] {
        assert_eq!(fault(client.post_form("/file/mpupload/init", &form).await, 400), -2, "{form}");
    }
    let many = format!("username=ann&filehash={hash}&filesize=50000&chunksize=1");
    assert_eq!(fault(client.post_form("/file/mpupload/init", &many).await, 400), -11);
    let large = format!("a={}", "x".repeat(1 << 20));
    assert_eq!(fault(client.post_form("/file/mpupload/init", &large).await, 413), -14);
    assert_eq!(client.user("ann").get("/v1/uploads").await.expect(200).json()["items"], json!([]));
}

#[tokio::test]
async fn the_tutorials_api_can_be_switched_off() {
    let daemon = Daemon::builder().config("[protocols]\ncompat = false\n").start().await;
    daemon.client().post_form("/file/query", "username=ann").await.expect_problem(404, "not_found");
}
