//! `/file/mpupload/…`: an upload in parts.

use axum::extract::{Request, State};
use axum::response::Response;
use cairn_engine::contracts::{IfExists, Move};
use cairn_engine::engine::{Completion, NewUpload, UploadStatus};
use cairn_engine::upload::{Metadata, Naming};
use cairn_engine::{Caller, File, FilePath, Owner, Refusal, UploadId};

use super::envelope::{Fault, done};
use super::json::{Begun, Progress, UserFile, hash_text};
use super::parameters::Parameters;
use super::{form, part};
use crate::audit::Trail;
use crate::http::caller::Head;
use crate::http::door::Door;

/// Names that are tried when the one asked for is taken by other content.
const NAMES_TRIED: u64 = 100;

/// `POST /file/mpupload/init`: a new upload, or the one of the same user, hash and length that is open.
pub(crate) async fn init(State(door): State<Door>, request: Request) -> Result<Response, Fault> {
    let head = Head::of(&request);
    let parameters = form::parameters(request, &door.limits()).await?;
    let owner = parameters.asker(&head)?.0;
    let digest = parameters.filehash()?;
    let path = parameters.filename()?.map_or_else(|| unnamed(&hash_text(&digest)), Ok)?;
    let new = NewUpload {
        path: Some(path),
        length: Some(parameters.filesize()?),
        digest: Some(digest),
        chunk_size: parameters.length("chunksize")?,
        content_type: None,
        metadata: Metadata::new(),
        naming: Naming::default(),
        idempotency_key: None,
    };
    let engine = door.engine.clone();
    let work = async move { engine.resume_or_create(&owner, new).await };
    let begun = door.run("init", work).await?;
    Trail::begun(&begun.upload);
    Ok(done(Begun::from(&begun)))
}

/// What a file without a name is called: its hash.
fn unnamed(hash: &str) -> Result<FilePath, Fault> {
    hash.parse().map_err(|error| Fault::parameter(format!("filehash: {error}")))
}

/// `POST /file/mpupload/uppart`
pub(crate) async fn uppart(State(door): State<Door>, request: Request) -> Result<Response, Fault> {
    let head = Head::of(&request);
    let part = part::read(request, &door.limits()).await?;
    let (id, number) = (part.parameters.uploadid()?, part.parameters.index()?);
    let owner = owner(&door, &part.parameters, &head, id).await?;
    let engine = door.engine.clone();
    let incoming = door.counted(part.incoming);
    let work = async move { engine.put_chunk(&owner, id, number, incoming).await };
    match door.run("put_chunk", work).await {
        Ok(_) => Ok(done(())),
        Err(refusal) => Err(part.too_late.explain(refusal.into())),
    }
}

/// Whose upload it is: the user who is named or known, else the one who began it. The tutorial's clients name nobody when they
/// send parts, and where callers are who they say they are, to know the id is as much as to say a name.
async fn owner(door: &Door, parameters: &Parameters, head: &Head, id: UploadId) -> Result<Owner, Fault> {
    match parameters.named_asker(head)? {
        Some(asker) => Ok(asker.0),
        None => {
            let engine = door.engine.clone();
            Ok(door.run("owner_of", async move { engine.owner_of(id).await }).await?)
        }
    }
}

async fn status_of(door: &Door, owner: &Owner, id: UploadId) -> Result<UploadStatus, Refusal> {
    let (engine, caller) = (door.engine.clone(), Caller::User(owner.clone()));
    door.run("status", async move { engine.status(&caller, id).await }).await
}

/// `POST /file/mpupload/status`
pub(crate) async fn status(State(door): State<Door>, request: Request) -> Result<Response, Fault> {
    let head = Head::of(&request);
    let parameters = form::parameters(request, &door.limits()).await?;
    let id = parameters.uploadid()?;
    let owner = owner(&door, &parameters, &head, id).await?;
    Ok(done(Progress::from(&status_of(&door, &owner, id).await?)))
}

