//! Listeners: where requests come in.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use super::{
    address::{bind_address, network},
    authorization::{authorization, callers_can_show_it},
    duration::duration,
    limits::listener_limits,
    matches::identity,
    name::name,
    rate_limit::rate_limit,
    route::{cluster, clusters, one_of_several, route},
    tcp::{self, Kind, detect, kind, only_what_is_spoken, proxy_protocol, sni},
    tls::{listener_tls, redirect_or_routes, redirect_to_https},
    transparent::{redirected, transparent},
};
use serde_json::Value;

use crate::{
    Network,
    model::{
        Authorization, ClusterRef, Destination, Detect, DetectPolicy, HostMatch, Listener,
        ListenerLimits, ListenerTls, ProxyProtocol, RateLimit, Redirect, Route, Speaks, Tcp,
        TcpPolicy, Transparent, WeightedCluster, default as defaults,
    },
    problem::Fault,
    reader::Reader,
    shape::{
        Shape, absent, default, flag, keys, list, list_where, nested, optional, required, whole,
    },
    yaml::Node,
};

struct Keys {
    name: Option<Arc<str>>,
    address: SocketAddr,
    transparent: Option<Transparent>,
    protocol: Option<Kind>,
    cluster: Option<WeightedCluster>,
    clusters: Option<Vec<WeightedCluster>>,
    sni: Vec<(HostMatch, ClusterRef)>,
    tcp: TcpPolicy,
    detect: DetectPolicy,
    proxy_protocol: Option<ProxyProtocol>,
    tls: Option<ListenerTls>,
    forward_client_cert: bool,
    redirect_to_https: Option<Redirect>,
    trusted_proxies: Vec<Network>,
    via: bool,
    connect: bool,
    trail: bool,
    header_timeout: Duration,
    idle_timeout: Duration,
    max_header_bytes: usize,
    max_streams: u32,
    limits: ListenerLimits,
    rate_limit: Option<RateLimit>,
    authorization: Option<Authorization>,
    routes: Option<Vec<Route>>,
}

pub(crate) fn listener() -> Shape<Listener> {
    let keys = keys!(Keys {
        /// A metric label; the address when left out.
        name: optional(name()),
        /// Where it listens, as IP:port. Port 0 lets the system choose.
        address: required(bind_address()),
        /// Takes connections that were meant for other addresses, and that the kernel sends here: see `outrigger init`.
        transparent: optional(transparent()),
        /// What is spoken there: `http`; where it is `transparent`, `detect`.
        protocol: optional(kind()),
        /// Where connections go that are not HTTP.
        cluster: optional(cluster()),
        /// Where connections go that are not HTTP, by weight.
        clusters: optional(clusters()),
        /// Where TLS connections go, by the name that the client asks for; what is not named here goes to `cluster`. They
        /// are passed on as they are, or decrypted if there is `tls`.
        sni: default(sni(), Vec::new()),
        /// How connections that are not HTTP are made and kept.
        tcp: nested(tcp::tcp()),
        /// How it is found out what is spoken.
        detect: nested(detect()),
        /// The PROXY protocol: who is believed when saying whose a connection is. Nobody when left out.
        proxy_protocol: optional(proxy_protocol()),
        /// TLS with its callers: certificates, or `mesh` for the process's `identity`. Cleartext when left out.
        tls: optional(listener_tls()),
        /// Whether endpoints are told of the caller's certificate, in `x-forwarded-client-cert`. From callers that are no
        /// `trusted_proxies` that header is removed in any case.
        forward_client_cert: default(flag(), false),
        /// Whether every request is sent to the same place with `https`, in place of `routes`; `{ port: 8443 }` if that is
        /// not port 443.
        redirect_to_https: absent(redirect_to_https(), None),
        /// Peers whose `x-forwarded-*` and `forwarded` headers are believed and extended; from all others they are
        /// replaced.
        trusted_proxies: default(list(network()), Vec::new()),
        /// Whether `via` is added to requests and responses (RFC 9110, 7.6.3).
        via: default(flag(), false),
        /// Whether CONNECT requests are passed on as tunnels to the route's cluster.
        connect: default(flag(), false),
        /// Whether a request with the header `x-outrigger-trail` gets its Trail on that header of the response.
        trail: default(flag(), false),
        /// From the first byte of a request to the end of its head.
        header_timeout: default(duration(), defaults::HEADER_TIMEOUT),
        /// How long a connection may stay without a request.
        idle_timeout: default(duration(), defaults::IDLE_TIMEOUT),
        /// The largest request head, in bytes.
        max_header_bytes: default(whole(8_192..=1_048_576), defaults::MAX_HEADER_BYTES),
        /// HTTP/2 streams that a connection may have open.
        max_streams: default(whole(1..=2_147_483_647), defaults::MAX_STREAMS),
        /// What may run at once.
        limits: nested(listener_limits()),
        /// How many requests it takes in a time, whatever their route. Any number when left out.
        rate_limit: optional(rate_limit()),
        /// Who is let in, whatever the route. Everybody when left out.
        authorization: optional(authorization()),
        /// Which requests go where. The most specific match takes a request, whatever the order. When left out, each
        /// goes to the cluster that has the name of its host.
        routes: optional(routes()),
    });
    only_spoken(
        keys.rule(only_what_is_spoken)
            .rule(one_destination)
            .rule(redirect_or_routes)
            .rule(callers_can_show_it)
            .rule(redirected)
            .convert(from_keys, to_keys),
    )
}

