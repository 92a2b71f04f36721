//! What a service cannot do without, asked for before it is opened.

use std::collections::BTreeMap;

/// The options that a service needs, by its scheme. Of others OpenDAL itself says what is missing.
const NEEDED: [(&str, &[&str]); 13] = [
    ("azblob", &["container", "endpoint"]),
    ("azdls", &["filesystem", "endpoint"]),
    ("b2", &["bucket", "bucket_id"]),
    ("cos", &["bucket", "endpoint"]),
    ("gcs", &["bucket"]),
    ("obs", &["bucket", "endpoint"]),
    ("oss", &["bucket", "endpoint"]),
    ("s3", &["bucket"]),
    ("swift", &["container", "endpoint"]),
    ("tos", &["bucket"]),
    ("upyun", &["bucket"]),
    ("webdav", &["endpoint"]),
    ("webhdfs", &["endpoint"]),
];

/// The first option that the service needs and that is not given, or is empty.
pub(super) fn missing(scheme: &str, options: &BTreeMap<String, String>) -> Option<&'static str> {
    let (_, needed) = NEEDED.iter().find(|(known, _)| *known == scheme)?;
    needed.iter().copied().find(|name| options.get(*name).is_none_or(String::is_empty))
}
