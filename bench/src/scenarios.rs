//! What is measured, in order: each scenario on the floors and on the daemon with each durability.

use std::path::PathBuf;

use clap::ValueEnum;
use http::Method;
use tempfile::TempDir;

use crate::Result;
use crate::aims;
use crate::appending::{self, JoinFigures};
use crate::arguments::{Arguments, Durability, Floor, Protocol, Sessions, Storage};
use crate::content::{Content, MIB};
use crate::link::{Body, Link};
use crate::merging::{self, MergeFigures};
use crate::meter::{Figures, Latencies, Meter};
use crate::passes::Passes;
use crate::server::{Server, program};
use crate::stores::Stores;
use crate::tables;
use crate::transfer::{Language, Transfer, file_path};

/// A scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// 5 000 files of 16 KiB by single PUT (tus, draft: by creation with upload), 16 at a time.
    Small,
    /// One file in 5 MiB chunks, one at a time.
    #[value(name = "chunks-1")]
    Chunks1,
    /// One file in 5 MiB chunks, 4 at a time (tus: in 4 partial uploads, joined).
    #[value(name = "chunks-4")]
    Chunks4,
    /// The same with a declared SHA-1.
    #[value(name = "chunks-4-sha1")]
    Chunks4Sha1,
    /// One file by a single PUT (tus, draft: PATCH).
    Single,
    /// 8 files at once, in 5 MiB chunks.
    #[value(name = "files-8")]
    Files8,
    /// One file downloaded.
    Download,
    /// `complete` of 64 MiB, 1 GiB and 4 GiB, chunks in order and in any order.
    Complete,
    /// 4 partial uploads of 1 GiB joined by tus's final `POST`.
    Concat,
    /// A file of 1 GiB in 5 MiB chunks merged; nothing where chunks lie in place.
    Merge,
}

/// What ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A floor.
    Floor(Floor),
    /// The daemon.
    Daemon(Durability, Protocol),
}

/// One measurement.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What was done.
    pub(crate) scenario: Name,
    /// By whom.
    pub(crate) subject: Subject,
    /// What it cost.
    pub(crate) figures: Figures,
}

/// `complete` of one length and order.
#[derive(Clone, Debug)]
pub(crate) struct CompleteRow {
    /// Bytes.
    pub(crate) length: u64,
    /// Whether the chunks came in any order.
    pub(crate) shuffled: bool,
    /// With which durability.
    pub(crate) durability: Durability,
    /// What each took.
    pub(crate) completes: Latencies,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// Transfers.
    pub(crate) rows: Vec<Row>,
    /// Completions.
    pub(crate) completes: Vec<CompleteRow>,
    /// Merges.
    pub(crate) merges: Vec<(Durability, MergeFigures)>,
    /// Joins of tus.
    pub(crate) joins: Vec<(Durability, JoinFigures)>,
}

impl Results {
    /// What one measurement gave, if it was made.
    pub(crate) fn find(&self, scenario: Name, subject: Subject) -> Option<&Figures> {
        let row = self.rows.iter().find(|row| row.scenario == scenario && row.subject == subject)?;
        Some(&row.figures)
    }
}

struct Bench {
    program: PathBuf,
    folder: PathBuf,
    durabilities: Vec<Durability>,
    protocols: Vec<Protocol>,
    sessions: Sessions,
    storage: Storage,
    divisor: u64,
    runs: u8,
    /// Directories of many small files. Removing them would slow down what comes after: they go last.
    kept: Vec<TempDir>,
}

/// Measures what the arguments ask for and prints it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut bench = Bench::new(arguments)?;
    let asked = |name: &Name| arguments.only.is_empty() || arguments.only.contains(name);
    let passes = Passes::measure();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut results = Results::default();
    for name in Name::value_variants().iter().copied().filter(asked) {
        runtime.block_on(bench.measure(name, &mut results))?;
    }
    print!("{}", tables::render(&results, passes));
    print!("{}", aims::render(&results, passes));
    Ok(())
}

impl Name {
    /// What it sends; nothing for the scenarios that measure something else.
    fn transfer(self, divisor: u64) -> Option<Transfer> {
        let length = 2048 * MIB / divisor;
        let chunks = Transfer { files: 1, length, chunked: true, at_once: 1, sha1: false, shuffled: false };
        Some(match self {
            Self::Small => {
                Transfer { files: 5000 / divisor, length: 16 * 1024, chunked: false, at_once: 16, ..chunks }
            }
            Self::Chunks1 => chunks,
            Self::Chunks4 => Transfer { at_once: 4, ..chunks },
            Self::Chunks4Sha1 => Transfer { at_once: 4, sha1: true, ..chunks },
            Self::Single => Transfer { chunked: false, ..chunks },
            Self::Files8 => Transfer { files: 8, length: length / 8, at_once: 8, ..chunks },
            Self::Download | Self::Complete | Self::Concat | Self::Merge => return None,
        })
    }

    /// Whether there is such a thing in a protocol.
    fn is_of(self, protocol: Protocol) -> bool {
        match self {
            Self::Concat => protocol == Protocol::Tus,
            Self::Chunks4Sha1 | Self::Download | Self::Complete | Self::Merge => protocol == Protocol::Native,
            // Only tus joins parts.
            Self::Chunks4 => protocol != Protocol::Draft,
            Self::Small | Self::Chunks1 | Self::Single | Self::Files8 => true,
        }
    }

