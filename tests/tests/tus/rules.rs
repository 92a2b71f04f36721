//! The table of rules that one request can show.

use cairn_tests::{Chapter, Rule, check_conformance};

use super::scene::Scene;
use super::table::Given::{self, Deferred, Nothing, Removed, Sent};
use super::table::Row;

const fn row(
    rule: &'static str,
    given: Given,
    ask: &'static [&'static str],
    body: &'static str,
    answer: &'static [&'static str],
    after: &'static [&'static str],
) -> Row {
    Row { rule, given, ask, body, answer, after }
}

const AT_5: &[&str] = &["200", "upload-offset: 5", "upload-length: 10"];
const AT_0: &[&str] = &["200", "upload-offset: 0", "upload-length: 10"];

const ABOUT: &str = "\
Each is one request to an upload that was brought to the state that the case names; `HEAD` is asked afterwards
whether the upload is as it has to be, and every answer must say `Tus-Resumable: 1.0.0`. Rules that take more than one request
(concatenation, trailers, bodies that pass the length or break off, the newest request, addresses behind a proxy, 8 KB of metadata)
are tests of their own in `tests/tests/tus/`.";

/// `sha1` of `world`.
const WORLD: &str = "upload-checksum: sha1 fCEUM/AgcVl3Qeb/Wo6jR4mrv0M=";

