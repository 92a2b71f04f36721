//! Moves: a blob's bytes are copied from wherever they lie into another storage, verified on the way, and then named
//! there in one change of the catalog.
//!
//! Readers never notice: who began before goes on reading the old objects, which the sweeper removes after the grace
//! period. A move that dies half-way leaves the blob where it was and, in the target, at most objects that nothing
//! names, which the sweeper finds; running it again moves what is left.
//!
//! What is written is exactly what was stored: every extent is compared with its checksum and the whole with the
//! blob's identity before the last object is closed. Where objects may only have so many bytes, there are several.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::Mutex as AsyncMutex;

use super::{Engine, Happening, MoveOutcome};
use crate::contracts::{ByteStream, Failure, ObjectStore, Store, StoreError};
use crate::digest::{Digest, RunningChecksum};
use crate::extent::Extent;
use crate::file::{Blob, Content};
use crate::id::{ObjectKey, StorageName};
use crate::refusal::Refusal;

impl Engine {
    /// Moves a blob into a storage. Safe to run again; a reader never notices.
    ///
    /// # Errors
    /// [`Refusal::NoFile`]; [`Refusal::Damaged`] if stored bytes are not what they were; or a store failed.
    pub async fn move_blob(&self, blob: &Digest, to: &StorageName) -> Result<MoveOutcome, Refusal> {
        let blob = self.find_blob(blob).await?;
        let Content::Extents(old) = &blob.content else { return Ok(MoveOutcome::Inline) };
        if old.iter().all(|extent| extent.object.storage() == *to) {
            return Ok(MoveOutcome::AlreadyThere);
        }
        Ok(match self.relocate(&blob, to).await? {
            Some(objects) => MoveOutcome::Moved { objects },
            None => MoveOutcome::Overtaken,
        })
    }

    /// Copies a blob into a storage and names the copy instead: how many objects it has, or `None` if the blob was
    /// changed meanwhile.
    pub(super) async fn relocate(&self, blob: &Blob, to: &StorageName) -> Result<Option<usize>, Refusal> {
        let mut held = Held { in_hand: Arc::clone(&self.in_hand), objects: Vec::new() };
        let copied = self.copy(blob, to, &mut held).await?;
        let swapped = self.ground.catalog.swap_extents(&blob.id, blob.content.extents(), &copied).await?;
        if swapped {
            self.tell(Happening::Moved(blob, to));
        }
        Ok(swapped.then_some(copied.len()))
    }

    /// Copies a blob's bytes into new objects of a storage; their extents.
    async fn copy(&self, blob: &Blob, to: &StorageName, held: &mut Held) -> Result<Vec<Extent>, Refusal> {
        let store = self.ground.objects.find(to)?;
        let most = store.max_object_bytes().max(1);
        let bytes = self.read(blob, 0..blob.length).await?;
        let source = Arc::new(AsyncMutex::new(Source::new(bytes, blob)));
        let mut copied = Vec::new();
        let mut offset = 0;
        while offset < blob.length {
            let length = most.min(blob.length - offset);
            let object = ObjectKey::merged(self.ground.chance.bits()).lying_in(to);
            held.hold(&object);
            let extent = write_piece(store.as_ref(), &source, offset, length, object).await;
            copied.push(extent.map_err(|error| refused(blob, error))?);
            offset += length;
        }
        Ok(copied)
    }
}

fn refused(blob: &Blob, error: StoreError) -> Refusal {
    if error.failure != Failure::Corrupt {
        return error.into();
    }
    tracing::error!(blob.id = %blob.id, error = &error as &dyn std::error::Error, "a blob cannot be moved: stored bytes are damaged");
    Refusal::Damaged
}

/// Writes the next bytes of the source as an object.
async fn write_piece(
    store: &dyn ObjectStore,
    source: &Arc<AsyncMutex<Source>>,
    offset: u64,
    length: u64,
    object: ObjectKey,
) -> Result<Extent, StoreError> {
    let written = store.write_new(&object, piece(Arc::clone(source), length)).await?;
    if written != length {
        return Err(corrupt(format!("{written} of {length} bytes were copied")));
    }
    let checksum = std::mem::take(&mut source.lock().await.piece).value();
    Ok(Extent { offset, length, object, object_offset: 0, checksum })
}

