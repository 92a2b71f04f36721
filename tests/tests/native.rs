//! The native API, rule by rule: uploads.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use cairn_tests::{Body, Client, Content, Daemon, RawConnection, exchange};
use serde_json::{Value, json};

/// An upload of 25 bytes in chunks of 10.
async fn small(client: &Client) -> String {
    let upload = client.create_upload(&json!({ "path": "a.bin", "length": 25, "chunk_size": 10 })).await;
    format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap())
}

const FIRST: &[u8] = b"0123456789";
const SECOND: &[u8] = b"abcdefghij";
const LAST: &[u8] = b"vwxyz";

async fn send_all(client: &Client, upload: &str) {
    for (number, bytes) in [(3, LAST), (1, FIRST), (2, SECOND)] {
        client.put(&format!("{upload}/chunks/{number}"), bytes).await.expect(200);
    }
}

async fn received(client: &Client, upload: &str) -> (Value, Value) {
    let upload = client.get(upload).await.expect(200).json();
    (upload["received"].clone(), upload["received_bytes"].clone())
}

#[tokio::test]
async fn an_upload_is_told_with_every_member_of_the_page() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let wish = json!({
        "path": "videos/a.mp4", "length": 25, "chunk_size": 10, "content_type": "video/mp4",
        "digest": "sha1:DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", "metadata": { "a": [1] }, "unknown": true,
    });
    let answer = client.post_json("/v1/uploads", &wish).await.expect(201);
    let upload = answer.json();
    let location = format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap());
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert!(upload["created_at"].as_str().unwrap().ends_with('Z'));
    assert!(upload["expires_at"].as_str() > upload["created_at"].as_str());
    let mut rest = upload.clone();
    for told in ["upload_id", "created_at", "expires_at"] {
        rest.as_object_mut().unwrap().remove(told).unwrap();
    }
    assert_eq!(
        rest,
        json!({
            "path": "videos/a.mp4", "length": 25, "digest": "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "chunk_size": 10, "chunk_count": 3, "received_bytes": 0, "received": [], "missing": [[1, 3]],
            "state": "open",
        })
    );
    assert_eq!(client.get(&location).await.expect(200).json(), upload);
    assert_eq!(client.head(&location).await.expect(200).body.len(), 0);
}

#[tokio::test]
async fn chunks_in_any_order_become_the_file() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let content = Content::new(1, 2_500_000);
    let wish = json!({
        "path": "big.bin", "length": content.length(), "chunk_size": 1 << 20, "metadata": { "from": "here" },
        "digest": format!("sha1:{}", content.sha1()), "content_type": "application/x-big",
    });
    let upload = client.create_upload(&wish).await;
    let upload = format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap());
    for number in [3, 1] {
        let answer = client.put(&format!("{upload}/chunks/{number}"), content.chunk(number, 1 << 20)).await;
        let answer = answer.expect(200).json();
        assert_eq!(answer["chunk"], number);
        assert_eq!(answer["length"], content.chunk(number, 1 << 20).len());
        assert!(answer["checksum"].as_str().unwrap().starts_with("crc64nvme:"));
    }
    let status = client.get(&upload).await.expect(200).json();
    assert_eq!((&status["received"], &status["missing"]), (&json!([[1, 1], [3, 3]]), &json!([[2, 2]])));
    client.put(&format!("{upload}/chunks/2"), content.chunk(2, 1 << 20)).await.expect(200);
    let done = client.post(&format!("{upload}/complete"), "").await.expect(200);
    let file = done.json()["file"].clone();
    assert_eq!(file["digest"], format!("sha1:{}", content.sha1()));
    assert_eq!(file["length"], content.length());
    assert_eq!(file["metadata"], json!({ "from": "here" }));
    assert_eq!(client.post(&format!("{upload}/complete"), "").await.expect(200).json()["file"], file);
    let status = client.get(&upload).await.expect(200).json();
    assert_eq!((&status["state"], &status["file"]), (&json!("complete"), &file));
    let download = client.download("/v1/files/big.bin").await;
    assert_eq!((download.status, download.sha1), (200, content.sha1()));
    assert_eq!(download.headers["content-type"], "application/x-big");
}