    /// Whether a floor does it too.
    fn has_floor(self, floor: Floor) -> bool {
        match self {
            // A declared SHA-1 costs a floor nothing.
            Self::Chunks4Sha1 | Self::Download | Self::Complete | Self::Concat | Self::Merge => false,
            Self::Small => floor != Floor::Sync,
            _ => true,
        }
    }
}

impl Bench {
    fn new(arguments: &Arguments) -> Result<Self> {
        std::fs::create_dir_all(&arguments.folder)?;
        Ok(Self {
            program: if arguments.floors { PathBuf::new() } else { program(arguments)? },
            folder: arguments.folder.canonicalize()?,
            durabilities: match arguments.durability {
                _ if arguments.floors => Vec::new(),
                Some(durability) => vec![durability],
                None => vec![Durability::Complete, Durability::Chunk],
            },
            protocols: arguments.protocol.clone(),
            sessions: arguments.sessions,
            storage: arguments.storage,
            runs: arguments.runs,
            divisor: if arguments.quick { 8 } else { 1 },
            kept: Vec::new(),
        })
    }

    async fn measure(&mut self, name: Name, results: &mut Results) -> Result<()> {
        let floors =
            [Floor::Drain, Floor::Write, Floor::Sync].into_iter().filter(|floor| name.has_floor(*floor));
        let spoken: Vec<Protocol> =
            self.protocols.iter().copied().filter(|protocol| name.is_of(*protocol)).collect();
        let durabilities = self.durabilities.clone().into_iter();
        let daemons = durabilities
            .flat_map(|durability| spoken.iter().map(move |protocol| Subject::Daemon(durability, *protocol)));
        for subject in floors.map(Subject::Floor).chain(daemons) {
            eprintln!("measuring {} on {}", tables::scenario(name), tables::subject(subject));
            match (name, subject) {
                (Name::Complete, Subject::Daemon(durability, _)) => {
                    results.completes.extend(self.completes(durability).await?);
                }
                (Name::Merge, _) if self.storage == Storage::Fs => {}
                (Name::Concat, Subject::Daemon(durability, _)) => {
                    let joined =
                        appending::measure_joins(&self.start(subject)?, 1024 * MIB / self.divisor).await?;
                    results.joins.push((durability, joined));
                }
                (Name::Merge, Subject::Daemon(durability, _)) => {
                    let merged = merging::measure(&self.start(subject)?, 1024 * MIB / self.divisor).await?;
                    results.merges.push((durability, merged));
                }
                _ => results.rows.push(self.median_row(name, subject).await?),
            }
        }
        Ok(())
    }

    /// Of several runs, each on a server of its own, the one of median CPU time.
    async fn median_row(&mut self, scenario: Name, subject: Subject) -> Result<Row> {
        let mut rows = Vec::new();
        for _ in 0..self.runs {
            rows.push(self.row(scenario, subject).await?);
        }
        rows.sort_by_key(|row| row.figures.cpu);
        let median = rows.len() / 2;
        Ok(rows.swap_remove(median))
    }

    async fn row(&mut self, scenario: Name, subject: Subject) -> Result<Row> {
        let server = self.start(subject)?;
        let figures = match (scenario.transfer(self.divisor), subject) {
            (Some(transfer), Subject::Floor(_)) => transfer.measure(&server, Language::Floor).await?,
            (Some(transfer), Subject::Daemon(_, Protocol::Native)) => {
                transfer.measure(&server, Language::Native).await?
            }
            (Some(transfer), Subject::Daemon(_, protocol @ (Protocol::Tus | Protocol::Draft))) => {
                appending::measure(&transfer, &server, protocol).await?
            }
            (None, _) => download(&server, 2048 * MIB / self.divisor).await?,
        };
        if scenario == Name::Small {
            self.kept.push(server.end_and_keep());
        }
        Ok(Row { scenario, subject, figures })
    }

    fn start(&self, subject: Subject) -> Result<Server> {
        match subject {
            Subject::Floor(kind) => Server::floor(kind, &self.folder),
            Subject::Daemon(durability, _) => {
                let stores = Stores::start(self.sessions, self.storage)?;
                Server::daemon(&self.program, &self.folder, durability, stores)
            }
        }
    }

    /// Three files of each length and order, each length and order on a daemon of its own.
    async fn completes(&self, durability: Durability) -> Result<Vec<CompleteRow>> {
        let mut rows = Vec::new();
        for length in [64 * MIB, 1024 * MIB, 4096 * MIB].map(|length| length / self.divisor) {
            for shuffled in [false, true] {
                let server = self.start(Subject::Daemon(durability, Protocol::Native))?;
                let completes = measure_completes(&server, length, shuffled).await?;
                rows.push(CompleteRow { length, shuffled, durability, completes });
            }
        }
        Ok(rows)
    }
}

async fn measure_completes(server: &Server, length: u64, shuffled: bool) -> Result<Latencies> {
    let transfer = Transfer { files: 3, length, chunked: true, at_once: 4, sha1: false, shuffled };
    Ok(transfer.measure(server, Language::Native).await?.completes)
}

async fn download(server: &Server, length: u64) -> Result<Figures> {
    let content = Content { number: 0, length };
    let path = file_path(content);
    let mut link = Link::open(server.address).await?;
    link.call(Method::PUT, &path, Body::new(content.pieces(0..length))).await?;
    let meter = Meter::begin(server)?;
    let begun = std::time::Instant::now();
    let received = link.drain(&path).await?;
    let took = Latencies::new(vec![begun.elapsed()]);
    if received != length {
        return Err(format!("{received} bytes came of a file of {length}").into());
    }
    meter.end(server, length, took, Latencies::default())
}
