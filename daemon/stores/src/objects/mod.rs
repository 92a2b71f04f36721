//! Objects: bytes on a local file system, or in any service that OpenDAL knows.
//!
//! [`open`] chooses by scheme and placement. On `fs` bytes are written [in place](in_place) unless the configuration
//! says otherwise; everywhere else a chunk is an [object](opendal_objects) of its own.

mod failures;
pub mod in_place;
mod local;
mod merging;
#[cfg(feature = "services-s3")]
mod multipart_uploads;
pub mod opendal_objects;
mod options;
mod patience;
mod probe;
mod service;
mod tally;
mod veiled;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cairn_engine::contracts::{ObjectStore, Placement};
use opendal::{Operator, OperatorRegistry};

use self::in_place::InPlace;
use self::opendal_objects::{Names, OpendalObjects};
pub use self::patience::Patience;
use self::patience::patient;
pub use self::probe::{ProbeError, probe};
pub use self::veiled::Veiled;

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
    /// How to write; `None` is in place on `fs`, objects everywhere else. To be changed only while no upload is
    /// open: what one way wrote of an open upload, the other does not survey.
    pub placement: Option<Placement>,
    /// When bytes are durable.
    pub durability: Durability,
    /// What is asked of a service over a network.
    pub patience: Patience,
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
    /// An option that the service cannot do without is not given.
    #[error("storage scheme `{scheme}` needs the option `{option}`, and it is not given or empty")]
    Missing {
        /// The scheme.
        scheme: String,
        /// The option.
        option: &'static str,
    },
    /// OpenDAL refuses the options.
    #[error("storage scheme `{scheme}` cannot be set up")]
    Options {
        /// The scheme.
        scheme: String,
        /// Why.
        source: Box<Veiled>,
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
    look_at_options(config)?;
    let scheme = config.scheme.as_str();
    let local = matches!(scheme, "fs" | "file");
    let placement = config.placement.unwrap_or(if local { Placement::InPlace } else { Placement::Objects });
    match (placement, local) {
        (Placement::InPlace, true) => open_in_place(config),
        (Placement::InPlace, false) => Err(OpenError::Placement { scheme: scheme.to_owned() }),
        (Placement::Objects, true) => open_local_objects(config),
        (Placement::Objects, false) => Ok(Arc::new(open_remote(config)?)),
    }
}

/// Whether there is such a service in this build, and whether it is told what it needs.
fn look_at_options(config: &ObjectsConfig) -> Result<(), OpenError> {
    opendal::install_default();
    let scheme = config.scheme.as_str();
    let available = OperatorRegistry::get().schemes();
    if !available.contains(scheme) {
        let mut available: Vec<_> = available.into_iter().collect();
        available.sort();
        return Err(OpenError::Scheme { scheme: scheme.to_owned(), available });
    }
    match options::missing(scheme, &config.options) {
        Some(option) => Err(OpenError::Missing { scheme: scheme.to_owned(), option }),
        None => Ok(()),
    }
}

/// The operator of a service that is not a local file system, as the options say.
fn prepared(config: &ObjectsConfig) -> Result<Operator, OpenError> {
    look_at_options(config)?;
    operator(config, [])
}

/// Objects in a service over a network, or in memory.
fn open_remote(config: &ObjectsConfig) -> Result<OpendalObjects, OpenError> {
    let operator = patient(operator(config, [])?, &config.patience);
    #[cfg(feature = "services-s3")]
    if config.scheme == opendal::services::S3_SCHEME {
        let uploads = multipart_uploads::MultipartUploads::new(&config.options, operator.clone());
        let uploads = uploads.map_err(|source| OpenError::Options {
            scheme: config.scheme.clone(),
            source: Box::new(source.into()),
        })?;
        return Ok(OpendalObjects::open(operator, None).with_multipart_uploads(uploads));
    }
    Ok(OpendalObjects::open(operator, None))
}

fn open_in_place(config: &ObjectsConfig) -> Result<Arc<dyn ObjectStore>, OpenError> {
    let root = root_of(config);
    let directory = |source| OpenError::Directory { root: root.clone(), source };
    let absolute = std::path::absolute(&root).map_err(directory)?;
    // Before OpenDAL makes it, which would not sync its name and not say what is wrong with it.
    local::directories::prepare(&absolute, &[], &local::disk::Disk::default()).map_err(directory)?;
    let operator = operator(config, [("root".to_owned(), text_of(&absolute))])?;
    let store = InPlace::open(&absolute, operator, config.durability).map_err(directory)?;
    Ok(Arc::new(store))
}

/// Objects of their own on a local file system. OpenDAL syncs a file before it renames it to its key; what half
/// written files a process before left is removed first.
fn open_local_objects(config: &ObjectsConfig) -> Result<Arc<dyn ObjectStore>, OpenError> {
    let root = root_of(config);
    let directory = |source| OpenError::Directory { root: root.clone(), source };
    let absolute = std::path::absolute(&root).map_err(directory)?;
    let names = Names::prepare(&absolute).map_err(directory)?;
    let temporary = text_of(&names.temporary_directory());
    let with = [("root".to_owned(), text_of(&absolute)), ("atomic_write_dir".to_owned(), temporary)];
    Ok(Arc::new(OpendalObjects::open(operator(config, with)?, Some(names))))
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
    Operator::via_iter(&config.scheme, options).map_err(|source| OpenError::Options {
        scheme: config.scheme.clone(),
        source: Box::new(source.into()),
    })
}
