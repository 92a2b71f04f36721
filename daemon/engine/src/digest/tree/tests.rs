use super::*;
use proptest::prelude::*;
use proptest::sample::Index;

const MIB: u64 = 1 << 20;

/// Bytes that repeat nowhere near a KiB.
fn content(length: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(length).unwrap()];
    blake3::Hasher::new().update(b"content").finalize_xof().fill(&mut bytes);
    bytes
}

fn part(whole: &[u8], offset: u64, length: u64) -> &[u8] {
    let offset = usize::try_from(offset).unwrap();
    &whole[offset..offset + usize::try_from(length).unwrap()]
}

fn hashed(offset: u64, bytes: &[u8]) -> Subtrees {
    let mut hasher = TreeHasher::new(offset);
    hasher.update(bytes);
    assert_eq!(hasher.length(), bytes.len() as u64);
    hasher.finish()
}

/// Offsets and lengths between the cuts, the empty ones too.
fn ranges(mut cuts: Vec<u64>, length: u64) -> Vec<(u64, u64)> {
    cuts.push(length);
    cuts.sort_unstable();
    let starts = std::iter::once(0).chain(cuts.clone());
    starts.zip(&cuts).map(|(start, end)| (start, end - start)).collect()
}

fn root_of(whole: &[u8], cuts: Vec<u64>) -> Option<[u8; 32]> {
    let parts: Vec<_> = ranges(cuts, whole.len() as u64)
        .into_iter()
        .map(|(offset, length)| (offset, length, hashed(offset, part(whole, offset, length))))
        .collect();
    root(parts.iter().map(|(offset, length, subtrees)| (*offset, *length, subtrees)), whole.len() as u64)
}

fn plain(whole: &[u8]) -> Option<[u8; 32]> {
    Some(blake3::hash(whole).into())
}

/// Lengths that lie on and beside every boundary that matters, and any others.
fn lengths() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..65_536_u64,
        prop::sample::select(vec![0, 1, 1023, 1024, 1025, 2047, 2048, 2049, 3072, 4096, 16_384, 65_536]),
        (10..18_u32, 0..3_u64).prop_map(|(power, beside)| (1 << power) + beside - 1),
    ]
}

/// Cuts anywhere, and cuts on KiB boundaries.
fn cuts(length: u64, indexes: &[(Index, bool)]) -> Vec<u64> {
    let cut = |(index, aligned): &(Index, bool)| {
        let at = index.index(usize::try_from(length).unwrap() + 1) as u64;
        if *aligned { at / KIB * KIB } else { at }
    };
    indexes.iter().map(cut).collect()
}

