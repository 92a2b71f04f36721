//! The quota holds for what is kept and staged together.

use cairn_tests::{Daemon, left_behind};
use serde_json::json;
use tokio::task::JoinSet;

use crate::scene::{WAYS, Way};

async fn limited(uploads: &str) -> Daemon {
    Daemon::builder().config(&format!("[uploads]\n{uploads}\n")).start().await
}

#[tokio::test]
async fn what_fits_to_the_last_byte_is_taken_and_one_more_is_refused_in_every_protocol() {
    let daemon = limited("quota = \"1000B\"").await;
    let client = daemon.client();
    for way in WAYS {
        assert!(way.has_begun(&way.begin(&client, "under", 999).await), "{way:?}");
        way.refused(&way.begin(&client, "over", 2).await, 413, "quota", -12);
        assert!(way.has_begun(&way.begin(&client, "at", 1).await), "{way:?}");
        let refused = way.refused(&way.begin(&client, "full", 1).await, 413, "quota", -12);
        if way != Way::Compat {
            let told = (&refused["asked"], &refused["used"], &refused["quota"]);
            assert_eq!(told, (&json!(1), &json!(1000), &json!(1000)), "{way:?}");
        }
        let account = way.account(&client).await;
        let taken = account["used_bytes"].as_u64().unwrap() + account["staged_bytes"].as_u64().unwrap();
        assert_eq!((taken, &account["quota_left"]), (1000, &json!(0)), "{way:?}");
        let open = if way == Way::Put { 0 } else { 2 };
        assert_eq!(account["limits"]["open_uploads"], open, "{way:?}");
    }
    let manifests = left_behind::files(&daemon.data_dir().join("objects"));
    let manifests = manifests.keys().filter(|path| path.ends_with("manifest")).count();
    assert_eq!(manifests, 8, "two of each protocol that begins uploads, and none of what was refused");
}

#[tokio::test]
async fn of_sixty_four_creations_at_once_exactly_those_that_fit_are_granted() {
    let daemon = limited("quota = \"76B\"").await;
    let client = daemon.client();
    let mut crowd = JoinSet::new();
    for n in 0..64 {
        let (client, way) = (client.clone(), Way::Native);
        crowd.spawn(async move {
            let answer = way.begin(&client, &format!("{n}"), 7).await;
            let begun = way.has_begun(&answer);
            if !begun {
                way.refused(&answer, 413, "quota", -12);
            }
            begun
        });
    }
    let granted = crowd.join_all().await.into_iter().filter(|granted| *granted).count();
    let account = Way::Native.account(&client).await;
    assert_eq!((granted, &account["staged_bytes"]), (10, &json!(70)));
}

#[tokio::test]
async fn a_length_that_comes_late_and_a_concatenation_count_too() {
    let daemon = limited("quota = \"10B\"").await;
    let client = daemon.client();
    let tus = |method: &str, path: &str| client.call(method, path).header("tus-resumable", "1.0.0");
    let late = tus("POST", "/files/").header("upload-defer-length", "1").send().await.expect(201);
    let late = http::Uri::try_from(late.header("location").unwrap()).unwrap().path().to_owned();
    let patch = |offset: &'static str| {
        let call = tus("PATCH", &late).header("upload-offset", offset);
        call.header("content-type", "application/offset+octet-stream")
    };
    patch("0").body("123456").send().await.expect(204);
    patch("6").body("78901").send().await.expect_problem(413, "quota");
    patch("6").header("upload-length", "11").send().await.expect_problem(413, "quota");
    let head = tus("HEAD", &late).send().await.expect(200);
    assert_eq!((head.header("upload-offset"), head.header("upload-defer-length")), (Some("6"), Some("1")));
    patch("6").header("upload-length", "10").send().await.expect(204);
    let one_more = tus("POST", "/files/").header("upload-length", "1").send().await;
    one_more.expect_problem(413, "quota");
    tus("DELETE", &late).send().await.expect(204);

    let part = tus("POST", "/files/").header("upload-concat", "partial").header("upload-length", "6");
    let part = part.header("content-type", "application/offset+octet-stream").body("abcdef").send().await;
    let part = part.expect(201).header("location").unwrap().to_owned();
    let joined = |urls: String| tus("POST", "/files/").header("upload-concat", &format!("final;{urls}"));
    joined(format!("{part} {part}")).send().await.expect_problem(413, "quota");
    let account = client.get("/v1/me").await.expect(200).json();
    assert_eq!((&account["used_bytes"], &account["staged_bytes"]), (&json!(0), &json!(6)));
}
