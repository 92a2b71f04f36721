//! An upload at some stage of its life, two requests that meet, and what must hold afterwards.

use std::sync::Arc;
use std::time::Duration;

use cairn_engine::contracts::{BlobFilter, Catalog, FileFilter, PageRequest, Placement, SessionStore};
use cairn_engine::engine::{Completion, Created, Sweeping};
use cairn_engine::policy::Instant;
use cairn_engine::testing::bench::{Bench, body, owner, wish};
use cairn_engine::testing::faults::{FaultPlan, Faults};
use cairn_engine::{Algorithm, Caller, Digest, Engine, File, Policy, Refusal, State, UploadId};
use tokio::sync::Notify;

const CHUNK: usize = 600;
const CHUNKS: usize = 3;

/// Where the upload is when the requests come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Two of three chunks are there, one of them sent twice.
    Begun,
    /// Every chunk is there, one of them sent twice.
    AllThere,
    /// The same, but its time has run out.
    Expired,
    /// It is a file of several extents.
    Complete,
    /// The file was removed, and the grace is over; a second upload of the same content is all there.
    Unnamed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A chunk, with bytes that it did not have before.
    Chunk(usize),
    /// The rest from wherever the upload stands.
    Append,
    Complete,
    Abort,
    Purge,
    Sweep,
    Merge,
    Remove,
    /// Another file of the same content without sending it.
    Adopt,
    /// The session store forgets everything.
    LoseSessions,
    /// What was left to do after answers is done.
    RunErrands,
}

/// What was answered.
#[derive(Debug)]
enum Answer {
    File(File),
    Done,
    Refused(Refusal),
}

pub(crate) struct Scene {
    bench: Bench,
    faults: Arc<Faults>,
    engine: Engine,
    stage: Stage,
    /// The upload that requests are about.
    id: UploadId,
    answers: Vec<(Request, Answer)>,
    told: String,
}

impl Scene {
    pub(crate) async fn new(placement: Placement, stage: Stage) -> Self {
        let bench = Bench::new(placement);
        let faults = Faults::new(FaultPlan::NONE);
        let engine = bench.engine_over(
            faults.sessions(bench.sessions.clone()),
            faults.catalog(bench.catalog.clone()),
            faults.objects(bench.objects.clone()),
            policy(),
        );
        let id = begun(&engine).await;
        let told = format!("{placement:?}, {stage:?}");
        let mut scene = Self { bench, faults, engine, stage, id, answers: Vec::new(), told };
        scene.set().await;
        scene
    }

    async fn set(&mut self) {
        match self.stage {
            Stage::Begun => return,
            Stage::AllThere => {}
            Stage::Expired => {
                self.send(3).await;
                return self.bench.clock.advance(policy().ttl + policy().grace);
            }
            Stage::Complete | Stage::Unnamed => {
                self.send(3).await;
                self.engine.complete(&ada(), self.id, Completion::default()).await.unwrap();
            }
        }
        if self.stage == Stage::AllThere {
            self.send(3).await;
        }
        if self.stage == Stage::Unnamed {
            self.bench.errands.run().await;
            self.engine.remove_file(&owner("ada"), &"a".parse().unwrap()).await.unwrap();
            self.bench.clock.advance(policy().grace + Duration::from_secs(1));
            self.id = begun(&self.engine).await;
            self.send(3).await;
        }
    }

    async fn send(&self, number: usize) {
        let sent = body(chunk(number, 0), 250);
        self.engine.put_chunk(&owner("ada"), self.id, number as u64, sent).await.unwrap();
    }

    /// Lets the second request run just before a call of the first; whether the first came to that call.
    pub(crate) async fn play(&mut self, first: Request, second: Request, call: u64) -> bool {
        let gate = Arc::new(Notify::new());
        let open = Arc::clone(&gate);
        self.faults.restart(FaultPlan::NONE);
        self.faults.before(call, async move {
            open.notify_one();
            // Long enough for the other request to end, or to wait for this one.
            for _ in 0..300 {
                tokio::task::yield_now().await;
            }
        });
        let one = async {
            let answer = self.ask(first, 1).await;
            let met = self.faults.calls() >= call;
            gate.notify_one();
            (answer, met)
        };
        let other = async {
            gate.notified().await;
            self.ask(second, 2).await
        };
        let both = async { tokio::join!(one, other) };
        let both = tokio::time::timeout(Duration::from_secs(20), both).await;
        self.told.push_str(&format!(
            ", {second:?} before call {call} of {first:?}: {}",
            self.faults.name_of(call)
        ));
        let Ok(((one, met), other)) = both else { panic!("they wait for each other: {}", self.told) };
        self.answers = vec![(first, one), (second, other)];
        met
    }

