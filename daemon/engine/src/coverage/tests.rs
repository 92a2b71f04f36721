use super::*;
use crate::digest::Checksum;
use crate::digest::tree::Subtrees;
use crate::id::{Chance, ObjectKey, UploadId};
use proptest::prelude::*;

struct Zero;

impl Chance for Zero {
    fn bits(&self) -> u128 {
        0
    }
}

/// A receipt that its nonce tells from all others, 1000 bytes deep in its object.
fn receipt(offset: u64, length: u64, nonce: u64) -> Receipt {
    let object = ObjectKey::stretch(UploadId::make(&Zero), offset, u128::from(nonce));
    let extent = Extent { offset, length, object, object_offset: 1000, checksum: Checksum(nonce) };
    Receipt { extent, subtrees: Subtrees::default() }
}

/// Which receipt counts for each byte, one by one: the plain model.
type Model = Vec<Option<u64>>;

const MODEL_LENGTH: usize = 96;

fn model_of(extents: &[(u64, u64)]) -> Model {
    let mut model = vec![None; MODEL_LENGTH];
    for (nonce, (offset, length)) in (0..).zip(extents) {
        for byte in *offset..offset + length {
            model[usize::try_from(byte).unwrap()] = Some(nonce);
        }
    }
    model
}

fn coverage_of(base: u64, extents: &[(u64, u64)]) -> Coverage {
    let numbered = (0..).zip(extents);
    Coverage::of(numbered.map(|(nonce, (offset, length))| receipt(base + offset, *length, nonce)))
}

fn model_gaps(model: &[Option<u64>], base: u64) -> Vec<Range<u64>> {
    let mut gaps: Vec<Range<u64>> = Vec::new();
    for (byte, _) in (base..base + MODEL_LENGTH as u64).zip(model).filter(|(_, owner)| owner.is_none()) {
        match gaps.last_mut() {
            Some(gap) if gap.end == byte => gap.end += 1,
            _ => gaps.push(byte..byte + 1),
        }
    }
    gaps
}

fn some_extents() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let extent =
        (0..MODEL_LENGTH as u64).prop_flat_map(|offset| (Just(offset), 0..=MODEL_LENGTH as u64 - offset));
    let short = (0..MODEL_LENGTH as u64 - 8, 0..8_u64);
    proptest::collection::vec(prop_oneof![extent, short], 0..14)
}

/// The beginning of the upload, its middle, and the last bytes that 64 bits can name.
fn bases() -> impl Strategy<Value = u64> {
    prop::sample::select(vec![0, 1 << 40, u64::MAX - MODEL_LENGTH as u64])
}

