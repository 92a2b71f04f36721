//! How many files an owner may have.

use cairn_tests::{Content, Daemon};
use serde_json::json;
use tokio::task::JoinSet;

use crate::scene::{WAYS, Way};

#[tokio::test]
async fn one_file_more_than_the_limit_is_refused_before_it_is_sent_in_every_protocol() {
    let daemon = Daemon::builder().config("[uploads]\nmax_files = 2\n").start().await;
    let client = daemon.client();
    for way in WAYS {
        let owner = client.user(&way.owner());
        for name in ["under", "at"] {
            owner.put(&format!("/v1/files/{name}"), Content::new(1, 5).bytes()).await.expect(201);
        }
        let told = way.refused(&way.begin(&client, "over", 5).await, 403, "too_many_files", -12);
        if way != Way::Compat {
            assert_eq!((&told["files"], &told["limit"]), (&json!(2), &json!(2)), "{way:?}");
        }
        let copy = owner.post_json("/v1/files/at", &json!({ "copy_to": "over" })).await;
        copy.expect_problem(403, "too_many_files");
        let digest = format!("sha1:{}", Content::new(1, 5).sha1());
        let instant = json!({ "path": "over", "length": 5, "digest": digest });
        owner.post_json("/v1/uploads", &instant).await.expect_problem(403, "too_many_files");
        // Another name, and other content in the same place, are no file more.
        owner.post_json("/v1/files/at", &json!({ "rename_to": "moved" })).await.expect(200);
        owner.put("/v1/files/moved", "other").await.expect(200);
        let account = way.account(&client).await;
        let limits = &account["limits"];
        assert_eq!((&limits["files"], &limits["files_left"]), (&json!(2), &json!(0)), "{way:?}");
        assert_eq!((&limits["open_uploads"], &account["staged_bytes"]), (&json!(0), &json!(0)), "{way:?}");
        owner.delete("/v1/files/moved").await.expect(204);
        assert!(way.has_begun(&way.begin(&client, "again", 5).await), "{way:?}");
    }
}

#[tokio::test]
async fn of_uploads_that_are_completed_at_once_no_more_become_files_than_allowed_and_the_others_stay_open() {
    let daemon = Daemon::builder().config("[uploads]\nmax_files = 3\n").start().await;
    let client = daemon.client().user(&Way::Native.owner());
    let mut paths = Vec::new();
    for n in 0..16 {
        let upload = client.create_upload(&json!({ "path": format!("{n}"), "length": 5 })).await;
        let path = format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap());
        client.put(&format!("{path}/chunks/1"), Content::new(n, 5).bytes()).await.expect(200);
        paths.push(path);
    }
    let mut crowd = JoinSet::new();
    for path in paths {
        let client = client.clone();
        crowd.spawn(async move { client.post(&format!("{path}/complete"), "").await.status });
    }
    let mut answers = crowd.join_all().await;
    answers.sort_unstable();
    assert_eq!(answers, [[200; 3].as_slice(), &[403; 13]].concat());
    let account = client.get("/v1/me").await.expect(200).json();
    let told = (&account["limits"]["files"], &account["limits"]["open_uploads"], &account["staged_bytes"]);
    assert_eq!(told, (&json!(3), &json!(13), &json!(65)));
}
