//! Digests of one request's body (RFC 9530 `Content-Digest`, the checksums of tus).

use digest::DynDigest;

use crate::refusal::Refusal;

/// Bytes that are given to one algorithm before the next one takes the same: they stay in the processor's cache.
const SLICE: usize = 32 << 10;

/// A digest of one request's body, to be verified before any of it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyDigest {
    /// What computes it.
    pub algorithm: BodyAlgorithm,
    /// The output that is expected.
    pub expected: Vec<u8>,
}

impl BodyDigest {
    /// The digest of these bytes, or `None` if there are not as many as the algorithm puts out.
    pub fn new(algorithm: BodyAlgorithm, expected: impl Into<Vec<u8>>) -> Option<Self> {
        let expected = expected.into();
        (expected.len() == algorithm.output_length()).then_some(Self { algorithm, expected })
    }
}

/// Algorithms that a request's body is verified with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// SHA-1.
    Sha1,
    /// MD5.
    Md5,
    /// CRC-32C, the most significant byte first.
    Crc32c,
    /// BLAKE3, 32 bytes of it.
    Blake3,
}

impl BodyAlgorithm {
    /// Every algorithm, the strongest first.
    pub const ALL: [Self; 6] =
        [Self::Blake3, Self::Sha512, Self::Sha256, Self::Sha1, Self::Md5, Self::Crc32c];

    /// The name in the registry of RFC 9530; of BLAKE3, which has none there, its own.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha512 => "sha-512",
            Self::Sha1 => "sha",
            Self::Md5 => "md5",
            Self::Crc32c => "crc32c",
            Self::Blake3 => "blake3",
        }
    }

    /// The algorithm of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Bytes of output.
    pub fn output_length(self) -> usize {
        match self {
            Self::Sha256 | Self::Blake3 => 32,
            Self::Sha512 => 64,
            Self::Sha1 => 20,
            Self::Md5 => 16,
            Self::Crc32c => 4,
        }
    }

    fn begin(self) -> Box<dyn Running> {
        match self {
            Self::Sha256 => Box::new(Sum(Box::new(sha2::Sha256::default()))),
            Self::Sha512 => Box::new(Sum(Box::new(sha2::Sha512::default()))),
            Self::Sha1 => Box::new(Sum(Box::new(sha1::Sha1::default()))),
            Self::Md5 => Box::new(Sum(Box::new(md5::Md5::default()))),
            Self::Crc32c => Box::new(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi)),
            Self::Blake3 => Box::new(blake3::Hasher::new()),
        }
    }
}

/// One digest in the making.
trait Running: Send {
    fn update(&mut self, bytes: &[u8]);
    fn finish(self: Box<Self>) -> Vec<u8>;
}

struct Sum(Box<dyn DynDigest + Send>);

impl Running for Sum {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().into_vec()
    }
}

impl Running for blake3::Hasher {
    fn update(&mut self, bytes: &[u8]) {
        Self::update(self, bytes);
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.finalize().as_bytes().to_vec()
    }
}

impl Running for crc_fast::Digest {
    fn update(&mut self, bytes: &[u8]) {
        Self::update(self, bytes);
    }

    /// Four bytes, the most significant first, as HTTP fields have it.
    fn finish(self: Box<Self>) -> Vec<u8> {
        u32::try_from(self.finalize()).unwrap_or_default().to_be_bytes().to_vec()
    }
}

/// Verifies a body against every digest that is told of it, as it passes by.
pub struct BodyVerifier {
    expected: Vec<BodyDigest>,
    running: Vec<(BodyAlgorithm, Box<dyn Running>)>,
}

impl BodyVerifier {
    /// Of a body that must have all of these digests; with none of them every body will do.
    pub fn new(digests: Vec<BodyDigest>) -> Self {
        let algorithms = digests.iter().map(|digest| digest.algorithm);
        let mut verifier = Self::of_algorithms(algorithms);
        verifier.expected = digests;
        verifier
    }

    /// Of a body that has all of these digests, and others that are told only [after it](Self::expect). Which
    /// algorithm those will be of is not known, so every one runs.
    pub fn undecided(digests: Vec<BodyDigest>) -> Self {
        let mut verifier = Self::of_algorithms(BodyAlgorithm::ALL.into_iter());
        verifier.expected = digests;
        verifier
    }

