use super::*;
use crate::digest::Checksum;
use crate::digest::tree::Subtrees;
use crate::extent::{Extent, Receipt};
use crate::id::ObjectKey;
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

/// The coverage by extents between these offsets.
fn coverage(ranges: &[(u64, u64)]) -> Coverage {
    Coverage::of(ranges.iter().map(|&(offset, end)| Receipt {
        extent: Extent {
            offset,
            length: end - offset,
            object: ObjectKey::marker(),
            object_offset: 0,
            checksum: Checksum::default(),
        },
        subtrees: Subtrees::default(),
    }))
}

#[test]
fn counts_and_ranges_at_the_edges() {
    for (length, size, count, last) in [
        (1, 5, 1, 0..1),
        (5, 5, 1, 0..5),
        (6, 5, 2, 5..6),
        (10, 5, 2, 5..10),
        (10_000 * 5 * MIB, 5 * MIB, 10_000, 9_999 * 5 * MIB..50_000 * MIB),
        (u64::MAX, 1, u64::MAX, u64::MAX - 1..u64::MAX),
        (u64::MAX, u64::MAX, 1, 0..u64::MAX),
        (u64::MAX, 1 << 63, 2, 1 << 63..u64::MAX),
    ] {
        assert_eq!(chunk_count(length, size), count);
        assert_eq!(chunk_range(count, size, Some(length)), Some(last));
        assert_eq!(chunk_range(count.wrapping_add(1), size, Some(length)), None, "{length} {size}");
        assert_eq!(chunk_range(0, size, Some(length)), None);
    }
    assert_eq!(chunk_count(0, 5), 0);
    assert_eq!(chunk_range(1, 5, Some(0)), None);
}

#[test]
fn chunks_of_an_unknown_length_are_all_of_one_size_as_far_as_64_bits_go() {
    assert_eq!(chunk_range(3, 5, None), Some(10..15));
    assert_eq!(chunk_range(0, 5, None), None);
    assert_eq!(chunk_range(1 << 60, 15, None), Some(((1 << 60) - 1) * 15..(1 << 60) * 15));
    assert_eq!(chunk_range(1 << 60, 16, None), None, "its end is not a number of 64 bits");
    assert_eq!(chunk_range(u64::MAX, u64::MAX, None), None);
}

#[test]
fn a_chunk_size_of_zero_panics_nowhere() {
    let there = coverage(&[(0, 2)]);
    assert_eq!(chunk_count(7, 0), 7);
    assert_eq!(chunk_range(7, 0, Some(7)), Some(6..7));
    assert_eq!(ranges_received(&there, 0, Some(3)), [(1, 2)]);
    assert_eq!(ranges_missing(&there, 0, Some(3)), [(3, 3)]);
    assert_eq!(chunks_touched(1..3, 0), 2..=3);
}

#[test]
fn the_server_chooses_a_size_that_keeps_the_count_within_the_limit() {
    let policy = Policy { max_length: u64::MAX, ..Policy::default() };
    let choose = |length| choose_chunk_size(length, None, &policy);
    for (length, size) in [
        (None, 5 * MIB),
        (Some(0), 5 * MIB),
        (Some(1), 5 * MIB),
        (Some(50_000 * MIB), 5 * MIB),
        (Some(50_000 * MIB + 1), 6 * MIB),
        (Some(60_000 * MIB), 6 * MIB),
        (Some(640_000 * MIB), 64 * MIB),
    ] {
        assert_eq!(choose(length).unwrap(), size, "{length:?}");
    }
    let Err(Refusal::TooManyChunks { asked, limit, smallest_chunk_size }) = choose(Some(640_000 * MIB + 1))
    else {
        panic!("more chunks than are allowed, or larger ones");
    };
    assert_eq!((asked, limit, smallest_chunk_size), (10_001, 10_000, 64 * MIB + 1));
    assert!(matches!(choose(Some(u64::MAX)), Err(Refusal::TooManyChunks { .. })));
}

#[test]
fn a_size_asked_for_is_taken_as_it_is_or_refused_with_the_facts() {
    let policy = Policy { min_chunk_size: 1024, ..Policy::default() };
    let choose = |length, asked| choose_chunk_size(length, Some(asked), &policy);
    assert_eq!(choose(Some(5_000), 1024).unwrap(), 1024);
    assert_eq!(choose(None, 64 * MIB).unwrap(), 64 * MIB);
    for outside in [0, 1, 1023, 64 * MIB + 1, u64::MAX] {
        let Err(Refusal::ChunkSize { asked, min, max }) = choose(Some(5_000), outside) else {
            panic!("{outside} was taken");
        };
        assert_eq!((asked, min, max), (outside, 1024, 64 * MIB));
    }
    assert_eq!(choose(Some(10_000 * 1024), 1024).unwrap(), 1024);
    let Err(Refusal::TooManyChunks { asked, limit, smallest_chunk_size }) = choose(Some(50_000 * 1024), 1024)
    else {
        panic!("50 000 chunks were taken");
    };
    assert_eq!((asked, limit, smallest_chunk_size), (50_000, 10_000, 5 * 1024));
}

#[test]
fn a_length_over_the_policys_is_refused_whatever_the_chunks() {
    let policy = Policy::default();
    for asked in [None, Some(5), Some(0)] {
        let refused = choose_chunk_size(Some(policy.max_length + 1), asked, &policy);
        let Err(Refusal::TooLong { asked, limit }) = refused else { panic!("it was taken") };
        assert_eq!((asked, limit), (policy.max_length + 1, policy.max_length));
    }
    assert!(choose_chunk_size(Some(policy.max_length), None, &policy).is_ok());
}

