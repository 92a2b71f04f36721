//! What protocols share that send an upload by appending: what is over, and what is finished.

use cairn_engine::engine::Incoming;
use cairn_engine::{Refusal, State, Upload, UploadId};
use futures_util::StreamExt as _;

use super::caller::Asker;
use super::door::Door;

/// What is over is gone.
pub(crate) fn must_be_there(upload: &Upload) -> Result<(), Refusal> {
    match upload.state {
        State::Aborted | State::Expired => Err(Refusal::NoUpload),
        State::Open | State::Completing | State::Complete => Ok(()),
    }
}

/// Ends an upload, whatever is running on it. A file that came of it stays.
pub(crate) async fn dismiss(
    door: &Door,
    name: &'static str,
    asker: Asker,
    id: UploadId,
) -> Result<(), Refusal> {
    let engine = door.engine.clone();
    let work = async move {
        must_be_there(&engine.find_upload(&asker.caller(), id).await?)?;
        engine.dismiss(&asker.caller(), id).await
    };
    door.run(name, work).await
}

/// At least how many bytes a body has that a finished upload cannot take: as many as are announced, or as came first.
/// More than that is not read.
pub(crate) async fn bytes_of(incoming: &mut Incoming) -> Result<u64, Refusal> {
    if let Some(announced) = incoming.length {
        return Ok(announced);
    }
    match incoming.body.next().await {
        Some(Ok(bytes)) => Ok(bytes.len() as u64),
        Some(Err(error)) => Err(Refusal::Body { error, kept: 0 }),
        None => Ok(0),
    }
}
