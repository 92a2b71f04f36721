//! TLS as curl sees it: versions, protocols, certificates of both sides, and a certificate that is replaced.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use cairn_tests::{Daemon, LIMIT, RawConnection, exchange};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustix::process::Signal;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// An authority, and a folder of what it issued.
struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let folder = tempfile::tempdir().unwrap();
        // Two authorities of one name would be taken for one whose key is wrong.
        params.distinguished_name.push(DnType::CommonName, folder.path().display().to_string());
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { folder, issuer }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Issues `NAME.pem` and `NAME.key`.
    fn issue(&self, name: &str, expired: bool) {
        let names = if name == "server" { vec!["127.0.0.1".to_owned()] } else { vec![] };
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        if expired {
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        // In one step each, as tools that renew certificates do it.
        for (ending, text) in [("key", key.serialize_pem()), ("pem", certificate.pem())] {
            std::fs::write(self.path("new"), text).unwrap();
            std::fs::rename(self.path("new"), self.path(&format!("{name}.{ending}"))).unwrap();
        }
    }

    fn config(&self, more: &str) -> String {
        let path = |name: &str| self.path(name).display().to_string();
        format!(
            "[server]\nheader_timeout = \"500ms\"\n[server.tls]\ncertificate = {:?}\nkey = {:?}\n{more}\n",
            path("server.pem"),
            path("server.key")
        )
    }

    async fn daemon(&self, more: &str) -> Daemon {
        self.issue("server", false);
        Daemon::builder().config(&self.config(more)).start_listening().await
    }

    fn client_ca(&self, auth: &str) -> String {
        format!("client_auth = \"{auth}\"\nclient_ca = {:?}", self.path("ca.pem").display().to_string())
    }
}

fn curl(daemon: &Daemon, ca: &Path, path: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "60", "--cacert", ca.to_str().unwrap()]);
    command.args(arguments).arg(format!("https://{}{path}", daemon.address()));
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn asked(daemon: &Daemon, ca: &Path, path: &str, arguments: &[&str]) -> Output {
    curl(daemon, ca, path, arguments).output().await.unwrap()
}

async fn is_answered(daemon: &Daemon, ca: &Path, arguments: &[&str]) -> bool {
    asked(daemon, ca, "/healthz", &[&["--fail"], arguments].concat()).await.status.success()
}

#[tokio::test]
async fn both_versions_and_both_protocols_are_spoken() {
    let authority = Authority::new();
    let daemon = authority.daemon("").await;
    let ca = authority.path("ca.pem");
    for version in ["1.2", "1.3"] {
        for (flag, told) in [("--http1.1", "1.1"), ("--http2", "2")] {
            let least = format!("--tlsv{version}");
            let write = ["--write-out", "%{http_version} %{http_code}", "--output", "/dev/null"];
            let arguments = [&[flag, &least, "--tls-max", version][..], &write].concat();
            let output = asked(&daemon, &ca, "/healthz", &arguments).await;
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                format!("{told} 200"),
                "{version} {output:?}"
            );
        }
    }
    let newest = authority.daemon("min_version = \"1.3\"").await;
    assert!(!is_answered(&newest, &ca, &["--tls-max", "1.2"]).await);
    assert!(is_answered(&newest, &ca, &[]).await);
}

