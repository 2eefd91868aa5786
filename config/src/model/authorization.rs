//! Who may do what: rules about callers, at a listener or on a route.

use http::Method;

use super::{IdentityMatch, PathMatch};
use crate::network::Network;

/// Who is let in. What a rule of `deny` takes is refused whatever `allow` says; where there are rules of `allow`, what none
/// of them takes is refused, too.
#[derive(Clone, Debug, PartialEq)]
pub struct Authorization {
    /// Empty: everybody.
    pub allow: Vec<AuthorizationRule>,
    /// Empty: nobody.
    pub deny: Vec<AuthorizationRule>,
    /// Nothing is refused: it is only counted what would be.
    pub dry_run: bool,
}

impl Authorization {
    /// All rules.
    pub fn rules(&self) -> impl Iterator<Item = &AuthorizationRule> {
        self.allow.iter().chain(&self.deny)
    }
}

/// Takes what meets all of its conditions; of each, one of the values will do. A condition without values is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuthorizationRule {
    /// Who calls, by a certificate that was checked.
    pub identities: Vec<IdentityMatch>,
    /// Where the caller is.
    pub networks: Vec<Network>,
    /// What is asked for.
    pub methods: Vec<Method>,
    /// Of what.
    pub paths: Vec<PathMatch>,
}

impl AuthorizationRule {
    /// Whether it can be answered only where there are requests.
    pub fn is_about_requests(&self) -> bool {
        !self.methods.is_empty() || !self.paths.is_empty()
    }
}
