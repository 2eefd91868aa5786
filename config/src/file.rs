//! The file format: its keys, what they mean, and what they may not say.
//!
//! A file a subject. Each declares the shape of its part (see [`crate::shape`]) and the rules that span several keys.

mod acme;
mod address;
mod authorization;
mod balancer;
mod circuit_breaker;
mod cluster;
mod dns;
mod document;
mod duration;
mod filter;
mod header;
mod health_check;
mod hedge;
mod limits;
mod listener;
mod matches;
mod name;
mod outlier_detection;
mod overload;
mod path;
#[allow(dead_code)]
mod percent;
mod process;
mod rate_limit;
mod retry;
mod route;
mod tcp;
mod tls;
mod transparent;

use std::net::SocketAddr;

use serde::{Serialize, Serializer};

use document::Parts;

use crate::{
    model::{Cluster, Config, Listener, Route, Selector},
    problem::Step,
    reader::Reader,
    shape::{Shape, default, keys, list, nested, optional, required},
    yaml::Node,
};

/// The largest weight: sums of thousands stay within 32 bits.
const MAX_WEIGHT: u64 = 1_000_000;

/// What is read and written by itself. Each is made once a thread: that takes longer than to read a small part.
macro_rules! wholes {
    ($($name:ident: $model:ty = $shape:expr;)+) => {
        $(pub(crate) fn $name() -> Shape<$model> {
            thread_local! {
                static SHAPE: Shape<$model> = $shape;
            }
            SHAPE.with(Shape::clone)
        })+
    };
}

wholes! {
    config: Config = whole_file();
    document: Parts = document::document();
    listener: Listener = listener::listener();
    route: Route = route::route();
    cluster: Cluster = cluster::cluster();
    selector: Selector = document::selector();
}

fn whole_file() -> Shape<Config> {
    let keys = keys!(Config {
        /// The admin server.
        admin: nested(process::admin()),
        /// A line a request on stdout; off when left out.
        access_log: optional(process::access_log()),
        /// How the process says goodbye after SIGTERM.
        drain: nested(process::drain()),
        /// When new requests are refused so that the process stays well.
        overload: nested(overload::overload()),
        /// The zone that the process runs in. The flag `--zone` wins.
        zone: optional(name::name()),
        /// Who it is in its mesh: what `tls: mesh` shows, and whom it believes.
        identity: optional(tls::identity()),
        /// How certificates are got for the hosts that `tls: { acme: [...] }` of a listener names. A listener in cleartext
        /// answers the authority's questions, too.
        acme: optional(acme::acme()),
        /// Addresses that accept connections, with their routes.
        listeners: required(list(listener::listener()))
            .hint("what is to be served; `listeners: []` when a control plane has all of it"),
        /// Sets of endpoints, by name.
        clusters: default(cluster::clusters(), Vec::new()),
    });
    keys.rule(distinct_names)
        .rule(distinct_addresses)
        .rule(tls::mesh_has_identity)
        .rule(acme::asked_of_somebody)
}

fn distinct_names(node: &Node, reader: &mut Reader) {
    let names = listener_keys(node, "name").filter_map(|(steps, name)| {
        let text = name.text()?;
        Some((steps, name, text))
    });
    reader.distinct(names, |name| {
        format!("another listener is named {name} too")
    });
}

fn distinct_addresses(node: &Node, reader: &mut Reader) {
    let admin = node.get("admin").and_then(|admin| admin.get("address"));
    let admin = admin.map(|address| (vec!["admin".into(), "address".into()], address));
    let places = admin.into_iter().chain(listener_keys(node, "address"));
    // Port 0 is another port each time.
    let places = places.filter_map(|(steps, address)| {
        let parsed = address.text()?.parse().ok();
        let parsed = parsed.filter(|address: &SocketAddr| address.port() != 0);
        Some((steps, address, parsed?))
    });
    reader.distinct(places, |address| format!("the address {address} is taken"));
}

/// What the listeners say of `key`, and where.
fn listener_keys<'n>(
    node: &'n Node,
    key: &'static str,
) -> impl Iterator<Item = (Vec<Step>, &'n Node)> {
    let listeners = node.get("listeners").map(Node::items).unwrap_or_default();
    listeners
        .iter()
        .enumerate()
        .filter_map(move |(index, listener)| {
            let steps = vec!["listeners".into(), index.into(), key.into()];
            Some((steps, listener.get(key)?))
        })
}

/// Written as a file may say it, with every default written out: a whole table reads back to the same.
macro_rules! serialize {
    ($($model:ty: $shape:expr;)+) => {
        $(impl Serialize for $model {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $shape.write(self).serialize(serializer)
            }
        })+
    };
}

serialize! {
    Config: config();
    Listener: listener();
    Route: route();
    Cluster: cluster();
    Selector: selector();
}
