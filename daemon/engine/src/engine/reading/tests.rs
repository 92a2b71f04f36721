//! What is asked for, and when.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::TryStreamExt;

use super::*;
use crate::contracts::{Failure, Store};
use crate::digest::Checksum;

fn extents(lengths: &[u64]) -> Vec<Extent> {
    let mut offset = 0;
    let mut made = Vec::new();
    for (number, length) in lengths.iter().enumerate() {
        let object = ObjectKey::merged(number as u128);
        made.push(Extent {
            offset,
            length: *length,
            object,
            object_offset: 100,
            checksum: Checksum::of(b""),
        });
        offset += length;
    }
    made
}

/// Objects of which each byte is the number of its object; what is asked of them is written down. Object 7 fails.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Asking>>);

/// Which object, and which bytes of it, in the order of asking.
type Asking = Vec<(u8, Range<u64>)>;

impl Asked {
    fn open(&self) -> impl Fn(ObjectKey, Range<u64>) -> Opening + Send + Unpin + 'static {
        let asked = self.clone();
        move |object, range| {
            let number = (0..=255).find(|n| ObjectKey::merged(u128::from(*n)) == object).unwrap();
            asked.0.lock().unwrap().push((number, range.clone()));
            let length = usize::try_from(range.end - range.start).unwrap();
            async move {
                if number == 7 {
                    return Err(StoreError::new(Store::Objects, "read", Failure::Unavailable, "gone"));
                }
                Ok(stream::iter([Ok(Bytes::from(vec![number; length]))]).boxed())
            }
            .boxed()
        }
    }

    fn numbers(&self) -> Vec<u8> {
        self.0.lock().unwrap().iter().map(|(number, _)| *number).collect()
    }
}

#[tokio::test]
async fn a_range_asks_only_for_the_bytes_that_it_needs() {
    let asked = Asked::default();
    let parts = parts(&extents(&[10, 10, 10, 10]), &(15..21));
    let bytes: Vec<Bytes> = in_a_row(parts, asked.open()).await.unwrap().try_collect().await.unwrap();
    assert_eq!(bytes.concat(), [1, 1, 1, 1, 1, 2]);
    assert_eq!(*asked.0.lock().unwrap(), [(1, 105..110), (2, 100..101)]);
}

#[tokio::test]
async fn while_one_extent_is_read_the_next_is_asked_for_and_no_more() {
    let asked = Asked::default();
    let whole = extents(&[AHEAD, AHEAD, AHEAD, AHEAD]);
    let mut bytes = in_a_row(parts(&whole, &(0..4 * AHEAD)), asked.open()).await.unwrap();
    assert_eq!(asked.numbers(), [0]);
    for read in 1..=3_u8 {
        bytes.next().await.unwrap().unwrap();
        assert_eq!(asked.numbers(), (0..=read).collect::<Vec<_>>());
    }
    bytes.next().await.unwrap().unwrap();
    assert!(bytes.next().await.is_none());
}

#[tokio::test]
async fn of_short_extents_several_are_asked_for_ahead_and_all_come_in_order() {
    let asked = Asked::default();
    let whole = extents(&[3; 7]);
    let mut bytes = in_a_row(parts(&whole, &(0..21)), asked.open()).await.unwrap();
    let first = bytes.next().await.unwrap().unwrap();
    assert_eq!(asked.numbers(), (0..7).collect::<Vec<_>>());
    let rest: Vec<Bytes> = bytes.try_collect().await.unwrap();
    let expected: Vec<u8> = (0..7).flat_map(|number| [number; 3]).collect();
    assert_eq!([&first[..], &rest.concat()].concat(), expected);
}

#[tokio::test]
async fn an_extent_that_cannot_be_read_breaks_off_after_what_is_before_it() {
    let asked = Asked::default();
    let whole = extents(&[2; 12]);
    let mut bytes = in_a_row(parts(&whole, &(0..24)), asked.open()).await.unwrap();
    for number in 0..7 {
        assert_eq!(bytes.next().await.unwrap().unwrap(), vec![number; 2]);
    }
    assert_eq!(bytes.next().await.unwrap().unwrap_err().failure, Failure::Unavailable);
    assert!(bytes.next().await.is_none());
}
