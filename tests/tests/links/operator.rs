//! Links that the operator makes with `cairnctl links add`.

use cairn_tests::{Daemon, Printed};
use serde_json::Value;

use crate::scene::*;

const PUBLIC: &str = "[server]\npublic_url = \"https://upload.example.org\"\n";

async fn add(daemon: &Daemon, words: &[&str]) -> Printed {
    daemon.cairnctl(&[&["links", "add"], words].concat()).await
}

/// The target behind the public address of the one line that was printed.
fn printed(printed: &Printed) -> String {
    assert_eq!(printed.code, 0, "{printed:?}");
    let url = printed.stdout.strip_suffix('\n').unwrap();
    url.strip_prefix("https://upload.example.org").unwrap().to_owned()
}

#[tokio::test]
async fn the_url_alone_is_printed_and_is_good_for_one_use_by_somebody_without_an_account() {
    let keys = KeyRing::new();
    let daemon = Daemon::builder().config(&format!("{PUBLIC}{}", keys.config(&["one"]))).start().await;
    let (ann, somebody) = (daemon.client_of("ann").await, daemon.client());
    let words =
        ["upload", "in/box.bin", "--user", "ann", "--expires", "30m", "--once", "--max-length", "3KB"];
    let made = add(&daemon, &[&words[..], &["--content-type", "text/plain"]].concat()).await;
    assert!(made.stderr.contains("for one use. It is not shown again."), "{made:?}");
    let target = printed(&made);
    let put = |length: usize| {
        somebody.call("PUT", &target).header("content-type", "text/plain").body(vec![7; length])
    };
    put(3001).send().await.expect_problem(413, "too_long");
    put(3000).send().await.expect(201);
    put(3000).send().await.expect_problem(410, "link_spent");
    assert_eq!(ann.get("/v1/files/in/box.bin").await.expect(200).body.len(), 3000);

    let read = printed(&add(&daemon, &["download", "in/box.bin", "--user", "ann"]).await);
    for _ in 0..2 {
        assert_eq!(somebody.get(&read).await.expect(200).body.len(), 3000);
    }
    let tus = printed(&add(&daemon, &["upload", "in/tus.bin", "--user", "ann", "--tus"]).await);
    let create = somebody.call("POST", &tus).header("tus-resumable", "1.0.0").header("upload-length", "5");
    create.send().await.expect(201);
    let json = add(&daemon, &["download", "in/box.bin", "--user", "ann", "--json"]).await;
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (&json["for"], &json["path"], &json["once"]),
        (&"download".into(), &"in/box.bin".into(), &false.into())
    );
    assert_eq!(somebody.get(&target_of(&json["url"])).await.expect(200).body.len(), 3000);
}

fn target_of(url: &Value) -> String {
    url.as_str().unwrap().strip_prefix("https://upload.example.org").unwrap().to_owned()
}

#[tokio::test]
async fn what_cannot_be_a_link_is_said_and_without_a_key_there_is_none() {
    let keys = KeyRing::new();
    let daemon = Daemon::builder().config(&keys.config(&["one"])).start().await;
    daemon.add_user("ann").await;
    for (words, said) in [
        (&["download", "a", "--user", "nobody"][..], "No such user"),
        (&["download", "../a", "--user", "ann"][..], "path"),
        (&["upload", "a", "--user", "ann", "--expires", "0s"][..], "\"expires_in\" is 1 to "),
        (&["upload", "a", "--user", "ann", "--content-type", "no type"][..], "type"),
    ] {
        let refused = add(&daemon, words).await;
        assert_eq!((refused.code, &*refused.stdout), (1, ""), "{words:?} {refused:?}");
        assert!(refused.stderr.contains(said), "{words:?} {refused:?}");
    }
    let relative = add(&daemon, &["download", "a", "--user", "ann"]).await;
    assert!(relative.stdout.starts_with("/v1/files/a?link="), "{relative:?}");
    assert!(relative.stderr.contains("put the daemon's address in front"), "{relative:?}");

    let without = Daemon::builder().with_tokens().start().await;
    without.add_user("ann").await;
    let refused = add(&without, &["download", "a", "--user", "ann"]).await;
    assert_eq!((refused.code, &*refused.stdout), (1, ""), "{refused:?}");
    assert!(refused.stderr.contains("links"), "{refused:?}");
}
