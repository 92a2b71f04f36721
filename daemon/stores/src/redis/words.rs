//! Heads and receipts as Redis keeps them, and back. Nothing that is read is believed before it is checked: the hashes
//! are open to everybody who may speak to Redis.

use std::collections::BTreeMap;
use std::ops::Range;

use cairn_engine::chunks::{chunk_count, ranges_received};
use cairn_engine::contracts::Failure;
use cairn_engine::coverage::Coverage;
use cairn_engine::digest::tree::Subtrees;
use cairn_engine::{Checksum, Digest, Extent, ObjectKey, Receipt, State, Timestamp, Upload, UploadId};
use redis::Value;

use super::fault::Fault;

/// The fields of a head, in the order in which the scripts give them.
pub(super) const HEAD: [&str; 8] =
    ["cairn", "state", "epoch", "received", "rewrites", "expires", "filesize", "digest"];

/// Chunks beyond this number are not shown one by one.
const MOST_SHOWN: u64 = 100_000;

/// Chunks that end beyond this many bytes are not shown one by one: the scripts' numbers are exact up to here.
const EXACT: u64 = 1 << 53;

/// A number as the scripts compare it.
pub(super) fn digits(number: u64) -> String {
    format!("{number:016x}")
}

/// An upload's name in the indices: owner, line feed, idempotency key behind an equals sign or nothing.
pub(super) fn name(upload: &Upload) -> String {
    let key = upload.idempotency_key.as_ref().map(|key| format!("={key}")).unwrap_or_default();
    format!("{}\n{key}", upload.owner)
}

/// The fields of a new record, names and values in turn.
pub(super) fn fields(upload: &Upload, receipts: &[Receipt]) -> Result<Vec<String>, Fault> {
    let json = serde_json::to_string(upload)
        .map_err(|error| Fault::told(Failure::Failed, format!("the head cannot be written: {error}")))?;
    let mut fields = Vec::new();
    let mut set = |field: &str, value: String| fields.extend([field.to_owned(), value]);
    if let Some(length) = upload.length {
        set("chunkcount", chunk_count(length, upload.chunk_size).to_string());
        set("filesize", length.to_string());
    }
    if let Some(digest) = &upload.digest {
        set("filehash", digest.hex());
        set("digest", digest.to_string());
    }
    set("chunksize", upload.chunk_size.to_string());
    set("cairn", json);
    set("state", upload.state.name().to_owned());
    set("epoch", upload.epoch.to_string());
    set("received", digits(upload.received_bytes));
    set("rewrites", digits(upload.rewrites));
    set("expires", upload.expires_at.0.to_string());
    set("staged", digits(upload.staged_bytes()));
    set("name", name(upload));
    set("count", receipts.len().to_string());
    set("sequence", receipts.len().to_string());
    set("classes", classes(receipts));
    for (field, value) in chunks_shown(upload, receipts) {
        set(&field, value.to_string());
    }
    Ok(fields)
}

/// The class of a length: how often it can be halved.
fn class(length: u64) -> String {
    format!("{:02x}", length.max(1).ilog2())
}

fn classes(receipts: &[Receipt]) -> String {
    let mut classes: Vec<_> = receipts.iter().map(|receipt| class(receipt.extent.length)).collect();
    classes.sort_unstable();
    classes.dedup();
    classes.concat()
}

/// `chkidx_<n>` = 1 of every chunk that is there whole, `part_<n>` = bytes of those that are there in part.
fn chunks_shown(upload: &Upload, receipts: &[Receipt]) -> Vec<(String, u64)> {
    let coverage = Coverage::of(receipts.iter().cloned());
    let size = upload.chunk_size.max(1);
    let most = MOST_SHOWN.min(EXACT / size);
    let whole = ranges_received(&coverage, size, Some(upload.length.unwrap_or(u64::MAX)));
    let numbers = whole.iter().flat_map(|(first, last)| *first..=(*last).min(most));
    let mut shown: Vec<_> = numbers.clone().map(|number| (format!("chkidx_{number}"), 1)).collect();
    let mut parts = BTreeMap::<u64, u64>::new();
    for run in coverage.runs() {
        for (number, bytes) in ends(&run, size) {
            *parts.entry(number).or_default() += bytes;
        }
    }
    let is_whole = |number: u64| whole.iter().any(|(first, last)| (*first..=*last).contains(&number));
    parts.retain(|number, bytes| *number <= most && *bytes > 0 && !is_whole(*number));
    shown.extend(parts.into_iter().map(|(number, bytes)| (format!("part_{number}"), bytes)));
    shown
}

/// The first and the last chunk that a run touches, and how many bytes of them it has.
fn ends(run: &Range<u64>, size: u64) -> Vec<(u64, u64)> {
    let (first, last) = (run.start / size, run.end.saturating_sub(1) / size);
    if first == last {
        return vec![(first + 1, run.end - run.start)];
    }
    vec![(first + 1, size - run.start % size), (last + 1, run.end - last * size)]
}