#[tokio::test]
async fn what_is_no_chunk_number_is_refused_and_nothing_kept() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let upload = small(&client).await;
    for number in ["1e3", "-1", "+1", "1.0", "one", "%31%00", "18446744073709551616"] {
        let path = format!("{upload}/chunks/{number}");
        client.put(&path, FIRST).await.expect_problem(400, "bad_chunk_number");
    }
    for number in ["0", "4", "18446744073709551615"] {
        let refused = client.put(&format!("{upload}/chunks/{number}"), FIRST).await;
        assert_eq!(refused.expect_problem(400, "chunk_number").json()["chunk_count"], 3);
    }
    assert_eq!(received(&client, &upload).await, (json!([]), json!(0)));
}

#[tokio::test]
async fn a_chunk_has_exactly_its_length() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let upload = small(&client).await;
    let path = format!("{upload}/chunks/1");
    for body in [&b""[..], b"012345678", b"0123456789x"] {
        let refused = client.put(&path, body).await.expect_problem(400, "chunk_length").json();
        assert_eq!((&refused["chunk"], &refused["expected"]), (&json!(1), &json!(10)));
        let chunked = Body::pieces([Ok(body.into())].into_iter(), None);
        client.put(&path, chunked).await.expect_problem(400, "chunk_length");
    }
    assert_eq!(received(&client, &upload).await, (json!([]), json!(0)));
}

#[tokio::test]
async fn a_body_is_verified_with_every_digest_that_is_sent() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let upload = small(&client).await;
    let put = |digest: &str| {
        client.call("PUT", &format!("{upload}/chunks/1")).header("content-digest", digest).body(FIRST).send()
    };
    let good = [
        "md5=:eB5eJF1ptWaXm4bijSPyxw==:",
        "sha=:h6zsF82dzSCnFsws9nQXtxyKcBY=:",
        "sha-256=:hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII=:",
        "sha-512=:u5bC/EDS1UYX1vJ2/r5XH2I6ja3wtzSFUpmw4Qf9oyz2tp8toys2RF1zaQuTy9D3v8IOD38oVT0qRCjyO3FukA==:",
    ];
    for digest in good {
        let (name, value) = digest.split_once("=:").unwrap();
        let flipped = if value.starts_with('A') { "B" } else { "A" };
        let wrong = put(&format!("{name}=:{flipped}{}", &value[1..])).await;
        let wrong = wrong.expect_problem(422, "digest_mismatch").json();
        assert!(wrong["expected"].is_string() && wrong["computed"].is_string(), "{wrong}");
        assert_eq!(received(&client, &upload).await, (json!([]), json!(0)));
    }
    for digest in ["md5=:AAAA:", "sha-256=what", "sha=\"x\"", "="] {
        put(digest).await.expect_problem(400, "bad_digest");
    }
    for digest in good.into_iter().chain(["crc32c=:AAAAAA==:"]) {
        put(digest).await.expect(200);
    }
    assert_eq!(received(&client, &upload).await, (json!([[1, 1]]), json!(10)));
}

#[tokio::test]
async fn a_chunk_sent_twice_counts_once_and_the_last_bytes_count() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let upload = small(&client).await;
    send_all(&client, &upload).await;
    client.put(&format!("{upload}/chunks/1"), FIRST).await.expect(200);
    client.put(&format!("{upload}/chunks/1"), SECOND).await.expect(200);
    assert_eq!(received(&client, &upload).await, (json!([[1, 3]]), json!(25)));
    client.post(&format!("{upload}/complete"), "").await.expect(200);
    let refused = client.put(&format!("{upload}/chunks/1"), FIRST).await;
    refused.expect_problem(409, "upload_complete");
    let file = client.get("/v1/files/a.bin").await.expect(200);
    assert_eq!(file.body, [SECOND, SECOND, LAST].concat());
}

