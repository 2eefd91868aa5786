//! Answers of name servers, as whoever answers first may send them.

use std::{
    collections::{BTreeMap, HashSet},
    net::IpAddr,
    sync::{Arc, LazyLock},
};

use hickory_resolver::proto::{op::Message, rr::RData};
use outrigger::{
    discovery::answer::{Service, endpoints},
    snapshot::{Cluster, Snapshot},
    telemetry::metrics::Registry,
    tls::Material,
};

static CLUSTER: LazyLock<Arc<Cluster>> = LazyLock::new(|| {
    let table = "{ listeners: [], clusters: { web: { endpoints: [] } } }";
    let config = outrigger_config::parse("table.yaml", table)
        .unwrap_or_else(|problems| panic!("{problems}"));
    let snapshot = Snapshot::compile(config, &Material::default(), None, &Registry::default());
    Arc::clone(&snapshot.clusters[0])
});

/// What is an answer has endpoints that were in it, each address once and on the first of its levels, whatever the order
/// of its records; and a cluster that is given them has just these, so that the next look finds nothing new.
pub fn dns(bytes: &[u8]) {
    let Ok(message) = Message::from_vec(bytes) else {
        return;
    };
    let (mut addresses, mut services) = (BTreeMap::<String, Vec<IpAddr>>::new(), Vec::new());
    for record in message.answers.iter().chain(&message.additionals) {
        let name = record.name.to_lowercase().to_string();
        match &record.data {
            RData::A(address) => addresses.entry(name).or_default().push(address.0.into()),
            RData::AAAA(address) => addresses.entry(name).or_default().push(address.0.into()),
            RData::SRV(srv) => services.push((
                Service {
                    port: srv.port,
                    weight: srv.weight,
                    priority: srv.priority,
                },
                srv.target.to_lowercase().to_string(),
            )),
            _ => {}
        }
    }
    let mut found: Vec<_> = services
        .into_iter()
        .map(|(service, target)| (service, addresses.get(&target).cloned().unwrap_or_default()))
        .collect();
    let listed = endpoints(found.clone());
    let each: HashSet<_> = listed.iter().map(|endpoint| endpoint.address).collect();
    assert_eq!(each.len(), listed.len(), "{listed:?}");
    for endpoint in &listed {
        let (address, priority) = (endpoint.address, endpoint.priority);
        let named = found.iter().filter(|(service, addresses)| {
            service.port == address.port() && addresses.contains(&address.ip())
        });
        let first = named.map(|(service, _)| service.priority).min();
        assert_eq!(first, Some(priority), "{endpoint:?}");
        assert!(endpoint.weight > 0);
    }
    found.reverse();
    assert_eq!(endpoints(found), listed, "in another order");
    CLUSTER.update(&listed, None);
    assert_eq!(CLUSTER.endpoints.listed(), listed);
}
