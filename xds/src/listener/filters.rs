//! The filters of a listener: chains for requests and chains for bytes, and what is found out before one is chosen.

use outrigger_config::model::{self, Speaks};

use super::tcp;
use crate::{
    Refused,
    any::{self, pack},
    pb::{
        envoy::{
            config::listener::v3::{
                Filter, FilterChain, FilterChainMatch, Listener, ListenerFilter, filter,
                listener_filter,
            },
            extensions::filters::{
                http::{
                    cors::v3::Cors, grpc_stats::v3::FilterConfig as GrpcStats, router::v3::Router,
                },
                listener::{
                    http_inspector::v3::HttpInspector, proxy_protocol::v3::ProxyProtocol,
                    tls_inspector::v3::TlsInspector,
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
    source,
};

/// Under which Envoy looks for them.
const MANAGER: &str = "envoy.filters.network.http_connection_manager";
const TCP_PROXY: &str = "envoy.filters.network.tcp_proxy";

/// What HTTP is called by the filter that finds out.
const HTTP: [&str; 3] = ["http/1.0", "http/1.1", "h2c"];

/// What the filters of a listener come to.
#[derive(Default)]
pub(super) struct Filters {
    /// Where there are requests.
    pub(super) manager: Option<HttpConnectionManager>,
    /// Where bytes are passed on, for connections to these names, or all.
    pub(super) proxies: Vec<(Vec<String>, TcpProxy)>,
    /// Whether whoever connects says first whose the connection is.
    pub(super) introduced: bool,
}

/// Sets the filters of `listener`.
pub(super) fn to_wire(
    listener: &model::Listener,
    manager: &HttpConnectionManager,
    message: &mut Listener,
) {
    let http = |condition| FilterChain {
        filter_chain_match: condition,
        ..chain(MANAGER, pack(manager))
    };
    let bytes = |condition, proxy| FilterChain {
        filter_chain_match: condition,
        ..chain(TCP_PROXY, pack(&proxy))
    };
    let tcp = listener.speaks.tcp();
    let named = tcp.map(|tcp| tcp::by_name(tcp, &listener.name));
    let named = named.into_iter().flatten();
    let named = named.map(|(condition, proxy)| bytes(Some(condition), proxy));
    let others = tcp.and_then(|tcp| tcp::others(tcp, &listener.name));
    let others = others.map(|proxy| bytes(None, proxy));
    if listener.proxy_protocol.is_some() {
        let filter = pack(&ProxyProtocol::default());
        message
            .listener_filters
            .push(listener_filter("proxy_protocol", filter));
    }
    if tcp.is_some_and(|tcp| !tcp.sni.is_empty()) {
        let filter = pack(&TlsInspector::default());
        message
            .listener_filters
            .push(listener_filter("tls_inspector", filter));
    }
    match &listener.speaks {
        Speaks::Http => message.filter_chains = vec![http(None)],
        Speaks::Tcp(_) => {
            message.filter_chains = named.chain(others).collect();
        }
        Speaks::Detect(_) => {
            let filter = pack(&HttpInspector::default());
            message
                .listener_filters
                .push(listener_filter("http_inspector", filter));
            let condition = FilterChainMatch {
                application_protocols: HTTP.map(str::to_owned).to_vec(),
                ..FilterChainMatch::default()
            };
            message.filter_chains = named.chain([http(Some(condition))]).collect();
            message.default_filter_chain = others;
        }
    }
}

fn chain(name: &str, config: Any) -> FilterChain {
    FilterChain {
        filters: vec![Filter {
            name: name.to_owned(),
            config_type: Some(filter::ConfigType::TypedConfig(config)),
        }],
        ..FilterChain::default()
    }
}

fn listener_filter(name: &str, config: Any) -> ListenerFilter {
    ListenerFilter {
        name: format!("envoy.filters.listener.{name}"),
        config_type: Some(listener_filter::ConfigType::TypedConfig(config)),
        ..ListenerFilter::default()
    }
}

/// What the filters of a listener say.
pub(super) fn from_wire(message: &Listener) -> Result<Filters, Refused> {
    let mut filters = Filters::default();
    for (index, filter) in message.listener_filters.iter().enumerate() {
        let place = format_args!("listener_filters[{index}]").to_string();
        filters.introduced |= introduces(filter).within(place)?;
    }
    if message.filter_chains.is_empty() && message.default_filter_chain.is_none() {
        return Err(Refused::new("there is none")).within("filter_chains");
    }
    for (index, chain) in message.filter_chains.iter().enumerate() {
        let place = format!("filter_chains[{index}]");
        filters
            .add(chain, chain.filter_chain_match.as_ref())
            .within(place)?;
    }
    if let Some(chain) = &message.default_filter_chain {
        filters.add(chain, None).within("default_filter_chain")?;
    }
    Ok(filters)
}

impl Filters {
    fn add(
        &mut self,
        chain: &FilterChain,
        condition: Option<&FilterChainMatch>,
    ) -> Result<(), Refused> {
        let takes = condition.map_or(Ok(Takes::Others), takes);
        let takes = takes.within("filter_chain_match")?;
        let taken = match &takes {
            Takes::Others => self.proxies.iter().any(|(names, _)| names.is_empty()),
            Takes::Http | Takes::Names(_) => false,
        };
        match (from_chain(chain)?, takes) {
            (NetworkFilter::Manager(manager), Takes::Others | Takes::Http)
                if self.manager.is_none() && !taken =>
            {
                self.manager = Some(*manager);
            }
            (NetworkFilter::Tcp(proxy), Takes::Others) if !taken => {
                self.proxies.push((Vec::new(), *proxy));
            }
            (NetworkFilter::Tcp(proxy), Takes::Names(names)) => {
                self.proxies.push((names, *proxy));
            }
            _ => return Err(Refused::new("only one such chain is supported")),
        }
        Ok(())
    }
}

/// The connections that a chain takes.
enum Takes {
    /// All that no other does.
    Others,
    /// Those that speak HTTP.
    Http,
    /// Those of TLS that ask for one of these names.
    Names(Vec<String>),
}

fn takes(condition: &FilterChainMatch) -> Result<Takes, Refused> {
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
    let http = |protocol: &String| HTTP.contains(&protocol.as_str());
    match (
        &server_names[..],
        &**transport_protocol,
        &application_protocols[..],
    ) {
        _ if rest != FilterChainMatch::default() => {}
        ([], "" | "raw_buffer", []) => return Ok(Takes::Others),
        ([], "" | "raw_buffer", protocols) if protocols.iter().all(http) => return Ok(Takes::Http),
        ([_, ..], "" | "tls", []) => return Ok(Takes::Names(server_names.clone())),
        _ => {}
    }
    Err(Refused::new(
        "only conditions on names of TLS, and on HTTP or not, are supported",
    ))
}

/// Whether it reads from whoever connects whose the connection is. The others look at a connection for the conditions of
/// chains.
fn introduces(filter: &ListenerFilter) -> Result<bool, Refused> {
    match &filter.config_type {
        Some(listener_filter::ConfigType::TypedConfig(config))
            if any::is::<ProxyProtocol>(config) =>
        {
            let config: ProxyProtocol = any::unpack(config)?;
            match config.allow_requests_without_proxy_protocol {
                true => Err(Refused::new("not supported"))
                    .within("allow_requests_without_proxy_protocol"),
                false => Ok(true),
            }
        }
        Some(listener_filter::ConfigType::TypedConfig(config))
            if any::is::<HttpInspector>(config) || any::is::<TlsInspector>(config) =>
        {
            Ok(false)
        }
        _ => {
            let reason = format!("the listener filter `{}` is not supported", filter.name);
            Err(Refused::new(reason))
        }
    }
}

/// The filter of a chain that does something with its connections.
enum NetworkFilter {
    Manager(Box<HttpConnectionManager>),
    Tcp(Box<TcpProxy>),
}

fn from_chain(chain: &FilterChain) -> Result<NetworkFilter, Refused> {
    if let Some(socket) = &chain.transport_socket
        && !source::is_cleartext(socket)
    {
        let reason = format!(
            "`{}` is not supported: TLS is not in this version yet",
            socket.name
        );
        return Err(Refused::new(reason)).within("transport_socket");
    }
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
    filter.within("filters[0]")
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
