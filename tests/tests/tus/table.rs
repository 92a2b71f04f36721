//! Rules as rows: what is there, what is asked, what is answered, and what is there afterwards.

use cairn_tests::{Manner, compare};

use super::scene::{BYTES, Tus};

const MANNER: Manner = Manner { version: ("tus-resumable", "1.0.0"), body_type: ("BYTES", BYTES) };

/// What there is before the request.
#[derive(Clone, Copy)]
pub(crate) enum Given {
    /// Nothing that matters.
    Nothing,
    /// An upload of that length, so much of it sent.
    Sent(u64, u64),
    /// An upload whose length is not known, so much of it sent.
    Deferred(u64),
    /// An upload that was removed.
    Removed,
}

/// One rule.
pub(crate) struct Row {
    pub(crate) rule: &'static str,
    pub(crate) given: Given,
    /// The method and, after it, fields. `Tus-Resumable` is added unless the first field speaks of it.
    pub(crate) ask: &'static [&'static str],
    pub(crate) body: &'static str,
    /// The status and, after it, fields that the answer has (`name: value`, `name`) or has not (`!name`).
    pub(crate) answer: &'static [&'static str],
    /// What `HEAD` tells afterwards, in the same words.
    pub(crate) after: &'static [&'static str],
}

impl Row {
    /// Plays it; what is not as it should be, if anything.
    pub(crate) async fn play(&self, tus: &Tus) -> Result<(), String> {
        let path = self.prepare(tus).await;
        let mut answer = MANNER.call(&tus.0, &path, self.ask, self.body).send().await;
        if self.ask[0] == "HEAD" && !answer.body.is_empty() {
            return Err("an answer to HEAD has a body".to_owned());
        }
        compare("answer", &answer, self.answer)?;
        if answer.header("tus-resumable") != Some("1.0.0") {
            return Err(format!("no Tus-Resumable: {answer:?}"));
        }
        if !self.after.is_empty() {
            answer = tus.head(&path).await;
            compare("HEAD afterwards", &answer, self.after)?;
        }
        Ok(())
    }

    async fn prepare(&self, tus: &Tus) -> String {
        let (path, sent) = match self.given {
            Given::Nothing => return "/files/".to_owned(),
            Given::Sent(length, sent) => (tus.create(length).await, sent),
            Given::Deferred(sent) => (tus.create_deferred().await, sent),
            Given::Removed => (tus.create(10).await, 0),
        };
        if sent > 0 {
            tus.patch(&path, 0, vec![b'x'; usize::try_from(sent).unwrap()]).await.expect(204);
        }
        if matches!(self.given, Given::Removed) {
            tus.call("DELETE", &path).send().await.expect(204);
        }
        path
    }
}