/// A receipt as the scripts take it apart.
pub(super) struct Member {
    pub(super) offset: String,
    pub(super) end: String,
    pub(super) class: String,
    /// What Redis need not understand: object, its offset, checksum, tree values.
    pub(super) rest: Vec<u8>,
}

impl Member {
    /// Of a receipt; a failure if its extent reaches beyond what 64 bits count.
    pub(super) fn of(receipt: &Receipt) -> Result<Self, Fault> {
        let extent = &receipt.extent;
        let too_far = || Fault::told(Failure::Failed, "the extent ends beyond what 64 bits count");
        let end = extent.offset.checked_add(extent.length).filter(|_| extent.length > 0);
        let (object, offset, sum) = (&extent.object, extent.object_offset, extent.checksum.0);
        let mut rest = format!("{object}\n{offset}\n{sum:016x}\n").into_bytes();
        rest.extend(receipt.subtrees.to_bytes());
        Ok(Self {
            offset: digits(extent.offset),
            end: digits(end.ok_or_else(too_far)?),
            class: class(extent.length),
            rest,
        })
    }

    /// The whole, as it is kept.
    pub(super) fn whole(&self, sequence: u64) -> Vec<u8> {
        let mut whole = format!("{}{}{}{sequence:013x}", self.class, self.offset, self.end).into_bytes();
        whole.extend(&self.rest);
        whole
    }
}

/// The receipts that members tell, in the order in which they were recorded.
pub(super) fn receipts(members: &[Value]) -> Result<Vec<Receipt>, Fault> {
    let told =
        members.iter().map(|value| receipt(value).ok_or_else(|| Fault::corrupt("a receipt cannot be read")));
    let mut found = told.collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable_by_key(|(sequence, _)| *sequence);
    Ok(found.into_iter().map(|(_, receipt)| receipt).collect())
}

fn receipt(member: &Value) -> Option<(u64, Receipt)> {
    let Value::BulkString(bytes) = member else { return None };
    let (numbers, rest) = bytes.split_at_checked(47)?;
    let numbers = std::str::from_utf8(numbers).ok()?;
    let number = |range: Range<usize>| u64::from_str_radix(numbers.get(range)?, 16).ok();
    let (offset, end, sequence) = (number(2..18)?, number(18..34)?, number(34..47)?);
    let mut parts = rest.splitn(4, |byte| *byte == b'\n');
    let mut text = || std::str::from_utf8(parts.next()?).ok();
    let object: ObjectKey = text()?.parse().ok()?;
    let object_offset = text()?.parse().ok()?;
    let checksum = Checksum(u64::from_str_radix(text()?, 16).ok()?);
    let subtrees = Subtrees::from_bytes(parts.next()?)?;
    let length = end.checked_sub(offset).filter(|length| *length > 0)?;
    Some((sequence, Receipt { extent: Extent { offset, length, object, object_offset, checksum }, subtrees }))
}

/// A head, from the fields of [`HEAD`].
pub(super) fn upload(id: UploadId, fields: &[Value]) -> Result<Upload, Fault> {
    read(id, fields).ok_or_else(|| Fault::corrupt("a head cannot be read"))
}

fn read(id: UploadId, fields: &[Value]) -> Option<Upload> {
    let [json, state, epoch, received, rewrites, expires, length, digest] = fields else { return None };
    let upload: Upload = serde_json::from_str(text(json)?).ok()?;
    if upload.id != id || upload.chunk_size == 0 {
        return None;
    }
    let long =
        |value| text(value).filter(|digits| digits.len() == 16).and_then(|d| u64::from_str_radix(d, 16).ok());
    Some(Upload {
        state: State::named(text(state)?)?,
        epoch: text(epoch)?.parse().ok()?,
        received_bytes: long(received)?,
        rewrites: long(rewrites)?,
        expires_at: Timestamp(text(expires)?.parse().ok()?),
        length: optional(length, |text| text.parse().ok())?,
        digest: optional(digest, |text| text.parse::<Digest>().ok())?,
        ..upload
    })
}

/// A field that may be absent, but may not be anything else.
fn optional<T>(value: &Value, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    match value {
        Value::Nil => Some(None),
        value => read(text(value)?).map(Some),
    }
}

/// The text of a reply.
pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// The parts of a reply that is a list; none if it is none.
pub(super) fn parts(value: &Value) -> &[Value] {
    match value {
        Value::Array(parts) => parts,
        _ => &[],
    }
}

/// A number of the scripts' 16 digits.
pub(super) fn long(value: &Value) -> Result<u64, Fault> {
    let read = text(value).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    read.ok_or_else(|| Fault::corrupt("a number cannot be read"))
}

/// The word with which a reply of a script begins; nothing if it is no such reply.
pub(super) fn word(reply: &Value) -> &str {
    parts(reply).first().and_then(text).unwrap_or_default()
}
