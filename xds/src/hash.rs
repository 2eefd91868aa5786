//! What is hashed to stay with an endpoint: a key of the cluster here, which Envoy takes from the route or the cluster.

use outrigger_config::model::HashKey;
use serde_json::{Value, json};

use crate::{
    Refused,
    pb::envoy::config::route::v3::route_action::{
        HashPolicy,
        hash_policy::{ConnectionProperties, Cookie, Header, PolicySpecifier},
    },
    refused::Within,
};

pub(crate) fn to_wire(key: &HashKey) -> HashPolicy {
    let specifier = match key {
        HashKey::Header(name) => PolicySpecifier::Header(Header {
            header_name: name.to_string(),
            ..Header::default()
        }),
        HashKey::Cookie(name) => PolicySpecifier::Cookie(Cookie {
            name: name.clone(),
            ..Cookie::default()
        }),
        HashKey::SourceAddress => {
            PolicySpecifier::ConnectionProperties(ConnectionProperties { source_ip: true })
        }
    };
    HashPolicy {
        terminal: false,
        policy_specifier: Some(specifier),
    }
}

/// The one key, in the words of the file.
pub(crate) fn from_wire(policies: &[HashPolicy]) -> Result<Option<Value>, Refused> {
    let unsupported = || Refused::new("only a header, a cookie or the source IP can be hashed");
    let policy = match policies {
        [] => return Ok(None),
        [policy] => policy.policy_specifier.as_ref(),
        _ => return Err(Refused::new("only one key can be hashed")).within("hash_policy"),
    };
    let key = match policy {
        Some(PolicySpecifier::Header(header)) if header.regex_rewrite.is_none() => {
            json!({"header": header.header_name})
        }
        // With a time to live Envoy would set the cookie itself.
        Some(PolicySpecifier::Cookie(cookie)) if cookie.ttl.is_none() => {
            json!({"cookie": cookie.name})
        }
        Some(PolicySpecifier::ConnectionProperties(it)) if it.source_ip => json!("source_address"),
        _ => return Err(unsupported()).within("hash_policy"),
    };
    Ok(Some(key))
}
