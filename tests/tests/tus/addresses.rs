//! Where an upload is said to be, and who may read it from a page.

use cairn_tests::{Daemon, exchange};

use super::scene::Scene;

async fn location(scene: &Scene, fields: &[(&str, &str)]) -> String {
    let mut call = scene.tus.call("POST", "/files/").header("upload-length", "5");
    for (name, value) in fields {
        call = call.header(name, value);
    }
    let location = call.send().await.expect(201).header("location").unwrap().to_owned();
    location.rsplit_once('/').unwrap().0.to_owned()
}

#[tokio::test]
async fn the_address_is_what_the_request_used_unless_a_trusted_proxy_knows_better() {
    let said = [("forwarded", "host=\"b.example:8443\";proto=https"), ("x-forwarded-host", "c.example")];
    let scene = Scene::open().await;
    let own = format!("http://{}/files", scene.daemon.address());
    assert_eq!(location(&scene, &said).await, own);
    let trusting = Scene::with(Daemon::builder().env("CAIRN__SERVER__TRUSTED_PROXIES", "127.0.0.1")).await;
    assert_eq!(location(&trusting, &said).await, "https://b.example:8443/files");
    let x = [("x-forwarded-host", "c.example:443"), ("x-forwarded-proto", "https")];
    assert_eq!(location(&trusting, &x).await, "https://c.example/files");
    let nonsense = [("x-forwarded-host", "c.example"), ("x-forwarded-proto", "bbb")];
    assert_eq!(location(&trusting, &nonsense).await, "http://c.example/files");
    let public = Daemon::builder().env("CAIRN__SERVER__PUBLIC_URL", "https://up.example/x");
    let public = Scene::with(public.env("CAIRN__PROTOCOLS__TUS_PATH", "/files/")).await;
    assert_eq!(location(&public, &said).await, "https://up.example/x/files");
}

#[tokio::test]
async fn tus_may_have_another_path_or_none() {
    let scene = Scene::with(Daemon::builder().env("CAIRN__PROTOCOLS__TUS_PATH", "/up/load/")).await;
    let created = scene.tus.call("POST", "/up/load/").header("upload-length", "5").send().await.expect(201);
    assert!(created.header("location").unwrap().contains("/up/load/"));
    scene.tus.call("POST", "/files/").header("upload-length", "5").send().await.expect(404);
    let scene = Scene::with(Daemon::builder().env("CAIRN__PROTOCOLS__TUS", "false")).await;
    let answer = scene.tus.call("POST", "/files/").header("upload-length", "5").send().await.expect(404);
    assert_eq!(answer.header("tus-resumable"), None);
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_send_and_read_what_tus_needs() {
    let scene = Scene::with(Daemon::builder().env("CAIRN__SERVER__CORS_ORIGINS", "https://a.example")).await;
    let address = scene.daemon.address();
    let preflight = "OPTIONS /files/ HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\nConnection: close\r\n\
                     Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: tus-resumable\r\n\r\n";
    let answer = exchange(address, preflight).await.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 200 "), "{answer}");
    for word in
        ["tus-resumable", "upload-checksum", "upload-concat", "upload-metadata", "patch", "delete", "86400"]
    {
        assert!(answer.contains(word), "{word}: {answer}");
    }
    assert!(answer.contains("access-control-allow-origin: https://a.example"), "{answer}");
    let refused =
        scene.tus.call("PATCH", "/files/x").header("origin", "https://a.example").send().await.expect(404);
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://a.example"));
    let exposed = refused.header("access-control-expose-headers").unwrap().to_ascii_lowercase();
    for name in
        ["upload-offset", "location", "upload-length", "tus-version", "tus-extension", "upload-expires"]
    {
        assert!(exposed.contains(name), "{name}: {exposed}");
    }
    let asked =
        scene.tus.call("OPTIONS", "/files/").header("origin", "https://a.example").send().await.expect(200);
    assert_eq!(asked.header("tus-version"), Some("1.0.0"));
    let stranger = scene.tus.call("HEAD", "/files/x").header("origin", "https://b.example").send().await;
    assert_eq!(stranger.header("access-control-allow-origin"), None);
}
