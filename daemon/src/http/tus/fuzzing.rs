//! Doors to tus's grammars.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::concat::Role;
use super::fields::{UPLOAD_CHECKSUM, UPLOAD_CONCAT, UPLOAD_METADATA};
use super::{checksum, creation, location, metadata};
use crate::config::Config;
use crate::http::fuzzing::{head, head_of, must_be_harmless};
use crate::http::numbers::MAX_LENGTH;
use crate::http::peer::Peer;

const BASE: &str = "https://a.example/up/files/";
const PATH: &str = "/files/";

fn one(field: HeaderName, value: &str) -> HeaderMap {
    HeaderValue::from_str(value).map(|value| (field, value)).into_iter().collect()
}

/// `Upload-Metadata`: kept byte for byte, name and type harmless, and what is kept decoded is what was sent.
pub fn tus_metadata(bytes: &[u8]) -> bool {
    let Some(sent) = head_of(&UPLOAD_METADATA, bytes) else { return false };
    let Ok(read) = metadata::of(&sent) else { return false };
    read.path().iter().for_each(must_be_harmless);
    if let Some(content_type) = read.content_type() {
        assert!(
            content_type.len() <= 255 && HeaderValue::from_str(&content_type).is_ok(),
            "{content_type:?}"
        );
    }
    let kept = read.kept(Some("partial"));
    let raw = kept.get("tus").and_then(|ours| ours.get("metadata")).and_then(|raw| raw.as_str());
    if let Some(raw) = raw {
        assert_eq!(raw.as_bytes(), bytes, "the field is not kept as it came");
    }
    assert!(raw.is_some() || bytes.trim_ascii().is_empty(), "the field is lost");
    let texts = kept.iter().filter_map(|(key, value)| value.as_str().map(|text| (key, text)));
    let written: Vec<String> =
        texts.clone().map(|(key, text)| format!("{key} {}", STANDARD.encode(text))).collect();
    let again = metadata::of(&one(UPLOAD_METADATA, &written.join(",")));
    let again = again.map(|again| again.kept(None)).unwrap_or_default();
    for (key, text) in texts {
        assert_eq!(
            again.get(key).and_then(|value| value.as_str()),
            Some(text),
            "{key} written down is another"
        );
    }
    raw.is_some()
}

/// `Upload-Checksum`: there is one way to write a checksum, so what is accepted is written as it came.
pub fn tus_checksum(bytes: &[u8]) -> bool {
    let Some(sent) = head_of(&UPLOAD_CHECKSUM, bytes) else { return false };
    let Ok(Some(digest)) = checksum::of(&sent) else { return false };
    assert_eq!(digest.expected.len(), digest.algorithm.output_length(), "a checksum of another length");
    let name = match digest.algorithm.name() {
        "sha" => "sha1".to_owned(),
        name => name.replace('-', ""),
    };
    let names = checksum::names();
    let known = names.to_str().unwrap_or_default().split(',').any(|known| known == name);
    assert!(known, "{name} is not among the algorithms told");
    let written = format!("{name} {}", STANDARD.encode(&digest.expected));
    assert_eq!(written.as_bytes(), bytes, "a checksum is written in two ways");
    true
}

/// `Upload-Concat`: the uploads listed are found again under their own addresses, in their order.
pub fn tus_concat(bytes: &[u8]) -> bool {
    let Some(sent) = head_of(&UPLOAD_CONCAT, bytes) else { return false };
    let Ok(role) = Role::of(&sent, BASE, PATH) else { return false };
    match &role {
        Role::Alone => false,
        Role::Partial => bytes == b"partial",
        Role::Final(ids) => {
            assert!(!ids.is_empty() && bytes.starts_with(b"final;"), "a final upload of nothing");
            for address in [BASE, PATH] {
                let list: Vec<String> = ids.iter().map(|id| format!("{address}{id}")).collect();
                let again = Role::of(&one(UPLOAD_CONCAT, &format!("final;{}", list.join(" "))), BASE, PATH);
                assert_eq!(again.ok().as_ref(), Some(&role), "the uploads listed are others");
            }
            true
        }
    }
}

/// The whole head of a `POST`: exactly one length unless it is a final upload, and none of its own then.
pub fn tus_creation(bytes: &[u8]) -> bool {
    let Some(head) = head(bytes) else { return false };
    let Ok(wish) = creation::wish(&head, BASE, PATH) else { return false };
    let told = head.contains_key("upload-length");
    let deferred = head.contains_key("upload-defer-length");
    assert!(wish.new.length.is_none_or(|length| length <= MAX_LENGTH), "a length is below 2^63");
    assert_eq!(wish.new.length.is_some(), told, "the length told is the length taken");
    match wish.role {
        Role::Alone => assert!(told != deferred && !head.contains_key("upload-concat")),
        Role::Partial => assert!(told != deferred && head.contains_key("upload-concat")),
        Role::Final(_) => assert!(!told && !deferred, "a final upload has a length of its own"),
    }
    wish.new.path.iter().for_each(must_be_harmless);
    true
}

/// `Host`, `Forwarded` and their like: whatever they say, an upload's address is one of `http` or `https`, without a
/// user, and its path is tus's.
pub fn tus_address(bytes: &[u8]) -> bool {
    let Some(head) = head(bytes) else { return false };
    let config = Config::default();
    let mut shaped = false;
    for trusted in [false, true] {
        let peer = Peer { proxied: trusted, ..Peer::default() };
        let base = location::base(&config, PATH, &Uri::from_static(PATH), &head, &peer);
        assert!(HeaderValue::from_str(&base).is_ok(), "no field has {base:?}");
        if base == PATH {
            continue;
        }
        let uri: Uri = base.parse().unwrap_or_else(|error| panic!("{base:?}: {error}"));
        assert!(matches!(uri.scheme_str(), Some("http" | "https")), "{base:?}");
        assert!(uri.host().is_some_and(|host| !host.is_empty()), "no host in {base:?}");
        assert!(!base.contains('@'), "a user in {base:?}");
        assert_eq!((uri.path(), uri.query()), (PATH, None), "{base:?}");
        shaped = true;
    }
    shaped
}
