//! Random commands against the engine over memory stores, and against plain byte vectors: they must agree in every
//! answer, in every refusal with its facts, and in what is there afterwards. `PROPTEST_CASES=20000` looks longer.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so loudly"
)]

mod command;
mod plain;
mod world;

use cairn_engine::contracts::Placement;
use proptest::prelude::*;

use command::{Body, Command, Flaw, commands};
use world::World;

fn agree(placement: Placement, commands: Vec<Command>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(placement);
        for command in commands {
            world.apply(command).await;
        }
        world.end().await;
    });
}

proptest! {
    #[test]
    fn written_in_place_the_engine_agrees_with_plain_bytes(commands in commands()) {
        agree(Placement::InPlace, commands);
    }

    #[test]
    fn written_as_objects_the_engine_agrees_with_plain_bytes(commands in commands()) {
        agree(Placement::Objects, commands);
    }
}

#[test]
fn a_complete_upload_does_not_come_back_open_when_all_that_remembered_it_is_gone() {
    let body = Body { seed: 0, flaw: Flaw::None, announced: true };
    let put = Command::PutFile { path: 0, length: 200, only_new: false, body };
    for placement in [Placement::InPlace, Placement::Objects] {
        agree(
            placement,
            vec![put, Command::Restart, Command::LoseSessions, Command::LongTime, Command::Look],
        );
    }
}
