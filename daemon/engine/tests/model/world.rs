//! The engine and the model side by side.

use std::fmt::Debug;
use std::time::Duration;

use cairn_engine::contracts::{
    FileFilter, IfExists, Move, PageRequest, Placement, Precondition, SessionStore,
};
use cairn_engine::digest::body::{BodyAlgorithm, BodyDigest};
use cairn_engine::engine::{Created, Incoming, Sweeping, WholeFile};
use cairn_engine::refusal::BodyError;
use cairn_engine::testing::bench::{Bench, body, broken_body, content, owner, wish};
use cairn_engine::{Algorithm, Caller, Digest, Engine, FilePath, Policy, Refusal, State};
use futures_util::StreamExt;

use crate::command::{Body, CHUNK, Command, Declared};
use crate::plain::{Files, MAX_LENGTH, Sent, Upload, free_path};

pub(crate) struct World {
    bench: Bench,
    engine: Engine,
    uploads: Vec<Upload>,
    files: Files,
}

fn policy() -> Policy {
    Policy {
        max_length: MAX_LENGTH,
        roll_bytes: 70,
        inline_bytes: 120,
        digests: vec![Algorithm::Sha1],
        // Longer than all the hours of a test together.
        ttl: Duration::from_secs(3600 * 10_000),
        ..Policy::default()
    }
}

fn path(number: usize) -> FilePath {
    format!("folder/{number}.bin").parse().unwrap()
}

fn ada() -> Caller {
    Caller::User(owner("ada"))
}

fn incoming(sent: &Sent) -> Incoming {
    let mut incoming = match sent.broken {
        true => broken_body(sent.bytes.clone(), sent.announced.unwrap_or(0)),
        false => body(sent.bytes.clone(), 33),
    };
    incoming.length = sent.announced;
    let digest = sent.digest.clone().and_then(|digest| BodyDigest::new(BodyAlgorithm::Sha1, digest));
    incoming.digests.extend(digest);
    incoming
}

/// Both agree, or both refuse with the same facts.
fn same<T: PartialEq + Debug>(engine: Result<T, Refusal>, model: Result<T, Refusal>) {
    let told = |outcome: Result<T, Refusal>| outcome.map_err(|refusal| format!("{refusal:?}"));
    assert_eq!(told(engine), told(model), "the engine (left) and the model (right)");
}

impl World {
    pub(crate) fn new(placement: Placement) -> Self {
        let bench = Bench::new(placement);
        let engine = bench.engine(policy());
        Self { bench, engine, uploads: Vec::new(), files: Files::new() }
    }

    pub(crate) async fn apply(&mut self, command: Command) {
        match command {
            Command::Create { path: number, length } => self.create(number, length).await,
            Command::Chunk { upload, number, body } => self.chunk(upload, number, body).await,
            Command::Append { upload, ahead, length, body } => self.append(upload, ahead, length, body).await,
            Command::Complete { upload, digest, length, if_exists } => {
                self.complete(upload, digest, length, if_exists).await;
            }
            Command::Abort { upload } => self.abort(upload).await,
            Command::PutFile { path, length, only_new, body } => {
                self.put_file(path, length, only_new, body).await;
            }
            Command::Read { path, from, length } => self.read(path, from, length).await,
            Command::Remove { path } => self.remove(path).await,
            Command::Move { from, to, how } => self.move_file(from, to, how).await,
            Command::Merge { path } => self.merge(path).await,
            Command::Errands => self.bench.errands.run().await,
            Command::Restart => self.restart(),
            Command::LoseSessions => self.lose_sessions().await,
            Command::Sweep => self.sweep(Duration::ZERO).await,
            Command::LongTime => self.long_time().await,
            Command::Look => self.look().await,
        }
    }

    /// An upload to do something with; it is asked for, so that it is no longer lost after it.
    fn pick(&mut self, number: usize) -> Option<usize> {
        let count = self.uploads.len();
        let picked = (count > 0).then(|| count - 1 - number % count)?;
        self.uploads[picked].lost = false;
        Some(picked)
    }

    async fn create(&mut self, number: usize, length: Option<u64>) {
        let new = wish(path(number).as_str(), length, Some(CHUNK));
        let Created::Upload(status) = self.engine.create(&owner("ada"), new).await.unwrap() else {
            panic!("not a new upload");
        };
        self.uploads.push(Upload::new(status.upload.id, path(number), length));
    }

    async fn chunk(&mut self, upload: usize, number: u64, body: Body) {
        let Some(upload) = self.pick(upload) else { return };
        let upload = &mut self.uploads[upload];
        let (offset, length) = upload.slot(number).unwrap_or((0, 10));
        let sent = Sent::new(body, offset, length);
        let received = self.engine.put_chunk(&owner("ada"), upload.id, number, incoming(&sent)).await;
        let expected = upload.chunk(number, &sent);
        same(
            received.map(|received| {
                (received.number, received.length, received.checksum, received.received_bytes)
            }),
            expected.map(|bytes| (number, sent.length(), cairn_engine::Checksum::of(&sent.bytes), bytes)),
        );
    }

