//! The gate: from what a request presents to who asks. One variant for each `auth.mode`.
//!
//! | presented | answer |
//! |---|---|
//! | something that is somebody's, and valid now | their [`Identity`] |
//! | nothing | [`Unknown::Nobody`] |
//! | anything else | [`Unknown::NotValid`]: which part of it is wrong is told to nobody |
//! | something that cannot be looked up now | [`Unknown::Away`] |

use std::sync::Arc;

use cairn_engine::engine::Holder;
use cairn_engine::{Engine, Owner, Refusal};

use super::{By, Identity, Presented, Rights};
use crate::config::AuthMode;
use crate::http::peer::Peer;

/// Finds out who asks.
#[derive(Clone)]
pub enum Gate {
    /// Nobody is asked: whoever asks is whom they say they are.
    Believing,
    /// A token of cairn's own says who.
    Tokens(Arc<Engine>),
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
    pub fn new(mode: AuthMode, engine: &Arc<Engine>) -> Self {
        match mode {
            AuthMode::None => Self::Believing,
            AuthMode::Tokens | AuthMode::Jwt => Self::Tokens(Arc::clone(engine)),
        }
    }

    /// Who asks. Where nobody is asked, somebody of no particular name: the request itself may tell one.
    ///
    /// # Errors
    /// As the table above says.
    pub(crate) async fn identify(&self, presented: &Presented, _peer: &Peer) -> Result<Identity, Unknown> {
        match self {
            Self::Believing => Ok(Identity::believed(Owner::default())),
            Self::Tokens(engine) => by_token(engine, presented).await,
        }
    }
}

/// Who holds the token that is presented: by itself, or as the password of the user whose it is.
async fn by_token(engine: &Engine, presented: &Presented) -> Result<Identity, Unknown> {
    let (user, token) = match presented {
        Presented::Nothing => return Err(Unknown::Nobody),
        Presented::Unreadable => return Err(Unknown::NotValid),
        Presented::Bearer(token) => (None, token),
        Presented::Basic { user, password } => (Some(user.as_str()), password),
    };
    let holder = engine.holder(token).await.map_err(|error| Unknown::Away(error.into()))?;
    let holder = holder.ok_or(Unknown::NotValid)?;
    if user.is_some_and(|user| user != holder.user.name.as_str()) {
        return Err(Unknown::NotValid);
    }
    Ok(identity(&holder))
}

fn identity(holder: &Holder) -> Identity {
    let scopes = holder.token.scopes;
    Identity {
        owner: holder.user.name.clone(),
        rights: Rights { read: scopes.read, write: scopes.write, admin: scopes.admin },
        by: By::Token(holder.token.id.to_string()),
    }
}
