//! What the daemon counts, for Prometheus (`GET /metrics`). Every name begins with `cairn_`; no label is a user, an id
//! or anything else that a client chooses.
//!
//! Counters and histograms are fed where the thing happens. Gauges of what the stores hold are asked for when somebody
//! looks ([`House::scrape`](crate::house::House::scrape)).

mod labels;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use cairn_engine::contracts::{Failure, StateCount, Store, Totals};
use cairn_engine::engine::{MergeOutcome, SweepReport};
use cairn_engine::upload::State;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use labels::{AtStorage, Call, CallFailure, Outcome, Reason, Request, Route, StateLabel};
pub use labels::{class_word, method_word};

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;
type Whole = Gauge<u64, AtomicU64>;

/// The counters, and the registry that prints them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    request_duration: Durations<Route>,
    connections: Gauge,
    received_bytes: Counter,
    held_back: Counter,
    chunks: Counter,
    audit_lost: Counter,
    complete_duration: Histogram,
    merge_duration: Histogram,
    merges: Family<Outcome, Counter>,
    merged_bytes: Counter,
    store_duration: Durations<(Call, AtStorage)>,
    store_errors: Family<(CallFailure, AtStorage), Counter>,
    swept: Family<Reason, Counter>,
    swept_bytes: Counter,
    orphans_waiting: Whole,
    orphans_held: Whole,
    uploads: Family<StateLabel, Whole>,
    staged_bytes: Whole,
    stored_bytes: Whole,
    blobs: Whole,
    scattered_blobs: Whole,
    files: Whole,
    running_bodies: Whole,
}

/// A connection that is open; dropped, it is closed.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("cairn"),
            requests: Family::default(),
            request_duration: Family::new_with_constructor(long_durations),
            connections: Gauge::default(),
            received_bytes: Counter::default(),
            held_back: Counter::default(),
            chunks: Counter::default(),
            audit_lost: Counter::default(),
            complete_duration: long_durations(),
            merge_duration: long_durations(),
            merges: Family::default(),
            merged_bytes: Counter::default(),
            store_duration: Family::new_with_constructor(short_durations),
            store_errors: Family::default(),
            swept: Family::default(),
            swept_bytes: Counter::default(),
            orphans_waiting: Gauge::default(),
            orphans_held: Gauge::default(),
            uploads: Family::default(),
            staged_bytes: Gauge::default(),
            stored_bytes: Gauge::default(),
            blobs: Gauge::default(),
            scattered_blobs: Gauge::default(),
            files: Gauge::default(),
            running_bodies: Gauge::default(),
        };
        metrics.register_work();
        metrics.register_holdings();
        metrics
    }
}

/// 1 ms to about 2 minutes.
fn long_durations() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 18))
}

/// 0.1 ms to about 13 s.
fn short_durations() -> Histogram {
    Histogram::new(exponential_buckets(0.000_1, 3.25, 11))
}

impl Metrics {
    fn register_work(&mut self) {
        let to = &mut self.registry;
        to.register("requests", "Requests answered", self.requests.clone());
        let help = "From a request's head to the end of its answer";
        to.register_with_unit("request_duration", help, Unit::Seconds, self.request_duration.clone());
        to.register("connections", "Open client connections", self.connections.clone());
        let help = "Bytes of bodies received for uploads and files";
        to.register_with_unit("received", help, Unit::Bytes, self.received_bytes.clone());
        let help = "Times that a body was not read on at once, because it came faster than it may";
        to.register("bodies_held_back", help, self.held_back.clone());
        to.register(
            "audit_lost",
            "Lines of the audit log that could not be written",
            self.audit_lost.clone(),
        );
        to.register("chunks", "Stretches of bytes recorded for uploads", self.chunks.clone());
        let help = "From complete to the file";
        to.register_with_unit("complete_duration", help, Unit::Seconds, self.complete_duration.clone());
        let help = "Rewriting a blob of many extents as one object";
        to.register_with_unit("merge_duration", help, Unit::Seconds, self.merge_duration.clone());
        to.register("merges", "Merges by outcome", self.merges.clone());
        let help = "Bytes that merging moved through the daemon";
        to.register_with_unit("merged", help, Unit::Bytes, self.merged_bytes.clone());
        let help = "Calls of stores";
        to.register_with_unit("store_call_duration", help, Unit::Seconds, self.store_duration.clone());
        to.register("store_errors", "Calls of stores that failed", self.store_errors.clone());
        to.register("sweep_removed", "Things that sweeps removed", self.swept.clone());
        let help = "Bytes that sweeps gave back";
        to.register_with_unit("sweep_removed", help, Unit::Bytes, self.swept_bytes.clone());
    }

