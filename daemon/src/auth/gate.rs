//! The gate: from what a request presents to who asks. One variant for each `auth.mode`.
//!
//! | presented | answer |
//! |---|---|
//! | something that is somebody's, and valid now | their [`Identity`] |
//! | nothing | [`Unknown::Nobody`] |
//! | anything else | [`Unknown::NotValid`]: which part of it is wrong is told to nobody |
//! | something that cannot be looked up now | [`Unknown::Away`] |

use cairn_engine::{Owner, Refusal};

use super::{Identity, Presented};
use crate::config::AuthMode;
use crate::http::peer::Peer;

/// Finds out who asks.
#[derive(Clone)]
pub enum Gate {
    /// Nobody is asked: whoever asks is whom they say they are.
    Believing,
    /// A token says who.
    Tokens,
}

/// Why it is not known who asks.
#[derive(Debug)]
pub enum Unknown {
    /// Nothing was presented.
    Nobody,
    /// What was presented is nobody's, or not any more, or is nothing that could be.
    NotValid,
    /// It could not be looked up.
    Away(Refusal),
}

impl Gate {
    /// The gate of a mode.
    pub fn new(mode: AuthMode) -> Self {
        match mode {
            AuthMode::None => Self::Believing,
            AuthMode::Tokens | AuthMode::Jwt => Self::Tokens,
        }
    }

    /// Who asks. Where nobody is asked, somebody of no particular name: the request itself may tell one.
    ///
    /// # Errors
    /// As the table above says.
    pub(crate) async fn identify(&self, presented: &Presented, _peer: &Peer) -> Result<Identity, Unknown> {
        match (self, presented) {
            (Self::Believing, _) => Ok(Identity::believed(Owner::default())),
            (Self::Tokens, Presented::Nothing) => Err(Unknown::Nobody),
            (Self::Tokens, _) => Err(Unknown::NotValid),
        }
    }
}
