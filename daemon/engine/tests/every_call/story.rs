//! A client, an engine over stores that fail by plan, and what the client may rely on.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use cairn_engine::contracts::{BlobFilter, Catalog, PageRequest, Placement, SessionStore, UploadFilter};
use cairn_engine::digest::Algorithm;
use cairn_engine::engine::{Completion, Created, Sweeping};
use cairn_engine::testing::bench::{Bench, body, owner, wish};
use cairn_engine::testing::faults::{FaultPlan, Faults};
use cairn_engine::testing::memory_sessions::{EarlierSessions, MemorySessions};
use cairn_engine::{Caller, Digest, Engine, File, FilePath, Policy, Refusal, State, UploadId};
use futures_util::TryStreamExt;

/// Both ways of writing.
pub(crate) const PLACEMENTS: [Placement; 2] = [Placement::InPlace, Placement::Objects];

const CHUNK: usize = 2048;
const LENGTH: usize = 4 * CHUNK + 1500;

/// What becomes of the process when a call has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    /// It goes on.
    Never,
    /// It is started again over the same stores.
    WithSessions,
    /// It is started again, and the session store has forgotten everything.
    WithoutSessions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Create,
    /// A chunk with bytes that a later one replaces.
    WrongChunk(usize),
    Chunk(usize),
    Append,
    CreateOther,
    OtherChunk,
    AbortOther,
    Errands,
    Complete,
    Merge,
    Read,
    Sweep,
    Remove,
}

/// The steps of the life, in order.
const LIFE: [Step; 22] = [
    Step::Create,
    Step::Chunk(2),
    Step::WrongChunk(1),
    Step::Errands,
    Step::Chunk(1),
    Step::CreateOther,
    Step::OtherChunk,
    Step::Chunk(3),
    Step::Chunk(3),
    Step::AbortOther,
    Step::Errands,
    Step::Append,
    Step::Complete,
    Step::Errands,
    Step::Complete,
    Step::Read,
    Step::Merge,
    Step::Sweep,
    Step::Sweep,
    Step::Read,
    Step::Remove,
    Step::Sweep,
];

/// What the client knows: what was sent, what was acknowledged, what was told.
#[derive(Default)]
struct Client {
    id: Option<UploadId>,
    other: Option<UploadId>,
    other_acknowledged: bool,
    abort_begun: bool,
    chunks: [Sent; 5],
    told_offset: u64,
    file: Option<File>,
    completing: bool,
    removing: bool,
    removed: bool,
}

/// What was sent of one chunk.
#[derive(Default)]
struct Sent {
    /// The bytes acknowledged last.
    acknowledged: Option<Vec<u8>>,
    /// Bytes sent after them without an answer: they may be there or not.
    doubtful: Option<Vec<u8>>,
}

pub(crate) struct Story {
    bench: Bench,
    restart: Restart,
    plans: Vec<FaultPlan>,
    now: FaultPlan,
    faults: Arc<Faults>,
    engine: Engine,
    client: Client,
    /// After how many steps the session store forgets everything, while the process goes on.
    lost_after: Option<usize>,
    /// Whether it does so before every step.
    lost_always: bool,
    /// Whether the session store alone misbehaves, and no call fails: then no step may fail either.
    mishap: bool,
    told: Vec<String>,
}

/// What befalls the session store just before some call, while the process goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mishap {
    /// It forgets everything.
    Flush,
    /// It is as it was so many calls before.
    GoBack(u64),
    /// It loses a receipt of every upload.
    LoseReceipts,
}

impl Story {
    /// A story over empty stores. Each plan is for one run of the process; after the last nothing goes wrong.
    pub(crate) fn new(placement: Placement, restart: Restart, mut plans: Vec<FaultPlan>) -> Self {
        let bench = Bench::new(placement);
        plans.reverse();
        let now = plans.pop().unwrap_or(FaultPlan::NONE);
        let faults = Faults::new(now);
        let engine = faulty(&bench, &faults);
        let client = Client::default();
        let told = vec![format!("{placement:?}, {restart:?}, {now:?}, then {plans:?}")];
        Self {
            bench,
            restart,
            plans,
            now,
            faults,
            engine,
            client,
            lost_after: None,
            lost_always: false,
            mishap: false,
            told,
        }
    }

