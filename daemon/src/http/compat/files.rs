//! `/file/…` but the uploads in parts: files by their hash.

use axum::extract::{Request, State};
use axum::response::Response;
use cairn_engine::contracts::{FileFilter, Move, PageRequest};
use cairn_engine::{File, Owner, Refusal};
use http::header::{HOST, HeaderMap};
use http::{Method, Uri};

use super::envelope::{Fault, UPLOAD_IT, answer, done};
use super::form;
use super::json::{FileMeta, UserFile, hash_text};
use super::parameters::Parameters;
use crate::audit::Trail;
use crate::http::caller::Head;
use crate::http::content;
use crate::http::door::Door;
use crate::http::numbers;

/// Files of a list if nothing is asked for.
const DEFAULT_LIMIT: u64 = 100;
/// Files of a list at most.
const MAX_LIMIT: u64 = 1_000;

/// What every request here begins with: its head, its parameters and who is asking.
struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    parameters: Parameters,
    owner: Owner,
}

async fn asked(door: &Door, request: Request) -> Result<Asked, Fault> {
    let (method, uri, head) = (request.method().clone(), request.uri().clone(), Head::of(&request));
    let parameters = form::parameters(request, &door.limits()).await?;
    let owner = parameters.asker(&head)?.0;
    Ok(Asked { method, uri, headers: head.headers, parameters, owner })
}

impl Asked {
    /// The file that `filehash` names.
    async fn file(&self, door: &Door) -> Result<File, Fault> {
        let (engine, owner, digest) = (door.engine.clone(), self.owner.clone(), self.parameters.filehash()?);
        let work = async move { engine.find_file_by_digest(&owner, &digest).await };
        let file = door.run("find_file_by_digest", work).await?;
        Trail::about_file(&file);
        Ok(file)
    }

    /// Where a file can be fetched: under the public address, else under the one that was called.
    fn url(&self, door: &Door, file: &File) -> String {
        let host = self.headers.get(HOST).and_then(|host| host.to_str().ok());
        let host =
            host.or_else(|| self.uri.authority().map(http::uri::Authority::as_str)).unwrap_or("localhost");
        let base = door.house.config().server.public_url.clone().unwrap_or_else(|| format!("http://{host}"));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("username", file.owner.as_str())
            .append_pair("filehash", &hash_text(&file.digest))
            .finish();
        format!("{base}/file/download?{query}")
    }
}

/// `POST /file/fastupload`: the file without sending it, under the `instant` rule, or code -1: upload it.
pub(crate) async fn fastupload(State(door): State<Door>, request: Request) -> Result<Response, Fault> {
    let asked = asked(&door, request).await?;
    let digest = asked.parameters.filehash()?;
    let length = asked.parameters.length("filesize")?;
    let unnamed =
        || hash_text(&digest).parse().map_err(|error| Fault::parameter(format!("filehash: {error}")));
    let path = asked.parameters.filename()?.map_or_else(unnamed, Ok)?;
    let (engine, owner) = (door.engine.clone(), asked.owner);
    let work = async move { engine.adopt(&owner, &path, &digest, length).await };
    Ok(match door.run("adopt", work).await? {
        Some(file) => {
            Trail::about_file(&file);
            done(UserFile::from(&file))
        }
        None => answer(UPLOAD_IT, "the content is not there: upload it"),
    })
}

/// `POST /file/query`: the user's files.
pub(crate) async fn query(State(door): State<Door>, request: Request) -> Result<Response, Fault> {
    let asked = asked(&door, request).await?;
    let limit = match asked.parameters.find("limit") {
        None => Some(DEFAULT_LIMIT),
        Some(text) => numbers::decimal(text).filter(|limit| (1..=MAX_LIMIT).contains(limit)),
    };
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.ok_or_else(|| Fault::parameter(format!("limit must be 1 to {MAX_LIMIT}")))?;
    let filter = FileFilter { owner: Some(asked.owner), ..FileFilter::default() };
    let engine = door.engine.clone();
    let work = async move { engine.list_files(&filter, &PageRequest::first(limit)).await };
    let listing = door.run("list_files", work).await?;
    Ok(done(listing.items.iter().map(UserFile::from).collect::<Vec<_>>()))
}

/// `POST /file/meta`
pub(crate) async fn meta(State(door): State<Door>, request: Request) -> Result<Response, Fault> {
    let asked = asked(&door, request).await?;
    let file = asked.file(&door).await?;
    Ok(done(FileMeta::new(&file, asked.url(&door, &file))))
}

/// `POST /file/update`: another name (`op=0`).
pub(crate) async fn update(State(door): State<Door>, request: Request) -> Result<Response, Fault> {
    let asked = asked(&door, request).await?;
    if asked.parameters.find("op") != Some("0") {
        return Err(Fault::parameter("op must be 0: give the file another name"));
    }
    let to = asked.parameters.filename()?.ok_or_else(|| Fault::parameter("filename is missing"))?;
    let from = asked.file(&door).await?.path;
    let (engine, owner) = (door.engine.clone(), asked.owner);
    let work = async move { engine.move_file(&owner, &from, &to, Move::Rename).await };
    let file = door.run("move_file", work).await?;
    Trail::named(&file);
    Ok(done(UserFile::from(&file)))
}

/// `POST /file/delete`: the user's newest name of the content goes.
pub(crate) async fn delete(State(door): State<Door>, request: Request) -> Result<Response, Fault> {
    let asked = asked(&door, request).await?;
    let path = asked.file(&door).await?.path;
    let (engine, owner) = (door.engine.clone(), asked.owner);
    door.run("remove_file", async move { engine.remove_file(&owner, &path).await }).await?;
    Ok(done(()))
}

/// `GET /file/download`
pub(crate) async fn download(State(door): State<Door>, request: Request) -> Result<Response, Fault> {
    let asked = asked(&door, request).await?;
    let file = asked.file(&door).await?;
    let delivered =
        content::deliver(&door, &file, file.path.file_name(), &asked.method, &asked.headers).await;
    delivered.map_err(|refusal: Refusal| refusal.into())
}

/// `POST /file/downloadurl`
pub(crate) async fn downloadurl(State(door): State<Door>, request: Request) -> Result<Response, Fault> {
    let asked = asked(&door, request).await?;
    let file = asked.file(&door).await?;
    Ok(done(asked.url(&door, &file)))
}
