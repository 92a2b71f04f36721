//! What is learned of a request on its way, until everybody who works on it has let go: then its line is told.
//!
//! A connection that is dropped does not stop an operation half-way, so a line waits for both the answer and the work.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use cairn_engine::{File, FilePath, Owner, Upload, UploadId};

use super::{Audit, Deed, Line};
use crate::auth::{By, Identity};

tokio::task_local! {
    /// The trail of the request that this task works for.
    static TRAIL: Trail;
}

/// The trail of one request. Clones share it.
#[derive(Clone)]
pub struct Trail(Arc<Walk>);

struct Walk {
    audit: Arc<Audit>,
    known: Mutex<Known>,
}

struct Known {
    deed: Deed,
    line: Line,
    completed: Option<(UploadId, File)>,
}

impl Trail {
    /// A trail that begins with what the head of the request told.
    pub fn begin(audit: &Arc<Audit>, deed: Deed, line: Line) -> Self {
        let known = Mutex::new(Known { deed, line: Line { outcome: "gone", ..line }, completed: None });
        Self(Arc::new(Walk { audit: Arc::clone(audit), known }))
    }

    /// Works on the request with the trail at hand.
    pub async fn follow<T>(self, work: impl Future<Output = T>) -> T {
        TRAIL.scope(self, work).await
    }

    /// The same work, with the trail of this task at hand in whichever task it runs.
    pub fn carried<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
        let trail = TRAIL.try_with(Self::clone).ok();
        async move {
            match trail {
                Some(trail) => trail.follow(work).await,
                None => work.await,
            }
        }
    }

    /// Who asks for what this task does, and how, if anybody does: the part of a line that tells it.
    pub fn asked() -> Option<Line> {
        let asked = |trail: &Self| {
            let known = trail.0.known.lock().unwrap_or_else(PoisonError::into_inner);
            let line = &known.line;
            Line {
                request_id: line.request_id.clone(),
                protocol: line.protocol,
                by: line.by,
                credential: line.credential.clone(),
                address: line.address,
                ..Line::default()
            }
        };
        TRAIL.try_with(asked).ok()
    }

    /// It is known who asks.
    pub fn asked_by(identity: &Identity) {
        Self::note(|known| {
            known.line.owner = Some(identity.owner.clone());
            (known.line.by, known.line.credential) = named(&identity.by);
        });
    }

    /// The request names somebody, and is believed.
    pub fn asked_as(owner: &Owner) {
        Self::note(|known| known.line.owner = Some(owner.clone()));
    }

    /// The request does something else than its route says.
    pub fn does(deed: Deed) {
        Self::note(|known| known.deed = deed);
    }

    /// The request is about this upload.
    pub fn about_upload(id: UploadId) {
        Self::note(|known| known.line.upload = Some(id.to_string()));
    }

    /// The request is about this file.
    pub fn about_file(file: &File) {
        Self::note(|known| {
            known.line.path = Some(file.path.to_string());
            known.line.length = Some(file.length);
            known.line.digest = Some(file.digest.to_string());
        });
    }

    /// The file has this name now, or this one too.
    pub fn named(file: &File) {
        Self::note(|known| known.line.to = Some(file.path.to_string()));
    }

    /// The request made the link of this id, for this path.
    pub fn made(link: &str, path: Option<&FilePath>) {
        Self::note(|known| {
            known.line.link = Some(link.to_owned());
            known.line.path = path.map(ToString::to_string);
        });
    }

    /// The request began this upload, or found it begun.
    pub fn begun(upload: &Upload) {
        Self::note(|known| {
            if known.deed == Deed::Write {
                known.deed = Deed::Begin;
            }
            known.line.upload = Some(upload.id.to_string());
            known.line.path = Some(upload.path.to_string());
            known.line.length = upload.length;
        });
    }

    /// An upload became a file.
    pub fn completed(id: UploadId, file: &File) {
        Self::note(|known| known.completed = Some((id, file.clone())));
    }

    /// The request was answered.
    pub fn answered(&self, status: http::StatusCode, kind: Option<&'static str>) {
        self.learn(|known| {
            known.line.status = Some(status.as_u16());
            known.line.outcome = match kind.filter(|kind| !kind.is_empty()) {
                Some(kind) => kind,
                None if status.is_server_error() => "failed",
                None if status.is_client_error() => "refused",
                None => "done",
            };
        });
    }

    fn note(learned: impl FnOnce(&mut Known)) {
        let _ = TRAIL.try_with(|trail| trail.learn(learned));
    }

    fn learn(&self, learned: impl FnOnce(&mut Known)) {
        learned(&mut self.0.known.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn named(by: &By) -> (Option<&'static str>, Option<String>) {
    match by {
        By::Nobody => (Some("nobody"), None),
        By::Token(id) => (Some("token"), Some(id.clone())),
        By::Link(id) => (Some("link"), Some(id.clone())),
        By::Jwt => (Some("jwt"), None),
        By::Certificate => (Some("certificate"), None),
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        let known = self.known.get_mut().unwrap_or_else(PoisonError::into_inner);
        let refused = known.line.status.is_some_and(|status| status >= 400);
        let told = match known.deed {
            Deed::Ask => matches!(known.line.status, Some(401 | 403)),
            Deed::Bring => refused || (self.audit.chunks && known.completed.is_none()),
            _ => true,
        };
        let mut line = std::mem::take(&mut known.line);
        let completed = known.completed.take();
        if told {
            let own = matches!(known.deed, Deed::Complete | Deed::Prove | Deed::Write | Deed::Name);
            if let Some((id, file)) = completed.as_ref().filter(|_| own) {
                describe(&mut line, *id, file);
            }
            line.action = known.deed.name();
            self.audit.tell(&line);
        }
        if let Some((id, file)) = completed
            && matches!(known.deed, Deed::Begin | Deed::Bring | Deed::Ask)
        {
            describe(&mut line, id, &file);
            line.action = Deed::Complete.name();
            if known.deed == Deed::Bring && refused {
                line.outcome = "done";
            }
            self.audit.tell(&line);
        }
    }
}

fn describe(line: &mut Line, id: UploadId, file: &File) {
    line.upload = Some(id.to_string());
    line.owner = Some(file.owner.clone());
    line.path = Some(file.path.to_string());
    line.length = Some(file.length);
    line.digest = Some(file.digest.to_string());
}
