//! Another owner's content, for who shows to have its bytes, over memory stores.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so loudly")]

use std::time::Duration;

use cairn_engine::contracts::{Challenge, Placement};
use cairn_engine::engine::{Created, WholeFile};
use cairn_engine::policy::{Instant, Proof};
use cairn_engine::testing::bench::{Bench, body, content, owner, wish};
use cairn_engine::{Algorithm, Digest, Engine, Policy, Refusal, State, UploadId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Digest as _;

const LENGTH: usize = 5_000;

fn bytes() -> Vec<u8> {
    (0..LENGTH as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56).to_le_bytes()[0]).collect()
}

fn policy(proof: Proof) -> Policy {
    Policy { instant: Instant::Proof, proof: Proof { min_length: 1_000, ..proof }, ..Policy::default() }
}

/// Ada has the content.
async fn scene(proof: Proof) -> (Bench, Engine) {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(policy(proof));
    let path = "a".parse().unwrap();
    let sha1 = Digest::new(Algorithm::Sha1, &sha1::Sha1::digest(bytes()));
    let file = WholeFile { path, digest: sha1, content_type: None, precondition: None };
    engine.put_file(&owner("ada"), file, body(bytes(), 2_000)).await.unwrap();
    (bench, engine)
}

async fn claim_of(engine: &Engine, who: &str, digest: Digest) -> (UploadId, Option<Challenge>) {
    let mut new = wish("b", Some(LENGTH as u64), None);
    new.digest = Some(digest);
    match engine.create(&owner(who), new).await.unwrap() {
        Created::Upload(status) => (status.upload.id, status.challenge),
        other => panic!("not a new upload: {other:?}"),
    }
}

async fn claim(engine: &Engine, who: &str) -> (UploadId, Option<Challenge>) {
    claim_of(engine, who, Digest::blake3(*blake3::hash(&bytes()).as_bytes())).await
}

fn answer(challenge: &Challenge, held: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&challenge.nonce).unwrap();
    for (offset, length) in &challenge.ranges {
        let start = usize::try_from(*offset).unwrap();
        mac.update(held.get(start..start + usize::try_from(*length).unwrap()).unwrap());
    }
    mac.finalize().into_bytes().into()
}

#[tokio::test]
async fn who_has_the_bytes_gets_the_file_and_the_upload_is_complete() {
    for ranges in [None, Some(8)] {
        let (_bench, engine) = scene(Proof { ranges, ..Proof::default() }).await;
        let (id, challenge) = claim(&engine, "eve").await;
        let right = answer(&challenge.unwrap(), &bytes());
        let possession = engine.check_proof(&owner("eve"), id, &right).await.unwrap();
        let file = engine.take_possession(possession).await.unwrap();
        assert_eq!(file.path.as_str(), "b");
        assert_eq!(content(&engine, &file).await, bytes());
        let caller = cairn_engine::Caller::User(owner("eve"));
        let status = engine.status(&caller, id).await.unwrap();
        assert_eq!((status.upload.state, status.file), (State::Complete, Some(file)));
        let account = engine.account(&owner("eve")).await.unwrap();
        assert_eq!((account.used_bytes, account.staged_bytes), (LENGTH as u64, 0));
    }
}

#[tokio::test]
async fn a_wrong_answer_ends_the_challenge_and_not_the_upload() {
    let (_bench, engine) = scene(Proof::default()).await;
    let (id, challenge) = claim(&engine, "eve").await;
    let challenge = challenge.unwrap();
    let mut held = bytes();
    *held.last_mut().unwrap() ^= 1;
    let wrong = engine.check_proof(&owner("eve"), id, &answer(&challenge, &held)).await;
    assert!(matches!(wrong, Err(Refusal::ProofFailed)), "{wrong:?}");
    let late = engine.check_proof(&owner("eve"), id, &answer(&challenge, &bytes())).await;
    assert!(matches!(late, Err(Refusal::NoChallenge)), "{late:?}");
    engine.append(&owner("eve"), id, 0, body(bytes(), 2_000)).await.unwrap();
    let caller = cairn_engine::Caller::User(owner("eve"));
    let file = engine.complete(&caller, id, Default::default()).await.unwrap();
    assert_eq!(content(&engine, &file).await, bytes());
}

#[tokio::test]
async fn an_answer_is_good_for_its_own_challenge_and_owner_only() {
    let (_bench, engine) = scene(Proof::default()).await;
    let (first, challenge) = claim(&engine, "eve").await;
    let (second, _) = claim(&engine, "eve").await;
    let right = answer(&challenge.unwrap(), &bytes());
    let replayed = engine.check_proof(&owner("eve"), second, &right).await;
    assert!(matches!(replayed, Err(Refusal::ProofFailed)), "{replayed:?}");
    let stranger = engine.check_proof(&owner("bob"), first, &right).await;
    assert!(matches!(stranger, Err(Refusal::NoUpload)), "{stranger:?}");
    engine.check_proof(&owner("eve"), first, &right).await.unwrap();
}

