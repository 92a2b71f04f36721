//! The same transfers in tus and in the draft: each file is an upload that is appended to by `PATCH`, one after the other;
//! what runs at once are uploads. In tus, a file that is sent in several requests at once is so many partial uploads, joined
//! at the end.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use http::header::LOCATION;
use tokio::task::JoinSet;

use crate::Result;
use crate::arguments::Protocol;
use crate::content::{Content, MIB};
use crate::link::{Answer, Body, Link};
use crate::meter::{Figures, Latencies, Meter};
use crate::server::Server;
use crate::transfer::{CHUNK, Transfer};

type Field = (&'static str, &'static str);

/// What a protocol calls things.
#[derive(Clone, Copy, Debug)]
struct Words {
    path: &'static str,
    version: Field,
    /// The type of an append.
    bytes: Field,
    /// Whether a request says that it is the last one.
    says_last: bool,
}

const TUS: Words = Words {
    path: "/files/",
    version: ("tus-resumable", "1.0.0"),
    bytes: ("content-type", "application/offset+octet-stream"),
    says_last: false,
};
const DRAFT: Words = Words {
    path: "/uploads/",
    version: ("upload-draft-interop-version", "8"),
    bytes: ("content-type", "application/partial-upload"),
    says_last: true,
};

impl Words {
    fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Draft => DRAFT,
            Protocol::Native | Protocol::Tus => TUS,
        }
    }

    fn last(self, last: bool) -> Option<Field> {
        self.says_last.then_some(("upload-complete", if last { "?1" } else { "?0" }))
    }
}

/// A file up to this long is sent with the request that creates it.
const WITH_CREATION: u64 = MIB;

/// How often the same parts are joined.
const JOINS: usize = 7;

/// One upload and the requests that fill it, in order.
struct Track {
    content: Content,
    range: Range<u64>,
    /// Bytes of a request.
    step: u64,
    /// Whether it is a part of something longer.
    partial: bool,
}

type Tracks = Arc<Mutex<VecDeque<Track>>>;

/// Joining parts.
#[derive(Clone, Debug)]
pub(crate) struct JoinFigures {
    /// Bytes of each part.
    pub(crate) part: u64,
    /// Parts.
    pub(crate) parts: u64,
    /// The final `POST`s.
    pub(crate) answers: Latencies,
    /// From the request's first byte until the content can be read.
    pub(crate) readable: Latencies,
}

/// Sends everything to a daemon, measured: creation, bytes and, where files are sent in parts, the final `POST`s.
pub(crate) async fn measure(transfer: &Transfer, server: &Server, protocol: Protocol) -> Result<Figures> {
    server.warm_up((transfer.files * transfer.length).min(2048 * MIB))?;
    let meter = Meter::begin(server)?;
    let (requests, parts) = send(server, Words::of(protocol), tracks(transfer), transfer.at_once).await?;
    let mut finals = Vec::new();
    if parts.iter().any(|part| part.partial) {
        let mut link = Link::open(server.address).await?;
        let (answer, _) = join(&mut link, &parts).await?;
        finals.push(answer.took);
    }
    meter.end(server, transfer.files * transfer.length, requests, Latencies::new(finals))
}

/// Joins four parts, again and again; each time waits until the whole can be read.
pub(crate) async fn measure_joins(server: &Server, part: u64) -> Result<JoinFigures> {
    const PARTS: u64 = 4;
    let content = Content { number: 0, length: PARTS * part };
    let part_at = |number: u64| number * part..(number + 1) * part;
    let track = |number| Track { content, range: part_at(number), step: part, partial: true };
    let (_, parts) = send(server, TUS, (0..PARTS).map(track).collect(), 2).await?;
    let (mut answers, mut readable) = (Vec::new(), Vec::new());
    for _ in 0..JOINS {
        let mut link = Link::open(server.address).await?;
        let begun = std::time::Instant::now();
        let (answer, address) = join(&mut link, &parts).await?;
        answers.push(answer.took);
        link.ask(Method::GET, &address, &[("range", "bytes=0-0")], Body::default()).await?;
        readable.push(begun.elapsed());
    }
    Ok(JoinFigures {
        part,
        parts: PARTS,
        answers: Latencies::new(answers),
        readable: Latencies::new(readable),
    })
}

fn tracks(transfer: &Transfer) -> VecDeque<Track> {
    let Transfer { files, length, chunked, at_once, .. } = *transfer;
    let step = if chunked { CHUNK } else { length };
    let parts = if files == 1 { at_once as u64 } else { 1 };
    // Parts begin at a MiB, as content does.
    let part = length.div_ceil(parts).next_multiple_of(MIB);
    let of_file = |number| {
        let content = Content { number, length };
        (0..parts).map(move |at| {
            let range = at * part..length.min((at + 1) * part);
            Track { content, range, step, partial: parts > 1 }
        })
    };
    (0..files).flat_map(of_file).collect()
}

