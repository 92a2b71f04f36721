//! The table of rules that one request can show.

use cairn_tests::{Chapter, Rule, check_conformance};

use super::scene::Scene;
use super::table::Given::{self, Complete, Nothing, Removed, Sent, Unknown};
use super::table::Row;

const fn row(
    section: &'static str,
    rule: &'static str,
    given: Given,
    ask: &'static [&'static str],
    body: &'static str,
    answer: &'static [&'static str],
    after: &'static [&'static str],
) -> Row {
    Row { section, rule, given, ask, body, answer, after }
}

const ABOUT: &str = "\
Each is one request to an upload that was brought to the state that the case names; `HEAD` is asked afterwards
whether the upload is as it has to be. Interim answers (104) are not sent. Rules that take more than one request (bodies that pass the
length or break off, the newest request, names, a file sent by curl) are tests of their own in `tests/tests/resumable/`.";

/// Whose rules those of a section are.
fn source(section: &str) -> &'static str {
    match section {
        "Digests" => "RFC 9530, and ours: a body counts only if its digest agrees",
        "Structured fields" => "RFC 9651, and the draft: a field of another type is ignored",
        "Versions" => "the draft's interop versions; that others are ordinary requests is ours",
        "Discovery" => "the draft, on limits",
        "Creation" => "the draft, on upload creation; what becomes of a path is ours",
        "Lengths" => "the draft, on the length of an upload",
        "Offset retrieval" => "the draft, on offset retrieval",
        "Append" => "the draft, on appending; that another type is 415 is ours",
        "Cancellation" => "the draft, on cancellation",
        _ => "ours",
    }
}

