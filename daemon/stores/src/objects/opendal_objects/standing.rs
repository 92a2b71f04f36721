//! What a service can do, told to the operator.

use cairn_engine::contracts::Standing;
use opendal::Operator;

use crate::objects::merging;

/// What will be used of the service, and what will not work with it.
pub(in crate::objects) fn standing_of(operator: &Operator) -> Standing {
    let info = operator.info();
    let can = info.capability();
    let merging = match merging::limits(operator) {
        Some(limits) if limits.copies => "copied inside the store",
        Some(_) => "streamed through the daemon",
        None => "none",
    };
    let parts = match (can.write_can_multi, can.write_multi_min_size) {
        (true, Some(least)) => format!("in parts of at least {} MiB", least >> 20),
        (true, None) => "in parts".to_owned(),
        (false, _) => "whole bodies".to_owned(),
    };
    let mut standing = Standing::of(info.scheme())
        .with("placement", "objects")
        .with("writes", parts)
        .with("merging", merging)
        .with("listing", if can.list_with_recursive { "recursive" } else { "folder by folder" });
    if !can.write_can_multi && info.scheme() != opendal::services::MEMORY_SCHEME {
        standing = standing
            .warning("this service takes whole bodies only: each request holds its chunk in memory until it is verified")
            .warning("this service puts no objects together: blobs stay in as many objects as they were sent in");
    }
    if !can.list {
        standing = standing
            .warning("this service does not list: what is orphaned stays, and no upload is found again");
    }
    standing
}
