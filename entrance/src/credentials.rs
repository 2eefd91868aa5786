//! What is asked of callers: to be somebody, or to have a token.

use aws_lc_rs::digest::Digest;
use http::{HeaderMap, StatusCode};
use outrigger_config::model::{IdentityMatch, SpiffeId};

use super::{
    Mistake, Settings,
    token::{self, Tokens},
};

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

/// By what somebody was let in: the hash of the token, if it was one.
#[derive(Clone, Copy)]
pub struct Pass(pub(crate) Option<Digest>);

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
    ) -> Result<Pass, Refusal> {
        if !self.are_asked_for() {
            return Ok(Pass(None));
        }
        if identity.is_some_and(|id| self.identities.iter().any(|meant| meant.takes(id))) {
            return Ok(Pass(None));
        }
        let shown = self.tokens.as_ref().and_then(|_| token::shown(headers));
        match (shown, identity) {
            (Some(token), _) => {
                let pass = Pass(Some(token));
                self.hold(&pass).map(|()| pass)
            }
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

    /// Whether what was good still is. What a certificate was good for ends with its connection.
    pub(crate) fn hold(&self, pass: &Pass) -> Result<(), Refusal> {
        match (&pass.0, &self.tokens) {
            (Some(token), Some(tokens)) if !tokens.know(token) => Err(Refusal::UnknownToken),
            _ => Ok(()),
        }
    }
}
