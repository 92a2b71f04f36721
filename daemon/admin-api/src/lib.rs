//! Requests and responses of cairn's admin socket, and a small client.
//!
//! HTTP and JSON over a unix socket, under `/admin/v1`; the socket's file mode is the access control. Lists are
//! `{"items": […], "next_cursor"}`, single things objects, refusals problem documents (RFC 9457). Work that may take
//! long answers with one JSON event per line as it goes on (`application/x-ndjson`); whoever hangs up interrupts it
//! between two items, and asking again goes on.
//!
//! | request | answer |
//! |---|---|
//! | `GET /admin/v1/status` | [`Status`] |
//! | `GET /admin/v1/config` | the configuration in force, secrets hidden |
//! | `GET /admin/v1/uploads?user=&state=&older_than=&cursor=&limit=` | [`List`] of [`Upload`] |
//! | `GET /admin/v1/uploads/{id}` | [`UploadDetail`] |
//! | `POST /admin/v1/uploads/{id}/complete` | [`Completed`] |
//! | `POST /admin/v1/uploads/purge` [`Purge`] | [`Purged`] |
//! | `POST /admin/v1/uploads/rebuild` [`Which`] | lines of [`Event`] of [`RebuiltUpload`] |
//! | `GET /admin/v1/files?user=&prefix=&cursor=&limit=` | [`List`] of [`File`] |
//! | `GET`, `DELETE /admin/v1/files/{owner}/{path}` | [`File`] |
//! | `GET /admin/v1/blobs?min_extents=&cursor=&limit=` | [`List`] of [`Blob`] |
//! | `GET /admin/v1/blobs/{digest}` | [`BlobDetail`] |
//! | `POST /admin/v1/blobs/merge` [`Which`] | lines of [`Event`] of [`Merged`] |
//! | `POST /admin/v1/blobs/verify` [`Which`] | lines of [`Event`] of [`Verified`] |
//! | `GET /admin/v1/users?cursor=&limit=` | [`List`] of [`User`] |
//! | `POST /admin/v1/users` [`NewUser`] | [`User`] |
//! | `GET /admin/v1/users/{name}` | [`UserDetail`] |
//! | `POST /admin/v1/users/{name}` [`UserChange`] | [`User`] |
//! | `POST /admin/v1/users/{name}/remove` [`RemoveUser`] | [`RemovedUser`] |
//! | `GET /admin/v1/tokens?user=&cursor=&limit=` | [`List`] of [`Token`] |
//! | `POST /admin/v1/tokens` [`NewToken`] | [`MadeToken`] |
//! | `POST /admin/v1/tokens/{id}/revoke` | [`Token`] |
//! | `POST /admin/v1/links` [`NewLink`] | [`MadeLink`] |
//! | `POST /admin/v1/sweep` [`Sweep`] | [`SweepReport`] |

mod accounts;
mod client;
mod links;
mod words;

pub use accounts::*;
pub use client::{Client, ClientError, Problem};
pub use links::*;
pub use words::*;