#[tokio::test]
async fn an_append_goes_on_where_the_last_one_ended() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let upload = client.create_upload(&json!({ "path": "log" })).await;
    assert_eq!((&upload["length"], &upload["chunk_count"]), (&Value::Null, &Value::Null));
    let upload = format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap());
    let append = |kind: &str, offset: &str, body: Body| {
        client
            .call("PATCH", &upload)
            .header("content-type", kind)
            .header("upload-offset", offset)
            .body(body)
            .send()
    };
    let raw = "application/octet-stream";
    let answer = append(raw, "0", FIRST.into()).await.expect(204);
    assert_eq!((answer.header("upload-offset"), answer.body.len()), (Some("10"), 0));
    let refused = append(raw, "5", SECOND.into()).await.expect_problem(409, "offset_mismatch");
    assert_eq!(refused.header("upload-offset"), Some("10"));
    assert_eq!((&refused.json()["expected"], &refused.json()["provided"]), (&json!(10), &json!(5)));
    append("text/plain", "10", SECOND.into()).await.expect_problem(415, "unsupported_media_type");
    for offset in ["-1", "+10", "1e1", "", "9223372036854775808"] {
        append(raw, offset, SECOND.into()).await.expect_problem(400, "bad_offset");
    }
    assert_eq!(client.get(&upload).await.expect(200).header("upload-offset"), Some("10"));
    append(raw, "10", SECOND.into()).await.expect(204);
    let file = client.post_json(&format!("{upload}/complete"), &json!({ "length": 20 })).await.expect(200);
    assert_eq!(file.json()["file"]["length"], 20);
    assert_eq!(client.get("/v1/files/log").await.expect(200).body, [FIRST, SECOND].concat());
}

#[tokio::test]
async fn of_a_body_that_breaks_off_an_append_keeps_what_arrived_and_a_chunk_nothing() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let upload = small(&client).await;
    let cut = async |head: String| {
        let mut connection = RawConnection::open(daemon.address()).await;
        connection.send(format!("{head} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n")).await.unwrap();
        let fields = "Content-Type: application/octet-stream\r\nUpload-Offset: 0\r\n\r\n01234";
        connection.send(fields).await.unwrap();
        connection.finish().await;
        connection.read_to_close().await
    };
    let answer = cut(format!("PUT {upload}/chunks/1")).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("\"body_broken\""), "{answer}");
    assert!(answer.contains("\"kept\":0"), "{answer}");
    assert_eq!(received(&client, &upload).await, (json!([]), json!(0)));
    let answer = cut(format!("PATCH {upload}")).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("\"body_broken\""), "{answer}");
    assert!(answer.contains("\"kept\":5"), "{answer}");
    assert_eq!(client.get(&upload).await.expect(200).header("upload-offset"), Some("5"));
}

#[tokio::test]
async fn complete_tells_what_is_missing_and_what_disagrees() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let upload = small(&client).await;
    client.put(&format!("{upload}/chunks/2"), SECOND).await.expect(200);
    let complete = format!("{upload}/complete");
    let refused = client.post(&complete, "").await.expect_problem(409, "incomplete").json();
    assert_eq!(refused["missing"], json!([1, 3]));
    assert_eq!(
        (&refused["missing_ranges"], &refused["missing_bytes"]),
        (&json!([[1, 1], [3, 3]]), &json!(15))
    );
    send_all(&client, &upload).await;
    client.post_json(&complete, &json!({ "length": 24 })).await.expect_problem(409, "length_conflict");
    let wrong = json!({ "digest": format!("sha256:{}", "00".repeat(32)) });
    let refused = client.post_json(&complete, &wrong).await.expect_problem(422, "digest_mismatch").json();
    assert_eq!((&refused["expected"], &refused["suspect_chunks"]), (&wrong["digest"], &json!([])));
    assert!(refused["computed"].as_str().unwrap().starts_with("sha256:"));
    client.post(&complete, "{").await.expect_problem(400, "bad_json");
    client.post_json(&complete, &json!({ "if_exists": "maybe" })).await.expect_problem(400, "bad_if_exists");
    client.post_json(&complete, &json!({ "digest": "md5:00" })).await.expect_problem(400, "bad_digest");
    client.get("/v1/files/a.bin").await.expect_problem(404, "no_file");
    client.post(&complete, "").await.expect(200);
    let nobody = format!("/v1/uploads/{}/complete", "0".repeat(32));
    client.post(&nobody, "").await.expect_problem(404, "no_upload");
}

