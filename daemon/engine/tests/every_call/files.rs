//! Whole files in one request, instant uploads, renaming, copying and removing, with every store call failing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cairn_engine::contracts::{Catalog, FileFilter, Move, PageRequest, Placement};
use cairn_engine::engine::{Created, Incoming, Sweeping, WholeFile};
use cairn_engine::testing::bench::{Bench, body, owner, wish};
use cairn_engine::testing::faults::{FaultPlan, Faults};
use cairn_engine::testing::memory_sessions::MemorySessions;
use cairn_engine::{Digest, Engine, FilePath, Policy, Refusal, State};

use crate::story::{PLACEMENTS, Restart};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A file of so many bytes, under this name.
    Put(&'static str, usize),
    /// An upload that comes whole with the wish for it, and is finished from the start.
    Short(&'static str, usize),
    /// The content of so many bytes, which is there already, under this name.
    Instant(&'static str, usize),
    Move(&'static str, &'static str, Move),
    Remove(&'static str),
    Errands,
    Sweep,
}

const LIFE: [Step; 15] = [
    Step::Put("long", 900),
    Step::Put("small", 100),
    Step::Put("small", 90),
    Step::Short("short", 80),
    Step::Short("short", 70),
    Step::Instant("again", 900),
    Step::Put("same", 900),
    Step::Errands,
    Step::Move("long", "moved", Move::Rename),
    Step::Move("small", "copied", Move::Copy),
    Step::Sweep,
    Step::Remove("moved"),
    Step::Remove("again"),
    Step::Sweep,
    Step::Put("long", 800),
];

/// A file's content, or that there is none.
type Content = Option<Vec<u8>>;

struct Files {
    bench: Bench,
    restart: Restart,
    faults: Arc<Faults>,
    engine: Engine,
    /// What each name may name now: one thing after an answer, several after none came.
    may_be: BTreeMap<&'static str, Vec<Content>>,
    told: Vec<String>,
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at / 5 + length) % 256).unwrap()).collect()
}

fn policy() -> Policy {
    Policy { roll_bytes: 400, inline_bytes: 120, ..Policy::default() }
}

fn path(name: &str) -> FilePath {
    name.parse().unwrap()
}

fn engine_over(bench: &Bench, faults: &Arc<Faults>) -> Engine {
    bench.engine_over(
        faults.sessions(bench.sessions.clone()),
        faults.catalog(bench.catalog.clone()),
        faults.objects(bench.objects.clone()),
        policy(),
    )
}

impl Files {
    fn new(placement: Placement, restart: Restart, plan: FaultPlan) -> Self {
        let bench = Bench::new(placement);
        let faults = Faults::new(plan);
        let engine = engine_over(&bench, &faults);
        let told = vec![format!("{placement:?}, {restart:?}, {plan:?}")];
        Self { bench, restart, faults, engine, may_be: BTreeMap::new(), told }
    }

    async fn live(mut self) -> u64 {
        let faults = Arc::clone(&self.faults);
        for step in LIFE {
            let again = self.step_until_done(step).await;
            self.told.push(format!("{step:?}: done after {again} failures"));
        }
        self.clean_up().await;
        faults.calls()
    }

    async fn step_until_done(&mut self, step: Step) -> usize {
        for failures in 0..5 {
            let outcome = self.take(step, failures > 0).await;
            self.told.push(format!("{step:?}: {outcome:?}"));
            self.recover();
            if outcome.is_ok() {
                self.settle(step);
                self.look().await;
                return failures;
            }
            let failed = outcome.is_err_and(|refusal| refusal.failed_store().is_some());
            assert!(failed, "{}", self.told.join("\n"));
            self.allow(step);
            self.look().await;
        }
        panic!("{step:?} never succeeds\n{}", self.told.join("\n"));
    }

    async fn take(&self, step: Step, again: bool) -> Result<(), Refusal> {
        let ada = owner("ada");
        match step {
            Step::Put(name, length) => {
                let file =
                    WholeFile { path: path(name), digest: None, content_type: None, precondition: None };
                let stored = self.engine.put_file(&ada, file, body(content(length), 250)).await?;
                assert_eq!(stored.file.length, length as u64);
            }
            Step::Short(name, length) => {
                let new = wish(name, Some(length as u64), None);
                let first = Incoming { length: Some(length as u64), ..body(content(length), 25) };
                assert!(self.engine.is_short(&ada, &new, &first));
                let (upload, file) = self.engine.upload_short(&ada, new, first).await?;
                assert_eq!((upload.state, file.length), (State::Complete, length as u64));
            }
            Step::Instant(name, length) => {
                let mut new = wish(name, Some(length as u64), None);
                new.digest = Some(Digest::blake3(*blake3::hash(&content(length)).as_bytes()));
                let created = self.engine.create(&ada, new).await?;
                assert!(matches!(created, Created::Instant(_)), "{created:?}");
            }
            Step::Move(from, to, how) => match self.engine.move_file(&ada, &path(from), &path(to), how).await
            {
                Err(Refusal::NoFile | Refusal::FileExists { .. }) if again => {}
                outcome => drop(outcome?),
            },
            Step::Remove(name) => match self.engine.remove_file(&ada, &path(name)).await {
                Err(Refusal::NoFile) if again => {}
                outcome => drop(outcome?),
            },
            Step::Errands => self.bench.errands.run().await,
            Step::Sweep => {
                self.bench.clock.advance(policy().grace + Duration::from_secs(1));
                self.engine.sweep(Sweeping::default()).await?;
            }
        }
        Ok(())
    }