/// An upload that was sent.
struct Sent {
    start: u64,
    address: String,
    partial: bool,
}

/// Sends tracks, so many at once; the times of the requests that carried bytes, and the uploads in the order of their
/// bytes.
async fn send(
    server: &Server,
    words: Words,
    tracks: VecDeque<Track>,
    at_once: usize,
) -> Result<(Latencies, Vec<Sent>)> {
    let tracks: Tracks = Arc::new(Mutex::new(tracks));
    let mut workers = JoinSet::new();
    for _ in 0..at_once {
        let link = Link::open(server.address).await?;
        workers.spawn(work(link, words, Arc::clone(&tracks)));
    }
    let (mut took, mut sent) = (Vec::new(), Vec::new());
    while let Some(worked) = workers.join_next().await {
        let (times, uploads) = worked??;
        took.extend(times);
        sent.extend(uploads);
    }
    sent.sort_by_key(|upload| upload.start);
    Ok((Latencies::new(took), sent))
}

async fn work(mut link: Link, words: Words, tracks: Tracks) -> Result<(Vec<Duration>, Vec<Sent>)> {
    let (mut took, mut sent) = (Vec::new(), Vec::new());
    while let Some(track) = next(&tracks) {
        let Track { content, ref range, partial, .. } = track;
        let whole = range.end - range.start;
        let with_bytes = whole <= WITH_CREATION;
        let body = Body::new(content.pieces(range.clone()));
        let answer = create(&mut link, words, whole, partial, with_bytes.then_some(body)).await?;
        let address = address_of(&answer)?;
        if with_bytes {
            took.push(answer.took);
        } else {
            took.extend(fill(&mut link, words, &address, &track).await?);
        }
        sent.push(Sent { start: track.range.start, address, partial });
    }
    Ok((took, sent))
}

async fn create(
    link: &mut Link,
    words: Words,
    length: u64,
    partial: bool,
    body: Option<Body>,
) -> Result<Answer> {
    let length = length.to_string();
    let mut fields = vec![words.version, ("upload-length", length.as_str())];
    fields.extend(partial.then_some(("upload-concat", "partial")));
    fields.extend(body.is_some().then_some(words.bytes));
    fields.extend(words.last(body.is_some()));
    link.ask(Method::POST, words.path, &fields, body.unwrap_or_default()).await
}

async fn fill(link: &mut Link, words: Words, address: &str, track: &Track) -> Result<Vec<Duration>> {
    let Track { content, range, step, .. } = track;
    let mut took = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let end = range.end.min(at + step);
        let offset = (at - range.start).to_string();
        let mut fields = vec![words.version, words.bytes, ("upload-offset", offset.as_str())];
        fields.extend(words.last(end == range.end));
        let body = Body::new(content.pieces(at..end));
        took.push(link.ask(Method::PATCH, address, &fields, body).await?.took);
        at = end;
    }
    Ok(took)
}

async fn join(link: &mut Link, parts: &[Sent]) -> Result<(Answer, String)> {
    let addresses: Vec<&str> = parts.iter().map(|part| part.address.as_str()).collect();
    let list = format!("final;{}", addresses.join(" "));
    let fields = [TUS.version, ("upload-concat", list.as_str())];
    let answer = link.ask(Method::POST, TUS.path, &fields, Body::default()).await?;
    let address = address_of(&answer)?;
    Ok((answer, address))
}

/// The path of the upload that an answer tells.
fn address_of(answer: &Answer) -> Result<String> {
    let location = answer.headers.get(LOCATION).ok_or("an answer without Location")?.to_str()?;
    Ok(location.parse::<http::Uri>()?.path().to_owned())
}

fn next(tracks: &Tracks) -> Option<Track> {
    tracks.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_sent_by_several_at_once_is_so_many_parts_that_cover_it() {
        let transfer = Transfer {
            files: 1,
            length: 10 * MIB + 5,
            chunked: true,
            at_once: 4,
            sha1: false,
            shuffled: false,
        };
        let ranges: Vec<_> = tracks(&transfer).into_iter().map(|t| (t.range, t.partial)).collect();
        let at = |from: u64, to: u64| (from * MIB..(to * MIB).min(transfer.length), true);
        assert_eq!(ranges, [at(0, 3), at(3, 6), at(6, 9), at(9, 12)]);
        let whole = tracks(&Transfer { at_once: 1, ..transfer });
        assert_eq!(whole.len(), 1);
    }
}
