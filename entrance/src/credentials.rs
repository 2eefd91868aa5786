//! What is asked of callers: to be somebody, or to have a token.

use http::{HeaderMap, StatusCode};
use outrigger_config::model::{IdentityMatch, SpiffeId};

use super::{Mistake, Settings, token::Tokens};

/// Why somebody is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing was shown.
    #[error("a credential is needed: {0}")]
    Nothing(&'static str),
    /// A token was shown that is not known.
    #[error("the token is not known")]
    UnknownToken,
    /// The certificate is good, and not of one who may.
    #[error("`{0}` may not come in here")]
    Another(String),
}

impl Refusal {
    /// As a status of HTTP.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Nothing(_) | Self::UnknownToken => StatusCode::UNAUTHORIZED,
            Self::Another(_) => StatusCode::FORBIDDEN,
        }
    }
}

/// What is asked for. The one or the other will do.
#[derive(Debug)]
pub(crate) struct Credentials {
    identities: Vec<IdentityMatch>,
    tokens: Option<Tokens>,
}

impl Credentials {
    pub(crate) fn open(settings: &Settings) -> Result<Self, Mistake> {
        Ok(Self {
            identities: settings.allow_identities.clone(),
            tokens: settings.token_file.clone().map(Tokens::open).transpose()?,
        })
    }

    pub(crate) fn are_asked_for(&self) -> bool {
        !self.identities.is_empty() || self.tokens.is_some()
    }

    pub(crate) fn admit(
        &self,
        identity: Option<&SpiffeId>,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        if !self.are_asked_for() {
            return Ok(());
        }
        if identity.is_some_and(|id| self.identities.iter().any(|meant| meant.takes(id))) {
            return Ok(());
        }
        let shown = self.tokens.as_ref().and_then(|tokens| tokens.know(headers));
        match (shown, identity) {
            (Some(true), _) => Ok(()),
            (Some(false), _) => Err(Refusal::UnknownToken),
            (None, Some(id)) if !self.identities.is_empty() => {
                Err(Refusal::Another(id.as_str().to_owned()))
            }
            (None, _) => Err(Refusal::Nothing(
                match (self.identities.is_empty(), &self.tokens) {
                    (true, _) => "a token, as `authorization: Bearer ...`",
                    (false, None) => "a client certificate",
                    (false, Some(_)) => {
                        "a client certificate, or a token as `authorization: Bearer ...`"
                    }
                },
            )),
        }
    }
}