    /// The same story, but the session store forgets everything after so many steps.
    pub(crate) fn losing_sessions_after(mut self, steps: usize) -> Self {
        self.lost_after = Some(steps);
        self
    }

    /// The same story, but the session store forgets everything before every step.
    pub(crate) fn always_losing_sessions(mut self) -> Self {
        (self.lost_always, self.mishap) = (true, true);
        self
    }

    /// The same story, but this befalls the session store just before the `n`-th call of any store.
    pub(crate) fn befallen(mut self, n: u64, mishap: Mishap) -> Self {
        let sessions = Arc::clone(&self.bench.sessions);
        self.told.push(format!("{mishap:?} before call {n}"));
        self.mishap = true;
        match mishap {
            Mishap::Flush => self.faults.before(n, async move { sessions.flush() }),
            Mishap::GoBack(calls) => {
                let then = Arc::new(Mutex::new(EarlierSessions::default()));
                let (seen, keeping) = (Arc::clone(&then), Arc::clone(&sessions));
                let keep = async move { *seen.lock().unwrap() = keeping.as_now() };
                self.faults.before(n.saturating_sub(calls).max(1), keep);
                let back = async move { sessions.go_back_to(then.lock().unwrap().clone()) };
                self.faults.before(n, back);
            }
            Mishap::LoseReceipts => {
                let lose = async move {
                    let all =
                        sessions.list(&UploadFilter::default(), &PageRequest::first(100)).await.unwrap();
                    for upload in all.items {
                        sessions.lose_receipt(upload.id);
                    }
                };
                self.faults.before(n, lose);
            }
        }
        self
    }

    /// Lives the life to its end, and looks whether anything is left.
    pub(crate) async fn live(&mut self) {
        for (number, step) in LIFE.into_iter().enumerate() {
            if self.lost_always || self.lost_after == Some(number) {
                self.lose_sessions().await;
            }
            for attempt in 1.. {
                assert!(attempt < 6, "{step:?} never succeeds\n{}", self.tale());
                let outcome = self.take(step).await;
                self.told.push(format!("{step:?}: {}", said(&outcome)));
                let rebuilt = self.recover();
                match outcome {
                    Ok(()) => {
                        self.look(!rebuilt).await;
                        break;
                    }
                    Err(refusal) => {
                        let failed = refusal.failed_store().is_some() && !self.mishap;
                        assert!(failed, "{step:?}: {refusal:?}\n{}", self.tale());
                        self.look(false).await;
                    }
                }
            }
        }
        self.clean_up().await;
    }

    /// How many store calls there were in this run of the process.
    pub(crate) fn calls(&self) -> u64 {
        self.faults.calls()
    }

    /// Whether every plan had its failure.
    pub(crate) fn struck(&self) -> bool {
        self.faults.struck() || self.now == FaultPlan::NONE
    }

    async fn take(&mut self, step: Step) -> Result<(), Refusal> {
        match step {
            Step::Create => self.create("the file", true).await.map(|id| self.client.id = Some(id)),
            Step::CreateOther => self.create("the other", false).await.map(|id| self.client.other = Some(id)),
            Step::WrongChunk(number) => self.send_chunk(number, vec![0xee; CHUNK]).await,
            Step::Chunk(number) => self.send_chunk(number, part(number)).await,
            Step::OtherChunk => self.send_other_chunk().await,
            Step::AbortOther => self.abort_other().await,
            Step::Append => self.append().await,
            Step::Errands => {
                self.bench.errands.run().await;
                Ok(())
            }
            Step::Complete => self.complete().await,
            Step::Merge => self.merge().await,
            Step::Read => self.read().await,
            Step::Remove => self.remove().await,
            Step::Sweep => self.sweep().await,
        }
    }

