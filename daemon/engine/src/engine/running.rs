//! Which bodies are running, so that a newer request can stop an older one, and so that no two ever write the same
//! bytes of an upload's own file.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio_util::sync::CancellationToken;

use crate::id::UploadId;

/// What a running body writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// One chunk.
    Chunk(u64),
    /// From some offset on: perhaps anything.
    Append,
}

impl Slot {
    fn may_collide(self, other: Self) -> bool {
        match (self, other) {
            (Self::Chunk(one), Self::Chunk(two)) => one == two,
            (Self::Append, _) | (_, Self::Append) => true,
        }
    }
}

/// What becomes of bytes that a stopped append has received and not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// They are recorded before it leaves.
    Kept,
    /// They are dropped: whoever stops it sends them again.
    Dropped,
}

/// The bodies that are running in this process.
#[derive(Default)]
pub(super) struct Running {
    bodies: Mutex<Bodies>,
}

#[derive(Default)]
struct Bodies {
    next: u64,
    of: HashMap<UploadId, Busy>,
}

/// An upload with bodies on their way.
#[derive(Default)]
struct Busy {
    bodies: Vec<Body>,
    /// The number of the body that claimed the upload last, though it may have left.
    claimed_last: Option<u64>,
}

struct Body {
    number: u64,
    /// The epoch that the upload was claimed under for it.
    epoch: Option<u64>,
    slot: Slot,
    stop: CancellationToken,
    drops: Arc<AtomicBool>,
    ended: CancellationToken,
}

/// A running body's place in the register; it leaves when this is dropped, which must be after its bytes are recorded.
pub(super) struct Ticket {
    running: Arc<Running>,
    upload: UploadId,
    number: u64,
    /// Whether no other running body may write the same bytes.
    pub(super) alone: bool,
    /// Cancelled when the body is to stop.
    pub(super) stop: CancellationToken,
    drops: Arc<AtomicBool>,
}

impl Running {
    /// Enters a body, before the session is looked at: whoever recorded the same bytes and left earlier is then seen
    /// in the session, and whoever did not leave is seen here.
    pub(super) fn enter(self: &Arc<Self>, upload: UploadId, slot: Slot) -> Ticket {
        let stop = CancellationToken::new();
        let drops = Arc::<AtomicBool>::default();
        let mut bodies = self.lock();
        let number = bodies.next;
        bodies.next = number.wrapping_add(1);
        let of = bodies.of.entry(upload).or_default();
        let alone = !of.bodies.iter().any(|body| body.slot.may_collide(slot));
        let ended = CancellationToken::new();
        let body = Body { number, epoch: None, slot, stop: stop.clone(), drops: Arc::clone(&drops), ended };
        of.bodies.push(body);
        Ticket { running: Arc::clone(self), upload, number, alone, stop, drops }
    }

    /// Tells the bodies of an upload to stop and waits until they have left.
    pub(super) async fn stop(&self, upload: UploadId) {
        self.stop_where(upload, |_| true).await;
    }

    /// Tells the appends of an upload to stop and waits until they have left.
    pub(super) async fn stop_appends(&self, upload: UploadId, rest: Rest) {
        if rest == Rest::Dropped {
            let bodies = self.lock();
            let of = bodies.of.get(&upload).map(|busy| busy.bodies.as_slice()).unwrap_or_default();
            of.iter().for_each(|body| body.drops.store(true, Ordering::Release));
        }
        self.stop_where(upload, |slot| slot == Slot::Append).await;
    }

    async fn stop_where(&self, upload: UploadId, which: impl Fn(Slot) -> bool) {
        let ended: Vec<CancellationToken> = {
            let bodies = self.lock();
            let of = bodies.of.get(&upload).map(|busy| busy.bodies.as_slice()).unwrap_or_default();
            of.iter()
                .filter(|body| which(body.slot))
                .map(|body| {
                    body.stop.cancel();
                    body.ended.clone()
                })
                .collect()
        };
        for body in ended {
            body.cancelled().await;
        }
    }

    /// Whether any body of this upload is running.
    pub(super) fn has(&self, upload: UploadId) -> bool {
        self.lock().of.contains_key(&upload)
    }

