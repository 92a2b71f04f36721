use std::path::Path;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{EncodingKey, crypto};
use rcgen::{KeyPair, RsaKeySize, SigningKey as _};
use serde_json::{Value, json};

use super::*;

/// 2027-01-15.
const NOW: u64 = 1_800_000_000;
const SECRET: &[u8] = b"a secret of more than 32 bytes, for tests";

static RSA: LazyLock<KeyPair> = LazyLock::new(|| {
    KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).expect("an RSA key")
});
static P256: LazyLock<KeyPair> =
    LazyLock::new(|| KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key on P-256"));
static ED25519: LazyLock<KeyPair> =
    LazyLock::new(|| KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("an Ed25519 key"));

fn key_of(algorithm: JwtAlgorithm) -> &'static KeyPair {
    match algorithm {
        JwtAlgorithm::RS256 => &RSA,
        JwtAlgorithm::ES256 => &P256,
        JwtAlgorithm::EdDSA => &ED25519,
        JwtAlgorithm::HS256 => panic!("a secret is no pair"),
    }
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// The signature of a message, as its part of a token.
fn signature(message: &str, with: JwtAlgorithm) -> String {
    let by = |key: EncodingKey, algorithm| crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
    match with {
        JwtAlgorithm::HS256 => by(EncodingKey::from_secret(SECRET), Algorithm::HS256),
        JwtAlgorithm::RS256 => URL_SAFE_NO_PAD.encode(RSA.sign(message.as_bytes()).unwrap()),
        JwtAlgorithm::ES256 => by(EncodingKey::from_ec_der(&P256.serialize_der()), Algorithm::ES256),
        JwtAlgorithm::EdDSA => by(EncodingKey::from_ed_der(&ED25519.serialize_der()), Algorithm::EdDSA),
    }
}

fn token_with(header: &Value, claims: &Value, with: JwtAlgorithm) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    format!("{message}.{}", signature(&message, with))
}

fn token(claims: &Value, with: JwtAlgorithm) -> String {
    token_with(&json!({ "alg": with.to_string(), "typ": "JWT" }), claims, with)
}

fn claims() -> Value {
    json!({ "sub": "ann", "iss": "https://issuer.example", "aud": "cairn", "exp": NOW + 60 })
}

/// The usual claims with others over them; null takes one away.
fn claims_with(others: Value) -> Value {
    let mut claims = claims();
    for (name, value) in others.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    claims
}

fn config(algorithm: JwtAlgorithm) -> Jwt {
    Jwt {
        algorithm,
        issuer: Some("https://issuer.example".to_owned()),
        audience: Some("cairn".to_owned()),
        ..Jwt::default()
    }
}

/// What a file of that content would be.
fn keys(content: impl AsRef<[u8]>, algorithm: JwtAlgorithm) -> Result<Keys, KeysError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    Keys::load(file.path(), algorithm)
}

fn rules(content: impl AsRef<[u8]>, algorithm: JwtAlgorithm) -> Rules {
    Rules { config: config(algorithm), keys: keys(content, algorithm).unwrap() }
}

/// Rules by the one key that is no set.
fn usual(algorithm: JwtAlgorithm) -> Rules {
    match algorithm {
        JwtAlgorithm::HS256 => rules([SECRET, b"\n"].concat(), algorithm),
        _ => rules(key_of(algorithm).public_key_pem(), algorithm),
    }
}

fn check(rules: &Rules, token: &str) -> Result<Identity, BadToken> {
    rules.check(token, Timestamp(NOW * 1000))
}

fn why(rules: &Rules, token: &str) -> String {
    check(rules, token).unwrap_err().to_string()
}

