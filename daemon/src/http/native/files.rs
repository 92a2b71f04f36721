//! `/v1/files`: requests to commands, answers to responses.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cairn_engine::FilePath;
use cairn_engine::contracts::{FileFilter, Move, Precondition};
use cairn_engine::engine::WholeFile;
use http::header::{self, HeaderMap};
use http::{Method, StatusCode, Uri};
use serde_json::{Value, json};

use super::grammar::{self, PathInPath};
use super::json::FileJson;
use super::members::{self, Members};
use crate::audit::Trail;
use crate::http::caller::{Asker, parameter};
use crate::http::content;
use crate::http::content::tags::{self, Tags};
use crate::http::door::Door;
use crate::http::problem::Problem;
use crate::http::{body, digests};

/// The longest delimiter of a listing in bytes.
const MAX_DELIMITER: usize = 16;

/// `PUT /v1/files/{path}`
pub(crate) async fn put(
    State(door): State<Door>,
    Asker(owner): Asker,
    PathInPath(path): PathInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut incoming = body::incoming(&headers, body, &door.limits())?;
    // The whole representation comes in this one body, so that its other digests are digests of the body.
    let (digest, others) = digests::repr_digest(&headers)?;
    incoming.digests.extend(others);
    let file = WholeFile {
        path,
        digest,
        content_type: content_type(&headers)?,
        precondition: precondition(&headers)?,
    };
    let (engine, incoming) = (door.engine.clone(), door.counted(incoming));
    let stored = door.run("put_file", async move { engine.put_file(&owner, file, incoming).await }).await?;
    Trail::about_file(&stored.file);
    let status = if stored.created { StatusCode::CREATED } else { StatusCode::OK };
    let tag = content::entity_tag(&stored.file);
    Ok((status, [(header::ETAG, tag)], Json(FileJson::from(stored.file))).into_response())
}

fn content_type(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(None) };
    members::content_type(value.to_str().unwrap_or_default()).map(Some)
}

/// What must hold of the path: `If-Match`, or `If-None-Match: *`.
///
/// # Errors
/// 400 `bad_precondition`.
pub(crate) fn precondition(headers: &HeaderMap) -> Result<Option<Precondition>, Problem> {
    let bad = |detail: &str| Err(Problem::bad("bad_precondition", "Not a precondition").detail(detail));
    let matching = tags::of(headers, &header::IF_MATCH);
    let none_matching = tags::of(headers, &header::IF_NONE_MATCH);
    match (matching, none_matching) {
        (None, None) => Ok(None),
        (None, Some(Tags::Any)) => Ok(Some(Precondition::Absent)),
        (None, Some(Tags::Listed(_))) => bad("If-None-Match is taken only as *"),
        (Some(Tags::Any), None) => Ok(Some(Precondition::Present)),
        (Some(Tags::Listed(listed)), None) => {
            Ok(Some(Precondition::Blob(listed.iter().filter_map(content::blob_of_tag).collect())))
        }
        (Some(_), Some(_)) => bad("If-Match and If-None-Match exclude each other"),
    }
}

/// `GET` and `HEAD /v1/files/{path}`
pub(crate) async fn get(
    State(door): State<Door>,
    Asker(owner): Asker,
    PathInPath(path): PathInPath,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let engine = door.engine.clone();
    let file = door.run("find_file", async move { engine.find_file(&owner, &path).await }).await?;
    Ok(content::deliver(&door, &file, file.path.file_name(), &method, &headers).await?)
}

/// `GET /v1/files`
pub(crate) async fn list(
    State(door): State<Door>,
    Asker(owner): Asker,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let page = grammar::page(&uri)?;
    let delimiter = parameter(&uri, "delimiter").filter(|delimiter| !delimiter.is_empty());
    if delimiter.as_ref().is_some_and(|delimiter| delimiter.len() > MAX_DELIMITER) {
        return Err(Problem::bad("bad_delimiter", "Not a delimiter")
            .detail(format!("a delimiter has at most {MAX_DELIMITER} bytes")));
    }
    let prefix = parameter(&uri, "prefix").unwrap_or_default();
    let filter = FileFilter { owner: Some(owner), prefix, delimiter, blob: None };
    let engine = door.engine.clone();
    let listing = door.run("list_files", async move { engine.list_files(&filter, &page).await }).await?;
    let items: Vec<FileJson> = listing.items.into_iter().map(FileJson::from).collect();
    Ok(Json(json!({ "items": items, "prefixes": listing.prefixes, "next_cursor": listing.next_cursor })))
}

/// `POST /v1/files/{path}`
pub(crate) async fn rename_or_copy(
    State(door): State<Door>,
    Asker(owner): Asker,
    PathInPath(from): PathInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<FileJson>, Problem> {
    let bytes = body::small(&headers, body, &door.limits()).await?;
    let (to, how) = target(&Members(body::object(&bytes)?))?;
    let engine = door.engine.clone();
    let work = async move { engine.move_file(&owner, &from, &to, how).await };
    let file = door.run("move_file", work).await?;
    Trail::named(&file);
    Ok(Json(file.into()))
}

fn target(members: &Members) -> Result<(FilePath, Move), Problem> {
    match (members.path("rename_to")?, members.path("copy_to")?) {
        (Some(to), None) => Ok((to, Move::Rename)),
        (None, Some(to)) => Ok((to, Move::Copy)),
        _ => Err(Problem::bad("bad_json", "The body is not the JSON that is asked for")
            .detail("exactly one of \"rename_to\" and \"copy_to\" is needed")),
    }
}

/// `DELETE /v1/files/{path}`
pub(crate) async fn remove(
    State(door): State<Door>,
    Asker(owner): Asker,
    PathInPath(path): PathInPath,
) -> Result<StatusCode, Problem> {
    let engine = door.engine.clone();
    door.run("remove_file", async move { engine.remove_file(&owner, &path).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn preconditions_of_a_put() {
        let read = |fields: &[(header::HeaderName, &str)]| {
            let headers =
                fields.iter().map(|(n, v)| (n.clone(), HeaderValue::from_str(v).unwrap())).collect();
            precondition(&headers)
        };
        let tag = format!("\"{}\"", "ab".repeat(32));
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&[(header::IF_NONE_MATCH, "*")]).unwrap(), Some(Precondition::Absent));
        assert_eq!(read(&[(header::IF_MATCH, "*")]).unwrap(), Some(Precondition::Present));
        let listed = read(&[(header::IF_MATCH, &format!("{tag}, W/{tag}, \"other\""))]).unwrap();
        assert!(matches!(listed, Some(Precondition::Blob(blobs)) if blobs.len() == 1));
        assert!(read(&[(header::IF_NONE_MATCH, &tag)]).is_err());
        assert!(read(&[(header::IF_NONE_MATCH, "*"), (header::IF_MATCH, "*")]).is_err());
    }
}