const AT_5: &[&str] = &["204", "upload-offset: 5", "upload-length: 10", "upload-complete: ?0"];
const GONE: &[&str] = &["404", "!upload-offset"];
const SHA_OF_WORLD: &str = "content-digest: sha=:fCEUM/AgcVl3Qeb/Wo6jR4mrv0M=:";
const NOBODY: &str = "PATCH /uploads/00000000000000000000000000000000";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("Discovery", "OPTIONS tells the limits", Nothing, &["OPTIONS"], "", &["204", "upload-limit: max-size=549755813888, min-size=0, max-append-size=549755813888, max-age=86400"], &[]),
    row("Discovery", "OPTIONS without a version tells them too", Nothing, &["OPTIONS", "upload-draft-interop-version"], "", &["204", "upload-limit", "!upload-draft-interop-version"], &[]),
    row("Discovery", "OPTIONS of a file's path tells them", Nothing, &["OPTIONS /v1/files/a"], "", &["204", "upload-limit"], &[]),
    row("Discovery", "OPTIONS of an upload changes nothing", Sent(10, 5), &["OPTIONS"], "", &["204", "upload-limit"], AT_5),
    row("Creation", "the body is all of it", Nothing, &["POST", "upload-complete: ?1"], "hello", &["201", "location", "upload-complete: ?1", "upload-offset: 5", "upload-draft-interop-version: 8", "etag", "content-type: application/json"], &[]),
    row("Creation", "more follows", Nothing, &["POST", "upload-complete: ?0"], "hello", &["201", "location", "upload-complete: ?0", "upload-offset: 5", "upload-limit"], &[]),
    row("Creation", "nothing yet", Nothing, &["POST", "upload-complete: ?0"], "", &["201", "location", "upload-complete: ?0", "upload-offset: 0", "upload-limit"], &[]),
    row("Creation", "without the slash", Nothing, &["POST /uploads", "upload-complete: ?0"], "", &["201", "location"], &[]),
    row("Creation", "nothing at all is an empty file", Nothing, &["POST", "upload-complete: ?1"], "", &["201", "upload-complete: ?1", "upload-offset: 0"], &[]),
    row("Creation", "on a file by PUT", Nothing, &["PUT /v1/files/put", "upload-complete: ?1"], "hello", &["201", "location", "upload-complete: ?1", "upload-offset: 5", "upload-draft-interop-version: 8"], &[]),
    row("Creation", "on a file by PUT, again", Nothing, &["PUT /v1/files/put", "upload-complete: ?1"], "hello", &["200", "upload-complete: ?1"], &[]),
    row("Creation", "on a file by PUT, in parts", Nothing, &["PUT /v1/files/part", "upload-complete: ?0"], "hello", &["201", "location", "upload-complete: ?0", "upload-offset: 5", "upload-limit"], &[]),
    row("Creation", "on a file by POST", Nothing, &["POST /v1/files/post", "upload-complete: ?1"], "hello", &["201", "location", "upload-complete: ?1"], &[]),
    row("Creation", "a part of a file is no file", Nothing, &["GET /v1/files/part"], "", &["404"], &[]),
    row("Creation", "only if the path is free: it is not", Nothing, &["PUT /v1/files/put", "upload-complete: ?0", "if-none-match: *"], "", &["412", "upload-complete: ?0", "!location"], &[]),
    row("Creation", "only if the path is free: it is", Nothing, &["PUT /v1/files/free", "upload-complete: ?1", "if-none-match: *"], "x", &["201", "upload-complete: ?1"], &[]),
    row("Creation", "only if the path is taken: it is", Nothing, &["PUT /v1/files/put", "upload-complete: ?0", "if-match: *"], "", &["201", "upload-complete: ?0", "location"], &[]),
    row("Creation", "only if the path is taken: it is not", Nothing, &["PUT /v1/files/nothing", "upload-complete: ?0", "if-match: *"], "", &["412", "upload-complete: ?0", "!location"], &[]),
    row("Creation", "only if the file is another one", Nothing, &["PUT /v1/files/put", "upload-complete: ?1", "if-match: \"other\""], "x", &["412", "upload-complete: ?0", "!location"], &[]),
    row("Creation", "only if a file's tag is not this one: not offered", Nothing, &["PUT /v1/files/put", "upload-complete: ?0", "if-none-match: \"a\""], "", &["400", "upload-complete: ?0", "!location"], &[]),
    row("Creation", "If-Match among uploads has no file to match", Nothing, &["POST", "upload-complete: ?0", "if-match: *"], "", &["400", "upload-complete: ?0", "!location"], &[]),
    row("Creation", "by PATCH of a file: not offered", Nothing, &["PATCH /v1/files/put", "upload-complete: ?0"], "", &["405", "!location"], &[]),
    row("Creation", "a bad path", Nothing, &["PUT /v1/files/a//b", "upload-complete: ?0"], "", &["400", "!location"], &[]),
    row("Creation", "with an encoding", Nothing, &["POST", "upload-complete: ?0", "content-encoding: gzip"], "x", &["415", "!location"], &[]),
    row("Versions", "6 is repeated", Nothing, &["POST", "upload-draft-interop-version: 6", "upload-complete: ?0"], "", &["201", "upload-draft-interop-version: 6"], &[]),
    row("Versions", "7 is repeated", Nothing, &["POST", "upload-draft-interop-version: 7", "upload-complete: ?0"], "", &["201", "upload-draft-interop-version: 7"], &[]),
    row("Versions", "9 is repeated", Nothing, &["POST", "upload-draft-interop-version: 9", "upload-complete: ?0"], "", &["201", "upload-draft-interop-version: 9"], &[]),
    row("Versions", "none is an ordinary request", Nothing, &["POST", "upload-draft-interop-version", "upload-complete: ?0"], "hello", &["201", "!upload-complete", "!upload-offset", "!upload-draft-interop-version"], &[]),
    row("Versions", "42 is an ordinary request", Nothing, &["POST", "upload-draft-interop-version: 42", "upload-complete: ?1"], "hello", &["201", "!upload-complete", "!upload-draft-interop-version"], &[]),
    row("Versions", "5 is an ordinary request", Nothing, &["PUT /v1/files/five", "upload-draft-interop-version: 5", "upload-complete: ?1"], "hello", &["201", "!upload-complete", "!location"], &[]),
    row("Versions", "a word is an ordinary request", Nothing, &["POST", "upload-draft-interop-version: abc", "upload-complete: ?0"], "hello", &["201", "!upload-complete"], &[]),
    row("Structured fields", "Upload-Complete: 1 is ignored", Nothing, &["POST", "upload-complete: 1"], "hello", &["201", "!upload-complete"], &[]),
    row("Structured fields", "Upload-Complete: true is ignored", Nothing, &["POST", "upload-complete: true"], "hello", &["201", "!upload-complete"], &[]),
    row("Structured fields", "Upload-Complete: ?2 is ignored", Nothing, &["POST", "upload-complete: ?2"], "hello", &["201", "!upload-complete"], &[]),
    row("Structured fields", "Upload-Complete twice is ignored", Nothing, &["POST", "upload-complete: ?0", "upload-complete: ?0"], "hello", &["201", "!upload-complete"], &[]),
    row("Structured fields", "parameters are ignored", Nothing, &["POST", "upload-complete: ?0;x=1", "upload-length: 10;y"], "hello", &["201", "upload-complete: ?0", "upload-offset: 5"], &[]),
    row("Structured fields", "Upload-Length: 3.0 is ignored", Nothing, &["POST", "upload-complete: ?0", "upload-length: 3.0"], "hello", &["201", "upload-offset: 5"], &[]),
    row("Structured fields", "Upload-Length: -1 is ignored", Nothing, &["POST", "upload-complete: ?0", "upload-length: -1"], "hello", &["201", "upload-offset: 5"], &[]),
    row("Structured fields", "Upload-Length of 17 digits is ignored", Nothing, &["POST", "upload-complete: ?0", "upload-length: 10000000000000000"], "hello", &["201", "upload-offset: 5"], &[]),
    row("Lengths", "Upload-Length and Content-Length of all of it contradict", Nothing, &["POST", "upload-complete: ?1", "upload-length: 9"], "hello", &["400", "upload-complete: ?0", "content-type: application/problem+json", "!location"], &[]),
    row("Lengths", "Upload-Length and Content-Length of all of it agree", Nothing, &["POST", "upload-complete: ?1", "upload-length: 5"], "hello", &["201", "upload-complete: ?1"], &[]),
    row("Lengths", "a first part longer than the whole", Nothing, &["POST", "upload-complete: ?0", "upload-length: 4"], "hello", &["400", "upload-complete: ?0", "!location"], &[]),
    row("Lengths", "past the largest", Nothing, &["POST", "upload-complete: ?0", "upload-length: 549755813889"], "", &["413", "upload-limit", "!location"], &[]),
    row("Offset retrieval", "HEAD tells everything", Sent(10, 5), &["HEAD"], "", &["204", "upload-offset: 5", "upload-length: 10", "upload-complete: ?0", "upload-limit", "cache-control: no-store", "upload-draft-interop-version: 8"], AT_5),
    row("Offset retrieval", "GET tells the same", Sent(10, 5), &["GET"], "", &["204", "upload-offset: 5", "upload-length: 10", "upload-complete: ?0", "upload-limit", "cache-control: no-store"], AT_5),
    row("Offset retrieval", "a length that is not known is not told", Unknown(5), &["HEAD"], "", &["204", "upload-offset: 5", "!upload-length", "upload-complete: ?0"], &[]),
    row("Offset retrieval", "of a finished upload", Complete(5), &["HEAD"], "", &["204", "upload-offset: 5", "upload-length: 5", "upload-complete: ?1"], &[]),
    row("Offset retrieval", "all bytes are there and it is not complete", Sent(10, 10), &["HEAD"], "", &["204", "upload-offset: 10", "upload-complete: ?0"], &[]),
    row("Offset retrieval", "of an unknown upload", Nothing, &["HEAD /uploads/00000000000000000000000000000000"], "", GONE, &[]),
    row("Offset retrieval", "of what is no id", Nothing, &["HEAD /uploads/..%2Fx"], "", GONE, &[]),
    row("Offset retrieval", "a stray Upload-Offset is ignored", Sent(10, 5), &["HEAD", "upload-offset: 3", "upload-complete: ?1"], "", AT_5, AT_5),
    row("Offset retrieval", "no version is needed", Sent(10, 5), &["HEAD", "upload-draft-interop-version"], "", &["204", "upload-offset: 5", "!upload-draft-interop-version"], AT_5),
    row("Append", "more follows", Sent(20, 5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?0"], "world", &["204", "upload-offset: 10", "upload-complete: ?0"], &["204", "upload-offset: 10", "upload-complete: ?0"]),
    row("Append", "the last one", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?1"], "world", &["201", "upload-offset: 10", "upload-complete: ?1", "etag"], &["204", "upload-offset: 10", "upload-complete: ?1"]),
    row("Append", "to the length and not the last one", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?0"], "world", &["204", "upload-offset: 10", "upload-complete: ?0"], &["204", "upload-offset: 10", "upload-complete: ?0"]),
    row("Append", "the last one is empty", Sent(10, 10), &["PATCH", "content-type: PART", "upload-offset: 10", "upload-complete: ?1"], "", &["201", "upload-complete: ?1", "upload-offset: 10"], &["204", "upload-complete: ?1"]),
    row("Append", "the last one of an unknown length", Unknown(5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?1"], "world", &["201", "upload-complete: ?1", "upload-offset: 10"], &["204", "upload-length: 10", "upload-complete: ?1"]),
    row("Append", "nothing, and more follows", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?0"], "", &["204", "upload-offset: 5"], AT_5),
    row("Append", "before the offset", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 4", "upload-complete: ?0"], "world", &["409", "upload-offset: 5", "upload-complete: ?0", "content-type: application/problem+json"], AT_5),
    row("Append", "after the offset", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 6", "upload-complete: ?1"], "worl", &["409", "upload-offset: 5", "upload-complete: ?0"], AT_5),
    row("Append", "without an offset", Sent(10, 5), &["PATCH", "content-type: PART", "upload-complete: ?0"], "world", &["400"], AT_5),
    row("Append", "without Upload-Complete", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 5"], "world", &["400"], AT_5),
    row("Append", "of another type", Sent(10, 5), &["PATCH", "content-type: application/octet-stream", "upload-offset: 5", "upload-complete: ?0"], "world", &["415"], AT_5),
    row("Append", "without a type", Sent(10, 5), &["PATCH", "upload-offset: 5", "upload-complete: ?0"], "world", &["415"], AT_5),
    row("Append", "of the type with a parameter", Sent(10, 5), &["PATCH", "content-type: application/partial-upload; a=b", "upload-offset: 5", "upload-complete: ?0"], "ab", &["204", "upload-offset: 7"], &[]),
    row("Append", "at +5", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: +5", "upload-complete: ?0"], "world", &["400"], AT_5),
    row("Append", "at 5.0", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 5.0", "upload-complete: ?0"], "world", &["400"], AT_5),
    row("Append", "at 2^64", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 18446744073709551616", "upload-complete: ?0"], "world", &["400"], AT_5),
    row("Append", "at two offsets", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-offset: 5", "upload-complete: ?0"], "world", &["400"], AT_5),
    row("Append", "to an unknown upload", Nothing, &[NOBODY, "content-type: PART", "upload-offset: 0", "upload-complete: ?0"], "x", GONE, &[]),
    row("Append", "past a known length ends the upload", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?0"], "worlds", &["400", "upload-complete: ?0"], GONE),
    row("Append", "past a known length as the last one ends it too", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?1"], "worlds", &["400", "upload-complete: ?0"], GONE),
    row("Append", "the last one ends before the known length", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?1"], "wor", &["400", "upload-complete: ?0"], AT_5),
    row("Append", "the same length again", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?0", "upload-length: 10"], "", &["204"], AT_5),
    row("Append", "another length", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?0", "upload-length: 11"], "", &["400", "upload-complete: ?0"], AT_5),
    row("Append", "a length told late", Unknown(5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?0", "upload-length: 10"], "", &["204"], AT_5),
    row("Append", "a length below what is there", Unknown(5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?0", "upload-length: 4"], "", &["400"], &["204", "upload-offset: 5", "!upload-length"]),
    row("Append", "the answer again", Complete(5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?1"], "", &["201", "upload-complete: ?1", "upload-offset: 5", "etag"], &["204", "upload-complete: ?1"]),
    row("Append", "more to a finished upload", Complete(5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?1"], "x", &["400", "upload-complete: ?0"], &["204", "upload-complete: ?1", "upload-offset: 5"]),
    row("Append", "inside a finished upload", Complete(5), &["PATCH", "content-type: PART", "upload-offset: 3", "upload-complete: ?1"], "xx", &["409", "upload-complete: ?0", "upload-offset: 5"], &["204", "upload-complete: ?1"]),
    row("Digests", "Content-Digest agrees", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?0", SHA_OF_WORLD], "world", &["204", "upload-offset: 10"], &[]),
    row("Digests", "Content-Digest disagrees: the body does not count", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?0", SHA_OF_WORLD], "worlx", &["422", "upload-complete: ?0"], AT_5),
    row("Digests", "Content-Digest is none", Sent(10, 5), &["PATCH", "content-type: PART", "upload-offset: 5", "upload-complete: ?0", "content-digest: sha=1"], "world", &["400"], AT_5),
    row("Digests", "Content-Digest of a creation disagrees: there is no upload", Nothing, &["POST", "upload-complete: ?0", SHA_OF_WORLD], "worlx", &["422", "!location"], &[]),
    row("Digests", "Repr-Digest of the whole agrees", Nothing, &["POST", "upload-complete: ?1", "repr-digest: sha=:fCEUM/AgcVl3Qeb/Wo6jR4mrv0M=:"], "world", &["201", "upload-complete: ?1"], &[]),
    row("Digests", "Repr-Digest of the whole disagrees", Nothing, &["POST", "upload-complete: ?1", "repr-digest: sha=:fCEUM/AgcVl3Qeb/Wo6jR4mrv0M=:"], "worlx", &["422", "upload-complete: ?0", "!location"], &[]),
    row("Cancellation", "DELETE", Sent(10, 5), &["DELETE"], "", &["204"], GONE),
    row("Cancellation", "DELETE of a finished upload", Complete(5), &["DELETE"], "", &["204"], GONE),
    row("Cancellation", "DELETE again", Removed, &["DELETE"], "", &["404"], GONE),
    row("Cancellation", "an append to a removed upload", Removed, &["PATCH", "content-type: PART", "upload-offset: 0", "upload-complete: ?0"], "x", &["404"], GONE),
];

#[tokio::test]
async fn every_rule_that_one_request_can_show() {
    let scene = Scene::open().await;
    let mut chapters: Vec<Chapter> = Vec::new();
    for row in ROWS {
        let rule = Rule { rule: row.rule, answer: row.answer, seen: row.play(&scene.draft).await };
        match chapters.last_mut() {
            Some(chapter) if chapter.title == row.section => chapter.rules.push(rule),
            _ => {
                chapters.push(Chapter { title: row.section, source: source(row.section), rules: vec![rule] })
            }
        }
    }
    check_conformance("IETF resumable uploads", ABOUT, &chapters);
}