/// A key as a set holds it.
fn jwk(algorithm: JwtAlgorithm, name: Option<&str>) -> Value {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let mut key = match algorithm {
        JwtAlgorithm::HS256 => json!({ "kty": "oct", "k": text(SECRET) }),
        JwtAlgorithm::RS256 => {
            let raw = RSA.public_key_raw();
            let (n, e) = (DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key)(raw).unwrap();
            json!({ "kty": "RSA", "n": text(&n), "e": text(&e) })
        }
        JwtAlgorithm::ES256 => {
            let point = P256.public_key_raw();
            json!({ "kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..]) })
        }
        JwtAlgorithm::EdDSA => json!({ "kty": "OKP", "crv": "Ed25519", "x": text(ED25519.public_key_raw()) }),
    };
    if let Some(name) = name {
        key["kid"] = name.into();
    }
    key
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

const ALL: [JwtAlgorithm; 4] =
    [JwtAlgorithm::HS256, JwtAlgorithm::RS256, JwtAlgorithm::ES256, JwtAlgorithm::EdDSA];
use JwtAlgorithm::{ES256, EdDSA, HS256, RS256};

#[test]
fn a_token_names_its_user_by_every_algorithm_with_a_key_and_with_a_set() {
    for algorithm in ALL {
        let ann = Identity {
            owner: "ann".parse().unwrap(),
            rights: Rights { read: true, write: true, admin: false },
            by: By::Jwt,
            until: Some(Timestamp((NOW + 60 + 30) * 1000)),
        };
        let bare = token(&claims(), algorithm);
        let named = token_with(&json!({ "alg": algorithm.to_string(), "kid": "one" }), &claims(), algorithm);
        for token in [&bare, &named] {
            assert_eq!(check(&usual(algorithm), token), Ok(ann.clone()), "{algorithm}");
            let of_one = rules(set(&[jwk(algorithm, Some("one"))]), algorithm);
            assert_eq!(check(&of_one, token), Ok(ann.clone()), "{algorithm}");
        }
    }
}

#[test]
fn a_certificate_holds_a_key_too() {
    let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&*P256).unwrap();
    assert!(check(&rules(certificate.pem(), ES256), &token(&claims(), ES256)).is_ok());
}

#[test]
fn only_the_configured_algorithm_counts_whatever_a_token_says() {
    for configured in ALL {
        for other in ALL.into_iter().filter(|other| *other != configured) {
            let told = why(&usual(configured), &token(&claims(), other));
            assert_eq!(told, format!("it says that it is signed with {other}, and only {configured} counts"));
            // Said to be of the configured one, and signed with the other key all the same.
            let lying = token_with(&json!({ "alg": configured.to_string() }), &claims(), other);
            assert_eq!(check(&usual(configured), &lying), Err(BadToken::Signature));
        }
    }
}

#[test]
fn a_token_that_is_not_signed_is_none() {
    for algorithm in ALL {
        let rules = usual(algorithm);
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            let message = format!("{}.{}", part(&json!({ "alg": alg })), part(&claims()));
            for bad in [format!("{message}."), message.clone(), format!("{message}.AAAA")] {
                assert_eq!(check(&rules, &bad), Err(BadToken::Malformed), "{bad}");
            }
        }
        let message = format!("{}.{}", part(&json!({ "alg": algorithm.to_string() })), part(&claims()));
        assert_eq!(check(&rules, &format!("{message}.")), Err(BadToken::Signature));
        assert_eq!(check(&rules, &message), Err(BadToken::Malformed));
    }
}

/// The public key is known to all, so a token "signed" with its text as a secret must never be believed.
#[test]
fn a_public_key_is_no_secret() {
    let pem = RSA.public_key_pem();
    let message = format!("{}.{}", part(&json!({ "alg": "HS256" })), part(&claims()));
    for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), RSA.public_key_raw()] {
        let signature =
            crypto::sign(message.as_bytes(), &EncodingKey::from_secret(secret), Algorithm::HS256).unwrap();
        let forged = format!("{message}.{signature}");
        assert!(matches!(check(&usual(RS256), &forged), Err(BadToken::Algorithm { .. })));
        assert_eq!(check(&usual(HS256), &forged), Err(BadToken::Signature));
    }
    let refused = keys(&pem, HS256).unwrap_err();
    assert!(matches!(refused, KeysError::Key { source: keys::BadKey::Kind(HS256), .. }), "{refused}");
    // Nor is a key that the token itself brings along looked at.
    let brought = json!({ "alg": "ES256", "jwk": jwk(ES256, None), "jku": "https://evil.example/" });
    let other = rules(KeyPair::generate().unwrap().public_key_pem(), ES256);
    assert_eq!(check(&other, &token_with(&brought, &claims(), ES256)), Err(BadToken::Signature));
}

#[test]
fn whatever_was_changed_is_not_what_was_signed() {
    for algorithm in ALL {
        let rules = usual(algorithm);
        let good = token(&claims(), algorithm);
        let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
        parts[1] = part(&claims_with(json!({ "sub": "bob" })));
        assert_eq!(check(&rules, &parts.join(".")), Err(BadToken::Signature), "{algorithm}");
        parts.truncate(2);
        assert_eq!(check(&rules, &parts.join(".")), Err(BadToken::Malformed), "{algorithm}");
        assert!(check(&rules, &format!("{good}.x")).is_err());
        assert!(check(&rules, &format!("{good}=")).is_err());
        assert!(check(&rules, &good[..good.len() - 2]).is_err());
    }
}

