//! Rules as rows: what is there, what is asked, what is answered, and what is there afterwards.

use cairn_tests::{Manner, compare};

use super::scene::{Draft, PART};

const MANNER: Manner = Manner { version: ("upload-draft-interop-version", "8"), body_type: ("PART", PART) };

/// What there is before the request.
#[derive(Clone, Copy)]
pub(crate) enum Given {
    /// Nothing that matters.
    Nothing,
    /// An upload of that length, so much of it sent.
    Sent(u64, u64),
    /// An upload whose length is not known, so much of it sent.
    Unknown(u64),
    /// A finished upload of that length.
    Complete(u64),
    /// An upload that was removed.
    Removed,
}

/// One rule.
pub(crate) struct Row {
    /// Where the draft's text speaks of it.
    pub(crate) section: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) given: Given,
    /// The method and, after it, fields. The version is added unless the first field speaks of it.
    pub(crate) ask: &'static [&'static str],
    pub(crate) body: &'static str,
    /// The status and, after it, fields that the answer has (`name: value`, `name`) or has not (`!name`).
    pub(crate) answer: &'static [&'static str],
    /// What `HEAD` tells afterwards, in the same words.
    pub(crate) after: &'static [&'static str],
}

impl Row {
    /// Plays it; what is not as it should be, if anything.
    pub(crate) async fn play(&self, draft: &Draft) -> Result<(), String> {
        let path = self.prepare(draft).await;
        let mut answer = MANNER.call(&draft.0, &path, self.ask, self.body).send().await;
        if self.ask[0] == "HEAD" && !answer.body.is_empty() {
            return Err("an answer to HEAD has a body".to_owned());
        }
        compare("answer", &answer, self.answer)?;
        if !self.after.is_empty() {
            answer = draft.head(&path).await;
            compare("HEAD afterwards", &answer, self.after)?;
        }
        Ok(())
    }

    async fn prepare(&self, draft: &Draft) -> String {
        let (path, sent) = match self.given {
            Given::Nothing => return "/uploads/".to_owned(),
            Given::Sent(length, sent) => (draft.create(Some(length)).await, sent),
            Given::Unknown(sent) => (draft.create(None).await, sent),
            Given::Complete(length) => (draft.create(Some(length)).await, length),
            Given::Removed => (draft.create(Some(10)).await, 0),
        };
        let complete = if matches!(self.given, Given::Complete(_)) { "?1" } else { "?0" };
        if sent > 0 {
            let answer = draft.patch(&path, 0, complete, vec![b'x'; usize::try_from(sent).unwrap()]).await;
            assert!(answer.status < 300, "{answer:?}");
        }
        if matches!(self.given, Given::Removed) {
            draft.call("DELETE", &path).send().await.expect(204);
        }
        path
    }
}
