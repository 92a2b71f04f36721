//! The least that a server can do: a hyper server that drains bodies, and one that also writes them to their place in
//! a preallocated file, gathered to about a MiB, by a vectored call in place. Neither verifies nor syncs anything. A third
//! writes and makes durable what was written, 16 MiB at a time behind the writers: the least that a server can do whose
//! last sync is to be short. The first two leave that work to the kernel's own threads, where nobody counts it.
//!
//! `POST /<file>/<length>` preallocates, `PUT /<file>/<offset>` is a body; both are answered by an empty 200.

use std::convert::Infallible;
use std::fs::File;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::Result;
use crate::arguments::Floor;

/// How much is gathered before it is written.
const GATHER: usize = 1024 * 1024;

/// How much is written before it is synced.
const SYNC_BYTES: u64 = 16 << 20;

/// Serves until it is killed; its address is written to `<folder>/listen`.
pub(crate) fn serve(kind: Floor, folder: &Path) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(accept(kind, folder))
}

async fn accept(kind: Floor, folder: &Path) -> Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    std::fs::write(folder.join("listen.new"), listener.local_addr()?.to_string())?;
    std::fs::rename(folder.join("listen.new"), folder.join("listen"))?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let folder = folder.to_owned();
        connections.spawn(async move {
            let service = service_fn(|request| answer(kind, folder.clone(), request));
            // A connection that breaks is told by the client's side.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    kind: Floor,
    folder: PathBuf,
    request: Request<Incoming>,
) -> std::result::Result<Response<Empty<Bytes>>, Infallible> {
    let outcome = match kind {
        Floor::Drain => drain(request.into_body()).await,
        Floor::Write | Floor::Sync if request.method() == Method::POST => {
            preallocate(&folder, request.uri().path())
        }
        Floor::Write => write(&folder, request).await.map(drop),
        Floor::Sync => write(&folder, request).await.map(sync_behind),
    };
    let mut response = Response::new(Empty::new());
    if let Err(error) = outcome {
        eprintln!("{error}");
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    Ok(response)
}

async fn drain(mut body: Incoming) -> Result<()> {
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(())
}

fn preallocate(folder: &Path, path: &str) -> Result<()> {
    let (file, length) = open(folder, path)?;
    if length > 0 {
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, length)?;
    }
    Ok(())
}

/// Writes a body; the file and the bytes written.
async fn write(folder: &Path, request: Request<Incoming>) -> Result<(File, u64)> {
    let (file, start) = open(folder, request.uri().path())?;
    let mut offset = start;
    let mut body = request.into_body();
    let (mut gathered, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        length += data.len();
        gathered.push(data);
        if length >= GATHER {
            offset = write_at(&file, &gathered, offset)?;
            gathered.clear();
            length = 0;
        }
    }
    offset = write_at(&file, &gathered, offset)?;
    Ok((file, offset - start))
}

/// Counts what was written, and syncs the file in the background once it is much.
fn sync_behind((file, written): (File, u64)) {
    static WAITING: AtomicU64 = AtomicU64::new(0);
    if WAITING.fetch_add(written, Ordering::Relaxed) + written < SYNC_BYTES {
        return;
    }
    WAITING.store(0, Ordering::Relaxed);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = file.sync_data() {
            eprintln!("{error}");
        }
    });
}

/// Writes all of it; the offset after it. Blocks the thread: handing over to another would cost more, and be no floor.
fn write_at(file: &File, gathered: &[Bytes], mut offset: u64) -> Result<u64> {
    let mut slices: Vec<IoSlice<'_>> = gathered.iter().map(|data| IoSlice::new(data)).collect();
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        let written = rustix::io::pwritev(file, rest, offset)?;
        offset += written as u64;
        IoSlice::advance_slices(&mut rest, written);
    }
    Ok(offset)
}

/// The file of `/<file>/<number>`, and the number.
fn open(folder: &Path, path: &str) -> Result<(File, u64)> {
    let (name, number) = path.trim_start_matches('/').split_once('/').ok_or("not a path of a floor")?;
    let name: u64 = name.parse()?;
    let file =
        File::options().create(true).truncate(false).write(true).open(folder.join(name.to_string()))?;
    Ok((file, number.parse()?))
}