#[test]
fn garbage_is_refused() {
    let rules = usual(HS256);
    let text = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let garbage = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        "a.b.c".to_owned(),
        "\0.\0.\0".to_owned(),
        "ä.ö.ü".to_owned(),
        format!("{}.{}.{}", text("[]"), text("{}"), text("")),
        format!("{}.{}.{}", text("{\"alg\":7}"), text("{}"), text("")),
        format!("{}.{}.{}", text("{\"alg\":\"HS256\",\"kid\":7}"), text("{}"), text("")),
        format!("{}.{}.{}", text(&"[".repeat(3000)), text("{}"), text("")),
    ];
    for bad in &garbage {
        assert_eq!(check(&rules, bad), Err(BadToken::Malformed), "{bad:?}");
    }
    // Rightly signed, and still nothing that claims could be.
    for content in ["[]", "7", "\"x\"", "", "{\"sub\":"] {
        let message = format!("{}.{}", part(&json!({ "alg": "HS256" })), text(content));
        let signed = format!("{message}.{}", signature(&message, HS256));
        assert_eq!(check(&rules, &signed), Err(BadToken::Malformed), "{content}");
    }
}

#[test]
fn a_token_is_over_at_its_end_and_the_leeway_and_good_before() {
    let rules = usual(HS256);
    let leeway = 30;
    let at = |exp: Value| check(&rules, &token(&claims_with(json!({ "exp": exp })), HS256)).map(|_| ());
    assert_eq!(at(json!(NOW - leeway - 1)), Err(BadToken::Expired));
    assert_eq!(at(json!(NOW - leeway)), Err(BadToken::Expired));
    assert_eq!(at(json!(NOW as f64 - 29.999)), Ok(()));
    assert_eq!(at(json!(NOW - leeway + 1)), Ok(()));
    assert_eq!(at(json!(0)), Err(BadToken::Expired));
    assert_eq!(at(json!(-1)), Err(BadToken::Expired));
    assert_eq!(at(json!(u64::MAX)), Ok(()));
    for bad in [json!(null), json!("1900000000"), json!([1]), json!(true)] {
        assert_eq!(at(bad), Err(BadToken::Claim("exp".to_owned())));
    }
    let mut strict = rules.clone();
    strict.config.leeway = Duration::ZERO;
    let at = |exp: u64| check(&strict, &token(&claims_with(json!({ "exp": exp })), HS256)).map(|_| ());
    assert_eq!((at(NOW), at(NOW + 1)), (Err(BadToken::Expired), Ok(())));
}

#[test]
fn a_token_is_not_good_before_its_beginning_less_the_leeway() {
    let rules = usual(HS256);
    let at = |nbf: Value| check(&rules, &token(&claims_with(json!({ "nbf": nbf })), HS256)).map(|_| ());
    assert_eq!(at(json!(NOW + 31)), Err(BadToken::Early));
    assert_eq!(at(json!(NOW as f64 + 30.001)), Err(BadToken::Early));
    assert_eq!(at(json!(NOW + 30)), Ok(()));
    assert_eq!(at(json!(NOW - 1)), Ok(()));
    assert_eq!(at(json!("soon")), Err(BadToken::Claim("nbf".to_owned())));
}

#[test]
fn issuer_and_audience_are_those_that_are_configured() {
    let rules = usual(HS256);
    let with = |rules: &Rules, others: Value| check(rules, &token(&claims_with(others), HS256)).map(|_| ());
    for bad in [json!("https://issuer.example/"), json!("x"), json!(["https://issuer.example"]), json!(null)]
    {
        assert_eq!(with(&rules, json!({ "iss": bad })), Err(BadToken::Issuer));
    }
    assert_eq!(with(&rules, json!({ "aud": ["other", "cairn"] })), Ok(()));
    for bad in [json!("Cairn"), json!(["other"]), json!([]), json!(null), json!({ "cairn": 1 }), json!([7])] {
        assert_eq!(with(&rules, json!({ "aud": bad })), Err(BadToken::Audience));
    }
    let mut any = rules.clone();
    (any.config.issuer, any.config.audience) = (None, None);
    assert_eq!(with(&any, json!({ "aud": null, "iss": "anybody" })), Ok(()));
    assert_eq!(with(&any, json!({ "aud": null, "iss": null })), Ok(()));
    // A token that is for somebody is not for whoever does not say who they are.
    assert_eq!(with(&any, json!({})), Err(BadToken::Audience));
}