/// What the rules are about, where they come from, and the rules.
#[rustfmt::skip]
const TABLE: &[(&str, &str, &[Row])] = &[
    ("The version, and what there is",
     "tus 1.0.0, core protocol: `Tus-Resumable`, `Tus-Version`, `OPTIONS`; that `GET` needs no version is ours", &[
    row("OPTIONS tells what there is", Nothing, &["OPTIONS", "tus-resumable"], "",
        &["200", "tus-version: 1.0.0", "tus-extension", "tus-max-size: 549755813888", "tus-checksum-algorithm: sha1,sha256,sha512,md5,crc32c,blake3"], &[]),
    row("OPTIONS with the version", Nothing, &["OPTIONS"], "", &["200", "tus-version: 1.0.0"], &[]),
    row("OPTIONS with another version", Nothing, &["OPTIONS", "tus-resumable: 99.0.0"], "", &["200", "tus-version: 1.0.0"], &[]),
    row("OPTIONS of an upload", Sent(10, 5), &["OPTIONS", "tus-resumable"], "", &["200", "tus-extension"], AT_5),
    row("POST without the version", Nothing, &["POST", "tus-resumable", "upload-length: 10"], "", &["412", "tus-version: 1.0.0", "!location"], &[]),
    row("POST with another version", Nothing, &["POST", "tus-resumable: 0.0.1", "upload-length: 10"], "", &["412", "tus-version: 1.0.0", "!location"], &[]),
    row("POST with a version that is none", Nothing, &["POST", "tus-resumable: foo", "upload-length: 10"], "", &["412", "tus-version: 1.0.0"], &[]),
    row("PATCH without the version", Sent(10, 5), &["PATCH", "tus-resumable", "content-type: BYTES", "upload-offset: 5"], "abcde", &["412", "tus-version: 1.0.0"], AT_5),
    row("DELETE without the version", Sent(10, 5), &["DELETE", "tus-resumable"], "", &["412", "tus-version: 1.0.0"], AT_5),
    row("HEAD without the version", Sent(10, 5), &["HEAD", "tus-resumable"], "", &["412", "tus-version: 1.0.0", "!upload-offset"], AT_5),
    row("GET needs no version", Sent(5, 5), &["GET", "tus-resumable"], "", &["200", "content-length: 5"], &[]),
    ]),
    ("HEAD",
     "tus 1.0.0, core protocol: `HEAD`; expiration: `Upload-Expires`", &[
    row("HEAD of a new upload", Sent(10, 0), &["HEAD"], "", &["200", "upload-offset: 0", "upload-length: 10", "cache-control: no-store", "upload-expires", "!upload-defer-length"], &[]),
    row("HEAD of a part", Sent(44, 11), &["HEAD"], "", &["200", "upload-offset: 11", "upload-length: 44"], &[]),
    row("HEAD of a finished upload", Sent(10, 10), &["HEAD"], "", &["200", "upload-offset: 10", "upload-length: 10", "!upload-expires"], &[]),
    row("HEAD of an unknown upload", Nothing, &["HEAD /files/00000000000000000000000000000000"], "", &["404", "!upload-offset"], &[]),
    row("HEAD of a deferred length", Deferred(0), &["HEAD"], "", &["200", "upload-offset: 0", "upload-defer-length: 1", "!upload-length"], &[]),
    ]),
    ("Addresses that are none",
     "ours: they look like uploads that are not there", &[
    row("HEAD of what climbs", Nothing, &["HEAD /files/..%2Fx"], "", &["404", "!upload-offset"], &[]),
    row("HEAD of what climbs, encoded", Nothing, &["HEAD /files/%2e%2e/x"], "", &["404", "!upload-offset"], &[]),
    row("HEAD of NUL", Nothing, &["HEAD /files/%00"], "", &["404", "!upload-offset"], &[]),
    ]),
    ("PATCH",
     "tus 1.0.0, core protocol: `PATCH`; expiration: `Upload-Expires`", &[
    row("PATCH goes on", Sent(20, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5"], "abcde", &["204", "upload-offset: 10", "upload-expires"], &["200", "upload-offset: 10"]),
    row("PATCH to the end", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5"], "abcde", &["204", "upload-offset: 10", "!upload-expires"], &["200", "upload-offset: 10"]),
    ]),
    ("Another method by POST",
     "tus 1.0.0, core protocol: `X-HTTP-Method-Override`; which methods it may name is ours", &[
    row("PATCH by POST", Sent(10, 5), &["POST", "x-http-method-override: PATCH", "content-type: BYTES", "upload-offset: 5"], "abcde", &["204", "upload-offset: 10"], &["200", "upload-offset: 10"]),
    row("HEAD by POST", Sent(10, 5), &["POST", "x-http-method-override: HEAD"], "", &["200", "upload-offset: 5"], AT_5),
    row("DELETE by POST", Sent(10, 5), &["POST", "x-http-method-override: DELETE"], "", &["204"], &["404"]),
    row("POST to an upload", Sent(10, 5), &["POST"], "", &["405"], AT_5),
    row("another method by POST", Sent(10, 5), &["POST", "x-http-method-override: PUT"], "", &["405"], AT_5),
    ]),
    ("The type of a PATCH",
     "tus 1.0.0, core protocol: `PATCH`, `Content-Type`", &[
    row("PATCH of another type", Sent(10, 5), &["PATCH", "content-type: application/octet-stream", "upload-offset: 5"], "abcde", &["415"], AT_5),
    row("PATCH without a type", Sent(10, 5), &["PATCH", "upload-offset: 5"], "abcde", &["415"], AT_5),
    row("PATCH of the type with a parameter", Sent(10, 5), &["PATCH", "content-type: application/offset+octet-stream; charset=x", "upload-offset: 5"], "ab", &["204", "upload-offset: 7"], &[]),
    ]),
    ("Numbers",
     "tus 1.0.0, core protocol: non-negative integers; that nothing but decimal digits is one, and that a field is there once, is ours", &[
    row("PATCH without an offset", Sent(10, 5), &["PATCH", "content-type: BYTES"], "abcde", &["400"], AT_5),
    row("PATCH at -1", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: -1"], "abcde", &["400"], AT_5),
    row("PATCH at -0", Sent(10, 0), &["PATCH", "content-type: BYTES", "upload-offset: -0"], "abcde", &["400"], AT_0),
    row("PATCH at +5", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: +5"], "abcde", &["400"], AT_5),
    row("PATCH at 5.0", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5.0"], "abcde", &["400"], AT_5),
    row("PATCH at 0x5", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: 0x5"], "abcde", &["400"], AT_5),
    row("PATCH at a word", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: five"], "abcde", &["400"], AT_5),
    row("PATCH at 2^64", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: 18446744073709551616"], "abcde", &["400"], AT_5),
    row("PATCH with two offsets", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-offset: 6"], "abcde", &["400"], AT_5),
    ]),
    ("Offsets, and the end",
     "tus 1.0.0, core protocol: `PATCH`, 409 and 404; at the end and past it ours", &[
    row("PATCH before the offset", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: 4"], "abcde", &["409", "upload-offset: 5"], AT_5),
    row("PATCH after the offset", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: 6"], "abcd", &["409", "upload-offset: 5"], AT_5),
    row("PATCH of an unknown upload", Nothing, &["PATCH /files/00000000000000000000000000000000", "content-type: BYTES", "upload-offset: 0"], "abcde", &["404"], &[]),
    row("PATCH past the end", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5"], "abcdef", &["413"], AT_5),
    row("PATCH of nothing", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5"], "", &["204", "upload-offset: 5"], AT_5),
    row("PATCH of nothing at the end", Sent(10, 10), &["PATCH", "content-type: BYTES", "upload-offset: 10"], "", &["204", "upload-offset: 10"], &["200", "upload-offset: 10"]),
    row("PATCH of something at the end", Sent(10, 10), &["PATCH", "content-type: BYTES", "upload-offset: 10"], "a", &["413"], &["200", "upload-offset: 10"]),
    row("PATCH before the end of a finished upload", Sent(10, 10), &["PATCH", "content-type: BYTES", "upload-offset: 5"], "a", &["409", "upload-offset: 10"], &[]),
    row("PATCH with the length that is known", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-length: 10"], "abcde", &["204", "upload-offset: 10"], &[]),
    row("PATCH with another length", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-length: 11"], "abcde", &["400"], AT_5),
    ]),
    ("Creation",
     "tus 1.0.0, creation and creation-defer-length: `POST`", &[
    row("POST with a length", Nothing, &["POST", "upload-length: 300"], "", &["201", "location", "upload-expires", "!upload-offset"], &[]),
    row("POST without the slash", Nothing, &["POST /files", "upload-length: 300"], "", &["201", "location"], &[]),
    row("POST of nothing is finished", Nothing, &["POST", "upload-length: 0"], "", &["201", "location", "!upload-expires"], &[]),
    row("POST of too much", Nothing, &["POST", "upload-length: 549755813889"], "", &["413", "!location"], &[]),
    row("POST of -5", Nothing, &["POST", "upload-length: -5"], "", &["400"], &[]),
    row("POST of abc", Nothing, &["POST", "upload-length: abc"], "", &["400"], &[]),
    row("POST of an empty length", Nothing, &["POST", "upload-length:"], "", &["400"], &[]),
    row("POST of both lengths", Nothing, &["POST", "upload-length: 5", "upload-defer-length: 1"], "", &["400"], &[]),
    row("POST of no length", Nothing, &["POST"], "", &["400"], &[]),
    row("POST of two lengths", Nothing, &["POST", "upload-length: 5", "upload-length: 6"], "", &["400"], &[]),
    row("POST that defers by a word", Nothing, &["POST", "upload-defer-length: true"], "", &["400"], &[]),
    row("POST that defers by 0", Nothing, &["POST", "upload-defer-length: 0"], "", &["400"], &[]),
    row("POST that defers by 2", Nothing, &["POST", "upload-defer-length: 2"], "", &["400"], &[]),
    ]),
    ("Metadata",
     "tus 1.0.0, creation: `Upload-Metadata`; what is refused is ours", &[
    row("POST with metadata", Nothing, &["POST", "upload-length: 5", "upload-metadata: filename YQ==,x, y"], "", &["201"], &[]),
    row("POST with empty metadata", Nothing, &["POST", "upload-length: 5", "upload-metadata:"], "", &["201"], &[]),
    row("POST with bad base64", Nothing, &["POST", "upload-length: 5", "upload-metadata: filename %%%"], "", &["400"], &[]),
    row("POST with a key twice", Nothing, &["POST", "upload-length: 5", "upload-metadata: a YQ==,a Yg=="], "", &["400"], &[]),
    ]),
    ("Creation with upload",
     "tus 1.0.0, creation-with-upload, with checksum", &[
    row("POST with bytes", Nothing, &["POST", "upload-length: 300", "content-type: BYTES"], "hello", &["201", "location", "upload-offset: 5", "upload-expires"], &[]),
    row("POST with all bytes", Nothing, &["POST", "upload-length: 5", "content-type: BYTES"], "hello", &["201", "location", "upload-offset: 5", "!upload-expires"], &[]),
    row("POST with bytes and a length to come", Nothing, &["POST", "upload-defer-length: 1", "content-type: BYTES"], "hello", &["201", "location", "upload-offset: 5"], &[]),
    row("POST with more bytes than the length", Nothing, &["POST", "upload-length: 4", "content-type: BYTES"], "hello", &["413"], &[]),
    row("POST with bytes of another type", Nothing, &["POST", "upload-length: 5", "content-type: text/plain"], "hello", &["415", "!location"], &[]),
    row("POST of another type and no bytes", Nothing, &["POST", "upload-length: 5", "content-type: text/plain"], "", &["201", "!upload-offset"], &[]),
    row("POST with bytes and their checksum", Nothing, &["POST", "upload-length: 10", "content-type: BYTES", WORLD], "world", &["201", "upload-offset: 5"], &[]),
    row("POST with bytes and another checksum", Nothing, &["POST", "upload-length: 10", "content-type: BYTES", WORLD], "worlx", &["460", "!location"], &[]),
    ]),
    ("A length that comes later",
     "tus 1.0.0, creation-defer-length; what is refused is ours", &[
    row("the length with the last bytes", Deferred(5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-length: 10"], "abcde", &["204", "upload-offset: 10"], &["200", "upload-length: 10", "!upload-defer-length"]),
    row("the length before the last bytes", Deferred(5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-length: 10"], "ab", &["204", "upload-offset: 7"], &["200", "upload-length: 10", "upload-offset: 7", "!upload-defer-length"]),
    row("the length after the last bytes", Deferred(5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-length: 5"], "", &["204", "upload-offset: 5", "!upload-expires"], &["200", "upload-length: 5"]),
    row("a length below the offset", Deferred(5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-length: 4"], "", &["400"], &["200", "upload-offset: 5", "upload-defer-length: 1"]),
    row("a length above the most", Deferred(5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-length: 549755813889"], "", &["413"], &["200", "upload-offset: 5", "upload-defer-length: 1"]),
    row("a length that its own bytes pass", Deferred(5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-length: 7"], "abc", &["413"], &["200", "upload-offset: 5", "upload-defer-length: 1"]),
    row("bytes without a length", Deferred(5), &["PATCH", "content-type: BYTES", "upload-offset: 5"], "abc", &["204", "upload-offset: 8"], &["200", "upload-defer-length: 1"]),
    ]),
    ("Checksums",
     "tus 1.0.0, checksum: `Upload-Checksum`, 400 and 460; the algorithms beside SHA-1 are ours", &[
    row("a checksum that agrees", Sent(20, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5", WORLD], "world", &["204", "upload-offset: 10"], &[]),
    row("a checksum that disagrees", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5", WORLD], "worlx", &["460"], AT_5),
    row("a checksum of an unknown algorithm", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-checksum: crc64 AAAA"], "world", &["400"], AT_5),
    row("a checksum that is no base64", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-checksum: sha1 %%%"], "world", &["400"], AT_5),
    row("a checksum without a value", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-checksum: sha1"], "world", &["400"], AT_5),
    row("a checksum that is too short", Sent(10, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-checksum: sha1 AAAA"], "world", &["400"], AT_5),
    row("sha256", Sent(20, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-checksum: sha256 SG6kYiTRu0+2gPNPfJrZao8k7Ii+c+qOWmxlJg6cuKc="], "world", &["204"], &[]),
    row("md5", Sent(20, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-checksum: md5 fXkwN6B2AYZXSwKC8vQ15w=="], "world", &["204"], &[]),
    row("sha512", Sent(20, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-checksum: sha512 EYU99A9LK5GdOBX2R5LljQhmN2eklLy7OMCyOJ2RQLuxcCgbSoR753V73hLJzQBUzjZS0K06GgySurtpeYJG7g=="], "world", &["204"], &[]),
    row("crc32c", Sent(20, 5), &["PATCH", "content-type: BYTES", "upload-offset: 5", "upload-checksum: crc32c MaqBTg=="], "world", &["204"], &[]),
    ]),
    ("Termination",
     "tus 1.0.0, termination: `DELETE`, 404 or 410 afterwards", &[
    row("DELETE", Sent(10, 5), &["DELETE"], "", &["204"], &["404", "!upload-offset"]),
    row("DELETE of a finished upload", Sent(10, 10), &["DELETE"], "", &["204"], &["404", "!upload-offset"]),
    row("DELETE of an unknown upload", Nothing, &["DELETE /files/00000000000000000000000000000000"], "", &["404"], &[]),
    row("DELETE again", Removed, &["DELETE"], "", &["404"], &["404"]),
    row("PATCH of a removed upload", Removed, &["PATCH", "content-type: BYTES", "upload-offset: 0"], "a", &["404"], &["404"]),
    row("GET of a removed upload", Removed, &["GET"], "", &["404"], &["404"]),
    ]),
    ("GET",
     "ours: tus has no `GET`; ranges as in RFC 9110, section 14", &[
    row("GET of a finished upload", Sent(10, 10), &["GET"], "", &["200", "content-length: 10", "accept-ranges: bytes", "x-content-type-options: nosniff"], &[]),
    row("GET of a range", Sent(10, 10), &["GET", "range: bytes=2-4"], "", &["206", "content-range: bytes 2-4/10"], &[]),
    row("GET of a range that is not there", Sent(10, 10), &["GET", "range: bytes=20-"], "", &["416", "content-range: bytes */10"], &[]),
    row("GET of an unfinished upload", Sent(10, 5), &["GET"], "", &["404"], AT_5),
    row("GET of tus's path", Nothing, &["GET"], "", &["405"], &[]),
    ]),
];

#[tokio::test]
async fn every_rule_that_one_request_can_show() {
    let scene = Scene::open().await;
    let mut chapters = Vec::new();
    for (title, source, rows) in TABLE {
        let mut rules = Vec::new();
        for row in *rows {
            rules.push(Rule { rule: row.rule, answer: row.answer, seen: row.play(&scene.tus).await });
        }
        chapters.push(Chapter { title, source, rules });
    }
    check_conformance("tus 1.0.0", ABOUT, &chapters);
}
