//! Listeners (LDS).

mod chain;
mod connection_manager;
mod filters;
mod tcp;

use std::sync::Arc;

use outrigger_config::model;
use prost::Message;
use serde_json::{Value, json};

use crate::{
    Kind, Refused, Resource, address, any, parts,
    pb::envoy::{
        config::listener::v3::Listener,
        extensions::filters::network::http_connection_manager::v3::{
            HttpConnectionManager, http_connection_manager::RouteSpecifier,
        },
    },
    refused::Within,
    remainder::{self, Keys},
    routes, source,
};

pub(crate) use connection_manager::router;
use filters::Filters;

/// A listener as it was decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The listener, without routes.
    pub model: model::Listener,
    /// Its routes, or where they are.
    pub routes: Routes,
}

/// The routes of a listener.
#[derive(Clone, Debug, PartialEq)]
pub enum Routes {
    /// A resource of this name.
    Named(Arc<str>),
    /// They came with it.
    Inline(Vec<model::Route>),
}

/// A listener. Its routes are a resource of their own, so that a change of one does not send all of this again and closes no
/// connection at Envoy.
pub fn encode(listener: &model::Listener) -> Resource {
    let whole = keys_of(listener);
    let manager = connection_manager::to_wire(listener);
    let mut message = Listener {
        name: listener.name.to_string(),
        address: Some(address::to_wire(listener.address)),
        ..Listener::default()
    };
    filters::to_wire(listener, &manager, &mut message);
    let standard = keys(&message).map(|(keys, _)| keys).unwrap_or_default();
    message.metadata = remainder::of(&whole, &standard, |keys| {
        Some(keys_of(&parts::listener(keys).ok()?))
    });
    let by_host = connection_manager::by_host(listener);
    let canonical = format!("{} by host: {by_host}", Value::Object(whole));
    let name = Arc::clone(&listener.name);
    let body = message.encode_to_vec().into();
    Resource::new(Kind::Listener, name, &canonical, body)
}

/// What stands in the file, but for the routes.
fn keys_of(listener: &model::Listener) -> Keys {
    let without = model::Listener {
        routes: Vec::new(),
        ..listener.clone()
    };
    parts::written(&without)
}

/// # Errors
/// When `body` is no listener, or one that means what there is not here.
pub fn decode(body: &[u8]) -> Result<Decoded, Refused> {
    let message: Listener = any::decode(body).map_err(|refused| refused.of(Kind::Listener, ""))?;
    from_wire(&message).map_err(|refused| refused.of(Kind::Listener, &message.name))
}

fn from_wire(message: &Listener) -> Result<Decoded, Refused> {
    let (standard, manager) = keys(message)?;
    let keys = remainder::laid_over(standard, message.metadata.as_ref());
    let mut model = parts::listener(&keys)?;
    model.routes = Vec::new();
    let Some(manager) = manager else {
        let routes = Routes::Inline(Vec::new());
        return Ok(Decoded { model, routes });
    };
    let routes = match &manager.route_specifier {
        Some(RouteSpecifier::Rds(rds)) => {
            source::check(rds.config_source.as_ref()).within("rds.config_source")?;
            Routes::Named(rds.route_config_name.as_str().into())
        }
        Some(RouteSpecifier::RouteConfig(inline)) => {
            let routes = routes::from_wire(&message.name, inline).within("route_config")?;
            Routes::Inline(routes)
        }
        Some(RouteSpecifier::ScopedRoutes(_)) => {
            return Err(Refused::new("not supported")).within("scoped_routes");
        }
        None => return Err(Refused::new("no routes are given")),
    };
    Ok(Decoded { model, routes })
}

/// What the standard fields say, and where the routes come from.
fn keys(message: &Listener) -> Result<(Keys, Option<HttpConnectionManager>), Refused> {
    if message.name.is_empty() {
        return Err(Refused::new("a listener needs a name")).within("name");
    }
    refuse(message)?;
    let address = address::from_wire(message.address.as_ref()).within("address")?;
    let mut keys = Keys::new();
    keys.insert("name".to_owned(), json!(message.name));
    keys.insert("address".to_owned(), json!(address.to_string()));
    let Filters {
        manager,
        proxies,
        tls,
        introduced,
        ..
    } = filters::from_wire(message)?;
    let protocol = match (&manager, &proxies[..], chooses(message)) {
        (None, ..) => "tcp",
        (Some(_), [], false) => "http",
        (Some(_), ..) => "detect",
    };
    keys.insert("protocol".to_owned(), json!(protocol));
    if introduced {
        // Whoever connects is trusted there.
        let trusted = json!({"trusted": ["0.0.0.0/0", "::/0"]});
        keys.insert("proxy_protocol".to_owned(), trusted);
    }
    if let Some(tls) = tls {
        keys.insert("tls".to_owned(), tls);
    }
    for (names, proxy) in &proxies {
        tcp::from_wire(names, proxy, &mut keys)?;
    }
    if let Some(manager) = &manager {
        keys.insert("routes".to_owned(), json!([]));
        connection_manager::from_wire(manager, &mut keys)?;
    }
    Ok((keys, manager))
}

/// What would make it another kind of listener.
fn refuse(message: &Listener) -> Result<(), Refused> {
    if message.api_listener.is_some() && message.address.is_none() {
        let reason = "listeners without an address are for clients within a process";
        return Err(Refused::new(reason)).within("api_listener");
    }
    let on =
        |value: Option<crate::pb::google::protobuf::BoolValue>| value.is_some_and(|it| it.value);
    for (is_set, field) in [
        (
            !message.additional_addresses.is_empty(),
            "additional_addresses",
        ),
        (message.udp_listener_config.is_some(), "udp_listener_config"),
        (on(message.use_original_dst), "use_original_dst"),
        (on(message.transparent), "transparent"),
        (
            message.bind_to_port.is_some_and(|it| !it.value),
            "bind_to_port",
        ),
        (
            message.filter_chain_matcher.is_some(),
            "filter_chain_matcher",
        ),
        (message.listener_specifier.is_some(), "listener_specifier"),
    ] {
        if is_set {
            return Err(Refused::new("not supported")).within(field);
        }
    }
    Ok(())
}

/// Whether only connections that speak HTTP are taken for such.
fn chooses(message: &Listener) -> bool {
    let mut conditions = message
        .filter_chains
        .iter()
        .filter_map(|it| it.filter_chain_match.as_ref());
    conditions.any(|condition| !condition.application_protocols.is_empty())
}
