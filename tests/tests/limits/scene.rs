//! How an upload begins in each protocol, and what a refusal of each looks like.

use cairn_tests::{Answer, Client};
use serde_json::{Value, json};

/// The ways to send something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Native,
    Compat,
    Tus,
    Draft,
    Put,
}

pub(crate) const WAYS: [Way; 5] = [Way::Native, Way::Compat, Way::Tus, Way::Draft, Way::Put];

impl Way {
    /// An owner of its own for each.
    pub(crate) fn owner(self) -> String {
        format!("{self:?}")
    }

    /// Begins an upload of so many bytes, or sends them all at once where there is no beginning; each of another name.
    pub(crate) async fn begin(self, client: &Client, name: &str, length: u64) -> Answer {
        let client = client.user(&self.owner());
        match self {
            Self::Native => client.post_json("/v1/uploads", &json!({ "path": name, "length": length })).await,
            Self::Compat => {
                let name_in_digits: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
                let hash = format!("{name_in_digits:0>40}");
                let (user, more) = (self.owner(), format!("filesize={length}&filename={name}"));
                client
                    .post_form("/file/mpupload/init", &format!("username={user}&filehash={hash}&{more}"))
                    .await
            }
            Self::Tus => {
                let call = client.call("POST", "/files/").header("tus-resumable", "1.0.0");
                call.header("upload-length", &length.to_string()).send().await
            }
            Self::Draft => {
                let call = client.call("POST", "/uploads/").header("upload-draft-interop-version", "8");
                let call = call.header("upload-complete", "?0").header("upload-length", &length.to_string());
                call.send().await
            }
            Self::Put => {
                let length = usize::try_from(length).unwrap();
                client.put(&format!("/v1/files/{name}"), vec![7; length]).await
            }
        }
    }

    /// Whether it begun.
    pub(crate) fn has_begun(self, answer: &Answer) -> bool {
        match self {
            Self::Compat => answer.status == 200 && answer.json()["code"] == 0,
            _ => answer.status == 201,
        }
    }

    /// Asserts that it was refused with this status and kind, which the tutorial's API tells by a code; the document.
    #[track_caller]
    pub(crate) fn refused(self, answer: &Answer, status: u16, kind: &str, code: i64) -> Value {
        assert_eq!(answer.status, status, "{self:?} {answer:?}");
        match self {
            Self::Compat => assert_eq!(answer.json()["code"], code, "{answer:?}"),
            _ => assert_eq!(answer.problem(), kind, "{self:?}"),
        }
        if matches!(status, 429 | 503) {
            assert!(answer.header("retry-after").is_some(), "{self:?} {answer:?}");
        }
        answer.json()
    }

    /// What `/v1/me` tells of its owner.
    pub(crate) async fn account(self, client: &Client) -> Value {
        client.user(&self.owner()).get("/v1/me").await.expect(200).json()
    }
}
