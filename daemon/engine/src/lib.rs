//! The rules of cairn: uploads, extents, coverage, digests, merging and sweeping, over three contracts.
//!
//! An upload is a set of [extents](extent::Extent). A blob is an ordered list of extents. A merge makes the list
//! one long. This crate knows no HTTP, no database and no storage library; time and chance come in through
//! [`Clock`] and [`Chance`], stores through the traits in [`contracts`].

pub mod account;
pub mod chunks;
pub mod contracts;
pub mod coverage;
pub mod digest;
pub mod engine;
pub mod extent;
pub mod file;
pub mod id;
pub mod overrides;
pub mod owner;
pub mod path;
pub mod policy;
pub mod refusal;
pub mod seal;
pub mod storages;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
pub mod upload;

pub use account::{Quota, Scopes, Token, TokenId, TokenText, User};
pub use digest::{Algorithm, Checksum, Digest};
pub use engine::Engine;
pub use extent::{Extent, Receipt};
pub use file::{Blob, File};
pub use id::{Chance, ObjectKey, StorageName, UploadId};
pub use owner::{Caller, Owner};
pub use path::FilePath;
pub use policy::Policy;
pub use refusal::Refusal;
pub use storages::Storages;
pub use time::{Clock, Timestamp};
pub use upload::{State, Upload};
