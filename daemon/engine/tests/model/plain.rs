//! The model: uploads as vectors of bytes that are there or not, files as vectors of bytes.

use std::collections::BTreeMap;

use cairn_engine::contracts::IfExists;
use cairn_engine::engine::Completion;
use cairn_engine::refusal::BodyError;
use cairn_engine::{Algorithm, Digest, File, FilePath, Refusal, State, UploadId};

use crate::command::{Body, CHUNK, Declared, Flaw};

/// The longest upload.
pub(crate) const MAX_LENGTH: u64 = 1 << 20;

/// An upload, one byte at a time.
pub(crate) struct Upload {
    pub(crate) id: UploadId,
    pub(crate) path: FilePath,
    pub(crate) length: Option<u64>,
    pub(crate) bytes: Vec<Option<u8>>,
    /// `None` when nothing is known of it any more.
    pub(crate) state: Option<State>,
    pub(crate) file: Option<File>,
    /// The session store has forgotten it, and nobody has asked for it since.
    pub(crate) lost: bool,
}

/// A body as the client sends it.
pub(crate) struct Sent {
    pub(crate) bytes: Vec<u8>,
    /// Bytes that were announced, if the client does that.
    pub(crate) announced: Option<u64>,
    /// The SHA-1 that came with it, if one did.
    pub(crate) digest: Option<Vec<u8>>,
    pub(crate) broken: bool,
}

pub(crate) fn sha1(bytes: &[u8]) -> Vec<u8> {
    use sha1::Digest as _;
    sha1::Sha1::digest(bytes).to_vec()
}

impl Sent {
    /// The body of so many bytes for this offset, with its flaw.
    pub(crate) fn new(body: Body, offset: u64, length: u64) -> Self {
        let right = match body.flaw {
            Flaw::Short => length.saturating_sub(1),
            Flaw::Long => length + 3,
            _ => length,
        };
        let cut = if body.flaw == Flaw::Broken { length / 2 } else { right };
        let seed = u64::from(body.seed);
        let bytes: Vec<u8> = (offset..offset + cut)
            .map(|at| u8::try_from((at * 7 + at / 256 + seed * 91) % 256).unwrap())
            .collect();
        let digest = match body.flaw {
            Flaw::RightDigest => Some(sha1(&bytes)),
            Flaw::WrongDigest => Some(vec![0; 20]),
            _ => None,
        };
        let announced = (body.announced || body.flaw == Flaw::Broken).then_some(right);
        Self { bytes, announced, digest, broken: body.flaw == Flaw::Broken }
    }

    pub(crate) fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Refuses a body that is not what its digest says.
    fn verify(&self) -> Result<(), Refusal> {
        let computed = sha1(&self.bytes);
        match &self.digest {
            Some(expected) if *expected != computed => Err(Refusal::BodyDigest {
                algorithm: "sha",
                expected: cairn_engine::digest::hex(expected),
                computed: cairn_engine::digest::hex(&computed),
            }),
            _ => Ok(()),
        }
    }
}

fn broken(kept: u64) -> Refusal {
    Refusal::Body { error: BodyError::Broken, kept }
}

impl Upload {
    pub(crate) fn new(id: UploadId, path: FilePath, length: Option<u64>) -> Self {
        let (bytes, state) = (Vec::new(), Some(State::Open));
        Self { id, path, length, bytes, state, file: None, lost: false }
    }

    /// The offset after the last byte that is there.
    pub(crate) fn end(&self) -> u64 {
        self.bytes.iter().rposition(Option::is_some).map_or(0, |last| last as u64 + 1)
    }

    pub(crate) fn prefix(&self) -> u64 {
        self.bytes.iter().take_while(|byte| byte.is_some()).count() as u64
    }

    pub(crate) fn received_bytes(&self) -> u64 {
        self.bytes.iter().flatten().count() as u64
    }