    /// For how many uploads a body is running.
    pub(super) fn uploads(&self) -> usize {
        self.lock().of.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Bodies> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Whether what was received and not recorded is not wanted, once the body is stopped.
    pub(super) fn drops_its_rest(&self) -> bool {
        self.drops.load(Ordering::Acquire)
    }

    /// Notes that the upload was claimed for this body, the last one to claim it. `false` if another running body has
    /// it under this very epoch: the store has forgotten that claim, and this one does not count.
    pub(super) fn claim(&self, epoch: u64) -> bool {
        let mut bodies = self.running.lock();
        let Some(of) = bodies.of.get_mut(&self.upload) else { return false };
        if of.bodies.iter().any(|body| body.number != self.number && body.epoch == Some(epoch)) {
            return false;
        }
        of.claimed_last = Some(self.number);
        of.bodies
            .iter_mut()
            .filter(|body| body.number == self.number)
            .for_each(|body| body.epoch = Some(epoch));
        true
    }

    /// Whether nobody has claimed the upload since this body did.
    pub(super) fn claimed_last(&self) -> bool {
        let bodies = self.running.lock();
        bodies.of.get(&self.upload).is_some_and(|of| of.claimed_last == Some(self.number))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut bodies = self.running.lock();
        let Some(of) = bodies.of.get_mut(&self.upload) else { return };
        of.bodies.retain(|body| {
            let stays = body.number != self.number;
            if !stays {
                body.ended.cancel();
            }
            stays
        });
        if of.bodies.is_empty() {
            bodies.of.remove(&self.upload);
        }
    }
}

/// Lets one operation at a time through for each upload, or for each of something else.
pub(super) struct OneAtATime<K = UploadId> {
    locks: Mutex<HashMap<K, Weak<tokio::sync::Mutex<()>>>>,
}

impl<K> Default for OneAtATime<K> {
    fn default() -> Self {
        Self { locks: Mutex::default() }
    }
}

impl<K: Eq + Hash> OneAtATime<K> {
    /// Waits for the turn; it lasts until the guard is dropped.
    pub(super) async fn turn(&self, key: K) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| lock.strong_count() > 0);
            match locks.get(&key).and_then(Weak::upgrade) {
                Some(lock) => lock,
                None => {
                    let lock = Arc::default();
                    locks.insert(key, Arc::downgrade(&lock));
                    lock
                }
            }
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::world::CountingChance;

    #[test]
    fn bodies_that_may_write_the_same_bytes_are_not_alone() {
        let running = Arc::new(Running::default());
        let id = UploadId::make(&CountingChance::default());
        let first = running.enter(id, Slot::Chunk(1));
        assert!(first.alone);
        assert!(running.enter(id, Slot::Chunk(2)).alone);
        assert!(!running.enter(id, Slot::Chunk(1)).alone);
        assert!(!running.enter(id, Slot::Append).alone);
        drop(first);
        assert!(!running.has(id));
        let append = running.enter(id, Slot::Append);
        assert!(append.alone);
        assert!(!running.enter(id, Slot::Chunk(7)).alone);
    }

    #[test]
    fn the_last_to_claim_is_known_after_it_has_left_and_no_two_have_one_epoch() {
        let running = Arc::new(Running::default());
        let id = UploadId::make(&CountingChance::default());
        let (one, two) = (running.enter(id, Slot::Append), running.enter(id, Slot::Append));
        assert!(one.claim(5) && one.claimed_last());
        assert!(!two.claim(5) && one.claimed_last() && !two.claimed_last());
        assert!(two.claim(6) && two.claimed_last() && !one.claimed_last());
        drop(two);
        assert!(!one.claimed_last());
        assert!(one.claim(7) && one.claimed_last());
    }

    #[tokio::test]
    async fn stopping_waits_until_the_body_has_left() {
        let running = Arc::new(Running::default());
        let id = UploadId::make(&CountingChance::default());
        let ticket = running.enter(id, Slot::Append);
        let stop = ticket.stop.clone();
        let (_, ()) = tokio::join!(running.stop_appends(id, Rest::Kept), async {
            stop.cancelled().await;
            drop(ticket);
        });
        assert_eq!(running.uploads(), 0);
    }
}
