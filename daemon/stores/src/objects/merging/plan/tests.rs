//! What is true of every plan, and the plans of some telling cases.

use cairn_engine::ObjectKey;
use cairn_engine::digest::Checksum;
use proptest::prelude::*;

use super::*;

const S3: Limits = Limits { least: 5 * MIB, parts: 10_000, copies: true };

fn extents(lengths: &[u64]) -> Vec<Extent> {
    let mut offset = 0;
    let mut made = Vec::new();
    for (number, length) in lengths.iter().enumerate() {
        let object = ObjectKey::merged(number as u128);
        let object_offset = offset % 7;
        made.push(Extent { offset, length: *length, object, object_offset, checksum: Checksum::of(b"") });
        offset += length;
    }
    made
}

/// A plan in short: `c` copied or `s` streamed, and the bytes.
fn told(lengths: &[u64], limits: &Limits) -> Vec<(char, u64)> {
    let extents = extents(lengths);
    let kind = |part: &Part<'_>| if matches!(part, Part::Copied(_)) { 'c' } else { 's' };
    plan(&extents, limits).iter().map(|part| (kind(part), part.length())).collect()
}

fn pieces<'a>(parts: &[Part<'a>]) -> Vec<Piece<'a>> {
    let of = |part: &Part<'a>| match part {
        Part::Copied(piece) => vec![*piece],
        Part::Streamed(pieces) => pieces.clone(),
    };
    parts.iter().flat_map(of).collect()
}

#[test]
fn extents_long_enough_are_all_copied() {
    assert_eq!(told(&[5 * MIB; 3], &S3), [('c', 5 * MIB); 3]);
}

#[test]
fn the_last_part_may_be_short() {
    assert_eq!(told(&[5 * MIB, 1], &S3), [('c', 5 * MIB), ('s', 1)]);
    assert_eq!(told(&[1], &S3), [('s', 1)]);
    assert_eq!(told(&[], &S3), []);
}

#[test]
fn short_extents_are_joined() {
    assert_eq!(told(&[MIB; 7], &S3), [('s', 5 * MIB), ('s', 2 * MIB)]);
}

#[test]
fn a_short_extent_is_streamed_with_the_head_of_the_next_whose_rest_is_copied() {
    let expected = [('c', 6 * MIB), ('s', 5 * MIB), ('c', 17 * MIB)];
    assert_eq!(told(&[6 * MIB, MIB, 21 * MIB], &S3), expected);
}

#[test]
fn a_rest_too_short_to_be_copied_goes_along() {
    assert_eq!(told(&[MIB, 5 * MIB, 5 * MIB], &S3), [('s', 6 * MIB), ('c', 5 * MIB)]);
}

#[test]
fn a_very_long_extent_is_copied_in_even_parts() {
    assert_eq!(told(&[1536 * MIB], &S3), [('c', 512 * MIB); 3]);
    assert_eq!(told(&[1540 * MIB], &S3), [('c', 385 * MIB); 4]);
}

#[test]
fn where_nothing_is_copied_parts_are_even_and_few_enough() {
    let streamed = Limits { copies: false, ..S3 };
    assert_eq!(told(&[20 * MIB, MIB], &streamed), [('s', 8 * MIB), ('s', 8 * MIB), ('s', 5 * MIB)]);
    let parts = told(&[1 << 40], &streamed);
    assert!(parts.len() <= 10_000, "{} parts", parts.len());
}

#[test]
fn more_extents_than_parts_are_joined_into_fewer() {
    let parts = told(&[6 * MIB; 20_001], &S3);
    assert!(parts.len() <= 10_000, "{} parts", parts.len());
    assert!(parts.iter().all(|(_, length)| *length <= 20 * MIB));
}

fn lengths() -> impl Strategy<Value = Vec<u64>> {
    let length = prop_oneof![
        4 => 1..=5 * MIB,
        2 => 5 * MIB - 2..=5 * MIB + 2,
        2 => 5 * MIB..=70 * MIB,
        1 => 400 * MIB..=9000 * MIB,
    ];
    prop::collection::vec(length, 0..60)
}

proptest! {
    #[test]
    fn every_byte_is_in_exactly_one_part_and_in_order(
        lengths in lengths(), copies: bool, least in prop_oneof![Just(0), Just(5 * MIB)], most in 2_u64..10_000,
    ) {
        let extents = extents(&lengths);
        let limits = Limits { least, parts: most, copies };
        let parts = plan(&extents, &limits);
        let mut pieces = pieces(&parts).into_iter().peekable();
        for extent in &extents {
            let mut covered = 0;
            while let Some(piece) = pieces.next_if(|piece| piece.extent.offset == extent.offset) {
                prop_assert_eq!(piece.skip, covered);
                prop_assert!(piece.length > 0);
                covered += piece.length;
                prop_assert_eq!(piece.ends_extent(), covered == extent.length);
            }
            prop_assert_eq!(covered, extent.length);
        }
        prop_assert!(pieces.next().is_none());
        prop_assert!(parts.len() as u64 <= most, "{} parts of at most {}", parts.len(), most);
        if let Some((_last, others)) = parts.split_last() {
            prop_assert!(others.iter().all(|part| part.length() >= least));
        }
    }

    #[test]
    fn what_can_be_copied_is_copied_but_for_what_short_neighbours_borrow(lengths in lengths()) {
        let extents = extents(&lengths);
        let parts = plan(&extents, &S3);
        let moved: u64 = parts.iter().filter(|part| matches!(part, Part::Streamed(_))).map(Part::length).sum();
        let short: u64 = lengths.iter().filter(|length| **length < S3.least).sum();
        let runs = 1 + lengths.windows(2).filter(|pair| pair[0] < S3.least && pair[1] >= S3.least).count() as u64;
        prop_assert!(moved <= short + runs * 2 * S3.least, "{moved} bytes moved of {short} in short extents");
        for part in &parts {
            match part {
                Part::Copied(piece) => prop_assert!(piece.length >= S3.least && piece.length <= COPIED),
                Part::Streamed(_) => prop_assert!(part.length() < 2 * S3.least),
            }
        }
    }
}
