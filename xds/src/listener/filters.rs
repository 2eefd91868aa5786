//! The filters of a listener: there is one chain, with one that speaks HTTP, which routes.

use serde_json::Value;

use super::takes_all;
use crate::{
    Refused, any,
    pb::{
        envoy::{
            config::listener::v3::{
                Filter, FilterChain, Listener, ListenerFilter, filter, listener_filter,
            },
            extensions::filters::{
                http::{
                    cors::v3::Cors, grpc_stats::v3::FilterConfig as GrpcStats, router::v3::Router,
                },
                listener::{http_inspector::v3::HttpInspector, tls_inspector::v3::TlsInspector},
                network::http_connection_manager::v3::{
                    HttpConnectionManager, HttpFilter, http_filter,
                },
            },
        },
        google::protobuf::Any,
    },
    refused::Within,
    source, tls,
};

/// The connection manager of the one filter chain, and `tls` of what its callers have to speak below that.
pub(super) fn only_manager(
    message: &Listener,
) -> Result<(HttpConnectionManager, Option<Value>), Refused> {
    for (index, filter) in message.listener_filters.iter().enumerate() {
        if !is_harmless(filter) {
            let reason = format!("the listener filter `{}` is not supported", filter.name);
            return Err(Refused::new(reason)).within(format_args!("listener_filters[{index}]"));
        }
    }
    let (chain, place) = match (&message.filter_chains[..], &message.default_filter_chain) {
        ([chain], None) => (chain, "filter_chains[0]"),
        ([], Some(chain)) => (chain, "default_filter_chain"),
        ([], None) => return Err(Refused::new("there is none")).within("filter_chains"),
        _ => return Err(Refused::new("only one is supported")).within("filter_chains"),
    };
    let only = matches!(&message.filter_chains[..], [_]);
    if only && !takes_all(chain) {
        let reason = "conditions on connections are not supported";
        return Err(Refused::new(reason))
            .within("filter_chain_match")
            .within(place);
    }
    from_chain(chain).within(place)
}

/// They look at a connection for the conditions of chains, which there are none.
fn is_harmless(filter: &ListenerFilter) -> bool {
    match &filter.config_type {
        Some(listener_filter::ConfigType::TypedConfig(config)) => {
            any::is::<HttpInspector>(config) || any::is::<TlsInspector>(config)
        }
        _ => false,
    }
}

fn from_chain(chain: &FilterChain) -> Result<(HttpConnectionManager, Option<Value>), Refused> {
    let socket = chain.transport_socket.as_ref();
    let socket = socket.filter(|socket| !source::is_cleartext(socket));
    let tls = socket.map(tls::listener_keys).transpose();
    let tls = tls.within("transport_socket")?;
    if chain.use_proxy_proto.is_some_and(|it| it.value) {
        return Err(Refused::new("not supported")).within("use_proxy_proto");
    }
    let filter = match &chain.filters[..] {
        [filter] => from_filter(filter),
        [] => Err(Refused::new("there is none")),
        [first, ..] => {
            let reason = format!("the filter `{}` is not supported", first.name);
            return Err(Refused::new(reason)).within("filters[0]");
        }
    };
    Ok((filter.within("filters[0]")?, tls))
}

fn from_filter(filter: &Filter) -> Result<HttpConnectionManager, Refused> {
    let config = match &filter.config_type {
        Some(filter::ConfigType::TypedConfig(config)) => config,
        _ => return Err(Refused::new("no configuration is given")),
    };
    if !any::is::<HttpConnectionManager>(config) {
        let reason = format!("the filter `{}` is not supported", filter.name);
        return Err(Refused::new(reason));
    }
    let manager: HttpConnectionManager = any::unpack(config)?;
    http_filters(&manager.http_filters)?;
    Ok(manager)
}

/// The last has to route; before it only those may stand without which everything is the same.
fn http_filters(filters: &[HttpFilter]) -> Result<(), Refused> {
    let is_router = |filter: &HttpFilter| typed(filter).is_some_and(any::is::<Router>);
    match filters {
        [.., last] if is_router(last) => {}
        _ => return Err(Refused::new("the last has to be the router")).within("http_filters"),
    }
    for (index, filter) in filters.iter().enumerate() {
        let counts = typed(filter).is_some_and(any::is::<GrpcStats>);
        // Without a policy of a route it does nothing.
        let idle = typed(filter).is_some_and(any::is::<Cors>);
        if !(filter.is_optional || filter.disabled || is_router(filter) || counts || idle) {
            let reason = format!(
                "the filter `{}` is not supported, and not optional",
                filter.name
            );
            return Err(Refused::new(reason)).within(format_args!("http_filters[{index}]"));
        }
    }
    Ok(())
}

fn typed(filter: &HttpFilter) -> Option<&Any> {
    match &filter.config_type {
        Some(http_filter::ConfigType::TypedConfig(config)) => Some(config),
        _ => None,
    }
}