    /// After a stop the process is started again; whether sessions were lost with it.
    fn recover(&mut self) -> bool {
        if !self.faults.struck() || self.restart == Restart::Never || self.now == FaultPlan::NONE {
            return false;
        }
        let call = self.now.stop_at.map(|n| self.faults.name_of(n)).unwrap_or_default();
        self.told.push(format!("stopped at {call}, started again"));
        self.bench.errands.lose();
        if self.restart == Restart::WithoutSessions {
            self.bench.sessions = Arc::new(MemorySessions::default());
        }
        self.now = self.plans.pop().unwrap_or(FaultPlan::NONE);
        self.faults = Faults::new(self.now);
        self.engine = faulty(&self.bench, &self.faults);
        self.restart == Restart::WithoutSessions
    }

    async fn lose_sessions(&mut self) {
        self.told.push("the sessions are lost".to_owned());
        for upload in self.must(self.bench.uploads().await) {
            self.bench.sessions.remove(upload.id).await.unwrap();
        }
    }

    async fn create(&self, name: &str, declared: bool) -> Result<UploadId, Refusal> {
        let mut new = wish(&format!("{name}.bin"), Some(LENGTH as u64), Some(CHUNK as u64));
        new.idempotency_key = Some(name.to_owned());
        new.digest = declared.then(sha1);
        match self.engine.create(&owner("ada"), new).await? {
            Created::Upload(status) | Created::Known(status) => Ok(status.upload.id),
            Created::Instant(file) => panic!("{file:?} was there before it was sent\n{}", self.tale()),
        }
    }

    async fn send_chunk(&mut self, number: usize, bytes: Vec<u8>) -> Result<(), Refusal> {
        let (id, slot) = (self.client.id.unwrap(), number - 1);
        self.client.chunks[slot].doubtful = Some(bytes.clone());
        let sent = self.engine.put_chunk(&owner("ada"), id, number as u64, body(bytes.clone(), 700)).await?;
        assert_eq!((sent.number, sent.length), (number as u64, bytes.len() as u64), "{}", self.tale());
        self.client.chunks[slot] = Sent { acknowledged: Some(bytes), doubtful: None };
        Ok(())
    }

    async fn send_other_chunk(&mut self) -> Result<(), Refusal> {
        let id = self.client.other.unwrap();
        self.engine.put_chunk(&owner("ada"), id, 2, body(part(2), 5000)).await?;
        self.client.other_acknowledged = true;
        Ok(())
    }

    /// An upload whose end began may be gone altogether when it is asked for again.
    async fn abort_other(&mut self) -> Result<(), Refusal> {
        let again = std::mem::replace(&mut self.client.abort_begun, true);
        match self.engine.abort(&ada(), self.client.other.unwrap()).await {
            Err(Refusal::NoUpload) if again => Ok(()),
            outcome => outcome,
        }
    }

    /// The rest of the upload, from wherever it stands.
    async fn append(&mut self) -> Result<(), Refusal> {
        let id = self.client.id.unwrap();
        let offset = self.engine.status(&ada(), id).await?.offset;
        assert!(offset >= self.client.told_offset, "the offset fell to {offset}\n{}", self.tale());
        self.client.told_offset = offset;
        let rest = content()[usize::try_from(offset).unwrap()..].to_vec();
        let end = self.engine.append(&owner("ada"), id, offset, body(rest, 900)).await?;
        assert_eq!(end, LENGTH as u64, "{}", self.tale());
        self.client.told_offset = end;
        Ok(())
    }