#[tokio::test]
async fn bytes_come_and_go_as_they_were_and_links_are_of_https() {
    let authority = Authority::new();
    let daemon = authority.daemon("").await;
    let ca = authority.path("ca.pem");
    let bytes: Vec<u8> = (0..5_000_011u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (sent, got) = (authority.path("sent"), authority.path("got"));
    std::fs::write(&sent, &bytes).unwrap();
    for protocol in ["--http1.1", "--http2"] {
        let upload = [protocol, "--fail", "--upload-file", sent.to_str().unwrap()];
        let output = asked(&daemon, &ca, &format!("/v1/files/{protocol}"), &upload).await;
        assert!(output.status.success(), "{output:?}");
        let download = [protocol, "--fail", "--output", got.to_str().unwrap()];
        let output = asked(&daemon, &ca, &format!("/v1/files/{protocol}"), &download).await;
        assert!(output.status.success() && std::fs::read(&got).unwrap() == bytes, "{output:?}");
    }
    let create = ["--request", "POST", "--header", "Tus-Resumable: 1.0.0", "--header", "Upload-Length: 5"];
    let show = ["--dump-header", "-", "--output", "/dev/null"];
    let output = asked(&daemon, &ca, "/files/", &[&create[..], &show].concat()).await;
    let told = String::from_utf8_lossy(&output.stdout).to_lowercase();
    assert!(told.contains(&format!("location: https://{}/files/", daemon.address())), "{told}");
}

#[tokio::test]
async fn who_trusts_another_authority_or_meets_an_expired_certificate_says_no() {
    let authority = Authority::new();
    let daemon = authority.daemon("").await;
    let other = Authority::new();
    assert_eq!(asked(&daemon, &other.path("ca.pem"), "/healthz", &[]).await.status.code(), Some(60));
    authority.issue("server", true);
    let late = Daemon::builder().config(&authority.config("")).start_listening().await;
    assert_eq!(asked(&late, &authority.path("ca.pem"), "/healthz", &[]).await.status.code(), Some(60));
}

#[tokio::test]
async fn clients_show_a_certificate_where_they_must_and_a_wrong_one_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let ca = authority.path("ca.pem");
    authority.issue("ann", false);
    authority.issue("late", true);
    other.issue("eve", false);
    let shown = |folder: &Authority, name: &str| {
        let path = |ending: &str| folder.path(&format!("{name}.{ending}")).display().to_string();
        ["--cert".to_owned(), path("pem"), "--key".to_owned(), path("key")]
    };
    let cases = [
        (None, [true, false]),
        (Some(shown(&authority, "ann")), [true, true]),
        (Some(shown(&authority, "late")), [false, false]),
        (Some(shown(&other, "eve")), [false, false]),
    ];
    for (n, auth) in ["optional", "required"].into_iter().enumerate() {
        let config = format!("{}\n[log]\nlevel = \"debug\"", authority.client_ca(auth));
        let daemon = authority.daemon(&config).await;
        for (arguments, expected) in &cases {
            let arguments: Vec<&str> = arguments.iter().flatten().map(String::as_str).collect();
            for version in ["1.2", "1.3"] {
                let arguments = [&arguments[..], &["--tls-max", version]].concat();
                let answered = is_answered(&daemon, &ca, &arguments).await;
                assert_eq!(answered, expected[n], "{auth} {arguments:?}");
            }
        }
        let named = daemon.log().matches(r#""peer.certificate_name":""#).count();
        let as_ann = daemon.log().matches(r#""peer.certificate_name":"ann""#).count();
        assert_eq!((named, as_ann), (2, 2), "{}", daemon.log());
    }
}

#[tokio::test]
async fn plain_http_is_told_and_half_a_handshake_is_cut() {
    let authority = Authority::new();
    let daemon = authority.daemon("").await;
    let answer = exchange(daemon.address(), "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 ") && answer.contains("https"), "{answer}");
    for begun in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00", b"\x00\x01\x02"] {
        let mut connection = RawConnection::open(daemon.address()).await;
        connection.send(begun).await.unwrap();
        // It panics unless the daemon closes.
        connection.read_to_close().await;
    }
    assert!(is_answered(&daemon, &authority.path("ca.pem"), &[]).await);
}

