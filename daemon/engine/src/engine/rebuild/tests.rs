use super::*;
use crate::digest::Checksum;
use crate::testing::world::CountingChance;

/// Upload, stretches by nonce: which of them the record has, and which are found, in order; each as offset and length.
fn what_is_lacking(recorded: &[usize], found: &[(u64, u64)]) -> Vec<usize> {
    let id = UploadId::make(&CountingChance::default());
    let extent = |index: usize| {
        let (offset, length) = found[index];
        let object = ObjectKey::stretch(id, offset, index as u128);
        Extent { offset, length, object, object_offset: 0, checksum: Checksum(index as u64) }
    };
    let surveyed = |index: usize| {
        let Extent { object, offset, length, .. } = extent(index);
        Surveyed { object, offset, length, receipt: None }
    };
    let recorded = recorded.iter().map(|index| without_tree(extent(*index))).collect();
    let lacking = lacking(recorded, (0..found.len()).map(surveyed).collect());
    let index_of = |found: &Surveyed| usize::try_from(found.object.stretch_nonce().unwrap()).unwrap();
    lacking.iter().map(index_of).collect()
}

#[test]
fn a_record_that_has_everything_lacks_nothing() {
    assert_eq!(what_is_lacking(&[], &[]), [0; 0]);
    assert_eq!(what_is_lacking(&[0, 1, 2], &[(0, 10), (20, 10), (10, 10)]), [0; 0]);
}

#[test]
fn what_nothing_hides_is_lacking() {
    assert_eq!(what_is_lacking(&[], &[(0, 10), (20, 10)]), [0, 1]);
    assert_eq!(what_is_lacking(&[1], &[(0, 10), (20, 10), (10, 10)]), [0, 2]);
    assert_eq!(what_is_lacking(&[0], &[(0, 10), (0, 10)]), [1]);
}

#[test]
fn what_a_later_stretch_hides_whole_is_left_alone() {
    assert_eq!(what_is_lacking(&[1], &[(0, 10), (0, 10)]), [0; 0]);
    assert_eq!(what_is_lacking(&[], &[(0, 10), (0, 10)]), [1]);
    assert_eq!(what_is_lacking(&[1, 2], &[(5, 10), (0, 10), (10, 10)]), [0; 0]);
}

#[test]
fn what_a_later_stretch_hides_in_part_goes_beneath_it() {
    assert_eq!(what_is_lacking(&[1], &[(0, 10), (5, 10)]), [0, 1]);
    // The second comes again and would hide the third, which comes again too; the fourth is touched by nobody.
    assert_eq!(what_is_lacking(&[1, 2, 3], &[(0, 10), (5, 10), (12, 10), (30, 5)]), [0, 1, 2]);
}

#[test]
fn what_is_recorded_and_not_found_hides_nothing() {
    let id = UploadId::make(&CountingChance::default());
    let object = |nonce| ObjectKey::stretch(id, 0, nonce);
    let gone = Extent { offset: 0, length: 10, object: object(1), object_offset: 0, checksum: Checksum(1) };
    let found = Surveyed { object: object(2), offset: 0, length: 10, receipt: None };
    assert_eq!(lacking(vec![without_tree(gone)], vec![found.clone()]), [found]);
}
