//! The id of a request: the caller's own if it is sane, else made here.

use std::sync::atomic::{AtomicU64, Ordering};

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// The field that carries the id, in both directions.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: 1 to 128 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(String);

impl RequestId {
    /// The caller's id if it is sane, else a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        headers.get(X_REQUEST_ID).and_then(Self::sane).unwrap_or_else(Self::make)
    }

    fn sane(value: &HeaderValue) -> Option<Self> {
        let text = value.to_str().ok()?;
        let visible = text.bytes().all(|b| b.is_ascii_graphic());
        (visible && (1..=128).contains(&text.len())).then(|| Self(text.to_owned()))
    }

    /// A new id. It needs to be unlike others in the log, not a secret: without chance it is a count.
    fn make() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let bits = getrandom::u64().unwrap_or_else(|_| COUNT.fetch_add(1, Ordering::Relaxed));
        Self(format!("{bits:016x}"))
    }

    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as a field's value.
    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_id_is_kept_and_another_is_replaced() {
        let of = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
            RequestId::of(&headers).as_str().to_owned()
        };
        assert_eq!(of(b"trace/42"), "trace/42");
        for bad in [&b""[..], b"a b", &[b'x'; 129], b"\xff"] {
            assert_eq!(of(bad).len(), 16, "{bad:?}");
        }
    }
}
