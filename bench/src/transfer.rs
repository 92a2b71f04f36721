//! Sends files to a server: whole or in chunks, one request at a time or many.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Result;
use crate::content::{Content, MIB};
use crate::link::{Body, Link};
use crate::meter::{Figures, Latencies, Meter};
use crate::server::Server;

/// Bytes of a chunk.
pub(crate) const CHUNK: u64 = 5 * MIB;

/// What is sent, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transfer {
    /// How many files.
    pub(crate) files: u64,
    /// Bytes of each.
    pub(crate) length: u64,
    /// Whether in chunks; else each file is one request.
    pub(crate) chunked: bool,
    /// How many requests run at a time.
    pub(crate) at_once: usize,
    /// Whether the client declares each file's SHA-1.
    pub(crate) sha1: bool,
    /// Whether the chunks arrive in any order.
    pub(crate) shuffled: bool,
}

/// Which language the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// cairn's native API.
    Native,
    /// That of the floors.
    Floor,
}

/// One request that sends bytes.
struct Job {
    path: String,
    content: Content,
    start: u64,
    end: u64,
}

type Jobs = Arc<Mutex<VecDeque<Job>>>;

impl Transfer {
    /// Sends everything to a server, measured: creation, bodies and completion.
    pub(crate) async fn measure(&self, server: &Server, language: Language) -> Result<Figures> {
        let digests: Vec<Option<String>> = self.contents().map(|content| self.declared(content)).collect();
        let mut link = Link::open(server.address).await?;
        server.warm_up((self.files * self.length).min(2048 * MIB))?;
        let meter = Meter::begin(server)?;
        let uploads = self.create(&mut link, language, &digests).await?;
        let requests = self.send(server, language, &uploads).await?;
        let completes = match language {
            // A connection that was silent all the while may have been closed.
            Language::Native => complete(&mut Link::open(server.address).await?, &uploads).await?,
            Language::Floor => Latencies::default(),
        };
        meter.end(server, self.files * self.length, requests, completes)
    }

    fn contents(&self) -> impl Iterator<Item = Content> {
        let length = self.length;
        (0..self.files).map(move |number| Content { number, length })
    }

    fn declared(&self, content: Content) -> Option<String> {
        self.sha1.then(|| format!("sha1:{}", content.sha1()))
    }

    /// The uploads' paths, one per file; none if the files go whole.
    async fn create(
        &self,
        link: &mut Link,
        language: Language,
        digests: &[Option<String>],
    ) -> Result<Vec<String>> {
        let mut uploads = Vec::new();
        if !self.chunked {
            return Ok(uploads);
        }
        for (content, digest) in self.contents().zip(digests) {
            uploads.push(match language {
                Language::Native => create_upload(link, content, digest.as_deref()).await?,
                Language::Floor => preallocate(link, content).await?,
            });
        }
        Ok(uploads)
    }

    async fn send(&self, server: &Server, language: Language, uploads: &[String]) -> Result<Latencies> {
        let jobs: Jobs = Arc::new(Mutex::new(self.jobs(language, uploads)));
        let mut workers = JoinSet::new();
        for _ in 0..self.at_once {
            let link = Link::open(server.address).await?;
            workers.spawn(work(link, Arc::clone(&jobs)));
        }
        let mut all = Vec::new();
        while let Some(worked) = workers.join_next().await {
            all.extend(worked??);
        }
        Ok(Latencies::new(all))
    }

    /// Every request in the order in which they begin: chunk by chunk, of each file in turn.
    fn jobs(&self, language: Language, uploads: &[String]) -> VecDeque<Job> {
        if !self.chunked {
            return self.contents().map(|content| whole(language, content)).collect();
        }
        let mut order: Vec<u64> = (1..=self.length.div_ceil(CHUNK)).collect();
        if self.shuffled {
            // Scattered, and the same every time.
            order.sort_by_key(|number| blake3::hash(&number.to_le_bytes()).as_bytes().to_owned());
        }
        let files: Vec<(Content, &String)> = self.contents().zip(uploads).collect();
        let of_chunk =
            |number| files.iter().map(move |(content, upload)| chunk(language, *content, upload, number));
        order.into_iter().flat_map(of_chunk).collect()
    }
}

/// Where a file lies once it is there.
pub(crate) fn file_path(content: Content) -> String {
    format!("/v1/files/bench/{}", content.number)
}

fn whole(language: Language, content: Content) -> Job {
    let path = match language {
        Language::Native => file_path(content),
        Language::Floor => format!("/{}/0", content.number),
    };
    Job { path, content, start: 0, end: content.length }
}

fn chunk(language: Language, content: Content, upload: &str, number: u64) -> Job {
    let start = (number - 1) * CHUNK;
    let path = match language {
        Language::Native => format!("{upload}/chunks/{number}"),
        Language::Floor => format!("{upload}/{start}"),
    };
    Job { path, content, start, end: content.length.min(start + CHUNK) }
}

async fn create_upload(link: &mut Link, content: Content, digest: Option<&str>) -> Result<String> {
    let mut wish = json!({
        "path": format!("bench/{}", content.number), "length": content.length, "chunk_size": CHUNK,
    });
    if let (Some(digest), Some(members)) = (digest, wish.as_object_mut()) {
        members.insert("digest".to_owned(), digest.into());
    }
    let answer = link.call(Method::POST, "/v1/uploads", body_of(&wish)).await?;
    let upload: Value = serde_json::from_slice(&answer.body)?;
    let id = upload.get("upload_id").and_then(Value::as_str).ok_or("no upload_id in the answer")?;
    Ok(format!("/v1/uploads/{id}"))
}

async fn preallocate(link: &mut Link, content: Content) -> Result<String> {
    link.call(Method::POST, &format!("/{}/{}", content.number, content.length), Body::default()).await?;
    Ok(format!("/{}", content.number))
}

async fn complete(link: &mut Link, uploads: &[String]) -> Result<Latencies> {
    let mut took = Vec::new();
    for upload in uploads {
        took.push(link.call(Method::POST, &format!("{upload}/complete"), body_of(&json!({}))).await?.took);
    }
    Ok(Latencies::new(took))
}

async fn work(mut link: Link, jobs: Jobs) -> Result<Vec<Duration>> {
    let mut took = Vec::new();
    while let Some(job) = next(&jobs) {
        let body = Body::new(job.content.pieces(job.start..job.end));
        took.push(link.call(Method::PUT, &job.path, body).await?.took);
    }
    Ok(took)
}

fn next(jobs: &Jobs) -> Option<Job> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

fn body_of(json: &Value) -> Body {
    Body::new(std::iter::once(json.to_string().into()))
}
