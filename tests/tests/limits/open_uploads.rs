//! How many uploads an owner may have open.

use cairn_tests::{Client, Daemon};
use serde_json::json;
use tokio::task::JoinSet;

use crate::scene::{WAYS, Way};

async fn limited() -> Daemon {
    Daemon::builder().config("[uploads]\nmax_open = 3\ninline_bytes = \"0B\"\n").start().await
}

#[tokio::test]
async fn as_many_may_be_open_as_the_limit_and_one_more_when_one_has_ended() {
    let daemon = limited().await;
    let client = daemon.client();
    for way in WAYS {
        let begins = if way == Way::Put { Way::Native } else { way };
        let owner = client.user(&begins.owner());
        for n in ["under", "nearly", "at"] {
            if begins == way {
                assert!(way.has_begun(&way.begin(&client, n, 5).await), "{way:?}");
            }
        }
        let over = match way {
            Way::Put => owner.put("/v1/files/over", "abc").await,
            _ => way.begin(&client, "over", 5).await,
        };
        let told = way.refused(&over, 429, "too_many_uploads", -12);
        if way != Way::Compat {
            assert_eq!((&told["open"], &told["limit"]), (&json!(3), &json!(3)), "{way:?}");
        }
        let account = begins.account(&client).await;
        let told = (&account["limits"]["open_uploads"], &account["limits"]["open_uploads_left"]);
        assert_eq!((told, &account["staged_bytes"]), ((&json!(3), &json!(0)), &json!(15)), "{way:?}");
    }
    end_one(&client.user(&Way::Native.owner())).await;
    assert!(Way::Native.has_begun(&Way::Native.begin(&client, "again", 5).await));
}

async fn end_one(client: &Client) {
    let list = client.get("/v1/uploads").await.expect(200).json();
    let id = list["items"][0]["upload_id"].as_str().unwrap().to_owned();
    client.delete(&format!("/v1/uploads/{id}")).await.expect(204);
}

#[tokio::test]
async fn of_sixty_four_creations_at_once_in_every_protocol_as_many_are_granted_as_may_be_open() {
    let daemon = limited().await;
    let client = daemon.client();
    for way in [Way::Native, Way::Compat, Way::Tus, Way::Draft] {
        let mut crowd = JoinSet::new();
        for n in 0..64 {
            let client = client.clone();
            crowd.spawn(async move {
                let answer = way.begin(&client, &format!("{n}"), 5).await;
                let begun = way.has_begun(&answer);
                if !begun {
                    way.refused(&answer, 429, "too_many_uploads", -12);
                }
                begun
            });
        }
        let granted = crowd.join_all().await.into_iter().filter(|granted| *granted).count();
        let account = way.account(&client).await;
        assert_eq!((granted, &account["limits"]["open_uploads"]), (3, &json!(3)), "{way:?}");
    }
}
