//! What may be asked of the engine, and how it is drawn.

use cairn_engine::contracts::{IfExists, Move};
use proptest::prelude::*;

/// Bytes of a chunk.
pub(crate) const CHUNK: u64 = 100;

/// How a body differs from what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// One byte less.
    Short,
    /// Three bytes more.
    Long,
    /// It breaks off half-way.
    Broken,
    /// It comes with the digest that it has.
    RightDigest,
    /// It comes with another digest.
    WrongDigest,
}

/// A body: which bytes it has depends on the seed and on their offset alone, so that bodies can be the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body {
    pub(crate) seed: u8,
    pub(crate) flaw: Flaw,
    /// Whether its length is told beforehand.
    pub(crate) announced: bool,
}

/// What a completion says of a digest or a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declared {
    Nothing,
    Right,
    Wrong,
}

/// One thing asked. Uploads and paths are numbers, taken modulo how many there are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command {
    Create {
        path: usize,
        length: Option<u64>,
    },
    Chunk {
        upload: usize,
        number: u64,
        body: Body,
    },
    Append {
        upload: usize,
        ahead: u64,
        length: u64,
        body: Body,
    },
    Complete {
        upload: usize,
        digest: Declared,
        length: Declared,
        if_exists: IfExists,
    },
    Abort {
        upload: usize,
    },
    PutFile {
        path: usize,
        length: u64,
        only_new: bool,
        body: Body,
    },
    Read {
        path: usize,
        from: u64,
        length: u64,
    },
    Remove {
        path: usize,
    },
    Move {
        from: usize,
        to: usize,
        how: Move,
    },
    Merge {
        path: usize,
    },
    /// What was left to be done after answers is done.
    Errands,
    /// The process is killed and started again; what was left to be done is not done.
    Restart,
    /// The session store forgets everything.
    LoseSessions,
    /// An hour passes and the sweeper comes by.
    Sweep,
    /// More than the life of an upload passes and the sweeper comes by.
    LongTime,
    /// Everything is compared.
    Look,
}

pub(crate) fn commands() -> impl Strategy<Value = Vec<Command>> {
    proptest::collection::vec(command(), 1..50)
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        3 => (0..3_usize, prop_oneof![Just(None), (0..=550_u64).prop_map(Some), Just(Some(300))])
            .prop_map(|(path, length)| Command::Create { path, length }),
        12 => (0..4_usize, prop_oneof![20 => 0..=6_u64, 1 => Just(u64::MAX)], body())
            .prop_map(|(upload, number, body)| Command::Chunk { upload, number, body }),
        6 => (0..4_usize, prop_oneof![5 => Just(0_u64), 1 => 1..200_u64], 0..250_u64, body())
            .prop_map(|(upload, ahead, length, body)| Command::Append { upload, ahead, length, body }),
        5 => (0..4_usize, declared(), declared(), if_exists())
            .prop_map(|(upload, digest, length, if_exists)| Command::Complete { upload, digest, length, if_exists }),
        1 => (0..4_usize).prop_map(|upload| Command::Abort { upload }),
        2 => (0..3_usize, 0..300_u64, any::<bool>(), body())
            .prop_map(|(path, length, only_new, body)| Command::PutFile { path, length, only_new, body }),
        2 => (0..3_usize, 0..600_u64, 0..600_u64).prop_map(|(path, from, length)| Command::Read { path, from, length }),
        1 => (0..3_usize).prop_map(|path| Command::Remove { path }),
        1 => (0..3_usize, 0..3_usize, prop_oneof![Just(Move::Rename), Just(Move::Copy)])
            .prop_map(|(from, to, how)| Command::Move { from, to, how }),
        1 => (0..3_usize).prop_map(|path| Command::Merge { path }),
        2 => Just(Command::Errands),
        1 => Just(Command::Restart),
        1 => Just(Command::LoseSessions),
        1 => Just(Command::Sweep),
        1 => Just(Command::LongTime),
        3 => Just(Command::Look),
    ]
}

fn body() -> impl Strategy<Value = Body> {
    let flaw = prop_oneof![
        12 => Just(Flaw::None),
        1 => Just(Flaw::Short),
        1 => Just(Flaw::Long),
        1 => Just(Flaw::Broken),
        1 => Just(Flaw::RightDigest),
        1 => Just(Flaw::WrongDigest),
    ];
    (0..3_u8, flaw, any::<bool>()).prop_map(|(seed, flaw, announced)| Body { seed, flaw, announced })
}

fn declared() -> impl Strategy<Value = Declared> {
    prop_oneof![4 => Just(Declared::Nothing), 2 => Just(Declared::Right), 1 => Just(Declared::Wrong)]
}

fn if_exists() -> impl Strategy<Value = IfExists> {
    prop_oneof![Just(IfExists::Replace), Just(IfExists::Fail), Just(IfExists::Rename)]
}