#[tokio::test]
async fn a_taken_path_is_replaced_refused_or_numbered_as_is_asked() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    client.put("/v1/files/a.bin", "old").await.expect(201);
    let mut told = Vec::new();
    for how in ["fail", "rename", "replace"] {
        let upload = small(&client).await;
        send_all(&client, &upload).await;
        let answer = client.post_json(&format!("{upload}/complete"), &json!({ "if_exists": how })).await;
        match how {
            "fail" => told.push(answer.expect_problem(409, "file_exists").json()["path"].clone()),
            _ => told.push(answer.expect(200).json()["file"]["path"].clone()),
        }
    }
    assert_eq!(told, ["a.bin", "a (2).bin", "a.bin"]);
    assert_eq!(client.get("/v1/files/a.bin").await.expect(200).body.len(), 25);
}

#[tokio::test]
async fn an_aborted_upload_takes_nothing_more_and_leaves_nothing() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let upload = small(&client).await;
    client.put(&format!("{upload}/chunks/1"), FIRST).await.expect(200);
    assert_eq!(client.delete(&upload).await.expect(204).body.len(), 0);
    client.delete(&upload).await.expect(204);
    assert_eq!(client.get(&upload).await.expect(200).json()["state"], "aborted");
    client.put(&format!("{upload}/chunks/2"), SECOND).await.expect_problem(410, "upload_aborted");
    client.post(&format!("{upload}/complete"), "").await.expect_problem(410, "upload_aborted");
    assert_eq!(client.get("/v1/me").await.expect(200).json()["staged_bytes"], 0);
    client.delete(&format!("/v1/uploads/{}", "0".repeat(32))).await.expect_problem(404, "no_upload");
}

#[tokio::test]
async fn nobody_learns_of_the_uploads_of_another() {
    let daemon = Daemon::start().await;
    let (ann, bob) = (daemon.client().user("ann"), daemon.client().user("bob"));
    let upload = small(&ann).await;
    let unknown = format!("/v1/uploads/{}", "0".repeat(32));
    for target in [&upload, &unknown] {
        let answers = [
            bob.get(target).await,
            bob.put(&format!("{target}/chunks/1"), FIRST).await,
            bob.post(&format!("{target}/complete"), "").await,
            bob.post_json(&format!("{target}/proof"), &json!({ "answer": "0".repeat(64) })).await,
            bob.delete(target).await,
        ];
        for answer in answers {
            answer.expect_problem(404, "no_upload");
        }
        let append = bob.call("PATCH", target).header("content-type", "application/octet-stream");
        append.header("upload-offset", "0").body(FIRST).send().await.expect_problem(404, "no_upload");
    }
    assert_eq!(bob.get("/v1/uploads").await.expect(200).json()["items"], json!([]));
    assert_eq!(received(&ann, &upload).await, (json!([]), json!(0)));
    assert_eq!(ann.get(&format!("{upload}?user=bob")).await.status, 404, "the parameter comes first");
}

#[tokio::test]
async fn lengths_and_documents_that_are_none_make_no_upload() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    for length in ["-1", "1.5", "1e3", "\"5\"", "9223372036854775808", "18446744073709551616", "[5]", "true"]
    {
        let body = format!("{{\"path\": \"a\", \"length\": {length}}}");
        client.post("/v1/uploads", body).await.expect_problem(400, "bad_length");
    }
    let refused =
        client.post("/v1/uploads", "{\n  \"path\": oops}").await.expect_problem(400, "bad_json").json();
    assert_eq!((&refused["line"], &refused["column"]), (&json!(2), &json!(11)));
    for (body, kind) in [
        ("[]", "bad_json"),
        ("\u{1}", "bad_json"),
        ("", "bad_path"),
        ("{\"length\": 5}", "bad_path"),
        ("{\"path\": \"../a\"}", "bad_path"),
        ("{\"path\": \"a\\u0000b\"}", "bad_path"),
        ("{\"path\": 5}", "bad_path"),
        ("{\"path\": \"a\", \"digest\": \"sha1:12\"}", "bad_digest"),
        ("{\"path\": \"a\", \"chunk_size\": -5}", "bad_chunk_size"),
        ("{\"path\": \"a\", \"chunk_size\": 0}", "chunk_size"),
        ("{\"path\": \"a\", \"content_type\": \"a\\r\\nb\"}", "bad_content_type"),
        ("{\"path\": \"a\", \"metadata\": [1]}", "bad_metadata"),
    ] {
        client.post("/v1/uploads", body).await.expect_problem(400, kind);
    }
    let long = json!({ "path": "a", "length": 9_223_372_036_854_775_807_u64 });
    assert_eq!(client.post_json("/v1/uploads", &long).await.problem(), "too_long");
    let large = format!("{{\"path\": \"{}\"}}", "a".repeat(1 << 20));
    client.post("/v1/uploads", large).await.expect_problem(413, "too_long");
    assert_eq!(client.get("/v1/uploads").await.expect(200).json()["items"], json!([]));
}