    /// What a step makes of the names, when it is done.
    fn effect(&self, step: Step) -> Vec<(&'static str, Content)> {
        let now = |name| self.may_be.get(name).and_then(|may| may.first().cloned()).flatten();
        match step {
            Step::Put(name, length) | Step::Short(name, length) | Step::Instant(name, length) => {
                vec![(name, Some(content(length)))]
            }
            Step::Move(from, to, Move::Rename) => vec![(to, now(from).or_else(|| now(to))), (from, None)],
            Step::Move(from, to, Move::Copy) => vec![(to, now(from))],
            Step::Remove(name) => vec![(name, None)],
            Step::Errands | Step::Sweep => Vec::new(),
        }
    }

    fn settle(&mut self, step: Step) {
        for (name, content) in self.effect(step) {
            self.may_be.insert(name, vec![content]);
        }
    }

    /// No answer came: the step was done, or it was not.
    fn allow(&mut self, step: Step) {
        for (name, content) in self.effect(step) {
            let may_be = self.may_be.entry(name).or_insert_with(|| vec![None]);
            if !may_be.contains(&content) {
                may_be.push(content);
            }
        }
    }

    fn recover(&mut self) {
        if self.restart == Restart::Never || !self.faults.struck() {
            return;
        }
        self.bench.errands.lose();
        if self.restart == Restart::WithoutSessions {
            self.bench.sessions = Arc::new(MemorySessions::default());
        }
        self.faults = Faults::new(FaultPlan::NONE);
        self.engine = engine_over(&self.bench, &self.faults);
    }

    async fn look(&self) {
        let tale = || self.told.join("\n");
        if let Err(finding) = self.bench.every_row_has_its_bytes().await {
            panic!("{finding}\n{}", tale());
        }
        for (name, may_be) in &self.may_be {
            let found = self.bench.catalog.find_file(&owner("ada"), &path(name)).await.unwrap();
            let content = match found {
                None => None,
                Some(file) => {
                    let blobs = self.bench.catalog.find_blobs(&file.blob, None).await.unwrap();
                    Some(self.bench.bytes_of_blob(&blobs[0]).await.unwrap())
                }
            };
            let length = content.as_ref().map(Vec::len);
            assert!(may_be.contains(&content), "{name} has {length:?} bytes\n{}", tale());
        }
    }

    async fn clean_up(self) {
        let engine = self.bench.engine(policy());
        let files = engine.list_files(&FileFilter::default(), &PageRequest::first(100)).await.unwrap().items;
        for file in files {
            engine.remove_file(&file.owner, &file.path).await.unwrap();
        }
        for _ in 0..2 {
            self.bench.clock.advance(policy().ttl + policy().remember);
            engine.sweep(Sweeping::default()).await.unwrap();
        }
        for _ in 0..4 {
            self.bench.clock.advance(policy().grace + Duration::from_secs(1));
            engine.sweep(Sweeping::default()).await.unwrap();
        }
        if let Err(finding) = self.bench.nothing_is_left().await {
            panic!("{finding}\n{}", self.told.join("\n"));
        }
    }
}

/// Lives the life of files once for every call and for both kinds of failure at it.
async fn with_each_call(restart: Restart, plan: fn(u64) -> FaultPlan) {
    for placement in PLACEMENTS {
        let calls = Files::new(placement, Restart::Never, FaultPlan::NONE).live().await;
        assert!(calls > 60, "only {calls} calls");
        for n in 1..=calls {
            for plan in [plan(n), plan(n).after_effect()] {
                Files::new(placement, restart, plan).live().await;
            }
        }
    }
}

#[tokio::test]
async fn any_one_call_may_fail_while_files_come_and_go() {
    with_each_call(Restart::Never, FaultPlan::fail_at).await;
}

#[tokio::test]
async fn the_process_may_stop_at_any_call_while_files_come_and_go() {
    with_each_call(Restart::WithSessions, FaultPlan::stop_at).await;
    with_each_call(Restart::WithoutSessions, FaultPlan::stop_at).await;
}
