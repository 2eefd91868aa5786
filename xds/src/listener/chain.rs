//! One filter chain of a listener: which connections it takes, what they speak below it, and what is done with them.

use serde_json::Value;

use crate::{
    Refused, any,
    pb::{
        envoy::{
            config::listener::v3::{Filter, FilterChain, FilterChainMatch, filter},
            extensions::filters::{
                http::{
                    cors::v3::Cors, grpc_stats::v3::FilterConfig as GrpcStats, router::v3::Router,
                },
                network::{
                    http_connection_manager::v3::{HttpConnectionManager, HttpFilter, http_filter},
                    tcp_proxy::v3::TcpProxy,
                },
            },
        },
        google::protobuf::Any,
    },
    refused::Within,
    source, tls,
};

/// What HTTP is called by the filter that finds out.
const HTTP: [&str; 3] = ["http/1.0", "http/1.1", "h2c"];

/// What it is called by those who agree on it within TLS.
const ALPN: [&str; 2] = ["h2", "http/1.1"];

/// A chain.
pub(super) struct Chain {
    pub(super) takes: Takes,
    /// `tls` of what is spoken below; `None`: cleartext.
    pub(super) tls: Option<Value>,
    pub(super) filter: NetworkFilter,
}

/// The connections that a chain takes.
pub(super) enum Takes {
    /// All that no other does.
    Others,
    /// Those that speak HTTP.
    Http,
    /// Those of TLS that ask for one of these names.
    Names(Vec<String>),
}

/// The condition of chains of requests where there are others.
pub(super) fn is_http(over_tls: bool) -> FilterChainMatch {
    let protocols: &[&str] = if over_tls { &ALPN } else { &HTTP };
    FilterChainMatch {
        application_protocols: protocols.iter().copied().map(str::to_owned).collect(),
        ..FilterChainMatch::default()
    }
}

fn takes(condition: &FilterChainMatch, over_tls: bool) -> Result<Takes, Refused> {
    let FilterChainMatch {
        server_names,
        transport_protocol,
        application_protocols,
        ..
    } = condition;
    let rest = FilterChainMatch {
        server_names: Vec::new(),
        transport_protocol: String::new(),
        application_protocols: Vec::new(),
        ..condition.clone()
    };
    let known: &[&str] = if over_tls { &ALPN } else { &HTTP };
    let http = |protocol: &String| known.contains(&protocol.as_str());
    let transport = match &**transport_protocol {
        "" => true,
        "tls" => over_tls || !server_names.is_empty(),
        "raw_buffer" => !over_tls && server_names.is_empty(),
        _ => false,
    };
    match (&server_names[..], &application_protocols[..]) {
        _ if !transport || rest != FilterChainMatch::default() => {}
        ([], []) => return Ok(Takes::Others),
        ([], protocols) if protocols.iter().all(http) => return Ok(Takes::Http),
        ([_, ..], []) => return Ok(Takes::Names(server_names.clone())),
        _ => {}
    }
    Err(Refused::new(
        "only conditions on names of TLS, and on HTTP or not, are supported",
    ))
}

/// The filter of a chain that does something with its connections.
pub(super) enum NetworkFilter {
    Manager(Box<HttpConnectionManager>),
    Tcp(Box<TcpProxy>),
}

/// A chain that takes what fulfils `condition`.
pub(super) fn from_wire(
    chain: &FilterChain,
    condition: Option<&FilterChainMatch>,
) -> Result<Chain, Refused> {
    let socket = chain.transport_socket.as_ref();
    let socket = socket.filter(|socket| !source::is_cleartext(socket));
    let takes = condition.map_or(Ok(Takes::Others), |it| takes(it, socket.is_some()));
    let takes = takes.within("filter_chain_match")?;
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
    Ok(Chain {
        takes,
        tls,
        filter: filter.within("filters[0]")?,
    })
}

fn from_filter(filter: &Filter) -> Result<NetworkFilter, Refused> {
    let config = match &filter.config_type {
        Some(filter::ConfigType::TypedConfig(config)) => config,
        _ => return Err(Refused::new("no configuration is given")),
    };
    if any::is::<TcpProxy>(config) {
        return Ok(NetworkFilter::Tcp(Box::new(any::unpack(config)?)));
    }
    if !any::is::<HttpConnectionManager>(config) {
        let reason = format!("the filter `{}` is not supported", filter.name);
        return Err(Refused::new(reason));
    }
    let manager: HttpConnectionManager = any::unpack(config)?;
    http_filters(&manager.http_filters)?;
    Ok(NetworkFilter::Manager(Box::new(manager)))
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
        // Without a policy of a route it does nothing, and one with a policy is refused.
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