    async fn append(&mut self, upload: usize, ahead: u64, length: u64, body: Body) {
        let Some(upload) = self.pick(upload) else { return };
        let upload = &mut self.uploads[upload];
        let offset = upload.prefix() + ahead;
        let sent = Sent::new(body, offset, length);
        let offset_after = self.engine.append(&owner("ada"), upload.id, offset, incoming(&sent)).await;
        same(offset_after, upload.append(offset, &sent));
    }

    async fn complete(&mut self, upload: usize, digest: Declared, length: Declared, if_exists: IfExists) {
        let Some(upload) = self.pick(upload) else { return };
        let upload = &mut self.uploads[upload];
        let completion = upload.completion(digest, length, if_exists);
        let outcome = self.engine.complete(&ada(), upload.id, completion.clone()).await;
        if let Some(file) = upload.file.as_ref().filter(|_| upload.state == Some(State::Complete)) {
            return same(outcome, Ok(file.clone()));
        }
        let whole = match upload.whole(&completion) {
            Ok(whole) => whole,
            Err(refusal) => return same(outcome.map(drop), Err(refusal)),
        };
        let Some(path) = free_path(&self.files, &upload.path, if_exists) else {
            assert!(matches!(outcome, Err(Refusal::FileExists { existing }) if existing.path == upload.path));
            return;
        };
        let file = outcome.unwrap();
        let blob = Digest::blake3(*blake3::hash(&whole).as_bytes());
        let told = completion.digest.unwrap_or_else(|| blob.clone());
        assert_eq!(
            (&file.path, file.length, &file.digest, &file.blob),
            (&path, whole.len() as u64, &told, &blob)
        );
        let sha1 = Digest::new(Algorithm::Sha1, &crate::plain::sha1(&whole)).unwrap();
        let known = self.engine.blob_of(&file).await.unwrap().digests;
        assert!(known.contains(&sha1) && known.contains(&blob) && known.len() == 2, "{known:?}");
        self.files.insert(path, whole);
        upload.state = Some(State::Complete);
        upload.file = Some(file);
    }

    async fn abort(&mut self, upload: usize) {
        let Some(upload) = self.pick(upload) else { return };
        let upload = &mut self.uploads[upload];
        let outcome = self.engine.abort(&ada(), upload.id).await;
        let expected = match upload.state {
            None => Err(Refusal::NoUpload),
            Some(State::Complete) => Err(Refusal::NotOpen { state: State::Complete }),
            Some(_) => Ok(()),
        };
        if expected.is_ok() {
            upload.state = Some(State::Aborted);
        }
        same(outcome, expected);
    }

    async fn put_file(&mut self, number: usize, length: u64, only_new: bool, body: Body) {
        let path = path(number);
        let sent = Sent::new(body, 0, length);
        let precondition = only_new.then_some(Precondition::Absent);
        let file = WholeFile { path: path.clone(), digest: None, content_type: None, precondition };
        let outcome = self.engine.put_file(&owner("ada"), file, incoming(&sent)).await;
        let existed = self.files.contains_key(&path);
        if only_new && existed {
            return same(outcome.map(drop), Err(Refusal::Precondition));
        }
        if sent.broken {
            return same(outcome.map(drop), Err(Refusal::Body { error: BodyError::Broken, kept: 0 }));
        }
        if sent.digest.as_ref().is_some_and(|digest| *digest != crate::plain::sha1(&sent.bytes)) {
            assert!(matches!(outcome, Err(Refusal::BodyDigest { algorithm: "sha", .. })), "{outcome:?}");
            return;
        }
        let stored = outcome.unwrap();
        assert_eq!((&stored.file.path, stored.file.length, stored.created), (&path, sent.length(), !existed));
        self.files.insert(path, sent.bytes);
    }

    async fn read(&self, number: usize, from: u64, length: u64) {
        let file = self.engine.find_file(&owner("ada"), &path(number)).await;
        let Some(whole) = self.files.get(&path(number)) else {
            return same(file.map(drop), Err(Refusal::NoFile));
        };
        let blob = self.engine.blob_of(&file.unwrap()).await.unwrap();
        let read = match self.engine.read(&blob, from..from + length).await {
            Ok(stream) => Ok(stream.map(Result::unwrap).collect::<Vec<_>>().await.concat()),
            Err(refusal) => Err(refusal),
        };
        let (start, end) = (usize::try_from(from).unwrap(), usize::try_from(from + length).unwrap());
        let expected = whole.get(start..end).map(<[u8]>::to_vec);
        same(read, expected.ok_or(Refusal::Range { length: whole.len() as u64 }));
    }

