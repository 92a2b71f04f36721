//! Digests along the contiguous prefix of an upload: SHA-1 and SHA-256, which can only be computed in order.
//!
//! Their state can be saved with the session and taken up again, so that a restart re-reads only what came after the
//! last save. The hash libraries take a damaged state for a good one, so the saved form carries the length of the
//! prefix and a checksum of itself.

use digest::common::hazmat::{SerializableState, SerializedState};
use sha1::Sha1;
use sha2::Sha256;

use super::{Algorithm, Checksum, Digest};

/// The first byte of the saved form.
const VERSION: u8 = 1;
const HAS_SHA1: u8 = 1;
const HAS_SHA256: u8 = 2;
/// Bytes that are given to one algorithm before the next one takes the same: they stay in the processor's cache.
const SLICE: usize = 32 << 10;

/// SHA-1 and SHA-256 of the bytes from an upload's beginning, as far as they are wanted.
#[derive(Clone, Debug)]
pub struct PrefixDigests {
    length: u64,
    sha1: Option<Sha1>,
    sha256: Option<Sha256>,
}

impl PrefixDigests {
    /// Digests of the empty prefix. BLAKE3 among the algorithms is left out: it is computed per extent.
    pub fn new(algorithms: &[Algorithm]) -> Self {
        Self {
            length: 0,
            sha1: algorithms.contains(&Algorithm::Sha1).then(Sha1::default),
            sha256: algorithms.contains(&Algorithm::Sha256).then(Sha256::default),
        }
    }

    /// Whether no algorithm runs, so that no byte needs to be brought here.
    pub fn is_empty(&self) -> bool {
        self.sha1.is_none() && self.sha256.is_none()
    }

    /// Bytes taken so far, from the upload's beginning.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What runs.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let sha1 = self.sha1.as_ref().map(|_| Algorithm::Sha1);
        let sha256 = self.sha256.as_ref().map(|_| Algorithm::Sha256);
        sha1.into_iter().chain(sha256).collect()
    }

    /// Takes the bytes that follow those taken so far.
    pub fn update(&mut self, bytes: &[u8]) {
        for slice in bytes.chunks(SLICE) {
            if let Some(sha1) = &mut self.sha1 {
                digest::Digest::update(sha1, slice);
            }
            if let Some(sha256) = &mut self.sha256 {
                digest::Digest::update(sha256, slice);
            }
        }
        self.length = self.length.saturating_add(bytes.len() as u64);
    }

    /// The state, to go on from later: about 250 bytes.
    pub fn save(&self) -> Vec<u8> {
        let flags = if self.sha1.is_some() { HAS_SHA1 } else { 0 }
            | if self.sha256.is_some() { HAS_SHA256 } else { 0 };
        let mut bytes = vec![VERSION, flags];
        bytes.extend_from_slice(&self.length.to_le_bytes());
        if let Some(sha1) = &self.sha1 {
            bytes.extend_from_slice(&sha1.serialize());
        }
        if let Some(sha256) = &self.sha256 {
            bytes.extend_from_slice(&sha256.serialize());
        }
        let checksum = Checksum::of(&bytes);
        bytes.extend_from_slice(&checksum.0.to_le_bytes());
        bytes
    }

    /// Goes on from what [`save`](Self::save) wrote; `None` if it is anything else.
    pub fn restore(bytes: &[u8]) -> Option<Self> {
        let (body, checksum) = bytes.split_last_chunk()?;
        (Checksum::of(body) == Checksum(u64::from_le_bytes(*checksum))).then_some(())?;
        let (&[version, flags], rest) = body.split_first_chunk()?;
        (version == VERSION && flags & !(HAS_SHA1 | HAS_SHA256) == 0).then_some(())?;
        let (length, rest) = rest.split_first_chunk()?;
        let (sha1, rest) = restore_one(flags & HAS_SHA1 != 0, rest)?;
        let (sha256, rest) = restore_one(flags & HAS_SHA256 != 0, rest)?;
        rest.is_empty().then(|| Self { length: u64::from_le_bytes(*length), sha1, sha256 })
    }

    /// The digests of the bytes taken so far, in the order of [`algorithms`](Self::algorithms).
    pub fn finish(&self) -> Vec<Digest> {
        let sha1 = self.sha1.clone().and_then(|state| output(Algorithm::Sha1, state));
        let sha256 = self.sha256.clone().and_then(|state| output(Algorithm::Sha256, state));
        sha1.into_iter().chain(sha256).collect()
    }
}