    async fn complete(&mut self) -> Result<(), Refusal> {
        self.client.completing = true;
        let file = self.engine.complete(&ada(), self.client.id.unwrap(), Completion::default()).await?;
        assert_eq!((file.length, &file.digest), (LENGTH as u64, &sha1()), "{}", self.tale());
        let known = self.client.file.get_or_insert_with(|| file.clone()).clone();
        assert_eq!(known, file, "complete gave another file\n{}", self.tale());
        Ok(())
    }

    async fn merge(&self) -> Result<(), Refusal> {
        let blob = self.client.file.as_ref().unwrap().blob.clone();
        self.engine.merge(&blob).await?;
        let merged = self.engine.find_blob(&blob).await?;
        assert_eq!(merged.content.extents().len(), 1, "{}", self.tale());
        Ok(())
    }

    async fn read(&self) -> Result<(), Refusal> {
        let file = self.engine.find_file(&owner("ada"), &path()).await?;
        let blob = self.engine.blob_of(&file).await?;
        let bytes: Vec<_> = self.engine.read(&blob, 0..blob.length).await?.try_collect().await?;
        assert!(bytes.concat() == content(), "other bytes were read\n{}", self.tale());
        Ok(())
    }

    async fn remove(&mut self) -> Result<(), Refusal> {
        let again = std::mem::replace(&mut self.client.removing, true);
        match self.engine.remove_file(&owner("ada"), &path()).await {
            Err(Refusal::NoFile) if again => {}
            outcome => drop(outcome?),
        }
        self.client.removed = true;
        Ok(())
    }

    async fn sweep(&self) -> Result<(), Refusal> {
        let report = self.engine.sweep(Sweeping::default()).await?;
        self.bench.clock.advance(Policy::default().grace + Duration::from_secs(1));
        assert_eq!(report.held, None, "{}", self.tale());
        Ok(())
    }

    /// Looks at everything that was promised. Where sessions were just lost, what rebuilds them is left to the next
    /// step, so that faults find it too.
    async fn look(&mut self, ask: bool) {
        self.must(self.bench.every_row_has_its_bytes().await);
        self.look_at_the_file().await;
        // Whoever vouches for a record must be the one that goes on with it.
        if ask && self.client.file.is_none() && !self.must(self.bench.is_any_doubted().await) {
            self.look_at_the_upload().await;
        }
    }

    /// A completed file is there with its bytes until its removal begins; before, it is there whole or not at all.
    async fn look_at_the_file(&self) {
        let found = self.bench.catalog.find_file(&owner("ada"), &path()).await.unwrap();
        match (&found, &self.client.file) {
            (None, None) => {}
            (None, Some(_)) => assert!(self.client.removing, "the file is gone\n{}", self.tale()),
            (Some(_), None) => {
                assert!(self.client.completing, "a file before it was complete\n{}", self.tale())
            }
            (Some(found), Some(file)) => {
                assert_eq!(found, file, "{}", self.tale());
                assert!(!self.client.removed, "a removed file\n{}", self.tale());
            }
        }
        let Some(file) = found else { return };
        let blobs =
            self.bench.catalog.list_blobs(&BlobFilter::default(), &PageRequest::first(100)).await.unwrap();
        let blob = blobs.items.iter().find(|blob| blob.id == file.blob);
        let blob = self.must(blob.ok_or_else(|| "a file without its blob".to_owned()));
        let bytes = self.must(self.bench.bytes_of_blob(blob).await);
        assert!(bytes == content(), "the file has other bytes\n{}", self.tale());
    }

