//! The room that a local storage must have left.

use cairn_tests::{Daemon, RawConnection, left_behind};
use serde_json::json;

use crate::scene::{WAYS, Way};

const FLOOR: &str = "CAIRN__UPLOADS__FREE_FLOOR";

#[tokio::test]
async fn what_would_leave_less_than_the_floor_is_refused_in_every_protocol_and_leaves_nothing_behind() {
    let daemon = Daemon::builder().env(FLOOR, "4EiB").start().await;
    let client = daemon.client();
    for way in WAYS {
        let told = way.refused(&way.begin(&client, "over", 40_000).await, 507, "insufficient_storage", -30);
        let told = if way == Way::Compat { &told["data"]["Available"] } else { &told["available"] };
        assert_eq!(told, 0, "{way:?}");
        let account = way.account(&client).await;
        let kept = (&account["used_bytes"], &account["staged_bytes"], &account["limits"]["open_uploads"]);
        assert_eq!(kept, (&json!(0), &json!(0), &json!(0)), "{way:?}");
    }
    let objects = left_behind::files(&daemon.data_dir().join("objects"));
    assert!(objects.keys().all(|path| path.ends_with("marker")), "{objects:?}");
}

#[tokio::test]
async fn where_there_is_room_above_the_floor_everything_goes_as_always() {
    let daemon = Daemon::builder().env(FLOOR, "1B").start().await;
    let client = daemon.client();
    for way in WAYS {
        assert!(way.has_begun(&way.begin(&client, "under", 40_000).await), "{way:?}");
    }
}

#[tokio::test]
async fn the_body_of_an_upload_that_began_before_is_refused_before_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut before = Daemon::builder().data_dir(&data).start().await;
    let upload = before.client().create_upload(&json!({ "path": "a", "length": 3 })).await;
    let path = format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap());
    before.terminate().await;

    let daemon = Daemon::builder().data_dir(&data).env(FLOOR, "4EiB").start().await;
    let put = format!("PUT {path}/chunks/1");
    let patch = format!("PATCH {path}");
    for request in [put, patch] {
        let mut connection = RawConnection::open(daemon.address()).await;
        let fields = "Host: a\r\nContent-Length: 3\r\nUpload-Offset: 0\r\nContent-Type: application/octet-stream\r\nExpect: 100-continue";
        connection.send(format!("{request} HTTP/1.1\r\n{fields}\r\n\r\n")).await.unwrap();
        let head = connection.read_head().await;
        assert!(head.starts_with("HTTP/1.1 507"), "{request} {head}");
    }
    let told = daemon.client().get(&path).await.expect(200).json();
    assert_eq!((&told["received_bytes"], &told["state"]), (&json!(0), &json!("open")));
}