#[test]
fn a_chunk_counts_when_it_is_there_whole() {
    let there = coverage(&[(0, 5), (7, 20), (24, 25)]);
    assert_eq!(ranges_received(&there, 5, Some(25)), [(1, 1), (3, 4)]);
    assert_eq!(ranges_missing(&there, 5, Some(25)), [(2, 2), (5, 5)]);
    assert_eq!(ranges_received(&there, 5, Some(18)), [(1, 1), (3, 4)], "the last chunk is shorter");
    assert_eq!(ranges_missing(&there, 5, Some(18)), [(2, 2)]);
    assert_eq!(ranges_missing(&coverage(&[]), 5, Some(11)), [(1, 3)]);
    assert_eq!(ranges_missing(&coverage(&[(0, 10)]), 5, Some(11)), [(3, 3)], "a last chunk of one byte");
    assert_eq!(ranges_missing(&coverage(&[]), 5, Some(0)), []);
    assert_eq!(ranges_received(&coverage(&[]), 5, Some(0)), []);
}

#[test]
fn while_the_length_is_unknown_what_is_there_tells_the_end() {
    let there = coverage(&[(0, 5), (10, 12)]);
    assert_eq!(ranges_received(&there, 5, None), [(1, 1), (3, 3)]);
    assert_eq!(ranges_missing(&there, 5, None), [(2, 2)]);
    assert_eq!(ranges_missing(&coverage(&[]), 5, None), []);
}

#[test]
fn a_range_touches_the_chunks_of_its_bytes() {
    assert_eq!(chunks_touched(0..1, 5), 1..=1);
    assert_eq!(chunks_touched(4..6, 5), 1..=2);
    assert_eq!(chunks_touched(5..10, 5), 2..=2);
    assert_eq!(chunks_touched(u64::MAX - 1..u64::MAX, 1), u64::MAX..=u64::MAX);
    assert!(chunks_touched(3..3, 5).is_empty() && chunks_touched(0..0, 5).is_empty());
    assert!(chunks_touched(Range { start: 9, end: 3 }, 5).is_empty());
}

#[test]
fn ten_thousand_chunks_are_told_as_few_ranges() {
    let odd: Vec<_> = (0..5_000).map(|n| (n * 2 * MIB, (n * 2 + 1) * MIB)).collect();
    let there = coverage(&odd);
    assert_eq!(ranges_received(&there, MIB, Some(10_000 * MIB)).len(), 5_000);
    let missing = ranges_missing(&there, MIB, Some(10_000 * MIB));
    assert_eq!((missing.len(), missing.last()), (5_000, Some(&(10_000, 10_000))));
    let all = coverage(&[(0, 10_000 * MIB)]);
    assert_eq!(ranges_received(&all, MIB, Some(10_000 * MIB)), [(1, 10_000)]);
    let everything = coverage(&[(0, u64::MAX)]);
    assert_eq!(ranges_received(&everything, 1, Some(u64::MAX)), [(1, u64::MAX)]);
    assert_eq!(ranges_received(&everything, 7, None), [(1, u64::MAX.div_ceil(7))]);
}

proptest! {
    #[test]
    fn received_and_missing_agree_with_every_chunk_asked_alone(
        extents in proptest::collection::vec((0..120_u64, 1..30_u64), 0..8),
        length in proptest::option::of(0..150_u64),
        chunk_size in 1..20_u64,
    ) {
        let ranges: Vec<_> = extents.iter().map(|(offset, length)| (*offset, offset + length)).collect();
        let there = coverage(&ranges);
        let total = length.unwrap_or_else(|| there.end());
        let listed = |ranges: Vec<(u64, u64)>| ranges.into_iter().flat_map(|(a, b)| a..=b).collect::<Vec<_>>();
        let is_there = |number: &u64| there.is_covered(chunk_range(*number, chunk_size, Some(total)).unwrap());
        let (whole, lacking): (Vec<u64>, Vec<u64>) = (1..=chunk_count(total, chunk_size)).partition(is_there);
        let received = ranges_received(&there, chunk_size, length);
        let missing = ranges_missing(&there, chunk_size, length);
        let apart = |ranges: &[(u64, u64)]| ranges.is_sorted_by(|a, b| a.1 + 1 < b.0);
        prop_assert!(apart(&received) && apart(&missing), "ranges that touch are one");
        prop_assert_eq!((listed(received), listed(missing)), (whole, lacking));
    }

    #[test]
    fn the_chunks_of_a_length_lie_side_by_side(length in 0..500_u64, chunk_size in 1..80_u64) {
        let mut at = 0;
        for number in 1..=chunk_count(length, chunk_size) {
            let range = chunk_range(number, chunk_size, Some(length)).unwrap();
            prop_assert_eq!(range.start, at);
            prop_assert_eq!(chunks_touched(range.clone(), chunk_size), number..=number);
            at = range.end;
        }
        prop_assert_eq!(at, length);
    }

    #[test]
    fn a_chosen_size_is_within_every_limit(length in proptest::option::of(any::<u64>()), asked in proptest::option::of(any::<u64>())) {
        let policy = Policy { max_length: u64::MAX, ..Policy::default() };
        if let Ok(size) = choose_chunk_size(length, asked, &policy) {
            prop_assert!((policy.min_chunk_size..=policy.max_chunk_size).contains(&size));
            prop_assert!(chunk_count(length.unwrap_or(0), size) <= policy.max_chunks);
        }
    }
}