fn from_keys(keys: Keys) -> Listener {
    let name = keys.name.unwrap_or_else(|| keys.address.to_string().into());
    let single = || keys.cluster.into_iter().collect();
    let named = Tcp {
        sni: keys.sni,
        clusters: keys.clusters.unwrap_or_else(single),
        policy: keys.tcp,
    };
    let mut routes = match keys.redirect_to_https {
        Some(redirect) => vec![Route::redirect(redirect)],
        None => keys.routes.unwrap_or_else(by_host),
    };
    let protocol = keys.protocol.unwrap_or(match keys.transparent {
        Some(_) => Kind::Detect,
        None => Kind::Http,
    });
    let somewhere = keys.transparent.is_some() || named.references().next().is_some();
    let speaks = match protocol {
        Kind::Http => Speaks::Http,
        Kind::Tcp => {
            routes.clear();
            Speaks::Tcp(named)
        }
        Kind::Detect => Speaks::Detect(Detect {
            tcp: somewhere.then_some(named),
            policy: keys.detect,
        }),
    };
    let mut tls = keys.tls;
    if let (Speaks::Tcp(_), Some(ListenerTls::Own(own))) = (&speaks, &mut tls) {
        // It is not known what is spoken above, so nothing can be agreed on.
        own.alpn.clear();
    }
    for (index, route) in routes.iter_mut().enumerate() {
        if route.name.is_empty() {
            route.name = format!("{name}/{index}").into();
        }
    }
    Listener {
        name,
        address: keys.address,
        transparent: keys.transparent,
        speaks,
        proxy_protocol: keys.proxy_protocol,
        tls,
        forward_client_cert: keys.forward_client_cert,
        trusted_proxies: keys.trusted_proxies,
        via: keys.via,
        connect: keys.connect,
        trail: keys.trail,
        header_timeout: keys.header_timeout,
        idle_timeout: keys.idle_timeout,
        max_header_bytes: keys.max_header_bytes,
        max_streams: keys.max_streams,
        limits: keys.limits,
        rate_limit: keys.rate_limit,
        authorization: keys.authorization,
        routes,
    }
}

