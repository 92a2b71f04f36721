//! Doors to the draft's grammars.

use cairn_engine::FilePath;
use cairn_engine::contracts::IfExists;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::creation;
use super::fields::{self, ALL, MORE, UPLOAD_COMPLETE, UPLOAD_LENGTH, UPLOAD_OFFSET};
use crate::config::Config;
use crate::http::fuzzing::{head, must_be_harmless};

/// The largest integer of a structured field (RFC 9651 section 3.3.1).
const LARGEST: u64 = 999_999_999_999_999;

/// The head of an append: what is read is within what a structured field holds, each field stood on one line, and
/// written down it is read as the same.
pub fn draft_append(bytes: &[u8]) -> bool {
    let Some(sent) = head(bytes) else { return false };
    let Ok(asked) = fields::append(&sent) else { return false };
    for number in [Some(asked.offset), asked.length].into_iter().flatten() {
        assert!(number <= LARGEST, "{number} has too many digits");
    }
    let lines = |name| sent.get_all(name).iter().count();
    assert_eq!((lines(UPLOAD_OFFSET), lines(UPLOAD_COMPLETE)), (1, 1), "two items are none");
    assert!(asked.length.is_none() || lines(UPLOAD_LENGTH) == 1, "two items are none");
    let mut written = HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/partial-upload")),
        (UPLOAD_OFFSET, asked.offset.into()),
        (UPLOAD_COMPLETE, if asked.completes { ALL } else { MORE }),
    ]);
    written.extend(asked.length.map(|length| (UPLOAD_LENGTH, length.into())));
    assert_eq!(fields::append(&written).ok(), Some(asked), "what is written is not read");
    true
}

/// The head of a request that may begin an upload: it begins one only if it says so in a version that is spoken; a
/// name cannot leave its folder; lengths agree; what becomes of a path is said.
pub fn draft_creation(bytes: &[u8]) -> bool {
    let Some(sent) = head(bytes) else { return false };
    let Some(begins) = creation::begins(&sent, &Config::default().protocols) else { return false };
    assert!(begins.version.is_some_and(|version| (6..=9).contains(&version)), "{begins:?}");
    assert_eq!(sent.get_all(UPLOAD_COMPLETE).iter().count(), 1, "two items are none");
    let path: Option<FilePath> = "a/b".parse().ok();
    let mut begun = false;
    for (path, if_exists) in [(None, IfExists::Rename), (path, IfExists::Replace)] {
        let named = path.clone();
        let Ok(wish) = creation::wish(&sent, path, begins.completes) else { continue };
        assert_eq!(wish.new.naming.if_exists, Some(if_exists));
        match named {
            None => assert_eq!(wish.new.naming.precondition, None, "a condition on no path"),
            named => assert_eq!(wish.new.path, named, "a path of its own is another"),
        }
        wish.new.path.iter().for_each(must_be_harmless);
        let told = fields::integer(&sent, &UPLOAD_LENGTH);
        assert!(told.is_none() || wish.new.length == told, "the length told is not the length taken");
        assert!(begins.completes || wish.digests.is_empty(), "digests of a whole that is not there");
        begun = true;
    }
    begun
}
