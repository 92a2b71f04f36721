//! What a daemon answered.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// An answer whose body was not kept, only counted and digested.
#[derive(Clone, Debug)]
pub struct Download {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// Bytes of the body.
    pub length: u64,
    /// SHA-1 of the body, in hexadecimal.
    pub sha1: String,
    /// BLAKE3 of the body, in hexadecimal.
    pub blake3: String,
}

impl Answer {
    /// A header's text, if the header is there exactly once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}) in {} {:?}", self.status, self.body))
    }

    /// The `kind` of a problem document; panics if this is none, or not one that is whole.
    #[track_caller]
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        for member in ["type", "title", "request_id"] {
            assert!(problem[member].is_string(), "{member} is missing in {problem}");
        }
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"), "{problem}");
        problem["kind"].as_str().unwrap_or_else(|| panic!("no kind in {problem}")).to_owned()
    }

    /// Asserts the status and passes the answer on.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {:?}", self.status, self.body);
        self
    }

    /// Asserts a problem document of this status and kind and passes the answer on.
    #[track_caller]
    pub fn expect_problem(self, status: u16, kind: &str) -> Self {
        assert_eq!(self.status, status, "{} {:?}", self.status, self.body);
        assert_eq!(self.problem(), kind);
        self
    }
}
