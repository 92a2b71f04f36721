//! The whole life of an upload, with every single store call of it failing once, and separately with the process
//! stopping at every single one.
//!
//! The life is told in [`story`]: two uploads, chunks out of order, one sent again with other bytes, appends,
//! complete, merge, read, abort, remove, sweep. The client does what clients do: it tries a step that failed again.
//! After every step the stores are looked at behind the engine's back; at the end nothing may be left.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so loudly"
)]

mod files;
mod story;

use cairn_engine::contracts::Placement;
use cairn_engine::testing::faults::FaultPlan;

use story::{Mishap, PLACEMENTS, Restart, Story};

/// How many store calls the life has when nothing goes wrong.
async fn calls_of_a_life(placement: Placement) -> u64 {
    let mut story = Story::new(placement, Restart::Never, vec![FaultPlan::NONE]);
    story.live().await;
    let calls = story.calls();
    assert!(calls > 80, "only {calls} calls: the story does not tell a whole life");
    calls
}

/// Lives the life once for every call and for both kinds of failure at it.
async fn with_each_call(restart: Restart, plan: fn(u64) -> FaultPlan) {
    for placement in PLACEMENTS {
        for n in 1..=calls_of_a_life(placement).await {
            for plan in [plan(n), plan(n).after_effect()] {
                let mut story = Story::new(placement, restart, vec![plan]);
                story.live().await;
                assert!(story.struck(), "call {n} never came");
            }
        }
    }
}

#[tokio::test]
async fn a_life_without_faults_leaves_nothing() {
    for placement in PLACEMENTS {
        calls_of_a_life(placement).await;
    }
}

#[tokio::test]
async fn any_one_call_may_fail() {
    with_each_call(Restart::Never, FaultPlan::fail_at).await;
}

#[tokio::test]
async fn the_process_may_stop_at_any_call() {
    with_each_call(Restart::WithSessions, FaultPlan::stop_at).await;
}

#[tokio::test]
async fn the_process_may_stop_at_any_call_and_the_sessions_be_lost_with_it() {
    with_each_call(Restart::WithoutSessions, FaultPlan::stop_at).await;
}

#[tokio::test]
async fn any_one_call_may_fail_and_the_sessions_be_lost_later() {
    for placement in PLACEMENTS {
        for n in 1..=calls_of_a_life(placement).await {
            for plan in [FaultPlan::fail_at(n), FaultPlan::fail_at(n).after_effect()] {
                // After the creation, half-way, before and after complete.
                for steps in [1, 5, 12, 14] {
                    let story = Story::new(placement, Restart::Never, vec![plan]);
                    story.losing_sessions_after(steps).live().await;
                }
            }
        }
    }
}

#[tokio::test]
async fn the_process_may_stop_again_while_it_recovers() {
    for placement in PLACEMENTS {
        for n in 1..=calls_of_a_life(placement).await {
            for restart in [Restart::WithSessions, Restart::WithoutSessions] {
                for again in [1, 2, 4, 7] {
                    let plans = vec![FaultPlan::stop_at(n), FaultPlan::stop_at(again)];
                    Story::new(placement, restart, plans).live().await;
                }
            }
        }
    }
}

/// Lives the life once for every call, with this befalling the sessions just before it: no step may notice.
async fn with_before_each_call(mishap: Mishap) {
    for placement in PLACEMENTS {
        for n in 1..=calls_of_a_life(placement).await {
            Story::new(placement, Restart::Never, vec![FaultPlan::NONE]).befallen(n, mishap).live().await;
        }
    }
}

#[tokio::test]
async fn the_sessions_may_be_flushed_before_any_call_and_nobody_notices() {
    with_before_each_call(Mishap::Flush).await;
}

#[tokio::test]
async fn the_sessions_may_be_lost_before_every_step_and_nobody_notices() {
    for placement in PLACEMENTS {
        let story = Story::new(placement, Restart::Never, vec![FaultPlan::NONE]);
        story.always_losing_sessions().live().await;
    }
}

#[tokio::test]
async fn the_sessions_may_go_back_in_time_before_any_call_and_nobody_notices() {
    for calls in [0, 2, 9, 40] {
        with_before_each_call(Mishap::GoBack(calls)).await;
    }
}

#[tokio::test]
async fn a_receipt_of_every_upload_may_be_lost_before_any_call_and_nobody_notices() {
    with_before_each_call(Mishap::LoseReceipts).await;
}