/// `POST /file/mpupload/cancel`
pub(crate) async fn cancel(State(door): State<Door>, request: Request) -> Result<Response, Fault> {
    let head = Head::of(&request);
    let parameters = form::parameters(request, &door.limits()).await?;
    let id = parameters.uploadid()?;
    let caller = Caller::User(owner(&door, &parameters, &head, id).await?);
    let engine = door.engine.clone();
    door.run("abort", async move { engine.abort(&caller, id).await }).await?;
    Ok(done(()))
}

/// `POST /file/mpupload/complete`
pub(crate) async fn complete(State(door): State<Door>, request: Request) -> Result<Response, Fault> {
    let head = Head::of(&request);
    let parameters = form::parameters(request, &door.limits()).await?;
    let id = parameters.uploadid()?;
    let owner = owner(&door, &parameters, &head, id).await?;
    let begun = status_of(&door, &owner, id).await?;
    must_agree(&parameters, &begun)?;
    let filename = parameters.filename()?;
    let work = finish(door.clone(), owner, begun, filename);
    Ok(done(UserFile::from(&door.run("complete", work).await?)))
}

/// What is told at the end must be what was told at the beginning.
fn must_agree(parameters: &Parameters, begun: &UploadStatus) -> Result<(), Fault> {
    let upload = &begun.upload;
    let hash = parameters.optional_filehash()?;
    if hash.is_some() && hash != upload.digest {
        return Err(Fault::contradiction("filehash is not the one that the upload was begun with"));
    }
    let length = parameters.length("filesize")?;
    if length.is_some() && length != upload.length {
        return Err(Fault::contradiction("filesize is not the one that the upload was begun with"));
    }
    let name = parameters.filename()?;
    if name.is_some_and(|name| name != upload.path) && !is_unnamed(begun) && begun.file.is_none() {
        return Err(Fault::contradiction("filename is not the one that the upload was begun with"));
    }
    Ok(())
}

/// Whether the upload was begun without a name.
fn is_unnamed(begun: &UploadStatus) -> bool {
    let upload = &begun.upload;
    upload.digest.as_ref().is_some_and(|digest| hash_text(digest) == upload.path.as_str())
}

/// Completes the upload, and then gives the file the name that only the end told.
///
/// The tutorial knows files by their hash: other content under the same name stays, and the new file is numbered.
async fn finish(
    door: Door,
    owner: Owner,
    begun: UploadStatus,
    filename: Option<FilePath>,
) -> Result<File, Refusal> {
    let caller = Caller::User(owner.clone());
    let same = match door.engine.find_file(&owner, &begun.upload.path).await {
        Ok(existing) => Some(&existing.digest) == begun.upload.digest.as_ref(),
        Err(Refusal::NoFile) => false,
        Err(refusal) => return Err(refusal),
    };
    let if_exists = if same { IfExists::Replace } else { IfExists::Rename };
    let completion = Completion { if_exists: Some(if_exists), ..Completion::default() };
    let file = door.house.complete(&caller, begun.upload.id, completion).await?;
    match filename {
        Some(name) if is_unnamed(&begun) && name != file.path => named(&door, &owner, file, &name).await,
        _ => Ok(file),
    }
}

/// Moves a file to a name, or to the first free one that is numbered after it.
async fn named(door: &Door, owner: &Owner, file: File, name: &FilePath) -> Result<File, Refusal> {
    let mut taken = None;
    for number in 1..=NAMES_TRIED {
        let to = if number == 1 { Ok(name.clone()) } else { name.numbered(number) };
        let Ok(to) = to else { break };
        match door.engine.move_file(owner, &file.path, &to, Move::Rename).await {
            Err(Refusal::FileExists { existing }) => {
                if existing.blob == file.blob {
                    return Ok(*existing);
                }
                taken = Some(Refusal::FileExists { existing });
            }
            // It has its name since it was completed the first time.
            Err(Refusal::NoFile) => return door.engine.find_file_by_digest(owner, &file.digest).await,
            moved => return moved,
        }
    }
    Err(taken.unwrap_or(Refusal::NoFile))
}
