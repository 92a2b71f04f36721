//! Names of files, from wherever they come.

use cairn_engine::FilePath;

use super::target;
use crate::http::native::grammar;

/// A path in a URL and as a text: what is accepted cannot leave its folder, and is found again under its own URL.
pub fn paths(bytes: &[u8]) -> bool {
    let in_url = target("/v1/files/", bytes).and_then(|uri| grammar::file_path(&uri, "/v1/files/").ok());
    if let Some(path) = &in_url {
        must_be_harmless(path);
        let encoded =
            percent_encoding::utf8_percent_encode(path.as_str(), percent_encoding::NON_ALPHANUMERIC);
        let again = target("/v1/files/", encoded.to_string().as_bytes());
        let again = again.and_then(|uri| grammar::file_path(&uri, "/v1/files/").ok());
        assert_eq!(again.as_ref(), Some(path), "a path is not found under its own URL");
    }
    let text = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<FilePath>().ok());
    if let Some(path) = &text {
        must_be_harmless(path);
        assert_eq!(path.as_str().as_bytes(), bytes, "a path is kept as it is");
        if let Ok(numbered) = path.numbered(2) {
            must_be_harmless(&numbered);
            assert_ne!(&numbered, path);
            let folder =
                |path: &FilePath| path.as_str().rsplit_once('/').map(|(folder, _)| folder.to_owned());
            assert_eq!(folder(&numbered), folder(path), "a numbered name left its folder");
        }
    }
    in_url.is_some() || text.is_some()
}

/// No segment that means anything but itself, no control character, not too long.
pub(crate) fn must_be_harmless(path: &FilePath) {
    let text = path.as_str();
    assert!(!text.split('/').any(|segment| matches!(segment, "" | "." | "..")), "a segment of {text:?}");
    assert!(!text.chars().any(char::is_control), "a control character in {text:?}");
    assert!(text.len() <= FilePath::MAX_LENGTH, "{} bytes", text.len());
}