    fn register_holdings(&mut self) {
        let to = &mut self.registry;
        let help = "Orphans of the last sweep that are not old enough yet";
        to.register("orphans_waiting", help, self.orphans_waiting.clone());
        let help = "1 if the last sweep left orphans alone until the operator has looked";
        to.register("orphans_held", help, self.orphans_held.clone());
        to.register("uploads", "Uploads by state", self.uploads.clone());
        let help = "Bytes of uploads in progress";
        to.register_with_unit("staged", help, Unit::Bytes, self.staged_bytes.clone());
        let help = "Bytes of blobs, each counted once";
        to.register_with_unit("stored", help, Unit::Bytes, self.stored_bytes.clone());
        to.register("blobs", "Blobs", self.blobs.clone());
        to.register("scattered_blobs", "Blobs of more than one extent", self.scattered_blobs.clone());
        to.register("files", "Files", self.files.clone());
        to.register("running_bodies", "Uploads that a body is arriving for", self.running_bodies.clone());
    }

    /// A request was answered. `route` is the route's pattern, never the path itself.
    pub fn request(&self, method: &http::Method, route: &str, status: http::StatusCode, duration: Duration) {
        let method = method_word(method);
        let request = Request { method, route: route.to_owned(), status: class_word(status) };
        self.requests.get_or_create(&request).inc();
        let route = Route { method, route: request.route };
        self.request_duration.get_or_create(&route).observe(duration.as_secs_f64());
    }

    /// A connection was opened; it counts until the answer is dropped.
    pub fn connection(&self) -> OpenConnection {
        self.connections.inc();
        OpenConnection(self.connections.clone())
    }

    /// Bytes of a body arrived.
    pub fn received(&self, bytes: u64) {
        self.received_bytes.inc_by(bytes);
    }

    /// A body is not read on at once.
    pub fn held_back(&self) {
        self.held_back.inc();
    }

    /// A stretch of bytes was recorded for an upload.
    pub fn chunk(&self) {
        self.chunks.inc();
    }

    /// An upload became a file.
    pub fn completed(&self, duration: Duration) {
        self.complete_duration.observe(duration.as_secs_f64());
    }

    /// A merge ended; `None` if it failed.
    pub fn merged(&self, outcome: Option<&MergeOutcome>, duration: Duration) {
        let word = match outcome {
            Some(MergeOutcome::AlreadyOne) => "already_one",
            Some(MergeOutcome::Merged { moved_bytes, .. }) => {
                self.merged_bytes.inc_by(*moved_bytes);
                self.merge_duration.observe(duration.as_secs_f64());
                "merged"
            }
            Some(MergeOutcome::NotHere) => "not_here",
            Some(MergeOutcome::Overtaken) => "overtaken",
            None => "failed",
        };
        self.merges.get_or_create(&Outcome { outcome: word }).inc();
    }

    /// A sweep ended.
    pub fn sweep(&self, report: &SweepReport) {
        for swept in &report.swept {
            self.swept.get_or_create(&Reason { reason: labels::reason_word(swept.reason) }).inc();
            self.swept_bytes.inc_by(swept.length);
        }
        self.orphans_waiting.set(report.waiting);
        self.orphans_held.set(u64::from(report.held.is_some()));
    }

    /// A store was called.
    pub fn store_call(
        &self,
        store: Store,
        storage: Option<&Arc<String>>,
        operation: &'static str,
        duration: Duration,
        failure: Option<Failure>,
    ) {
        let store = labels::store_word(store);
        let at: AtStorage = storage.map(|name| ("storage", Arc::clone(name))).into_iter().collect();
        let call = (Call { store, operation }, at.clone());
        self.store_duration.get_or_create(&call).observe(duration.as_secs_f64());
        if let Some(failure) = failure {
            let failure = labels::failure_word(failure);
            self.store_errors.get_or_create(&(CallFailure { store, operation, failure }, at)).inc();
        }
    }

