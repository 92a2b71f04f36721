//! The memory adapter passes the suite of its contract, in both placements.

use std::sync::Arc;

use cairn_engine::contracts::Placement;
use cairn_engine::testing::memory_objects::MemoryObjects;
use cairn_engine::testing::object_suite::Subject;

fn subject(placement: Placement) -> Subject {
    let store = MemoryObjects::new(placement);
    let same = store.clone();
    Subject { store: Arc::new(store), reopen: Box::new(move || Arc::new(same.clone())), keep: Box::new(()) }
}

mod in_place {
    use super::*;

    async fn make() -> Subject {
        subject(Placement::InPlace)
    }

    cairn_engine::object_suite!(make);
}

mod as_objects {
    use super::*;

    async fn make() -> Subject {
        subject(Placement::Objects)
    }

    cairn_engine::object_suite!(make);
}