#[tokio::test]
async fn of_16_answers_at_once_one_is_looked_at() {
    let (_bench, engine) = scene(Proof::default()).await;
    let (id, challenge) = claim(&engine, "eve").await;
    let right = answer(&challenge.unwrap(), &bytes());
    let eve = owner("eve");
    let told = futures_util::future::join_all((0..16).map(|_| engine.check_proof(&eve, id, &right))).await;
    assert_eq!(told.iter().filter(|told| told.is_ok()).count(), 1);
    assert_eq!(told.iter().filter(|told| matches!(told, Err(Refusal::NoChallenge))).count(), 15);
}

#[tokio::test]
async fn an_answer_in_the_last_moment_counts_and_one_after_it_does_not() {
    let (bench, engine) = scene(Proof::default()).await;
    let ttl = Proof::default().ttl;
    for (waited, counts) in [(ttl - Duration::from_millis(1), true), (ttl, false)] {
        let (id, challenge) = claim(&engine, "eve").await;
        bench.clock.advance(waited);
        let told = engine.check_proof(&owner("eve"), id, &answer(&challenge.unwrap(), &bytes())).await;
        assert_eq!(told.is_ok(), counts, "{told:?}");
        assert!(counts || matches!(told, Err(Refusal::ChallengeExpired)), "{told:?}");
    }
}

#[tokio::test]
async fn no_more_challenges_are_given_in_an_hour_than_are_allowed() {
    let (bench, engine) = scene(Proof { rate: 2, ..Proof::default() }).await;
    for given in [true, true, false] {
        assert_eq!(claim(&engine, "eve").await.1.is_some(), given);
    }
    assert!(claim(&engine, "bob").await.1.is_some());
    bench.clock.advance(Duration::from_secs(3_600));
    assert!(claim(&engine, "eve").await.1.is_some());
}

#[tokio::test]
async fn a_short_content_and_one_that_nobody_has_get_no_challenge() {
    let (_bench, engine) = scene(Proof::default()).await;
    for (min_length, given) in [(LENGTH as u64, true), (LENGTH as u64 + 1, false)] {
        engine.set_policy(Policy {
            proof: Proof { min_length, ..Proof::default() },
            ..policy(Proof::default())
        });
        assert_eq!(claim(&engine, "eve").await.1.is_some(), given);
    }
    engine.set_policy(policy(Proof::default()));
    assert_eq!(claim_of(&engine, "eve", Digest::blake3([1; 32])).await.1, None);
    for instant in [Instant::Off, Instant::Own] {
        engine.set_policy(Policy { instant, ..policy(Proof::default()) });
        assert_eq!(claim(&engine, "eve").await.1, None);
    }
}

#[tokio::test]
async fn what_is_named_by_its_sha_1_is_asked_for_whole() {
    let (_bench, engine) = scene(Proof { ranges: Some(3), ..Proof::default() }).await;
    let sha1 = Digest::new(Algorithm::Sha1, &sha1::Sha1::digest(bytes())).unwrap();
    let challenge = claim_of(&engine, "eve", sha1).await.1.unwrap();
    assert_eq!(challenge.ranges, [(0, LENGTH as u64)]);
}

/// What a client can compute that has the digest and not the bytes.
fn guesses(challenge: &Challenge, digest: [u8; 32], n: u64) -> [u8; 32] {
    let short = Challenge { ranges: vec![(0, 32)], ..challenge.clone() };
    match n % 4 {
        0 => answer(&short, &digest),
        1 => digest,
        2 => challenge.nonce,
        _ => answer(challenge, &[0; LENGTH]),
    }
}

#[tokio::test]
async fn a_holder_of_the_digest_alone_passes_0_of_10_000() {
    let digest = *blake3::hash(&bytes()).as_bytes();
    let mut passed = 0;
    // An engine each thousand: its memory stores look through everything that they hold.
    for _ in 0..10 {
        let (_bench, engine) = scene(Proof { rate: u64::MAX, ..Proof::default() }).await;
        for n in 0..1_000 {
            let (id, challenge) = claim(&engine, "eve").await;
            let guess = guesses(&challenge.unwrap(), digest, n);
            passed += u32::from(engine.check_proof(&owner("eve"), id, &guess).await.is_ok());
            engine.abort(&cairn_engine::Caller::User(owner("eve")), id).await.unwrap();
        }
    }
    assert_eq!(passed, 0);
}