fn to_keys(listener: &Listener) -> Keys {
    let listener = listener.clone();
    let (protocol, detect) = match &listener.speaks {
        Speaks::Http => (Kind::Http, None),
        Speaks::Tcp(_) => (Kind::Tcp, None),
        Speaks::Detect(detect) => (Kind::Detect, Some(detect.policy.clone())),
    };
    let tcp = listener.speaks.tcp().cloned();
    let tcp = tcp.unwrap_or_else(|| Tcp {
        sni: Vec::new(),
        clusters: Vec::new(),
        policy: TcpPolicy::default(),
    });
    Keys {
        name: Some(listener.name),
        address: listener.address,
        transparent: listener.transparent,
        protocol: Some(protocol),
        cluster: None,
        clusters: Some(tcp.clusters).filter(|clusters| !clusters.is_empty()),
        sni: tcp.sni,
        tcp: tcp.policy,
        detect: detect.unwrap_or_default(),
        proxy_protocol: listener.proxy_protocol,
        tls: listener.tls,
        forward_client_cert: listener.forward_client_cert,
        // A route, by now.
        redirect_to_https: None,
        trusted_proxies: listener.trusted_proxies,
        via: listener.via,
        connect: listener.connect,
        trail: listener.trail,
        header_timeout: listener.header_timeout,
        idle_timeout: listener.idle_timeout,
        max_header_bytes: listener.max_header_bytes,
        max_streams: listener.max_streams,
        limits: listener.limits,
        rate_limit: listener.rate_limit,
        authorization: listener.authorization,
        routes: Some(listener.routes),
    }
}

/// Leaves out what means nothing to what is spoken: it would be refused.
fn only_spoken(shape: Shape<Listener>) -> Shape<Listener> {
    let without = |keys: &[&str], mut listener: Value| {
        if let Some(written) = listener.as_object_mut() {
            written.retain(|key, _| !keys.contains(&key.as_str()));
        }
        listener
    };
    let (describe, read) = (shape.clone(), shape.clone());
    Shape::new(
        move || describe.schema(),
        move |node, reader| read.read(node, reader),
        move |listener| {
            let written = shape.write(listener);
            match listener.speaks {
                Speaks::Http => without(&tcp::OF_BYTES, without(&[tcp::DETECT], written)),
                Speaks::Tcp(_) => without(&tcp::OF_REQUESTS, without(&[tcp::DETECT], written)),
                Speaks::Detect(_) => written,
            }
        },
    )
}

fn one_destination(listener: &Node, reader: &mut Reader) {
    let hint = "`cluster` names one, `clusters` several with their weights";
    one_of_several(&["cluster", "clusters"], hint, listener, reader);
}

/// What a sidecar's way out needs: one route that says nothing but `cluster_by: host`.
fn by_host() -> Vec<Route> {
    vec![Route::to(Destination::Host)]
}

fn routes() -> Shape<Vec<Route>> {
    list_where(route(), |routes, node, reader| {
        let names = node
            .items()
            .iter()
            .enumerate()
            .filter_map(|(index, route)| {
                let name = route.get("name")?;
                Some((vec![index.into(), "name".into()], name, name.text()?))
            });
        reader.distinct(names, |name| format!("another route is named {name} too"));
        all_reachable(routes, node, reader);
    })
}

/// Of two routes with the same match, the first in the file takes everything.
fn all_reachable(routes: &[Option<Route>], node: &Node, reader: &mut Reader) {
    let mut seen: HashMap<String, &Node> = HashMap::new();
    for (index, (route, item)) in routes.iter().zip(node.items()).enumerate() {
        let Some(route) = route else { continue };
        // Where the match stands, or the route that leaves it out.
        let place = item.get("match").unwrap_or(item);
        match seen.get(&identity(&route.matches)) {
            None => _ = seen.insert(identity(&route.matches), place),
            Some(first) => reader.within(&[index.into()], |reader| {
                let fault = Fault::new("this route can never match")
                    .cause("the same match")
                    .hint("leave one out, or tell them apart by another condition");
                reader.clash(
                    &place.span,
                    fault,
                    &first.span,
                    "all of its requests go here",
                );
            }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn routes(listener: &str) -> Vec<Route> {
        crate::fragment::listener("l", listener).unwrap().routes
    }

    #[test]
    fn without_routes_every_request_goes_by_its_host() {
        let by_itself = routes("{ name: out, address: 127.0.0.1:1 }");
        assert_eq!(by_itself[0].destination, Destination::Host);
        assert_eq!(&*by_itself[0].name, "out/0");
        let written = "{ name: out, address: 127.0.0.1:1, routes: [{ cluster_by: host }] }";
        assert_eq!(by_itself, routes(written));
        assert_eq!(routes("{ address: 127.0.0.1:1, routes: [] }"), []);
    }
}