#[tokio::test]
async fn a_new_certificate_is_taken_while_connections_go_on_and_a_bad_one_is_not() {
    let (old, new) = (Authority::new(), Authority::new());
    let daemon = old.daemon("").await;
    let (old_ca, new_ca) = (old.path("ca.pem"), new.path("ca.pem"));
    let arguments = ["--fail", "--upload-file", "-", "--output", "/dev/null"];
    let mut upload =
        curl(&daemon, &old_ca, "/v1/files/slow", &arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = upload.stdin.take().unwrap();
    input.write_all(&[7; 100_000]).await.unwrap();
    new.issue("server", false);
    for name in ["server.key", "server.pem"] {
        std::fs::copy(new.path(name), old.path("copy")).unwrap();
        std::fs::rename(old.path("copy"), old.path(name)).unwrap();
    }
    wait_until(async || is_answered(&daemon, &new_ca, &[]).await).await;
    assert!(!is_answered(&daemon, &old_ca, &[]).await);
    input.write_all(&[8; 100_000]).await.unwrap();
    drop(input);
    assert!(upload.wait().await.unwrap().success(), "what was running goes on");

    std::fs::write(old.path("server.pem"), "nonsense").unwrap();
    daemon.signal(Signal::HUP);
    wait_until(async || daemon.log().contains("the new certificate is refused")).await;
    assert!(is_answered(&daemon, &new_ca, &[]).await);
    old.issue("server", false);
    daemon.signal(Signal::HUP);
    wait_until(async || is_answered(&daemon, &old_ca, &[]).await).await;
}

#[tokio::test]
async fn the_certificate_of_a_client_says_who_asks_where_it_counts_and_nothing_else_does() {
    let authority = Authority::new();
    let ca = authority.path("ca.pem");
    for name in ["ann", "a\nb"] {
        authority.issue(name, false);
    }
    let shown = |name: &str| {
        let path = |ending: &str| authority.path(&format!("{name}.{ending}")).display().to_string();
        ["--cert".to_owned(), path("pem"), "--key".to_owned(), path("key")]
    };
    let config = |more: &str| {
        let client = authority.client_ca("optional");
        authority.config(&format!("{client}\n[auth]\nmode = \"tokens\"\n{more}"))
    };
    authority.issue("server", false);
    let daemon = Daemon::builder().config(&config("certificates = true")).start_listening().await;
    let asked_me = async |daemon: &Daemon, arguments: &[&str]| {
        let write = ["--write-out", " %{http_code}"];
        let output = asked(daemon, &ca, "/v1/me", &[arguments, &write].concat()).await;
        let told = String::from_utf8(output.stdout).unwrap();
        let user = told.contains(r#""user":"ann""#);
        (told.rsplit(' ').next().unwrap().to_owned(), user)
    };
    let ann = shown("ann");
    let ann: Vec<&str> = ann.iter().map(String::as_str).collect();
    let is = |status: &str, user: bool| (status.to_owned(), user);
    assert_eq!(asked_me(&daemon, &ann).await, is("200", true));
    assert_eq!(asked_me(&daemon, &[]).await, is("401", false));
    // A name that no user can have, and credentials that are not valid: the certificate does not mend them.
    let bad = shown("a\nb");
    let bad: Vec<&str> = bad.iter().map(String::as_str).collect();
    assert_eq!(asked_me(&daemon, &bad).await, is("401", false));
    for header in ["Authorization: Bearer nonsense", "Authorization: Digest x"] {
        assert_eq!(asked_me(&daemon, &[&ann[..], &["--header", header]].concat()).await, is("401", false));
    }
    // A token counts before the certificate.
    daemon.add_user("bob").await;
    let bob = format!("Authorization: Bearer {}", daemon.add_token("bob", "read").await);
    assert_eq!(asked_me(&daemon, &[&ann[..], &["--header", &bob]].concat()).await, is("200", false));
    daemon.add_user("ann").await;
    daemon.operator(&["users", "disable", "ann"]).await;
    assert_eq!(asked_me(&daemon, &ann).await, is("401", false));

    let off = Daemon::builder().config(&config("")).start_listening().await;
    assert_eq!(asked_me(&off, &ann).await, is("401", false));
    // The certificate of a proxy is nobody's for whom it speaks.
    let trusting =
        config("certificates = true").replace("[server]", "[server]\ntrusted_proxies = [\"127.0.0.1\"]");
    let proxied = Daemon::builder().config(&trusting).start_listening().await;
    assert_eq!(asked_me(&proxied, &ann).await, is("401", false));
}

async fn wait_until(condition: impl AsyncFn() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("it comes about in time");
}

#[tokio::test]
async fn files_that_cannot_be_are_refused_before_anything_starts() {
    let authority = Authority::new();
    authority.issue("server", false);
    let check = || Daemon::builder().config(&authority.config("")).argument("--check-config").run_to_end();
    let right = check().await;
    assert!(right.status.success() && right.log.contains("more days"), "{}", right.log);
    authority.issue("other", false);
    std::fs::copy(authority.path("other.key"), authority.path("server.key")).unwrap();
    let wrong = check().await;
    assert_eq!(wrong.status.code(), Some(78), "{}", wrong.log);
    assert!(wrong.log.contains("cannot be used with the certificate"), "{}", wrong.log);
    let started = Daemon::builder().config(&authority.config("")).run_to_end().await;
    assert_eq!(started.status.code(), Some(78), "{}", started.log);
    std::fs::remove_file(authority.path("server.key")).unwrap();
    assert_eq!(check().await.status.code(), Some(78));
    let wishes = [
        ("mode = \"tokens\"", "nobody is asked for a certificate"),
        ("mode = \"none\"", "a caller is whoever it says it is"),
    ];
    for (mode, why) in wishes {
        let more = format!("[auth]\n{mode}\ncertificates = true");
        let refused = Daemon::builder().config(&authority.config(&more)).run_to_end().await;
        assert_eq!(refused.status.code(), Some(78), "{}", refused.log);
        assert!(refused.log.contains(why), "{}", refused.log);
    }
    for more in ["client_auth = \"required\"", "min_version = \"1.1\"", "cipher = \"x\""] {
        let refused = Daemon::builder().config(&authority.config(more)).run_to_end().await;
        assert_eq!(refused.status.code(), Some(78), "{more}: {}", refused.log);
    }
}
