//! What is timed keeps every rule of its contract, and every call and failure is counted.

mod timed_sessions {
    use std::sync::Arc;

    use cairn_engine::testing::memory_sessions::MemorySessions;

    use crate::metered::sessions::{Gate, MeteredSessions};

    async fn timed() -> (MeteredSessions, ()) {
        (
            MeteredSessions {
                metrics: Arc::default(),
                inner: Arc::new(MemorySessions::default()),
                gate: Gate::default(),
            },
            (),
        )
    }

    cairn_engine::session_suite!(timed);
}

mod timed_catalog {
    use std::sync::Arc;

    use cairn_engine::testing::memory_catalog::MemoryCatalog;

    use crate::metered::catalog::MeteredCatalog;

    async fn timed() -> (MeteredCatalog, ()) {
        (MeteredCatalog { metrics: Arc::default(), inner: Arc::new(MemoryCatalog::new(7)) }, ())
    }

    cairn_engine::catalog_suite!(timed);
}

mod timed_objects {
    use std::sync::Arc;

    use cairn_engine::contracts::Placement;
    use cairn_engine::testing::memory_objects::MemoryObjects;
    use cairn_engine::testing::object_suite::Subject;

    use crate::metered;

    async fn timed() -> Subject {
        let store = MemoryObjects::new(Placement::InPlace);
        let metrics = Arc::default();
        let same = store.clone();
        let store = metered::objects(&metrics, "default", Arc::new(store));
        let reopen = Box::new(move || metered::objects(&metrics, "default", Arc::new(same.clone())));
        Subject { store, reopen, keep: Box::new(()) }
    }

    cairn_engine::object_suite!(timed);
}

mod counting {
    use std::sync::Arc;

    use cairn_engine::Policy;
    use cairn_engine::contracts::Placement;
    use cairn_engine::engine::Created;
    use cairn_engine::testing::bench::{Bench, body, owner, wish};
    use cairn_engine::testing::faults::{FaultPlan, Faults};

    use crate::metered;
    use crate::metrics::Metrics;

    fn has(metrics: &Metrics, line: &str) {
        let text = metrics.render();
        assert!(text.lines().any(|found| found == line), "no line `{line}` in\n{text}");
    }

    #[tokio::test]
    async fn calls_chunks_and_failures_are_counted_by_store() {
        let bench = Bench::new(Placement::Objects);
        let metrics = Arc::new(Metrics::default());
        let faults = Faults::new(FaultPlan::NONE);
        let engine = bench.engine_over(
            metered::sessions(&metrics, faults.sessions(bench.sessions.clone()), metered::Gate::default()),
            metered::catalog(&metrics, bench.catalog.clone()),
            metered::objects(&metrics, "cold", bench.objects.clone()),
            Policy::default(),
        );
        let created = engine.create(&owner("ada"), wish("a", Some(20), Some(10))).await.unwrap();
        let Created::Upload(status) = created else { panic!("not a new upload: {created:?}") };
        let id = status.upload.id;
        engine.put_chunk(&owner("ada"), id, 1, body(vec![1; 10], 4)).await.unwrap();
        has(&metrics, "cairn_chunks_total 1");
        has(&metrics, r#"cairn_store_call_duration_seconds_count{store="sessions",operation="record"} 1"#);
        let line =
            r#"cairn_store_call_duration_seconds_count{store="objects",operation="commit",storage="cold"} 1"#;
        has(&metrics, line);
        faults.restart(FaultPlan::stop_at(1));
        engine.put_chunk(&owner("ada"), id, 2, body(vec![1; 10], 4)).await.unwrap_err();
        let line = r#"cairn_store_errors_total{store="sessions",operation="load",failure="unavailable"} 1"#;
        has(&metrics, line);
        has(&metrics, "cairn_chunks_total 1");
    }
}