#[test]
fn the_user_is_the_claim_that_is_configured_and_a_name() {
    let rules = usual(HS256);
    let with = |rules: &Rules, others: Value| check(rules, &token(&claims_with(others), HS256));
    for bad in [json!(null), json!(7), json!(""), json!("a\nb"), json!("x".repeat(256)), json!(["ann"])] {
        assert_eq!(with(&rules, json!({ "sub": bad })), Err(BadToken::Claim("sub".to_owned())));
    }
    assert_eq!(with(&rules, json!({ "sub": "x".repeat(255) })).unwrap().owner.as_str().len(), 255);
    let mut by_mail = rules.clone();
    by_mail.config.user_claim = "email".to_owned();
    let zoe = with(&by_mail, json!({ "email": "зоя@example.org" })).unwrap();
    assert_eq!(zoe.owner.as_str(), "зоя@example.org");
    assert_eq!(with(&by_mail, json!({})), Err(BadToken::Claim("email".to_owned())));
}

#[test]
fn scopes_are_words_or_an_array_of_them_and_without_any_one_may_read_and_write() {
    let rules = usual(HS256);
    let may = |others: Value| {
        let identity = check(&rules, &token(&claims_with(others), HS256))?;
        Ok((identity.rights.read, identity.rights.write, identity.rights.admin))
    };
    assert_eq!(may(json!({})), Ok((true, true, false)));
    assert_eq!(may(json!({ "scope": "read" })), Ok((true, false, false)));
    assert_eq!(may(json!({ "scope": "openid write  profile" })), Ok((false, true, false)));
    assert_eq!(may(json!({ "scope": "read write admin" })), Ok((true, true, true)));
    assert_eq!(may(json!({ "scope": ["admin"] })), Ok((false, false, true)));
    assert_eq!(may(json!({ "scope": "openid" })), Ok((false, false, false)));
    assert_eq!(may(json!({ "scope": "READ read,write" })), Ok((false, false, false)));
    assert_eq!(may(json!({ "scope": [] })), Ok((false, false, false)));
    let bad = Err(BadToken::Claim("scope".to_owned()));
    assert_eq!(may(json!({ "scope": 7 })), bad);
    assert_eq!(may(json!({ "scope": ["read", 7] })), bad);
    assert_eq!(may(json!({ "scope": { "read": true } })), bad);
}

#[test]
fn a_token_is_as_long_as_it_may_be_or_it_is_refused() {
    let rules = usual(HS256);
    let most = usize::try_from(rules.config.max_token_bytes).unwrap();
    let of = |padding: usize| token(&claims_with(json!({ "x": "y".repeat(padding) })), HS256);
    let padding = (0..).find(|padding| of(*padding).len() > most).unwrap();
    assert!(check(&rules, &of(padding - 2)).is_ok());
    let mut exact = rules.clone();
    let long = of(padding);
    exact.config.max_token_bytes = long.len() as u64;
    assert!(check(&exact, &long).is_ok());
    exact.config.max_token_bytes -= 1;
    assert_eq!(
        check(&exact, &long),
        Err(BadToken::TooLong { bytes: long.len(), most: long.len() as u64 - 1 })
    );
}

#[test]
fn what_must_be_understood_and_is_not_is_refused() {
    let header = json!({ "alg": "HS256", "crit": ["b64"], "b64": false });
    assert_eq!(check(&usual(HS256), &token_with(&header, &claims(), HS256)), Err(BadToken::Critical));
}

#[test]
fn the_name_of_a_key_chooses_among_several() {
    let other = KeyPair::generate().unwrap();
    let mut second = jwk(ES256, Some("two"));
    let point = other.public_key_raw();
    second["x"] = URL_SAFE_NO_PAD.encode(&point[1..33]).into();
    second["y"] = URL_SAFE_NO_PAD.encode(&point[33..]).into();
    let both = rules(set(&[jwk(ES256, Some("one")), second]), ES256);
    let named = |name: &str| token_with(&json!({ "alg": "ES256", "kid": name }), &claims(), ES256);
    assert!(check(&both, &named("one")).is_ok());
    assert_eq!(check(&both, &named("two")), Err(BadToken::Signature));
    assert_eq!(check(&both, &named("three")), Err(BadToken::Key));
    assert_eq!(check(&both, &named("")), Err(BadToken::Key));
    assert_eq!(check(&both, &token(&claims(), ES256)), Err(BadToken::Key));
    let nameless = rules(set(&[jwk(ES256, None)]), ES256);
    assert!(check(&nameless, &token(&claims(), ES256)).is_ok());
    assert_eq!(check(&nameless, &named("one")), Err(BadToken::Key));
}

