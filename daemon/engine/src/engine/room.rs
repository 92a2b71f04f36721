//! Room on a storage that can tell how much it has: what would leave less than the floor is refused before it is read.
//!
//! It is looked at when an upload begins, and before each body. An upload in place whose room was taken with its first
//! bytes is not looked at again. Uploads that began and of which nothing came yet take no room, so several that begin
//! together may each find what only one of them will: the others are refused when their bytes come.

use super::Engine;
use crate::contracts::Placement;
use crate::id::StorageName;
use crate::refusal::Refusal;
use crate::upload::Upload;

impl Engine {
    /// Makes sure that a storage has room for so many bytes more.
    ///
    /// # Errors
    /// [`Refusal::Floor`], or the storage failed.
    pub(super) async fn must_have_room(&self, storage: &StorageName, bytes: u64) -> Result<(), Refusal> {
        let Some(floor) = self.policy().free_floor else { return Ok(()) };
        match self.ground.objects.find(storage)?.free_bytes().await? {
            Some(free) if !leaves(free, bytes, floor) => Err(Refusal::Floor { asked: bytes, free, floor }),
            _ => Ok(()),
        }
    }

    /// Makes sure that there is room for a body of an upload, of which so many bytes are announced.
    ///
    /// # Errors
    /// As of [`must_have_room`](Self::must_have_room).
    pub(super) async fn must_have_room_for_body(
        &self,
        upload: &Upload,
        announced: Option<u64>,
    ) -> Result<(), Refusal> {
        if self.policy().free_floor.is_none() || announced == Some(0) {
            return Ok(());
        }
        let in_place = self.ground.objects.find(&upload.storage)?.placement() == Placement::InPlace;
        if in_place && upload.length.is_some() && upload.received_bytes > 0 {
            return Ok(());
        }
        self.must_have_room(&upload.storage, announced.unwrap_or(1)).await
    }
}

/// Whether so many bytes leave what must be left.
fn leaves(free: u64, bytes: u64, floor: u64) -> bool {
    free.checked_sub(bytes).is_some_and(|left| left >= floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_the_floor_must_be_left_and_not_one_byte_less() {
        for (free, bytes, floor, holds) in [
            (100, 39, 60, true),
            (100, 40, 60, true),
            (100, 41, 60, false),
            (100, 0, 100, true),
            (99, 0, 100, false),
            (100, 100, 0, true),
            (100, 101, 0, false),
            (0, 0, 0, true),
            (u64::MAX, u64::MAX, 1, false),
        ] {
            assert_eq!(leaves(free, bytes, floor), holds, "{free} {bytes} {floor}");
        }
    }
}