    /// Every acknowledged chunk is there with the bytes acknowledged last, or with those that were sent after them.
    async fn look_at_the_upload(&mut self) {
        let Some(id) = self.client.id else { return };
        let engine = self.bench.engine(policy());
        let asked = engine.status(&ada(), id).await.map_err(|refusal| refusal.to_string());
        let status = self.must(asked);
        assert!(matches!(status.upload.state, State::Open | State::Completing | State::Complete));
        assert!(status.offset >= self.client.told_offset, "the offset fell\n{}", self.tale());
        self.client.told_offset = status.offset;
        let stranger = engine.status(&Caller::User(owner("eve")), id).await;
        assert!(matches!(stranger, Err(Refusal::NoUpload)), "{}", self.tale());
        if status.upload.state == State::Complete {
            return;
        }
        let (bytes, coverage) = self.must(self.bench.bytes_of_upload(&status.upload).await);
        for (slot, sent) in self.client.chunks.iter().enumerate() {
            let Some(acknowledged) = &sent.acknowledged else { continue };
            let (start, end) = (slot * CHUNK, slot * CHUNK + acknowledged.len());
            assert!(
                coverage.is_covered(start as u64..end as u64),
                "chunk {} is gone\n{}",
                slot + 1,
                self.tale()
            );
            let there = &bytes[start..end];
            let expected = there == acknowledged.as_slice() || sent.doubtful.as_deref() == Some(there);
            assert!(expected, "chunk {} has other bytes\n{}", slot + 1, self.tale());
        }
        if let Some(other) =
            self.client.other.filter(|_| self.client.other_acknowledged && !self.client.abort_begun)
        {
            let status = engine.status(&ada(), other).await.map_err(|refusal| refusal.to_string());
            assert_eq!(self.must(status).received, [(2, 2)], "{}", self.tale());
        }
    }

    /// The file is removed: when every time has run out and the sweeper has come by, nothing is left of all this.
    async fn clean_up(&mut self) {
        let policy = policy();
        let engine = self.bench.engine(policy.clone());
        self.bench.clock.advance(policy.ttl + policy.remember);
        for _ in 0..5 {
            self.bench.clock.advance(policy.grace + Duration::from_secs(1));
            let swept = engine.sweep(Sweeping::default()).await.unwrap();
            assert_eq!(swept.held, None, "{}", self.tale());
        }
        self.must(self.bench.nothing_is_left().await);
        let origin = self.bench.catalog.origin(self.client.id.unwrap()).await.unwrap();
        assert_eq!(origin, None, "{}", self.tale());
    }

    fn must<T>(&self, outcome: Result<T, String>) -> T {
        match outcome {
            Ok(value) => value,
            Err(finding) => panic!("{finding}\n{}", self.tale()),
        }
    }

    /// What happened up to now, for a message.
    fn tale(&self) -> String {
        let call = self.now.fail_at.map(|n| format!("fails: {}\n", self.faults.name_of(n)));
        format!("{}{}", call.unwrap_or_default(), self.told.join("\n"))
    }
}

fn faulty(bench: &Bench, faults: &Arc<Faults>) -> Engine {
    bench.engine_over(
        faults.sessions(bench.sessions.clone()),
        faults.catalog(bench.catalog.clone()),
        faults.objects(bench.objects.clone()),
        policy(),
    )
}

fn policy() -> Policy {
    Policy { roll_bytes: 1000, ..Policy::default() }
}

fn ada() -> Caller {
    Caller::User(owner("ada"))
}

fn path() -> FilePath {
    "the file.bin".parse().unwrap()
}

fn content() -> &'static [u8] {
    static CONTENT: LazyLock<Vec<u8>> =
        LazyLock::new(|| (0..LENGTH).map(|n| u8::try_from((n / 7 + n % 251) % 256).unwrap()).collect());
    &CONTENT
}

fn part(number: usize) -> Vec<u8> {
    content().chunks(CHUNK).nth(number - 1).unwrap().to_vec()
}

fn sha1() -> Digest {
    use sha1::Digest as _;
    Digest::new(Algorithm::Sha1, &sha1::Sha1::digest(content())).unwrap()
}

fn said(outcome: &Result<(), Refusal>) -> String {
    use std::error::Error;
    match outcome {
        Ok(()) => "done".to_owned(),
        Err(refusal) => {
            let cause = refusal.source().map(ToString::to_string).unwrap_or_default();
            format!("{refusal} ({cause})")
        }
    }
}