#[test]
fn keys_of_a_set_that_cannot_be_used_are_told_of_and_the_others_count() {
    let with = |name: &str, key: &str, value: Value| {
        let mut jwk = jwk(RS256, Some(name));
        jwk[key] = value;
        jwk
    };
    let content = set(&[
        jwk(ES256, Some("curve")),
        jwk(HS256, None),
        with("other", "alg", json!("RS512")),
        with("strange", "alg", json!("XY1")),
        with("encrypts", "use", json!("enc")),
        with("signs", "key_ops", json!(["sign"])),
        with("short", "n", json!("AQAB")),
        json!({ "kty": "PQC", "kid": "future" }),
        json!("no key"),
        with("good", "key_ops", json!(["verify"])),
    ]);
    let keys = keys(&content, RS256).unwrap();
    let told: Vec<String> = keys.unused().iter().map(|one| format!("{}: {}", one.key, one.why)).collect();
    assert_eq!(
        told,
        [
            "curve: it is not of the kind that RS256 needs",
            "number 2: it is not of the kind that RS256 needs",
            "other: it is for RS512",
            "strange: it is for UNKNOWN_ALGORITHM",
            "encrypts: it is not for signatures",
            "signs: it is not for checking signatures",
            "short: an RSA key of 24 bits is not within 2048 to 8192",
            "future: it is not of the kind that RS256 needs",
            "number 9: it is malformed",
        ]
    );
    assert_eq!(keys.len(), 1);
    assert!(keys.find(Some("good")).is_some() && keys.find(Some("curve")).is_none());
}

#[test]
fn a_file_that_cannot_be_used_is_refused_with_the_reason_and_without_what_it_holds() {
    let private = RSA.serialize_pem();
    let two = format!("{}{}", RSA.public_key_pem(), RSA.public_key_pem());
    let table: Vec<(String, JwtAlgorithm, &str)> = vec![
        (String::new(), RS256, "there is no public key"),
        ("hunter2 hunter2 hunter2 hunter2 hunter2".to_owned(), RS256, "there is no public key"),
        ("hunter2".to_owned(), HS256, "the secret has 7 bytes"),
        ("x".repeat(31) + "\n", HS256, "the secret has 31 bytes"),
        (private.clone(), RS256, "it is a private key"),
        (private, HS256, "it is a private key"),
        (two, RS256, "there are several"),
        (RSA.public_key_pem(), ES256, "not of the kind that ES256 needs"),
        (P256.public_key_pem(), EdDSA, "not of the kind that EdDSA needs"),
        (ED25519.public_key_pem(), RS256, "not of the kind that RS256 needs"),
        ("-----BEGIN PUBLIC KEY-----\nhunter2".to_owned(), RS256, "it is malformed"),
        ("{ hunter2".to_owned(), HS256, "is no JWKS"),
        ("{\"hunter2\": []}".to_owned(), HS256, "is no JWKS"),
        (set(&[]), RS256, "holds no key that RS256 can be checked with; it is empty"),
        (set(&[jwk(ES256, Some("k"))]), RS256, "k: it is not of the kind that RS256 needs"),
        (
            set(&[jwk(RS256, Some("k")), jwk(RS256, Some("k"))]),
            RS256,
            "two keys that can be used under one name, k",
        ),
        (set(&[jwk(RS256, None), jwk(RS256, None)]), RS256, "two keys that can be used under one name, none"),
        ("x".repeat((1 << 20) + 1), HS256, "has 1048577 bytes, and may have 1048576"),
    ];
    for (content, algorithm, reason) in table {
        let error = keys(&content, algorithm).unwrap_err();
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        let said = format!("{error}: {cause}");
        assert!(said.contains(reason), "{said}");
        assert!(!said.contains("hunter2") && !format!("{error:?}").contains("hunter2"), "{said}");
    }
    let missing = Keys::load(Path::new("/nowhere/keys"), RS256).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/keys, cannot be read"), "{missing}");
    assert!(keys("x".repeat(32), HS256).is_ok());
}

#[test]
fn no_print_shows_a_secret() {
    let shown = format!("{:?}", usual(HS256));
    let bytes: Vec<String> = SECRET.iter().map(u8::to_string).collect();
    assert!(shown.contains("redacted") && !shown.contains(&bytes[..4].join(", ")), "{shown}");
}
