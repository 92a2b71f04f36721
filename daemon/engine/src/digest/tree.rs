//! What the bytes of one extent add to the content's BLAKE3 tree.

use serde::{Deserialize, Serialize};

/// The tree values of one extent's bytes: placeholder until the tree module lands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subtrees {}
