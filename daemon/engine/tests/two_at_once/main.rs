//! Two requests at once: the second runs, as far as it can, just before any one store call of the first.
//!
//! Every pair of requests, at every call, over both ways of writing, beginning at each [`scene::Stage`] of an
//! upload's life. Afterwards no two answers may contradict each other, what was acknowledged must be there and stay
//! there while the sweeper comes by, and in the end nothing may be left.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so loudly"
)]

mod scene;

use cairn_engine::contracts::Placement;

use scene::{Request, Scene, Stage};

/// Each request of the first list meets each of the second, and the other way round.
async fn meet(stage: Stage, some: &[Request], others: &[Request]) {
    for placement in [Placement::InPlace, Placement::Objects] {
        for (first, second) in some.iter().flat_map(|a| others.iter().flat_map(move |b| [(*a, *b), (*b, *a)]))
        {
            for call in 1.. {
                let mut scene = Scene::new(placement, stage).await;
                let met = scene.play(first, second, call).await;
                scene.judge().await;
                if !met {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn chunks_and_appends_meet_while_the_upload_is_open() {
    use Request::{Abort, Append, Chunk, LoseSessions, Purge, Sweep};
    meet(Stage::Begun, &[Chunk(3), Append], &[Chunk(3), Chunk(1), Append, Abort, Purge, Sweep, LoseSessions])
        .await;
}

#[tokio::test]
async fn complete_meets_everything_else() {
    use Request::{Abort, Chunk, Complete, LoseSessions, Purge, RunErrands, Sweep};
    let others = [Chunk(1), Chunk(2), Complete, Abort, Purge, Sweep, LoseSessions, RunErrands];
    meet(Stage::AllThere, &[Complete], &others).await;
}

#[tokio::test]
async fn an_expired_upload_is_swept_while_somebody_still_uses_it() {
    use Request::{Abort, Append, Chunk, Complete, Sweep};
    meet(Stage::Expired, &[Sweep], &[Chunk(1), Append, Complete, Abort, Sweep]).await;
}

#[tokio::test]
async fn a_file_is_removed_merged_and_adopted_at_once() {
    use Request::{Adopt, Complete, Merge, Purge, Remove, RunErrands, Sweep};
    let all = [Merge, Remove, Adopt, Sweep, Complete, Purge, RunErrands];
    meet(Stage::Complete, &all, &all).await;
}

#[tokio::test]
async fn content_that_nobody_names_is_swept_while_somebody_sends_or_adopts_it() {
    use Request::{Adopt, Complete, Merge, Sweep};
    meet(Stage::Unnamed, &[Sweep], &[Adopt, Merge, Complete, Sweep]).await;
}
