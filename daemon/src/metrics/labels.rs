//! The labels: words of ours, few of each.

use std::sync::Arc;

use cairn_engine::contracts::{Failure, Store};
use cairn_engine::engine::SweepReason;
use http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;

/// An answered request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) route: String,
    pub(super) status: &'static str,
}

/// Where a request went.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) route: String,
}

/// A call of a store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Call {
    pub(super) store: &'static str,
    pub(super) operation: &'static str,
}

/// A call of a store that failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CallFailure {
    pub(super) store: &'static str,
    pub(super) operation: &'static str,
    pub(super) failure: &'static str,
}

/// The storage that a call went to, of several; none of the other stores.
pub(super) type AtStorage = Vec<(&'static str, Arc<String>)>;

/// What became of a merge.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Outcome {
    pub(super) outcome: &'static str,
}

/// Why a thing was removed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Reason {
    pub(super) reason: &'static str,
}

/// An upload's state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StateLabel {
    pub(super) state: &'static str,
}

/// The method, if it is one that a route may have.
pub fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The class of a status: `2xx`.
pub fn class_word(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

pub(super) fn store_word(store: Store) -> &'static str {
    match store {
        Store::Sessions => "sessions",
        Store::Catalog => "catalog",
        Store::Objects => "objects",
    }
}

pub(super) fn failure_word(failure: Failure) -> &'static str {
    match failure {
        Failure::Unavailable => "unavailable",
        Failure::Full => "full",
        Failure::Corrupt => "corrupt",
        Failure::Failed => "failed",
    }
}

pub(super) fn reason_word(reason: SweepReason) -> &'static str {
    match reason {
        SweepReason::ExpiredUpload => "expired_upload",
        SweepReason::EndedUpload => "ended_upload",
        SweepReason::UnnamedBlob => "unnamed_blob",
        SweepReason::OrphanObject => "orphan_object",
        SweepReason::UnfinishedWrite => "unfinished_write",
    }
}
