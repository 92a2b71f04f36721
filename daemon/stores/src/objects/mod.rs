//! Objects: bytes on a local file system, or in any service that OpenDAL knows.
//!
//! [`open`] chooses by scheme and placement. On `fs` bytes are written [in place](in_place) unless the configuration
//! says otherwise; everywhere else a chunk is an object of its own.

mod failures;
pub mod in_place;
mod merging;
mod service;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cairn_engine::contracts::{ObjectStore, Placement};
use opendal::{Operator, OperatorRegistry};

use self::in_place::InPlace;

/// When bytes are as durable as they will be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When a chunk is committed.
    #[default]
    Chunk,
    /// When the upload is finished. Faster; a power failure may cost an upload that is still open.
    Complete,
}

/// Where objects lie, and how they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectsConfig {
    /// OpenDAL's name of the service.
    pub scheme: String,
    /// OpenDAL's options of that service. They may hold secrets.
    pub options: BTreeMap<String, String>,
    /// The root of `fs` if the options name none.
    pub default_root: PathBuf,
    /// How to write; `None` is in place on `fs`, objects everywhere else.
    pub placement: Option<Placement>,
    /// When bytes are durable.
    pub durability: Durability,
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The service is not known, or not compiled in.
    #[error("no storage scheme `{scheme}` in this build; there are {}", available.join(", "))]
    Scheme {
        /// The scheme that was asked for.
        scheme: String,
        /// Those that there are.
        available: Vec<String>,
    },
    /// Only a local file system can be written in place.
    #[error("storage scheme `{scheme}` cannot be written in place; only `fs` can")]
    Placement {
        /// The scheme that was asked for.
        scheme: String,
    },
    /// OpenDAL refuses the options.
    #[error("storage scheme `{scheme}` cannot be set up")]
    Options {
        /// The scheme.
        scheme: String,
        /// Why.
        source: Box<opendal::Error>,
    },
    /// The directory cannot be used.
    #[error("storage directory {} cannot be used", root.display())]
    Directory {
        /// The directory.
        root: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Opens the store that the configuration names. On `fs` it makes and reads directories: it blocks.
///
/// # Errors
/// See [`OpenError`].
pub fn open(config: &ObjectsConfig) -> Result<Arc<dyn ObjectStore>, OpenError> {
    opendal::init_default_registry();
    let scheme = config.scheme.as_str();
    let available = OperatorRegistry::get().schemes();
    if !available.contains(scheme) {
        let mut available: Vec<_> = available.into_iter().collect();
        available.sort();
        return Err(OpenError::Scheme { scheme: scheme.to_owned(), available });
    }
    let local = matches!(scheme, "fs" | "file");
    let placement = config.placement.unwrap_or(if local { Placement::InPlace } else { Placement::Objects });
    match (placement, local) {
        (Placement::InPlace, true) => open_in_place(config),
        _ => Err(OpenError::Placement { scheme: scheme.to_owned() }),
    }
}

fn open_in_place(config: &ObjectsConfig) -> Result<Arc<dyn ObjectStore>, OpenError> {
    let root = root_of(config);
    let directory = |source| OpenError::Directory { root: root.clone(), source };
    let absolute = std::path::absolute(&root).map_err(directory)?;
    let operator = operator(config, [("root".to_owned(), text_of(&absolute))])?;
    let store = InPlace::open(&absolute, operator, config.durability).map_err(directory)?;
    Ok(Arc::new(store))
}

/// The root that the options name, else the default.
fn root_of(config: &ObjectsConfig) -> PathBuf {
    config.options.get("root").map_or_else(|| config.default_root.clone(), PathBuf::from)
}

fn text_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// OpenDAL's operator for the configuration, `with` these options over the configured ones.
fn operator(
    config: &ObjectsConfig,
    with: impl IntoIterator<Item = (String, String)>,
) -> Result<Operator, OpenError> {
    let mut options = config.options.clone();
    options.extend(with);
    Operator::via_iter(&config.scheme, options)
        .map_err(|source| OpenError::Options { scheme: config.scheme.clone(), source: Box::new(source) })
}