#[tokio::test]
async fn too_many_chunks_are_refused_with_the_size_that_fits() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let wish = json!({ "path": "a", "length": 50_000, "chunk_size": 1 });
    let refused = client.post_json("/v1/uploads", &wish).await.expect_problem(400, "too_many_chunks").json();
    assert_eq!((&refused["asked"], &refused["limit"]), (&json!(50_000), &json!(10_000)));
    let wish = json!({ "path": "a", "length": 50_000, "chunk_size": refused["smallest_chunk_size"] });
    assert_eq!(client.create_upload(&wish).await["chunk_count"], 10_000);
}

#[tokio::test]
async fn the_same_key_finds_the_same_upload() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let create = |key: &str, client: &Client| {
        let call = client.call("POST", "/v1/uploads").header("idempotency-key", key);
        call.json(&json!({ "path": "a", "length": 5 })).send()
    };
    let first = create("k-1", &client).await.expect(201).json();
    assert_eq!(create("k-1", &client).await.expect(201).json(), first);
    assert_ne!(create("k-2", &client).await.expect(201).json()["upload_id"], first["upload_id"]);
    let other = create("k-1", &client.user("bob")).await.expect(201).json();
    assert_ne!(other["upload_id"], first["upload_id"]);
    for key in ["", "a b", &"k".repeat(256)] {
        create(key, &client).await.expect_problem(400, "bad_idempotency_key");
    }
}

#[tokio::test]
async fn content_that_the_caller_has_already_needs_no_upload() {
    let daemon = Daemon::start().await;
    let (ann, bob) = (daemon.client().user("ann"), daemon.client().user("bob"));
    let content = Content::new(2, 100_000);
    let digest = format!("sha256:{}", content.sha256());
    let upload =
        ann.create_upload(&json!({ "path": "one", "length": content.length(), "digest": digest })).await;
    let upload = format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap());
    ann.put(&format!("{upload}/chunks/1"), content.bytes()).await.expect(200);
    ann.post(&format!("{upload}/complete"), "").await.expect(200);
    let wish = json!({ "path": "two", "length": content.length(), "digest": digest });
    let instant = ann.post_json("/v1/uploads", &wish).await.expect(200).json();
    assert_eq!((&instant["instant"], &instant["file"]["path"]), (&json!(true), &json!("two")));
    assert_eq!(ann.get("/v1/files/two").await.expect(200).body, content.bytes());
    bob.post_json("/v1/uploads", &wish).await.expect(201);
}

#[tokio::test]
async fn uploads_are_listed_in_pages_and_by_state() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    for _ in 0..5 {
        small(&client).await;
    }
    let gone = small(&client).await;
    client.delete(&gone).await.expect(204);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/v1/uploads?state=open&limit=2{cursor}")).await.expect(200).json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|item| item["upload_id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
    let aborted = client.get("/v1/uploads?state=aborted").await.expect(200).json();
    assert_eq!(aborted["items"].as_array().unwrap().len(), 1);
    for (query, kind) in [("limit=0", "bad_limit"), ("limit=1001", "bad_limit"), ("state=odd", "bad_state")] {
        client.get(&format!("/v1/uploads?{query}")).await.expect_problem(400, kind);
    }
}