    async fn remove(&mut self, number: usize) {
        let removed = self.engine.remove_file(&owner("ada"), &path(number)).await;
        let expected = self.files.remove(&path(number)).ok_or(Refusal::NoFile);
        same(removed.map(|file| file.length), expected.map(|bytes| bytes.len() as u64));
    }

    async fn move_file(&mut self, from: usize, to: usize, how: Move) {
        let (from, to) = (path(from), path(to));
        let moved = self.engine.move_file(&owner("ada"), &from, &to, how).await;
        let Some(whole) = self.files.get(&from).cloned() else {
            return same(moved.map(drop), Err(Refusal::NoFile));
        };
        let itself = from == to && how == Move::Rename;
        if self.files.contains_key(&to) && !itself {
            assert!(matches!(moved, Err(Refusal::FileExists { existing }) if existing.path == to));
            return;
        }
        assert_eq!(moved.unwrap().path, to);
        if how == Move::Rename {
            self.files.remove(&from);
        }
        self.files.insert(to, whole);
    }

    async fn merge(&self, number: usize) {
        if self.files.contains_key(&path(number)) {
            let file = self.engine.find_file(&owner("ada"), &path(number)).await.unwrap();
            self.engine.merge(&file.blob).await.unwrap();
            assert!(self.engine.find_blob(&file.blob).await.unwrap().content.extents().len() <= 1);
        }
    }

    fn restart(&mut self) {
        self.bench.errands.lose();
        self.engine = self.bench.engine(policy());
    }

    async fn lose_sessions(&mut self) {
        for upload in self.bench.uploads().await.unwrap() {
            self.bench.sessions.remove(upload.id).await.unwrap();
        }
        for upload in &mut self.uploads {
            upload.lost = upload.state == Some(State::Open);
            if upload.state == Some(State::Aborted) {
                upload.state = None;
            }
        }
    }

    /// The sweeper comes by when more than the grace, and this time besides, has passed.
    async fn sweep(&mut self, besides: Duration) {
        self.bench.clock.advance(besides + policy().grace + Duration::from_secs(1));
        let report = self.engine.sweep(Sweeping::default()).await.unwrap();
        assert_eq!(report.held, None);
        for upload in &mut self.uploads {
            upload.lost = false;
        }
    }

    /// Every upload ends, but one that had been lost: its time begins anew when it is found.
    async fn long_time(&mut self) {
        for upload in &mut self.uploads {
            if !upload.lost {
                upload.state = None;
            }
        }
        self.sweep(policy().ttl).await;
    }

    async fn look(&mut self) {
        for upload in &mut self.uploads {
            upload.lost = false;
        }
        for upload in &self.uploads {
            self.look_at(upload).await;
        }
        if let Err(finding) = self.bench.every_row_has_its_bytes().await {
            panic!("{finding}");
        }
        let filter = FileFilter { owner: Some(owner("ada")), ..FileFilter::default() };
        let listing = self.engine.list_files(&filter, &PageRequest::first(1000)).await.unwrap();
        let mut there = Files::new();
        for file in listing.items {
            there.insert(file.path.clone(), content(&self.engine, &file).await);
        }
        assert_eq!(there, self.files);
    }

    async fn look_at(&self, upload: &Upload) {
        let stranger = self.engine.status(&Caller::User(owner("eve")), upload.id).await;
        assert!(matches!(stranger, Err(Refusal::NoUpload)));
        let Some(state) = upload.state else {
            return same(self.engine.status(&ada(), upload.id).await.map(drop), Err(Refusal::NoUpload));
        };
        let status = self.engine.status(&ada(), upload.id).await.unwrap();
        assert_eq!((status.upload.state, &status.file), (state, &upload.file));
        if state != State::Open {
            return;
        }
        assert_eq!(status.upload.length, upload.length);
        assert_eq!(status.upload.received_bytes, upload.received_bytes());
        assert_eq!(status.offset, upload.prefix());
        let length = upload.length.unwrap_or_else(|| upload.end());
        assert_eq!(status.received, upload.chunks(length, true));
        assert_eq!(status.missing, upload.chunks(length, false));
        let (bytes, _) = self.bench.bytes_of_upload(&status.upload).await.unwrap();
        let end = usize::try_from(upload.end()).unwrap();
        let model: Vec<u8> = upload.bytes[..end].iter().map(|byte| byte.unwrap_or(0)).collect();
        assert_eq!(bytes, model);
    }

    /// Everything is compared, every file removed, and after all times have run out nothing is left.
    pub(crate) async fn end(&mut self) {
        self.look().await;
        for path in self.files.keys() {
            self.engine.remove_file(&owner("ada"), path).await.unwrap();
        }
        self.files.clear();
        for _ in 0..2 {
            self.long_time().await;
        }
        for _ in 0..4 {
            self.sweep(Duration::ZERO).await;
        }
        if let Err(finding) = self.bench.nothing_is_left().await {
            panic!("{finding}");
        }
    }
}
