//! What endpoints are spoken to with: cleartext or TLS, and around it the header that says whose a connection is.

use outrigger_config::model;
use serde_json::json;

use super::proxy_protocol;
use crate::{
    Refused,
    pb::envoy::config::{cluster::v3::Cluster, core::v3::TransportSocket},
    refused::Within,
    remainder::Keys,
    source, tls,
};

/// `None`: bare cleartext.
pub(super) fn to_wire(cluster: &model::Cluster) -> Option<TransportSocket> {
    let spoken = tls::of_cluster(cluster);
    match cluster.proxy_protocol {
        Some(version) => Some(proxy_protocol::around(spoken, version)),
        None => spoken,
    }
}

/// To send cleartext where TLS is meant would be the worst of misunderstandings.
pub(super) fn from_wire(message: &Cluster, keys: &mut Keys) -> Result<(), Refused> {
    let mut several = message.transport_socket_matches.iter();
    let other = several.find(|it| {
        let socket = it.transport_socket.as_ref();
        socket.is_some_and(|socket| !source::is_cleartext(socket))
    });
    if other.is_some() {
        let reason = "one for all endpoints is supported";
        return Err(Refused::new(reason)).within("transport_socket_matches");
    }
    match &message.transport_socket {
        Some(socket) => introduced(socket, keys).within("transport_socket"),
        None => Ok(()),
    }
}

fn introduced(socket: &TransportSocket, keys: &mut Keys) -> Result<(), Refused> {
    let Some((version, within)) = proxy_protocol::from_wire(socket)? else {
        return spoken(socket, keys);
    };
    keys.insert("proxy_protocol".to_owned(), json!(version));
    match &within {
        Some(within) => spoken(within, keys).within("transport_socket"),
        None => Ok(()),
    }
}

fn spoken(socket: &TransportSocket, keys: &mut Keys) -> Result<(), Refused> {
    if !source::is_cleartext(socket) {
        keys.insert("tls".to_owned(), tls::cluster_keys(socket)?);
    }
    Ok(())
}
