//! The gate: from what a request presents to who asks. One way for each `auth.mode`.
//!
//! | presented | answer |
//! |---|---|
//! | nothing, on a connection with a certificate that was verified, where such count | whom the certificate names |
//! | something that is somebody's, and valid now | their [`Identity`] |
//! | nothing | [`Unknown::Nobody`] |
//! | anything else | [`Unknown::NotValid`]: which part of it is wrong is told to nobody |
//! | something that cannot be looked up now | [`Unknown::Away`] |

use std::error::Error;
use std::sync::Arc;

use cairn_engine::engine::Holder;
use cairn_engine::{Engine, Owner, Refusal, Timestamp};

use super::jwt::{KeysError, Verifier};
use super::{By, Identity, Presented, Rights};
use crate::config::{Auth, AuthMode};
use crate::house::House;
use crate::http::peer::Peer;

/// Finds out who asks.
#[derive(Clone)]
pub struct Gate {
    engine: Arc<Engine>,
    way: Way,
    certificates: bool,
}

#[derive(Clone)]
enum Way {
    /// Nobody is asked: whoever asks is whom they say they are.
    Believing,
    /// A token of cairn's own says who.
    Tokens,
    /// A token that somebody else issued says who.
    Jwt(Verifier),
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
    /// The gate of a mode. Blocks for a small file, if tokens of others are believed.
    ///
    /// # Errors
    /// Their keys cannot be used.
    pub fn open(auth: &Auth, engine: &Arc<Engine>) -> Result<Self, KeysError> {
        let way = match auth.mode {
            AuthMode::None => Way::Believing,
            AuthMode::Tokens => Way::Tokens,
            AuthMode::Jwt => Way::Jwt(Verifier::open(&auth.jwt)?),
        };
        Ok(Self { engine: Arc::clone(engine), way, certificates: auth.certificates })
    }

    /// Keeps up to date what it checks with, until the shutdown begins.
    pub fn keep(&self, house: &Arc<House>) {
        if let Way::Jwt(verifier) = &self.way {
            let keeping = verifier.clone().keep(Arc::clone(house), house.supervisor.stopping().clone());
            house.supervisor.start("token keys", keeping);
        }
    }

    /// Who asks. Where nobody is asked, somebody of no particular name: the request itself may tell one.
    ///
    /// # Errors
    /// As the table above says.
    pub(crate) async fn identify(&self, presented: &Presented, peer: &Peer) -> Result<Identity, Unknown> {
        if let (Presented::Nothing, Some(name)) = (presented, self.certificate(peer)) {
            return self.by_certificate(name).await;
        }
        match &self.way {
            Way::Believing => Ok(Identity::believed(Owner::default())),
            Way::Tokens => by_token(&self.engine, presented).await,
            Way::Jwt(verifier) => self.by_jwt(verifier, presented).await,
        }
    }

    /// The moment it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.engine.now()
    }

    /// The name in the certificate of who asks, where that counts. That of a proxy is nobody's for whom it speaks.
    fn certificate<'a>(&self, peer: &'a Peer) -> Option<&'a str> {
        peer.certificate_name.as_deref().filter(|_| self.certificates && !peer.proxied)
    }

    /// Whom a certificate names: they may read and write.
    async fn by_certificate(&self, name: &str) -> Result<Identity, Unknown> {
        let owner: Owner = name.parse().map_err(|_| Unknown::NotValid)?;
        let rights = Rights { read: true, write: true, admin: false };
        self.unless_disabled(Identity { owner, rights, by: By::Certificate, until: None }).await
    }

    /// Whom a token of others names that is presented: by itself, or as the password of the user whom it names.
    async fn by_jwt(&self, verifier: &Verifier, presented: &Presented) -> Result<Identity, Unknown> {
        let (user, token) = shown(presented)?;
        let identity = verifier.check(token, self.engine.now()).map_err(|why| {
            tracing::debug!(error = &why as &dyn Error, "a token is not believed");
            Unknown::NotValid
        })?;
        if user.is_some_and(|user| user != identity.owner.as_str()) {
            return Err(Unknown::NotValid);
        }
        self.unless_disabled(identity).await
    }

    /// Who is known by other means than ours need not be a user; but if they are a disabled one, they are nobody.
    async fn unless_disabled(&self, identity: Identity) -> Result<Identity, Unknown> {
        let user = self.engine.user(&identity.owner).await.map_err(|error| Unknown::Away(error.into()))?;
        if user.is_some_and(|user| user.disabled) { Err(Unknown::NotValid) } else { Ok(identity) }
    }
}

/// The token that is presented, and the user's name beside it, if there is one.
fn shown(presented: &Presented) -> Result<(Option<&str>, &str), Unknown> {
    match presented {
        Presented::Nothing => Err(Unknown::Nobody),
        Presented::Unreadable => Err(Unknown::NotValid),
        Presented::Bearer(token) => Ok((None, token)),
        Presented::Basic { user, password } => Ok((Some(user), password)),
    }
}

/// Who holds the token that is presented: by itself, or as the password of the user whose it is.
async fn by_token(engine: &Engine, presented: &Presented) -> Result<Identity, Unknown> {
    let (user, token) = shown(presented)?;
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
        until: holder.token.expires_at,
    }
}
