//! Rules as rows: what is there, what is asked, what is answered, and what is there afterwards.

use cairn_tests::{Answer, Call};

use crate::scene::{BYTES, Tus};

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
        let mut answer = self.call(tus, &path).send().await;
        if self.ask[0] == "HEAD" && !answer.body.is_empty() {
            return Err("an answer to HEAD has a body".to_owned());
        }
        self.compare("answer", &answer, self.answer)?;
        if answer.header("tus-resumable") != Some("1.0.0") {
            return Err(format!("no Tus-Resumable: {answer:?}"));
        }
        if !self.after.is_empty() {
            answer = tus.head(&path).await;
            self.compare("HEAD afterwards", &answer, self.after)?;
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

    fn call(&self, tus: &Tus, path: &str) -> Call {
        let (method, fields) = self.ask.split_first().unwrap();
        let (method, path) = method.split_once(' ').unwrap_or((method, path));
        let mut call = tus.0.call(method, path);
        let speaks = fields.first().is_some_and(|field| field.starts_with("tus-resumable"));
        if !speaks {
            call = call.header("tus-resumable", "1.0.0");
        }
        for field in fields.iter().filter(|field| **field != "tus-resumable") {
            let (name, value) = field.split_once(": ").unwrap_or((field.trim_end_matches(':'), ""));
            call = call.header(name, if value == "BYTES" { BYTES } else { value });
        }
        call.body(self.body)
    }

    fn compare(&self, what: &str, answer: &Answer, expected: &[&str]) -> Result<(), String> {
        let (status, fields) = expected.split_first().unwrap();
        let wrong = |why: String| Err(format!("{what}: {why}; {answer:?}"));
        if *status != answer.status.to_string() {
            return wrong(format!("{} and not {status}", answer.status));
        }
        for field in fields {
            if let Some(name) = field.strip_prefix('!') {
                if answer.headers.contains_key(name) {
                    return wrong(format!("it has {name}"));
                }
                continue;
            }
            let (name, value) = field.split_once(": ").map_or((*field, None), |(n, v)| (n, Some(v)));
            let told = answer.header(name);
            if told.is_none() || value.is_some_and(|value| told != Some(value)) {
                return wrong(format!("{name} is {told:?} and not {value:?}"));
            }
        }
        Ok(())
    }
}
