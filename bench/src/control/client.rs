//! One proxy, as its control plane sees it: a delta stream that asks, accepts, and asks for what it now needs.

use std::{collections::HashMap, net::SocketAddr};

use anyhow::{Context, Result};
use outrigger_xds::{
    Kind,
    discovery::{DELTA, DeltaDiscoveryRequest, DeltaDiscoveryResponse},
    pb::envoy::config::{
        core::v3::{Node, address, socket_address::PortSpecifier},
        endpoint::v3::{ClusterLoadAssignment, lb_endpoint::HostIdentifier},
    },
};
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Streaming, client::Grpc, transport::Endpoint};
use tonic_prost::ProstCodec;

use super::{ledger::Ledger, tables};

/// What a proxy wants.
pub(super) enum Wants {
    /// These clusters.
    Clusters(Vec<usize>),
    /// Everything.
    All,
}

/// A connected proxy.
pub(super) struct Client {
    requests: mpsc::UnboundedSender<DeltaDiscoveryRequest>,
    responses: Streaming<DeltaDiscoveryResponse>,
    ledger: Ledger,
    /// The clusters whose endpoints it has, each as of its last change.
    known: HashMap<usize, u32>,
}

impl Client {
    /// Connects, and asks for clusters and listeners.
    pub(super) async fn connect(
        id: usize,
        wants: &Wants,
        address: SocketAddr,
        ledger: Ledger,
    ) -> Result<Self> {
        let channel = Endpoint::from_shared(format!("http://{address}"))?
            .connect()
            .await?;
        let (requests, said) = mpsc::unbounded_channel();
        let names = match wants {
            Wants::Clusters(clusters) => clusters.iter().map(|it| tables::name(*it)).collect(),
            Wants::All => Vec::new(),
        };
        requests.send(DeltaDiscoveryRequest {
            node: Some(node(id)),
            ..subscribe(Kind::Cluster, names)
        })?;
        requests.send(subscribe(Kind::Listener, Vec::new()))?;
        let mut grpc = Grpc::new(channel).max_decoding_message_size(64 << 20);
        grpc.ready().await?;
        let codec: ProstCodec<DeltaDiscoveryRequest, DeltaDiscoveryResponse> =
            ProstCodec::default();
        let said = tonic::Request::new(UnboundedReceiverStream::new(said));
        let path = http::uri::PathAndQuery::from_static(DELTA);
        let responses = grpc.streaming(said, path, codec).await?.into_inner();
        Ok(Self {
            requests,
            responses,
            ledger,
            known: HashMap::new(),
        })
    }

    /// Hears and accepts until the stream ends; `ready` is told how many clusters it has, whenever that grows.
    pub(super) async fn follow(mut self, mut ready: impl FnMut(usize)) -> Result<()> {
        while let Some(response) = self.responses.message().await? {
            self.ledger.received(response.encoded_len());
            self.accept(&response)?;
            match Kind::of(&response.type_url).context("a kind that we know")? {
                Kind::Cluster => self.ask(Kind::Endpoints, &response)?,
                Kind::Listener => self.ask(Kind::Routes, &response)?,
                Kind::Routes => {}
                Kind::Endpoints => {
                    self.note(&response)?;
                    ready(self.known.len());
                }
            }
        }
        Ok(())
    }

    fn accept(&self, response: &DeltaDiscoveryResponse) -> Result<()> {
        Ok(self.requests.send(DeltaDiscoveryRequest {
            type_url: response.type_url.clone(),
            response_nonce: response.nonce.clone(),
            ..DeltaDiscoveryRequest::default()
        })?)
    }

    /// Asks for what belongs to these.
    fn ask(&self, kind: Kind, response: &DeltaDiscoveryResponse) -> Result<()> {
        let names: Vec<_> = response
            .resources
            .iter()
            .map(|it| it.name.clone())
            .collect();
        match names.is_empty() {
            true => Ok(()),
            false => Ok(self.requests.send(subscribe(kind, names))?),
        }
    }

    fn note(&mut self, response: &DeltaDiscoveryResponse) -> Result<()> {
        for resource in &response.resources {
            let cluster = tables::place(&resource.name).context("a name of ours")?;
            let body = &resource.resource.as_ref().context("a resource")?.value;
            let serial = first_port(&ClusterLoadAssignment::decode(body.clone())?).unwrap_or(0);
            let known = self.known.insert(cluster, serial).unwrap_or(0);
            self.ledger
                .arrived(cluster, known, serial, resource.encoded_len());
        }
        Ok(())
    }
}

fn node(id: usize) -> Node {
    Node {
        id: format!("proxy-{id:05}"),
        cluster: "bench".to_owned(),
        user_agent_name: "outrigger-bench".to_owned(),
        ..Node::default()
    }
}

fn subscribe(kind: Kind, names: Vec<String>) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: kind.type_url().to_owned(),
        resource_names_subscribe: names,
        ..DeltaDiscoveryRequest::default()
    }
}

/// The lowest port of all endpoints is the one that moved last: see `tables.rs`.
fn first_port(assignment: &ClusterLoadAssignment) -> Option<u32> {
    let endpoints = assignment.endpoints.iter().flat_map(|it| &it.lb_endpoints);
    let ports = endpoints.filter_map(|endpoint| match endpoint.host_identifier.as_ref()? {
        HostIdentifier::Endpoint(endpoint) => match endpoint.address.as_ref()?.address.as_ref()? {
            address::Address::SocketAddress(socket) => match socket.port_specifier {
                Some(PortSpecifier::PortValue(port)) => Some(port),
                _ => None,
            },
            _ => None,
        },
        HostIdentifier::EndpointName(_) => None,
    });
    ports.min().filter(|port| *port < tables::PORT)
}
