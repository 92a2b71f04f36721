//! Digest fields (RFC 9530): `Content-Digest` and `Repr-Digest`, in both directions.

use cairn_engine::digest::body::{BodyAlgorithm, BodyDigest};
use cairn_engine::{Algorithm, Digest};
use http::header::{HeaderMap, HeaderName};

use super::problem::Problem;

/// The digest of the message's content.
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
/// The digest of the whole representation.
pub(crate) const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// The digests of `Content-Digest`. Algorithms that we do not know are passed over, as the RFC asks.
///
/// # Errors
/// 400 `bad_digest` if the field is not a dictionary of byte sequences of the right lengths.
pub(crate) fn content_digest(headers: &HeaderMap) -> Result<Vec<BodyDigest>, Problem> {
    digests(headers, CONTENT_DIGEST)
}

/// The digests of `Repr-Digest`: one that may name a file, and the others, which are of the same bytes.
///
/// # Errors
/// As [`content_digest`].
pub(crate) fn repr_digest(headers: &HeaderMap) -> Result<(Option<Digest>, Vec<BodyDigest>), Problem> {
    let mut others = digests(headers, REPR_DIGEST)?;
    let by_strength = [(BodyAlgorithm::Sha256, Algorithm::Sha256), (BodyAlgorithm::Sha1, Algorithm::Sha1)];
    for (wanted, algorithm) in by_strength {
        if let Some(at) = others.iter().position(|d| d.algorithm == wanted) {
            let digest = Digest::new(algorithm, &others.remove(at).expected);
            return Ok((digest, others));
        }
    }
    Ok((None, others))
}

/// The value of a `Repr-Digest` field that tells these digests; `None` if none of them has a name there.
pub(crate) fn repr_digest_of(digests: &[Digest]) -> Option<String> {
    let mut members = sfv::DictSerializer::new();
    for digest in digests {
        let name = match digest.algorithm() {
            Algorithm::Sha256 => "sha-256",
            Algorithm::Sha1 => "sha",
            Algorithm::Blake3 => continue,
        };
        if let Ok(name) = sfv::KeyRef::from_str(name) {
            let _ = members.bare_item(name, digest.bytes());
        }
    }
    members.finish()
}

fn digests(headers: &HeaderMap, field: HeaderName) -> Result<Vec<BodyDigest>, Problem> {
    let lines: Vec<&[u8]> = headers.get_all(&field).iter().map(|value| value.as_bytes()).collect();
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let bad = |detail: String| {
        Problem::bad("bad_digest", "Not a digest").detail(detail).fact("field", field.as_str())
    };
    let dictionary: sfv::Dictionary = sfv::Parser::new(&lines.join(&b", "[..]))
        .parse()
        .map_err(|error| bad(format!("{field} is not a dictionary: {error}")))?;
    let mut digests = Vec::new();
    for (name, member) in &dictionary {
        let Some((algorithm, length)) = known(name.as_str()) else { continue };
        let bytes = byte_sequence(member).filter(|bytes| bytes.len() == length);
        let bytes = bytes.ok_or_else(|| bad(format!("{name} must be a byte sequence of {length} bytes")))?;
        digests.push(BodyDigest { algorithm, expected: bytes.to_vec() });
    }
    Ok(digests)
}

/// Algorithms as RFC 9530 names them, and their output in bytes.
fn known(name: &str) -> Option<(BodyAlgorithm, usize)> {
    match name {
        "sha-256" => Some((BodyAlgorithm::Sha256, 32)),
        "sha-512" => Some((BodyAlgorithm::Sha512, 64)),
        "sha" => Some((BodyAlgorithm::Sha1, 20)),
        "md5" => Some((BodyAlgorithm::Md5, 16)),
        _ => None,
    }
}

fn byte_sequence(member: &sfv::ListEntry) -> Option<&[u8]> {
    match member {
        sfv::ListEntry::Item(item) => item.bare_item.as_byte_sequence(),
        sfv::ListEntry::InnerList(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(field: HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (field.clone(), HeaderValue::from_str(line).unwrap())).collect()
    }

    const MD5: &str = "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:";
    const SHA: &str = "sha=:2jmj7l5rSw0yVb/vlWAYkK/YBwk=:";

    #[test]
    fn known_digests_are_read_from_all_lines_and_unknown_ones_passed_over() {
        let read = content_digest(&headers(CONTENT_DIGEST, &[MD5, "crc32c=:AAAAAA==:", SHA])).unwrap();
        let algorithms: Vec<_> = read.iter().map(|d| d.algorithm).collect();
        assert_eq!(algorithms, [BodyAlgorithm::Md5, BodyAlgorithm::Sha1]);
        assert_eq!(read[0].expected.len(), 16);
        assert_eq!(content_digest(&HeaderMap::new()).unwrap(), []);
    }

    #[test]
    fn malformed_digests_are_refused() {
        for bad in
            ["md5", "md5=1B2M2Y8AsgTpgAmY7PhCfg==", "md5=:AAAA:", "md5=(:AAAA:)", "md5=:A", "sha-256=\"x\""]
        {
            assert!(content_digest(&headers(CONTENT_DIGEST, &[bad])).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_repr_digest_that_can_name_a_file_does() {
        let (digest, others) = repr_digest(&headers(REPR_DIGEST, &[MD5, SHA])).unwrap();
        let digest = digest.unwrap();
        assert_eq!(digest.to_string(), "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(others.len(), 1);
        assert_eq!(repr_digest_of(&[digest]).as_deref(), Some(SHA));
        assert_eq!(repr_digest_of(&[Digest::blake3([0; 32])]), None);
    }
}