    /// The numbers of the chunks that are there whole, or that are not, of an upload of so many bytes.
    pub(crate) fn chunks(&self, length: u64, whole: bool) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for number in 1..=length.div_ceil(CHUNK) {
            let range = (number - 1) * CHUNK..(number * CHUNK).min(length);
            let there = range.into_iter().all(|at| self.is_there(at));
            match ranges.last_mut() {
                _ if there != whole => {}
                Some(last) if last.1 + 1 == number => last.1 = number,
                _ => ranges.push((number, number)),
            }
        }
        ranges
    }

    fn is_there(&self, at: u64) -> bool {
        self.bytes.get(usize::try_from(at).unwrap()).is_some_and(Option::is_some)
    }

    fn put(&mut self, offset: u64, bytes: &[u8]) {
        let offset = usize::try_from(offset).unwrap();
        let end = offset + bytes.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, None);
        }
        for (byte, new) in self.bytes[offset..end].iter_mut().zip(bytes) {
            *byte = Some(*new);
        }
    }

    pub(crate) fn must_be_open(&self) -> Result<(), Refusal> {
        match self.state {
            Some(State::Open) => Ok(()),
            Some(state) => Err(Refusal::NotOpen { state }),
            None => Err(Refusal::NoUpload),
        }
    }

    /// The bytes of a chunk, if there is one of that number.
    pub(crate) fn slot(&self, number: u64) -> Option<(u64, u64)> {
        let start = number.checked_sub(1)?.checked_mul(CHUNK)?;
        match self.length {
            Some(length) => (start < length).then(|| (start, CHUNK.min(length - start))),
            None => Some((start, CHUNK)),
        }
    }

    pub(crate) fn chunk(&mut self, number: u64, sent: &Sent) -> Result<u64, Refusal> {
        self.must_be_open()?;
        let chunk_count = self.length.map(|length| length.div_ceil(CHUNK));
        let (offset, length) = self.slot(number).ok_or(Refusal::ChunkNumber { number, chunk_count })?;
        let exact = self.length.is_some();
        let fits = |received| if exact { received == length } else { (1..=length).contains(&received) };
        let refusal = |received| Err(Refusal::ChunkLength { number, expected: length, received });
        if let Some(announced) = sent.announced.filter(|announced| !fits(*announced)) {
            return refusal(announced);
        }
        if sent.broken {
            return Err(broken(0));
        }
        if !fits(sent.length()) {
            return refusal(sent.length().min(length + 1));
        }
        sent.verify()?;
        self.put(offset, &sent.bytes);
        Ok(self.received_bytes())
    }

    pub(crate) fn append(&mut self, offset: u64, sent: &Sent) -> Result<u64, Refusal> {
        self.must_be_open()?;
        let expected = self.prefix();
        if offset != expected {
            return Err(Refusal::Offset { expected, provided: offset });
        }
        let limit = self.length.unwrap_or(MAX_LENGTH);
        let end = offset + sent.announced.unwrap_or(0);
        if end > limit {
            return Err(Refusal::TooLong { asked: end, limit });
        }
        let fits = sent.length().min(limit - offset);
        let too_long = fits < sent.length();
        if sent.digest.is_none() {
            self.put(offset, &sent.bytes[..usize::try_from(fits).unwrap()]);
        }
        if too_long {
            return Err(Refusal::TooLong { asked: limit + 1, limit });
        }
        if sent.broken {
            return Err(broken(fits));
        }
        sent.verify()?;
        self.put(offset, &sent.bytes);
        Ok(offset + fits)
    }

    /// What a completion says, in words of the engine.
    pub(crate) fn completion(&self, digest: Declared, length: Declared, if_exists: IfExists) -> Completion {
        let whole: Vec<u8> = self.bytes.iter().map(|byte| byte.unwrap_or(0)).collect();
        let known = self.length.unwrap_or_else(|| self.end());
        let digest = match digest {
            Declared::Nothing => None,
            Declared::Right => Digest::new(Algorithm::Sha1, &sha1(&whole)),
            Declared::Wrong => Digest::new(Algorithm::Sha1, &[7; 20]),
        };
        let length = match length {
            Declared::Nothing => None,
            Declared::Right => Some(known),
            Declared::Wrong => Some(if known.is_multiple_of(2) { known + 1 } else { known - 1 }),
        };
        Completion { digest, length, if_exists: Some(if_exists) }
    }

    /// The content, if the upload can be completed like this.
    pub(crate) fn whole(&self, completion: &Completion) -> Result<Vec<u8>, Refusal> {
        self.must_be_open()?;
        let length = match (self.length, completion.length) {
            (Some(known), Some(declared)) if known != declared => {
                return Err(Refusal::LengthConflict { known, declared });
            }
            (Some(length), _) | (None, Some(length)) => length,
            (None, None) => self.end(),
        };
        if self.end() > length {
            return Err(Refusal::LengthConflict { known: self.end(), declared: length });
        }
        if self.received_bytes() < length {
            let missing = self.chunks(length, false).into_iter().map(|(first, last)| first..=last).collect();
            return Err(Refusal::Incomplete { missing, missing_bytes: length - self.received_bytes() });
        }
        let whole: Vec<u8> = self.bytes.iter().flatten().copied().collect();
        let computed = Digest::new(Algorithm::Sha1, &sha1(&whole)).unwrap();
        match &completion.digest {
            Some(expected) if *expected != computed => {
                Err(Refusal::Digest { expected: expected.clone(), computed, suspect_chunks: Vec::new() })
            }
            _ => Ok(whole),
        }
    }
}

/// The files of one owner.
pub(crate) type Files = BTreeMap<FilePath, Vec<u8>>;

/// The path that new content gets.
pub(crate) fn free_path(files: &Files, path: &FilePath, if_exists: IfExists) -> Option<FilePath> {
    match if_exists {
        _ if !files.contains_key(path) => Some(path.clone()),
        IfExists::Replace => Some(path.clone()),
        IfExists::Fail => None,
        IfExists::Rename => (2..).map(|n| path.numbered(n).unwrap()).find(|path| !files.contains_key(path)),
    }
}