proptest! {
    #[test]
    fn every_byte_belongs_to_the_receipt_recorded_last(base in bases(), extents in some_extents()) {
        let coverage = coverage_of(base, &extents);
        let mut seen: Model = vec![None; MODEL_LENGTH];
        let mut last_end = 0;
        for piece in coverage.pieces() {
            prop_assert!(piece.length > 0 && piece.offset >= last_end, "{piece:?}");
            last_end = piece.offset + piece.length;
            let whole = &piece.receipt.extent;
            prop_assert_eq!(piece.offset, whole.offset + piece.skip);
            prop_assert!(last_end <= whole.end());
            prop_assert_eq!(piece.is_whole(), piece.length == whole.length);
            let extent = piece.extent();
            prop_assert_eq!((extent.range(), extent.object_offset), (piece.offset..last_end, 1000 + piece.skip));
            for byte in extent.range() {
                seen[usize::try_from(byte - base).unwrap()] = Some(whole.checksum.0);
            }
        }
        prop_assert_eq!(seen, model_of(&extents));
    }

    #[test]
    fn counts_and_gaps_are_those_of_single_bytes(base in bases(), extents in some_extents()) {
        let (coverage, model) = (coverage_of(base, &extents), model_of(&extents));
        prop_assert_eq!(coverage.covered_bytes(), model.iter().flatten().count() as u64);
        let last = model.iter().rposition(Option::is_some);
        prop_assert_eq!(coverage.end(), last.map_or(0, |last| base + last as u64 + 1));
        let prefix = model.iter().take_while(|owner| owner.is_some()).count() as u64;
        prop_assert_eq!(coverage.prefix(), if base == 0 { prefix } else { 0 });
        let mut gaps = model_gaps(&model, base);
        if base > 0 {
            let lowest = gaps.first().filter(|gap| gap.start == base).map_or(base, |gap| gap.end);
            gaps.retain(|gap| gap.start != base);
            gaps.insert(0, 0..lowest);
        }
        prop_assert_eq!(coverage.missing(base + MODEL_LENGTH as u64), gaps);
    }

    #[test]
    fn questions_about_a_range_are_answered_byte_by_byte(
        base in bases(),
        extents in some_extents(),
        start in 0..=MODEL_LENGTH,
        length in 0..=MODEL_LENGTH,
    ) {
        let (coverage, model) = (coverage_of(base, &extents), model_of(&extents));
        let end = (start + length).min(MODEL_LENGTH);
        let within = &model[start..end];
        let range = base + start as u64..base + end as u64;
        prop_assert_eq!(coverage.is_covered(range.clone()), within.iter().all(Option::is_some));
        prop_assert_eq!(coverage.overlaps(range.clone()), within.iter().any(Option::is_some));
        let next = model[start..].iter().position(Option::is_some);
        prop_assert_eq!(coverage.next_covered(range.start), next.map(|next| range.start + next as u64));
    }

    #[test]
    fn runs_are_the_complement_of_what_is_missing(extents in some_extents()) {
        let coverage = coverage_of(0, &extents);
        let mut all: Vec<_> = coverage.runs().chain(coverage.missing(coverage.end())).collect();
        all.sort_by_key(|range| range.start);
        prop_assert!(all.iter().is_sorted_by(|a, b| a.end == b.start));
        prop_assert_eq!(all.iter().map(|range| range.end - range.start).sum::<u64>(), coverage.end());
    }
}

#[test]
fn nothing_is_there_at_first() {
    let coverage = Coverage::default();
    assert_eq!((coverage.covered_bytes(), coverage.prefix(), coverage.end()), (0, 0, 0));
    assert_eq!(coverage.next_covered(0), None);
    assert_eq!(coverage.missing(0), []);
    assert_eq!(coverage.missing(u64::MAX), vec![Range { start: 0, end: u64::MAX }]);
    assert!(coverage.is_covered(5..5) && !coverage.is_covered(0..1) && !coverage.overlaps(0..u64::MAX));
}

#[test]
fn an_extent_recorded_inside_another_cuts_it_in_two() {
    let coverage = coverage_of(0, &[(10, 20), (15, 5)]);
    let pieces: Vec<_> =
        coverage.pieces().map(|piece| (piece.offset, piece.length, piece.skip, piece.is_whole())).collect();
    assert_eq!(pieces, [(10, 5, 0, false), (15, 5, 0, true), (20, 10, 10, false)]);
}

#[test]
fn a_chunk_sent_again_hides_the_first_and_keeps_the_count() {
    let mut coverage = coverage_of(0, &[(0, 5), (5, 5)]);
    coverage.insert(receipt(0, 5, 7));
    assert_eq!(coverage.covered_bytes(), 10);
    let nonces: Vec<_> = coverage.pieces().map(|piece| piece.receipt.extent.checksum.0).collect();
    assert_eq!(nonces, [7, 1]);
}

#[test]
fn extents_at_the_end_of_64_bits_count_their_bytes_before_it() {
    let mut coverage = Coverage::of([receipt(0, u64::MAX, 0)]);
    assert_eq!((coverage.covered_bytes(), coverage.prefix(), coverage.end()), (u64::MAX, u64::MAX, u64::MAX));
    coverage.insert(receipt(u64::MAX - 4, 100, 1));
    assert_eq!(coverage.covered_bytes(), u64::MAX);
    let last = coverage.pieces().last().unwrap();
    assert_eq!((last.offset, last.length, last.is_whole()), (u64::MAX - 4, 4, false));
    coverage.insert(receipt(u64::MAX, 9, 2));
    assert_eq!((coverage.pieces().count(), coverage.missing(u64::MAX)), (2, vec![]));
    assert_eq!(coverage.next_covered(u64::MAX), None);
}