    /// Lines of the audit log could not be written.
    pub fn audit_lost(&self, lines: u64) {
        self.audit_lost.inc_by(lines);
    }

    /// What the session store holds now. States that are not named hold nothing.
    pub fn set_uploads(&self, counts: &[StateCount]) {
        for state in State::ALL {
            let count = counts.iter().find(|count| count.state == state).map_or(0, |count| count.uploads);
            self.uploads.get_or_create(&StateLabel { state: state.name() }).set(count);
        }
        let open = counts.iter().filter(|count| !count.state.is_final());
        self.staged_bytes.set(open.map(|count| count.staged_bytes).sum());
    }

    /// What the catalog holds now.
    pub fn set_totals(&self, totals: &Totals) {
        self.stored_bytes.set(totals.blob_bytes);
        self.blobs.set(totals.blobs);
        self.scattered_blobs.set(totals.scattered_blobs);
        self.files.set(totals.files);
    }

    /// How many uploads a body is arriving for now.
    pub fn set_running_bodies(&self, uploads: usize) {
        self.running_bodies.set(uploads as u64);
    }

    /// Everything in the text format of OpenMetrics.
    pub fn render(&self) -> String {
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.registry) {
            tracing::error!(%error, "metrics cannot be written");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use cairn_engine::engine::{SweepReason, Swept};
    use http::{Method, StatusCode};

    use super::*;

    fn has(text: &str, line: &str) {
        assert!(text.lines().any(|found| found == line), "no line `{line}` in\n{text}");
    }

    #[test]
    fn what_happened_is_printed_by_name() {
        let metrics = Metrics::default();
        metrics.request(
            &Method::PUT,
            "/v1/uploads/{id}/chunks/{n}",
            StatusCode::OK,
            Duration::from_millis(3),
        );
        metrics.received(5);
        metrics.chunk();
        let orphan = Swept { reason: SweepReason::OrphanObject, what: "x".to_owned(), length: 7 };
        metrics.sweep(&SweepReport { swept: vec![orphan], waiting: 3, held: None, away: vec![] });
        metrics.store_call(Store::Catalog, None, "publish", Duration::from_millis(1), Some(Failure::Full));
        metrics.merged(Some(&MergeOutcome::Merged { extents: 2, moved_bytes: 9 }), Duration::from_millis(1));
        let text = metrics.render();
        has(
            &text,
            r#"cairn_requests_total{method="PUT",route="/v1/uploads/{id}/chunks/{n}",status="2xx"} 1"#,
        );
        has(&text, "cairn_received_bytes_total 5");
        has(&text, "cairn_chunks_total 1");
        has(&text, r#"cairn_sweep_removed_total{reason="orphan_object"} 1"#);
        has(&text, "cairn_sweep_removed_bytes_total 7");
        has(&text, "cairn_orphans_waiting 3");
        has(&text, r#"cairn_store_call_duration_seconds_count{store="catalog",operation="publish"} 1"#);
        has(&text, r#"cairn_store_errors_total{store="catalog",operation="publish",failure="full"} 1"#);
        has(&text, r#"cairn_merges_total{outcome="merged"} 1"#);
        has(&text, "cairn_merged_bytes_total 9");
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn a_state_without_an_upload_is_told_as_nothing() {
        let metrics = Metrics::default();
        metrics.set_uploads(&[
            StateCount { state: State::Open, uploads: 2, staged_bytes: 30 },
            StateCount { state: State::Complete, uploads: 1, staged_bytes: 500 },
        ]);
        let text = metrics.render();
        has(&text, r#"cairn_uploads{state="open"} 2"#);
        has(&text, r#"cairn_uploads{state="completing"} 0"#);
        has(&text, r#"cairn_uploads{state="complete"} 1"#);
        has(&text, "cairn_staged_bytes 30");
    }

    #[test]
    fn a_method_that_nobody_knows_makes_no_label_of_its_own() {
        let odd = Method::from_bytes(b"BREW").unwrap();
        assert_eq!((method_word(&odd), class_word(StatusCode::NOT_FOUND)), ("other", "4xx"));
    }

    #[test]
    fn a_connection_counts_until_it_is_dropped() {
        let metrics = Metrics::default();
        let connection = metrics.connection();
        has(&metrics.render(), "cairn_connections 1");
        drop(connection);
        has(&metrics.render(), "cairn_connections 0");
    }
}
