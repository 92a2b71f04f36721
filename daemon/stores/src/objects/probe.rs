//! A look at a service before anything depends on it.

use cairn_engine::contracts::{Failure, Standing, StoreError};
use futures_util::TryStreamExt;
use opendal::Operator;

use super::failures::{from_opendal, told};
use super::opendal_objects::standing_of;
use super::patience::patient;
use super::{ObjectsConfig, OpenError, prepared};

/// The folder of what a probe writes. It holds no object of ours.
const FOLDER: &str = "probes/";

/// What a probe found wrong.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The service cannot be set up.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It does not do what it must.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes, reads, lists and removes a small object in a service that is not a local file system, and tells what the service
/// can do. `name` is for this probe alone. Nothing stays, unless the removal fails.
///
/// # Errors
/// The first thing that the service did not do.
pub async fn probe(config: &ObjectsConfig, name: &str) -> Result<Standing, ProbeError> {
    let operator = patient(prepared(config)?, &config.patience);
    let key = format!("{FOLDER}{name}");
    let seen = look(&operator, &key).await;
    let removed = operator.delete(&key).await.map_err(|error| from_opendal("remove", error));
    seen?;
    removed?;
    Ok(standing_of(&operator))
}

async fn look(operator: &Operator, key: &str) -> Result<(), StoreError> {
    let bytes = key.as_bytes().to_vec();
    operator.write(key, bytes.clone()).await.map_err(|error| from_opendal("write", error))?;
    let read = operator.read(key).await.map_err(|error| from_opendal("read", error))?;
    if read.to_vec() != bytes {
        return Err(told("read", Failure::Corrupt, "a probe was read back as something else"));
    }
    let failed = |error| from_opendal("list", error);
    let listed: Vec<_> =
        operator.lister(FOLDER).await.map_err(failed)?.try_collect().await.map_err(failed)?;
    if listed.iter().any(|entry| entry.path() == key) {
        return Ok(());
    }
    Err(told("list", Failure::Failed, "a probe that was written is not in the listing"))
}