    fn of_algorithms(algorithms: impl Iterator<Item = BodyAlgorithm>) -> Self {
        let mut running: Vec<(BodyAlgorithm, Box<dyn Running>)> = Vec::new();
        for algorithm in algorithms {
            if !running.iter().any(|(known, _)| *known == algorithm) {
                running.push((algorithm, algorithm.begin()));
            }
        }
        Self { expected: Vec::new(), running }
    }

    /// Whether there is nothing to verify.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Takes the next bytes of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        if self.running.is_empty() {
            return;
        }
        for slice in bytes.chunks(SLICE) {
            for (_, state) in &mut self.running {
                state.update(slice);
            }
        }
    }

    /// The body must have these digests too.
    pub fn expect(&mut self, digests: Vec<BodyDigest>) {
        self.expected.extend(digests);
    }

    /// The body is over.
    ///
    /// # Errors
    /// [`Refusal::BodyDigest`] for the first digest that is another.
    pub fn finish(self) -> Result<(), Refusal> {
        let computed: Vec<(BodyAlgorithm, Vec<u8>)> =
            self.running.into_iter().map(|(algorithm, state)| (algorithm, state.finish())).collect();
        for digest in self.expected {
            let computed = computed.iter().find(|(algorithm, _)| *algorithm == digest.algorithm);
            let computed = computed.map(|(_, bytes)| bytes.as_slice()).unwrap_or_default();
            if *computed != *digest.expected {
                return Err(Refusal::BodyDigest {
                    algorithm: digest.algorithm.name(),
                    expected: super::hex(&digest.expected),
                    computed: super::hex(computed),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests of `abc`, from the standards.
    const ABC: [(BodyAlgorithm, &str); 6] = [
        (BodyAlgorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
        (BodyAlgorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (BodyAlgorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            BodyAlgorithm::Sha512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (BodyAlgorithm::Crc32c, "364b3fb7"),
        (BodyAlgorithm::Blake3, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"),
    ];

    fn of_abc() -> Vec<BodyDigest> {
        let digest = |(algorithm, digits)| BodyDigest::new(algorithm, crate::digest::unhex(digits).unwrap());
        ABC.into_iter().map(|known| digest(known).unwrap()).collect()
    }

    #[test]
    fn a_body_that_has_all_its_digests_passes() {
        let mut verifier = BodyVerifier::new(of_abc());
        verifier.update(b"a");
        verifier.update(b"");
        verifier.update(b"bc");
        assert!(verifier.finish().is_ok());
    }

    #[test]
    fn a_body_without_digests_passes() {
        let mut verifier = BodyVerifier::new(Vec::new());
        assert!(verifier.is_empty());
        verifier.update(b"anything");
        assert!(verifier.finish().is_ok());
    }

    #[test]
    fn the_first_digest_that_disagrees_is_told_with_both_values() {
        let mut digests = of_abc();
        digests[1].expected[0] ^= 0xff;
        digests[3].expected[0] ^= 0xff;
        let mut verifier = BodyVerifier::new(digests);
        verifier.update(b"abc");
        let Err(Refusal::BodyDigest { algorithm, expected, computed }) = verifier.finish() else {
            panic!("a wrong digest passed");
        };
        assert_eq!(algorithm, "sha");
        assert_eq!(expected, "56993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(computed, ABC[1].1);
    }

    #[test]
    fn a_digest_that_is_told_after_the_body_is_verified_too() {
        for known in of_abc() {
            let mut wrong = known.clone();
            wrong.expected[0] ^= 1;
            for (digest, good) in [(known, true), (wrong, false)] {
                let mut verifier = BodyVerifier::undecided(Vec::new());
                verifier.update(b"abc");
                verifier.expect(vec![digest]);
                assert_eq!(verifier.finish().is_ok(), good);
            }
        }
    }

    #[test]
    fn a_digest_of_another_length_than_its_algorithms_is_none() {
        for algorithm in BodyAlgorithm::ALL {
            let length = algorithm.output_length();
            assert!(BodyDigest::new(algorithm, vec![0; length]).is_some());
            assert!(BodyDigest::new(algorithm, vec![0; length - 1]).is_none());
            assert!(BodyDigest::new(algorithm, vec![0; length + 1]).is_none());
            assert_eq!(BodyAlgorithm::named(algorithm.name()), Some(algorithm));
        }
        assert_eq!(BodyAlgorithm::named("adler32"), None);
    }
}