/// The next bytes of the source, so many of them.
fn piece(source: Arc<AsyncMutex<Source>>, length: u64) -> ByteStream {
    let state = Some((source, length));
    stream::unfold(state, async |state| {
        let (source, left) = state.filter(|(_, left)| *left > 0)?;
        let next = source.lock().await.next(left).await;
        match next {
            Ok(bytes) => {
                let left = left.saturating_sub(bytes.len() as u64);
                Some((Ok(bytes), Some((source, left))))
            }
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

/// The bytes of a blob, compared with what is known of them as they pass.
struct Source {
    bytes: ByteStream,
    rest: Bytes,
    extents: std::vec::IntoIter<Extent>,
    /// The extent that the next byte belongs to, what was read of it, and its checksum so far.
    current: Option<(Extent, u64, RunningChecksum)>,
    whole: blake3::Hasher,
    left: u64,
    identity: Digest,
    /// The checksum of what was given since it was last taken.
    piece: RunningChecksum,
}

impl Source {
    fn new(bytes: ByteStream, blob: &Blob) -> Self {
        Self {
            bytes,
            rest: Bytes::new(),
            extents: blob.content.extents().to_vec().into_iter(),
            current: None,
            whole: blake3::Hasher::new(),
            left: blob.length,
            identity: blob.id.clone(),
            piece: RunningChecksum::default(),
        }
    }

    /// The next bytes: at least one, at most `most`, and of one extent. The last bytes of an extent are given only if
    /// its checksum is right, the last of all only if the whole is the blob.
    async fn next(&mut self, most: u64) -> Result<Bytes, StoreError> {
        while self.rest.is_empty() {
            let next = self.bytes.try_next().await?;
            self.rest = next.ok_or_else(|| corrupt(format!("{} bytes are missing", self.left)))?;
            tokio::task::yield_now().await;
        }
        let (extent, read, mut checksum) = match self.current.take() {
            Some(current) => current,
            None => {
                let extent = self.extents.next();
                let extent =
                    extent.ok_or_else(|| corrupt("there are more bytes than the blob has".into()))?;
                (extent, 0, RunningChecksum::default())
            }
        };
        let most = most.min(extent.length - read).min(self.rest.len() as u64);
        let bytes = self.rest.split_to(usize::try_from(most).unwrap_or(self.rest.len()));
        checksum.update(&bytes);
        self.piece.update(&bytes);
        self.whole.update(&bytes);
        self.left = self.left.saturating_sub(most);
        if read + most < extent.length {
            self.current = Some((extent, read + most, checksum));
        } else if checksum.value() != extent.checksum {
            let (object, found, kept) = (&extent.object, checksum.value(), extent.checksum);
            return Err(corrupt(format!("bytes of {object} have {found}, not {kept}")));
        }
        let identical = || Digest::blake3(*self.whole.finalize().as_bytes()) == self.identity;
        if self.left == 0 && !identical() {
            return Err(corrupt("the bytes together are not the blob".to_owned()));
        }
        Ok(bytes)
    }
}

fn corrupt(why: String) -> StoreError {
    StoreError::new(Store::Objects, "move", Failure::Corrupt, why)
}

/// Objects that are written now and that the catalog does not name yet.
#[derive(Default)]
pub(super) struct InHand {
    objects: Mutex<HashSet<ObjectKey>>,
}

impl InHand {
    /// Whether the object is one of them.
    pub(super) fn has(&self, object: &ObjectKey) -> bool {
        self.locked().contains(object)
    }

    fn locked(&self) -> MutexGuard<'_, HashSet<ObjectKey>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those of one move, until it ends.
pub(super) struct Held {
    in_hand: Arc<InHand>,
    objects: Vec<ObjectKey>,
}

impl Held {
    /// One object.
    pub(super) fn one(in_hand: &Arc<InHand>, object: &ObjectKey) -> Self {
        let mut held = Self { in_hand: Arc::clone(in_hand), objects: Vec::new() };
        held.hold(object);
        held
    }

    fn hold(&mut self, object: &ObjectKey) {
        self.in_hand.locked().insert(object.clone());
        self.objects.push(object.clone());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut objects = self.in_hand.locked();
        for object in &self.objects {
            objects.remove(object);
        }
    }
}