#[tokio::test]
async fn no_challenge_is_given_and_none_can_be_answered() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let upload = small(&client).await;
    let answer = client.post_json(&format!("{upload}/proof"), &json!({ "answer": "0".repeat(64) })).await;
    answer.expect_problem(404, "no_challenge");
}

#[tokio::test]
async fn an_account_tells_what_is_kept_staged_and_allowed() {
    let daemon = Daemon::start().await;
    let client = daemon.client().user("зоя");
    client.put("/v1/files/x", "12345").await.expect(201);
    small(&client).await;
    let me = client.get("/v1/me").await.expect(200).json();
    assert_eq!((&me["user"], &me["used_bytes"], &me["staged_bytes"]), (&json!("зоя"), &json!(5), &json!(25)));
    assert_eq!((&me["quota_bytes"], &me["quota_left"]), (&Value::Null, &Value::Null));
    assert_eq!(me["limits"]["open_uploads_left"], 999);
    assert_eq!((&me["limits"]["max_chunks"], &me["limits"]["open_uploads"]), (&json!(10_000), &json!(1)));
    client.get("/v1/me?user=").await.expect_problem(400, "bad_user");
    client.get("/v1/me?user=a%0Ab").await.expect_problem(400, "bad_user");
}

#[tokio::test]
async fn ids_that_are_none_name_no_upload() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    for id in
        ["x", "%00", "..%2F..%2Fetc%2Fpasswd", "%ff", &"A".repeat(32), &"0".repeat(33), &"0".repeat(8_000)]
    {
        client.get(&format!("/v1/uploads/{id}")).await.expect_problem(404, "no_upload");
    }
    let huge = format!("GET /v1/uploads/{} HTTP/1.1\r\nHost: a\r\n\r\n", "0".repeat(1 << 20));
    let answer = exchange(daemon.address(), huge).await;
    assert!(answer.starts_with("HTTP/1.1 414") || answer.starts_with("HTTP/1.1 431"), "{answer}");
    client.get("/healthz").await.expect(200);
}

#[tokio::test]
async fn a_client_that_waits_is_asked_for_its_body_only_when_it_is_wanted() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let upload = small(&client).await;
    let head = |number: u64| {
        format!(
            "PUT {upload}/chunks/{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut connection = RawConnection::open(daemon.address()).await;
    connection.send(head(1)).await.unwrap();
    assert!(connection.read_head().await.starts_with("HTTP/1.1 100"));
    connection.send(FIRST).await.unwrap();
    assert!(connection.read_head().await.starts_with("HTTP/1.1 200"));
    let mut connection = RawConnection::open(daemon.address()).await;
    connection.send(head(9)).await.unwrap();
    assert!(connection.read_head().await.starts_with("HTTP/1.1 400"));
    assert_eq!(received(&client, &upload).await, (json!([[1, 1]]), json!(10)));
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up_and_its_upload_goes_on() {
    let daemon = Daemon::builder().config("[server]\nbody_idle_timeout = \"300ms\"\n").start().await;
    let client = daemon.client();
    let upload = small(&client).await;
    let mut connection = RawConnection::open(daemon.address()).await;
    let head = format!("PUT {upload}/chunks/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234");
    connection.send(head).await.unwrap();
    let answer = connection.read_to_close().await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_stalled"), "{answer}");
    client.put(&format!("{upload}/chunks/1"), FIRST).await.expect(200);
    assert_eq!(received(&client, &upload).await, (json!([[1, 1]]), json!(10)));
}

#[tokio::test]
async fn both_versions_of_http_are_spoken() {
    let daemon = Daemon::start().await;
    let (one, two) = (daemon.client(), daemon.client_http2());
    let upload = small(&one).await;
    two.put(&format!("{upload}/chunks/1"), FIRST).await.expect(200);
    one.put(&format!("{upload}/chunks/2"), SECOND).await.expect(200);
    two.put(&format!("{upload}/chunks/9"), LAST).await.expect_problem(400, "chunk_number");
    two.put(&format!("{upload}/chunks/3"), LAST).await.expect(200);
    two.post(&format!("{upload}/complete"), "").await.expect(200);
    assert_eq!(two.get("/v1/files/a.bin").await.expect(200).body, [FIRST, SECOND, LAST].concat());
}
