//! The filters of a listener: chains for requests and chains for bytes, and what is found out before one is chosen.

use outrigger_config::model::{self, Speaks};
use serde_json::Value;

use super::{
    chain::{self, Chain, NetworkFilter, Takes},
    tcp,
};
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
                listener::{
                    http_inspector::v3::HttpInspector, proxy_protocol::v3::ProxyProtocol,
                    tls_inspector::v3::TlsInspector,
                },
                network::{
                    http_connection_manager::v3::HttpConnectionManager, tcp_proxy::v3::TcpProxy,
                },
            },
        },
        google::protobuf::Any,
    },
    refused::Within,
    tls,
};

/// Under which Envoy looks for them.
const MANAGER: &str = "envoy.filters.network.http_connection_manager";
const TCP_PROXY: &str = "envoy.filters.network.tcp_proxy";

/// What the filters of a listener come to.
#[derive(Default)]
pub(super) struct Filters {
    /// Where there are requests.
    pub(super) manager: Option<HttpConnectionManager>,
    /// Where bytes are passed on, for connections to these names, or all.
    pub(super) proxies: Vec<(Vec<String>, TcpProxy)>,
    /// `tls` of what all of them speak; `None`: cleartext.
    pub(super) tls: Option<Value>,
    /// Whether whoever connects says first whose the connection is.
    pub(super) introduced: bool,
    /// There is a chain already for what no condition asks for.
    others_taken: bool,
}

/// Sets the filters of `listener`.
pub(super) fn to_wire(
    listener: &model::Listener,
    manager: &HttpConnectionManager,
    message: &mut Listener,
) {
    let secure = tls::of_listener(listener);
    let over_tls = secure.is_some();
    let chain = |condition, name: &str, filter| FilterChain {
        filter_chain_match: condition,
        filters: vec![Filter {
            name: name.to_owned(),
            config_type: Some(filter::ConfigType::TypedConfig(filter)),
        }],
        transport_socket: secure.clone(),
        ..FilterChain::default()
    };
    let http = |condition| chain(condition, MANAGER, pack(manager));
    let bytes = |condition, proxy: TcpProxy| chain(condition, TCP_PROXY, pack(&proxy));
    let tcp = listener.speaks.tcp();
    let named = tcp.map(|tcp| tcp::by_name(tcp, &listener.name));
    let named = named.into_iter().flatten();
    let named = named.map(|(condition, proxy)| bytes(Some(condition), proxy));
    let others = tcp.and_then(|tcp| tcp::others(tcp, &listener.name));
    let others = others.map(|proxy| bytes(None, proxy));
    let detects = matches!(listener.speaks, Speaks::Detect(_));
    let by_name = tcp.is_some_and(|tcp| !tcp.sni.is_empty());
    message.listener_filters = [
        listener
            .proxy_protocol
            .is_some()
            .then(|| listener_filter("proxy_protocol", pack(&ProxyProtocol::default()))),
        // Names, and what is agreed on within TLS.
        (by_name || over_tls && detects)
            .then(|| listener_filter("tls_inspector", pack(&TlsInspector::default()))),
        (detects && !over_tls)
            .then(|| listener_filter("http_inspector", pack(&HttpInspector::default()))),
    ]
    .into_iter()
    .flatten()
    .collect();
    match &listener.speaks {
        Speaks::Http => message.filter_chains = vec![http(None)],
        Speaks::Tcp(_) => message.filter_chains = named.chain(others).collect(),
        Speaks::Detect(_) => {
            let condition = Some(chain::is_http(over_tls));
            message.filter_chains = named.chain([http(condition)]).collect();
            message.default_filter_chain = others;
        }
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
        let Chain { takes, tls, filter } = chain::from_wire(chain, condition)?;
        let is_first = self.manager.is_none() && self.proxies.is_empty();
        if !is_first && tls != self.tls {
            let reason = "another chain speaks something else: one `tls` for all is supported";
            return Err(Refused::new(reason)).within("transport_socket");
        }
        self.tls = tls;
        let others = matches!(takes, Takes::Others);
        let taken = others && self.others_taken;
        self.others_taken |= others;
        match (filter, takes) {
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
            (NetworkFilter::Manager(_), Takes::Names(_)) => {
                let reason = "requests go by their routes, whatever name was asked for";
                return Err(Refused::new(reason)).within("filter_chain_match.server_names");
            }
            _ => return Err(Refused::new("only one such chain is supported")),
        }
        Ok(())
    }
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
