//! `endpoints`: addresses, alone or with weight, zone and priority.

use std::net::SocketAddr;

use crate::{
    file::{MAX_WEIGHT, address::peer_address, name::name},
    model::{Endpoint, default as defaults},
    problem::Fault,
    reader::Reader,
    shape::{Shape, default, either, keys, list, optional, required, whole},
    yaml::Node,
};

pub(super) fn endpoints() -> Shape<Vec<Endpoint>> {
    list(endpoint()).rule(distinct).rule(some_weight)
}

fn endpoint() -> Shape<Endpoint> {
    let bare = |address| Endpoint {
        address,
        weight: defaults::ENDPOINT_WEIGHT,
        zone: None,
        priority: defaults::ENDPOINT_PRIORITY,
    };
    let full = keys!(Endpoint {
        /// Where it listens, as IP:port.
        address: required(peer_address()),
        /// Its share among its peers; 0 takes no requests.
        weight: default(whole(0..=MAX_WEIGHT), defaults::ENDPOINT_WEIGHT),
        /// Its zone.
        zone: optional(name()),
        /// Its level of failover: 0 comes first, a higher one takes over what those before it cannot. Gaps mean nothing.
        priority: default(whole(0..=65_535), defaults::ENDPOINT_PRIORITY),
    });
    let bare = peer_address().convert(bare, |endpoint: &Endpoint| endpoint.address);
    either(bare, full, |_| false)
}

fn distinct(node: &Node, reader: &mut Reader) {
    let places = node.items().iter().enumerate().filter_map(|(index, item)| {
        let place = item.get("address").unwrap_or(item);
        let steps = vec![index.into()];
        Some((steps, place, place.text()?.parse::<SocketAddr>().ok()?))
    });
    reader.distinct(places, |address| {
        format!("the endpoint {address} is listed twice")
    });
}

fn some_weight(node: &Node, reader: &mut Reader) {
    let items = node.items();
    let is_zero = |item: &Node| item.get("weight").and_then(Node::text) == Some("0");
    if !items.is_empty() && items.iter().all(is_zero) {
        let fault = Fault::new("every weight is 0: no endpoint takes requests");
        reader.report(
            &node.span,
            fault.hint("give one of them a weight of 1 or more"),
        );
    }
}