proptest! {
    #[test]
    fn any_split_of_any_content_has_the_plain_digest(
        length in lengths(),
        indexes in proptest::collection::vec(any::<(Index, bool)>(), 0..24),
    ) {
        let whole = content(length);
        prop_assert_eq!(root_of(&whole, cuts(length, &indexes)), plain(&whole));
    }

    #[test]
    fn single_bytes_and_fragments_of_one_kib_have_the_plain_digest(length in 0..5_000_u64, step in 1..1_500_u64) {
        let whole = content(length);
        prop_assert_eq!(root_of(&whole, (0..length / step).map(|n| n * step).collect()), plain(&whole));
    }

    #[test]
    fn the_sizes_of_updates_do_not_matter(
        offset in prop_oneof![Just(0), 0..70_000_u64, (0..64_u64).prop_map(|n| n * KIB)],
        length in 0..150_000_u64,
        sizes in proptest::collection::vec(0..40_000_usize, 1..20),
    ) {
        let bytes = content(length);
        let mut hasher = TreeHasher::new(offset);
        let mut rest = bytes.as_slice();
        for size in sizes.into_iter().chain([usize::MAX]) {
            let (now, later) = rest.split_at(size.min(rest.len()));
            hasher.update(now);
            rest = later;
        }
        prop_assert_eq!(hasher.finish(), hashed(offset, &bytes));
    }

    #[test]
    fn the_values_are_as_few_as_the_shape_says(offset in 0..MIB, length in 0..300_000_u64) {
        let subtrees = hashed(offset, &content(length));
        prop_assert!(Shape::of(offset, length).unwrap().fits(&subtrees));
        prop_assert!(subtrees.head.len() < 1024 && subtrees.tail.len() <= 1024);
        prop_assert!(subtrees.values.len() <= 2 * 9);
    }

    #[test]
    fn joined_neighbours_are_as_if_they_had_come_at_once(
        offset in prop_oneof![Just(0), 0..70_000_u64],
        length in 0..150_000_u64,
        at in any::<(Index, bool)>(),
    ) {
        let bytes = content(length);
        let cut = cuts(length, &[at])[0];
        let a = hashed(offset, part(&bytes, 0, cut));
        let b = hashed(offset + cut, part(&bytes, cut, length - cut));
        prop_assert_eq!(join(&a, offset, cut, &b, length - cut), Some(hashed(offset, &bytes)));
    }

    #[test]
    fn the_serialised_forms_read_back(offset in 0..70_000_u64, length in 0..70_000_u64) {
        let subtrees = hashed(offset, &content(length));
        let bytes = subtrees.to_bytes();
        let json = serde_json::to_string(&subtrees).unwrap();
        prop_assert_eq!(Subtrees::from_bytes(&bytes), Some(subtrees.clone()));
        prop_assert_eq!(serde_json::from_str::<Subtrees>(&json).unwrap(), subtrees);
        prop_assert_eq!(Subtrees::from_bytes(&bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn bytes_that_are_no_values_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Some(subtrees) = Subtrees::from_bytes(&bytes) {
            prop_assert_eq!(subtrees.to_bytes(), bytes);
        }
    }

    #[test]
    fn values_of_another_place_or_length_give_no_digest(
        length in 1..40_000_u64,
        foreign in (0..40_000_u64, 0..40_000_u64),
    ) {
        let subtrees = hashed(foreign.0, &content(foreign.1));
        let found = root([(0, length, &subtrees)], length);
        let fits = Shape::of(0, length).unwrap().fits(&subtrees);
        prop_assert_eq!(found.is_some(), fits);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn big_contents_in_any_split_have_the_plain_digest(
        length in prop_oneof![0..6 * MIB, prop::sample::select(vec![MIB, 2 * MIB, 4 * MIB, 4 * MIB + 1])],
        indexes in proptest::collection::vec(any::<(Index, bool)>(), 0..12),
    ) {
        let whole = content(length);
        prop_assert_eq!(root_of(&whole, cuts(length, &indexes)), plain(&whole));
    }
}

#[test]
fn chunks_of_five_mib_that_arrive_backwards_need_few_values() {
    let whole = content(23 * MIB);
    let mut parts: Vec<_> = (0..5)
        .map(|n| (n * 5 * MIB, (23 - n * 5).min(5) * MIB))
        .rev()
        .map(|(offset, length)| (offset, length, hashed(offset, part(&whole, offset, length))))
        .collect();
    parts.sort_by_key(|(offset, ..)| *offset);
    let values: usize = parts.iter().map(|(_, _, subtrees)| subtrees.values.len()).sum();
    assert!(values <= 13, "{values} values");
    let parts = parts.iter().map(|(offset, length, subtrees)| (*offset, *length, subtrees));
    assert_eq!(root(parts, 23 * MIB), plain(&whole));
}

#[test]
fn parts_that_do_not_line_up_give_no_digest() {
    let whole = content(4096);
    let first = hashed(0, &whole[..1500]);
    let second = hashed(1500, &whole[1500..]);
    assert_eq!(root([(0, 1500, &first), (1500, 2596, &second)], 4096), plain(&whole));
    assert_eq!(root([(1500, 2596, &second), (0, 1500, &first)], 4096), None, "out of order");
    assert_eq!(root([(0, 1500, &first)], 4096), None, "the end is missing");
    assert_eq!(root([(0, 1500, &first), (1500, 2596, &second)], 4095), None, "longer than it should be");
    assert_eq!(root([(0, 1500, &first), (1501, 2596, &second)], 4097), None, "a gap");
    assert_eq!(root([(0, 1500, &first), (0, 1500, &first)], 3000), None, "an overlap");
    assert_eq!(join(&first, 0, 1500, &first, 1500), None, "not its neighbour");
}

#[test]
fn nothing_has_the_digest_of_nothing() {
    assert_eq!(root([], 0), plain(b""));
    assert_eq!(root([(0, 0, &Subtrees::default())], 0), plain(b""));
    assert_eq!(root([], 1), None);
}

#[test]
fn a_first_subtree_that_might_be_all_is_kept_in_halves() {
    let whole = content(8192);
    assert_eq!(hashed(0, &whole).values.len(), 2);
    assert_eq!(hashed(8192, &whole).values.len(), 1);
    assert_eq!(hashed(0, &whole[..1024]).tail.len(), 1024);
    assert_eq!(hashed(1024, &whole[..1024]).values.len(), 1);
}

#[test]
fn extents_at_the_end_of_64_bits_are_hashed_and_those_beyond_fit_nothing() {
    for (offset, length) in
        [(u64::MAX - 3000, 3000), (u64::MAX - 10, 10), (u64::MAX, 0), (u64::MAX - 1023, 1023)]
    {
        let subtrees = hashed(offset, &content(length));
        assert!(Shape::of(offset, length).unwrap().fits(&subtrees), "{offset} {length}");
    }
    let mut beyond = TreeHasher::new(u64::MAX - 10);
    beyond.update(&content(10));
    beyond.update(&content(1));
    assert_eq!(beyond.finish(), Subtrees::default());
    assert_eq!(root([(0, u64::MAX, &Subtrees::default())], u64::MAX), None);
    assert!(Shape::of(1, u64::MAX).is_none());
}