/// One algorithm's state from the front of the bytes, if it is among them, and the bytes after it.
fn restore_one<D: SerializableState>(present: bool, bytes: &[u8]) -> Option<(Option<D>, &[u8])> {
    if !present {
        return Some((None, bytes));
    }
    let (state, rest) = bytes.split_at_checked(SerializedState::<D>::default().len())?;
    let state = SerializedState::<D>::try_from(state).ok()?;
    Some((Some(D::deserialize(&state).ok()?), rest))
}

fn output(algorithm: Algorithm, state: impl digest::Digest) -> Option<Digest> {
    Digest::new(algorithm, &state.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOTH: [Algorithm; 3] = [Algorithm::Sha256, Algorithm::Blake3, Algorithm::Sha1];

    fn plain(bytes: &[u8]) -> Vec<Digest> {
        vec![
            output(Algorithm::Sha1, Sha1::default().chain(bytes)).unwrap(),
            output(Algorithm::Sha256, Sha256::default().chain(bytes)).unwrap(),
        ]
    }

    trait Chain {
        fn chain(self, bytes: &[u8]) -> Self;
    }

    impl<D: digest::Digest> Chain for D {
        fn chain(self, bytes: &[u8]) -> Self {
            self.chain_update(bytes)
        }
    }

    #[test]
    fn blake3_alone_leaves_nothing_to_run() {
        let none = PrefixDigests::new(&[Algorithm::Blake3]);
        assert!(none.is_empty());
        assert_eq!(none.finish(), []);
        assert!(!PrefixDigests::new(&BOTH).is_empty());
        assert_eq!(PrefixDigests::new(&BOTH).algorithms(), [Algorithm::Sha1, Algorithm::Sha256]);
    }

    #[test]
    fn known_digests_come_out() {
        let mut digests = PrefixDigests::new(&BOTH);
        digests.update(b"abc");
        let text: Vec<_> = digests.finish().iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "sha1:a9993e364706816aba3e25717850c26c9cd0d89d",
                "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ]
        );
    }

    #[test]
    fn a_damaged_or_foreign_state_is_refused() {
        let mut digests = PrefixDigests::new(&BOTH);
        digests.update(&[7; 100_000]);
        let saved = digests.save();
        assert!(PrefixDigests::restore(&saved).is_some());
        for at in 0..saved.len() {
            let mut damaged = saved.clone();
            damaged[at] ^= 1;
            assert!(PrefixDigests::restore(&damaged).is_none(), "byte {at} was changed");
            assert!(PrefixDigests::restore(&saved[..at]).is_none(), "only {at} bytes are left");
        }
        let mut longer = saved;
        longer.push(0);
        assert!(PrefixDigests::restore(&longer).is_none());
    }

    proptest! {
        #[test]
        fn a_state_saved_anywhere_goes_on_to_the_plain_digests(
            length in 0..200_000_usize,
            cut in any::<prop::sample::Index>(),
        ) {
            let content: Vec<u8> = (0..=250).cycle().take(length).collect();
            let cut = cut.index(content.len() + 1);
            let mut before = PrefixDigests::new(&BOTH);
            before.update(&content[..cut]);
            let mut after = PrefixDigests::restore(&before.save()).unwrap();
            prop_assert_eq!(after.length(), cut as u64);
            after.update(&content[cut..]);
            prop_assert_eq!(after.length(), content.len() as u64);
            prop_assert_eq!(after.finish(), plain(&content));
        }

        #[test]
        fn one_algorithm_alone_is_saved_and_restored_too(content in proptest::collection::vec(any::<u8>(), 0..500)) {
            for algorithm in [Algorithm::Sha1, Algorithm::Sha256] {
                let mut digests = PrefixDigests::new(&[algorithm]);
                digests.update(&content);
                let restored = PrefixDigests::restore(&digests.save()).unwrap();
                prop_assert_eq!(restored.algorithms(), [algorithm]);
                prop_assert_eq!(restored.finish(), digests.finish());
            }
        }
    }
}
