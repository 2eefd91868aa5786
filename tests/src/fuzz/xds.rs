//! Resources as a control plane, or whoever poses as one, may send them.

use std::fmt::Display;

use bytes::Bytes;
use outrigger_config::model::{Cluster, Endpoints, Listener};
use outrigger_xds::{decode, encode};

/// The first byte says which kind of resource the others are. Any bytes are refused with a text, or are a part of a table
/// that survives the wire.
pub fn xds(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else {
        return;
    };
    match kind {
        b'c' => cluster(body),
        b'e' => endpoints(body),
        b'l' => listener(body),
        b'r' => routes(body),
        _ => {}
    }
}

fn taken<T>(decoded: Result<T, impl Display>) -> Option<T> {
    match decoded {
        Ok(part) => Some(part),
        Err(refused) => {
            assert!(!refused.to_string().is_empty());
            None
        }
    }
}

fn cluster(body: &[u8]) {
    let Some(decoded) = taken(decode::cluster(body)) else {
        return;
    };
    let mut first = decoded.model;
    let resource = encode::cluster(&first);
    let again = decode::cluster(&resource.body).expect("our own cluster is taken");
    if let Endpoints::Static(listed) = &mut first.endpoints {
        listed.clear();
    }
    assert_eq!(again.model, first);
}

fn endpoints(body: &[u8]) {
    let Some((name, listed)) = taken(decode::endpoints(Bytes::copy_from_slice(body))) else {
        return;
    };
    let cluster = Cluster {
        name,
        endpoints: Endpoints::Static(listed.clone()),
        ..some_cluster()
    };
    let resource = encode::endpoints(&cluster).expect("they are listed");
    let (name, again) = decode::endpoints(resource.body).expect("our own endpoints are taken");
    assert_eq!((name, again), (cluster.name, listed));
}

fn listener(body: &[u8]) {
    let Some(decode::Listener { model, routes }) = taken(decode::listener(body)) else {
        return;
    };
    let resource = encode::listener(&model);
    let again = decode::listener(&resource.body).expect("our own listener is taken");
    assert_eq!(again.model, model);
    if let decode::Routes::Inline(routes) = routes {
        survive(&Listener { routes, ..model });
    }
}

fn routes(body: &[u8]) {
    if let Some(routes) = taken(decode::routes("fuzzed", body)) {
        survive(&Listener {
            routes,
            ..some_listener()
        });
    }
}

/// Routes, as those of a listener.
fn survive(listener: &Listener) {
    let resource = encode::routes(listener);
    let again = decode::routes(&listener.name, &resource.body);
    let again = again.unwrap_or_else(|refused| panic!("our own routes are not taken: {refused}"));
    assert_eq!(again, listener.routes);
}

fn some_cluster() -> Cluster {
    outrigger_config::fragment::cluster("some", "{ endpoints: [] }").expect("it is one")
}

fn some_listener() -> Listener {
    outrigger_config::fragment::listener("some", "{ name: fuzzed, address: 127.0.0.1:1 }")
        .expect("it is one")
}