    async fn ask(&self, request: Request, seed: u8) -> Answer {
        match self.asked(request, seed).await {
            Ok(Some(file)) => Answer::File(file),
            Ok(None) => Answer::Done,
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    async fn asked(&self, request: Request, seed: u8) -> Result<Option<File>, Refusal> {
        let (engine, ada_owns) = (&self.engine, owner("ada"));
        match request {
            Request::Chunk(number) => {
                engine.put_chunk(&ada_owns, self.id, number as u64, body(chunk(number, seed), 250)).await?;
            }
            Request::Append => {
                let offset = engine.status(&ada(), self.id).await?.offset;
                let rest = whole()[usize::try_from(offset).unwrap()..].to_vec();
                engine.append(&ada_owns, self.id, offset, body(rest, 90)).await?;
            }
            Request::Complete => {
                return engine.complete(&ada(), self.id, Completion::default()).await.map(Some);
            }
            Request::Abort => engine.abort(&ada(), self.id).await?,
            Request::Purge => drop(engine.purge(self.id).await?),
            Request::Sweep => drop(engine.sweep(Sweeping::default()).await?),
            Request::Merge => {
                engine.merge(&blob()).await?;
            }
            Request::Remove => drop(engine.remove_file(&ada_owns, &"a".parse().unwrap()).await?),
            Request::Adopt => return engine.adopt(&ada_owns, &"b".parse().unwrap(), &blob(), None).await,
            Request::LoseSessions => {
                for upload in self.bench.uploads().await.unwrap() {
                    self.bench.sessions.remove(upload.id).await.unwrap();
                }
            }
            Request::RunErrands => self.bench.errands.run().await,
        }
        Ok(None)
    }

    /// What was answered must be true, and stay true while the sweeper comes by; and then all of it must go.
    pub(crate) async fn judge(&self) {
        self.no_answer_is_a_failure();
        self.answers_agree();
        self.rows_are_sound().await;
        self.files_are_there().await;
        self.chunks_are_there().await;
        self.complete_what_is_open().await;
        self.bench.errands.run().await;
        for _ in 0..4 {
            self.sweep_later().await;
            self.rows_are_sound().await;
            self.files_are_there().await;
        }
        self.everything_goes().await;
    }

    /// Whatever the order, a request is done or refused with a reason: the stores are well.
    fn no_answer_is_a_failure(&self) {
        for (request, answer) in &self.answers {
            let Answer::Refused(refusal) = answer else { continue };
            let failed = refusal.failed_store().is_some() || matches!(refusal, Refusal::Damaged);
            assert!(!failed, "{request:?}: {refusal:?}; {}", self.told);
        }
    }

    fn done(&self, request: Request) -> bool {
        self.answers.iter().any(|(asked, answer)| *asked == request && !matches!(answer, Answer::Refused(_)))
    }

    fn files(&self, request: Request) -> Vec<&File> {
        let files = self.answers.iter().filter(|(asked, _)| *asked == request);
        files
            .filter_map(|(_, answer)| if let Answer::File(file) = answer { Some(file) } else { None })
            .collect()
    }

    fn answers_agree(&self) {
        let completed = self.files(Request::Complete);
        assert!(
            completed.windows(2).all(|pair| pair[0] == pair[1]),
            "two files of one upload; {}",
            self.told
        );
        let both = !completed.is_empty() && self.done(Request::Abort);
        assert!(!both, "aborted and complete; {}", self.told);
    }

    async fn rows_are_sound(&self) {
        if let Err(finding) = self.bench.every_row_has_its_bytes().await {
            panic!("{finding}; {}; {:?}", self.told, self.answers);
        }
    }

    /// Files that were answered are there, unless their removal was asked for too.
    async fn files_are_there(&self) {
        for request in [Request::Complete, Request::Adopt] {
            let removed = request == Request::Complete && self.done(Request::Remove);
            for file in self.files(request).into_iter().filter(|_| !removed) {
                let found = self.bench.catalog.find_file(&owner("ada"), &file.path).await.unwrap();
                let same = found.as_ref().is_some_and(|found| found.blob == file.blob);
                assert!(same, "{} is gone; {}", file.path, self.told);
                let blobs =
                    self.bench.catalog.list_blobs(&BlobFilter::default(), &PageRequest::first(9)).await;
                let there = blobs.unwrap().items.into_iter().any(|blob| blob.id == file.blob);
                assert!(there, "a file without its blob; {}", self.told);
            }
        }
    }

    /// A chunk that was acknowledged is in the file, or in the upload if that still is open.
    async fn chunks_are_there(&self) {
        let Ok(status) = self.bench.engine(policy()).status(&ada(), self.id).await else { return };
        let whole = match (&status.file, status.upload.state) {
            (Some(file), _) => {
                let blobs = self.bench.catalog.find_blobs(&file.blob, None).await.unwrap();
                self.bench.bytes_of_blob(&blobs[0]).await.unwrap()
            }
            (None, State::Open | State::Completing) => {
                self.bench.bytes_of_upload(&status.upload).await.unwrap().0
            }
            (None, _) => return,
        };
        for number in 1..=CHUNKS {
            let acknowledged = self.acknowledged(number);
            let (start, end) = ((number - 1) * CHUNK, number * CHUNK);
            let there = whole.get(start..end).unwrap_or_default();
            // An append is recorded in stretches, so that each byte is the one or the other's.
            let known = |(at, byte): (usize, &u8)| acknowledged.iter().any(|bytes| bytes[at] == *byte);
            let all_there = there.len() == CHUNK && there.iter().enumerate().all(known);
            let expected = acknowledged.is_empty() || all_there;
            assert!(expected, "chunk {number} has other bytes; {}; {:?}", self.told, self.answers);
        }
    }

    /// The bytes that a chunk may have after what was answered: of two answers either may be the later one.
    fn acknowledged(&self, number: usize) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        for (seed, (request, answer)) in (1..).zip(&self.answers) {
            let done = !matches!(answer, Answer::Refused(_));
            match request {
                Request::Chunk(n) if *n == number && done => bytes.push(chunk(number, seed)),
                Request::Append if number == CHUNKS && done => bytes.push(chunk(number, 0)),
                _ => {}
            }
        }
        // An append that was stopped, or found another offset, may have stored some of its bytes.
        let appended = self
            .answers
            .iter()
            .any(|(request, answer)| *request == Request::Append && matches!(answer, Answer::Refused(_)));
        if appended { Vec::new() } else { bytes }
    }

    /// An upload that can be completed now becomes a file with the right digests.
    async fn complete_what_is_open(&self) {
        if self.stage == Stage::Begun && self.chunk_three_was_asked_for() {
            match self.engine.complete(&ada(), self.id, Completion::default()).await {
                Ok(_) => self.rows_are_sound().await,
                Err(Refusal::NoUpload | Refusal::NotOpen { .. } | Refusal::Incomplete { .. }) => {}
                Err(refusal) => panic!("{refusal:?}; {}", self.told),
            }
        }
    }

    fn chunk_three_was_asked_for(&self) -> bool {
        self.done(Request::Chunk(3)) || self.done(Request::Append)
    }

    async fn sweep_later(&self) {
        self.bench.clock.advance(policy().grace + Duration::from_secs(1));
        let report = self.engine.sweep(Sweeping::default()).await.unwrap();
        assert_eq!(report.held, None, "{}", self.told);
    }

    async fn everything_goes(&self) {
        let filter = FileFilter::default();
        for file in self.engine.list_files(&filter, &PageRequest::first(100)).await.unwrap().items {
            self.engine.remove_file(&file.owner, &file.path).await.unwrap();
        }
        // Twice: an upload whose session was lost begins its time anew when it is found.
        for _ in 0..2 {
            self.bench.clock.advance(policy().ttl + policy().remember);
            self.sweep_later().await;
        }
        for _ in 0..3 {
            self.sweep_later().await;
        }
        if let Err(finding) = self.bench.nothing_is_left().await {
            panic!("{finding}; {}; {:?}", self.told, self.answers);
        }
    }
}

/// An upload of three chunks, of which the first was sent twice, with other bytes first, and the second once.
async fn begun(engine: &Engine) -> UploadId {
    let new = wish("a", Some((CHUNK * CHUNKS) as u64), Some(CHUNK as u64));
    let Created::Upload(status) = engine.create(&owner("ada"), new).await.unwrap() else {
        panic!("no upload")
    };
    let id = status.upload.id;
    for (number, seed) in [(1, 9), (2, 0), (1, 0)] {
        let sent = body(chunk(number, seed), 250);
        engine.put_chunk(&owner("ada"), id, number as u64, sent).await.unwrap();
    }
    id
}

fn policy() -> Policy {
    Policy {
        roll_bytes: 250,
        instant: Instant::Trusting,
        digests: vec![Algorithm::Sha1],
        ..Policy::default()
    }
}

fn ada() -> Caller {
    Caller::User(owner("ada"))
}

fn chunk(number: usize, seed: u8) -> Vec<u8> {
    let begin = (number - 1) * CHUNK;
    (begin..begin + CHUNK).map(|at| u8::try_from((at / 3 + usize::from(seed) * 50) % 256).unwrap()).collect()
}

fn whole() -> Vec<u8> {
    (1..=CHUNKS).flat_map(|number| chunk(number, 0)).collect()
}

fn blob() -> Digest {
    Digest::blake3(*blake3::hash(&whole()).as_bytes())
}
