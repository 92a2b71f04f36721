//! `Upload-Checksum`, in the head or in the trailer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cairn_engine::digest::body::{BodyAlgorithm, BodyDigest};
use cairn_engine::engine::LateDigests;
use cairn_engine::refusal::BodyError;
use futures_util::FutureExt as _;
use http::header::{HeaderMap, HeaderValue, TRAILER};
use tokio::sync::oneshot;

use super::fields::{UPLOAD_CHECKSUM, bad, single};
use crate::http::problem::Problem;

/// The algorithms under tus's names.
const ALGORITHMS: [(&str, BodyAlgorithm); 6] = [
    ("sha1", BodyAlgorithm::Sha1),
    ("sha256", BodyAlgorithm::Sha256),
    ("sha512", BodyAlgorithm::Sha512),
    ("md5", BodyAlgorithm::Md5),
    ("crc32c", BodyAlgorithm::Crc32c),
    ("blake3", BodyAlgorithm::Blake3),
];

/// All names, as `Tus-Checksum-Algorithm` tells them.
pub(super) fn names() -> HeaderValue {
    HeaderValue::from_static("sha1,sha256,sha512,md5,crc32c,blake3")
}

/// The checksum that the head, or the trailer, announces.
///
/// # Errors
/// 400 `bad_field` for an algorithm that is not known, bad base64, or another length than the algorithm's.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<BodyDigest>, Problem> {
    let Some(value) = single(headers, &UPLOAD_CHECKSUM)? else { return Ok(None) };
    parse(value).map(Some).map_err(|detail| bad(&UPLOAD_CHECKSUM, detail))
}

fn parse(value: &[u8]) -> Result<BodyDigest, &'static str> {
    let text = std::str::from_utf8(value).map_err(|_| "it must be ASCII")?;
    let (name, encoded) = text.split_once(' ').ok_or("it must be an algorithm, a space and base64")?;
    let known = ALGORITHMS.iter().find(|(known, _)| *known == name);
    let (_, algorithm) = known.ok_or("the algorithm is none of those in Tus-Checksum-Algorithm")?;
    let bytes = STANDARD.decode(encoded).map_err(|_| "the checksum is not base64")?;
    BodyDigest::new(*algorithm, bytes).ok_or("the checksum has not the algorithm's length")
}

/// Whether a checksum is announced for the trailer.
pub(super) fn follows(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(TRAILER).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|name| name.trim().eq_ignore_ascii_case("upload-checksum"))
}

/// The checksum that the trailer brings, once it is there. One that was in the head as well must be the same.
pub(super) fn late(announced: Option<BodyDigest>, trailer: oneshot::Receiver<HeaderMap>) -> LateDigests {
    async move {
        let fields = trailer.await.map_err(|_| BodyError::Trailer)?;
        let told = of(&fields).ok().flatten().ok_or(BodyError::Trailer)?;
        if announced.is_some_and(|announced| announced != told) {
            return Err(BodyError::Trailer);
        }
        Ok(vec![told])
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_told_and_read() {
        let told = names();
        let told: Vec<_> = told.to_str().unwrap().split(',').collect();
        assert_eq!(told, ALGORITHMS.map(|(name, _)| name));
        for (name, algorithm) in ALGORITHMS {
            let value = format!("{name} {}", STANDARD.encode(vec![7; algorithm.output_length()]));
            assert_eq!(parse(value.as_bytes()).unwrap().algorithm, algorithm);
        }
    }

    #[test]
    fn what_is_not_the_grammar_is_refused() {
        for wrong in
            ["sha1", "sha1 ", "sha1 AAAA", "sha1 %%%", "SHA1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "crc64 AAAAAA=="]
        {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(parse(b"sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=").is_ok());
    }

    #[test]
    fn a_trailer_is_announced_in_any_list() {
        let announced = |value: &'static str| {
            follows(&HeaderMap::from_iter([(TRAILER, HeaderValue::from_static(value))]))
        };
        assert!(announced("Upload-Checksum"));
        assert!(announced("x-other, upload-checksum"));
        assert!(!announced("x-upload-checksum"));
        assert!(!follows(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn a_trailer_that_is_missing_malformed_or_other_than_the_head_is_none() {
        let fields =
            |value: &'static str| HeaderMap::from_iter([(UPLOAD_CHECKSUM, HeaderValue::from_static(value))]);
        let told = async |announced: Option<BodyDigest>, trailer: Option<HeaderMap>| {
            let (send, receive) = oneshot::channel();
            match trailer {
                Some(fields) => send.send(fields).unwrap(),
                None => drop(send),
            }
            late(announced, receive).await
        };
        let good = "crc32c AAAAAA==";
        let digest = parse(good.as_bytes()).unwrap();
        assert_eq!(told(None, Some(fields(good))).await, Ok(vec![digest.clone()]));
        assert_eq!(told(Some(digest.clone()), Some(fields(good))).await, Ok(vec![digest.clone()]));
        assert_eq!(told(None, None).await, Err(BodyError::Trailer));
        assert_eq!(told(None, Some(HeaderMap::new())).await, Err(BodyError::Trailer));
        assert_eq!(told(None, Some(fields("crc32c AAAA"))).await, Err(BodyError::Trailer));
        assert_eq!(told(Some(digest), Some(fields("crc32c AAAAAQ=="))).await, Err(BodyError::Trailer));
    }
}
