//! The messages of the aggregated discovery service (ADS).
//!
//! The same on the wire as `envoy.service.discovery.v3`, and written down here only because a generated `Any` owns its
//! bytes: with [`Bytes`] one encoding of a resource is shared by all the streams that send it, and a client keeps what it
//! received without a copy. Of the fields those that somebody reads.

use bytes::Bytes;
use envoy_types::pb::{envoy::config::core::v3::Node, google::rpc::Status};
use prost::Message;

/// The gRPC service.
pub const SERVICE: &str = "envoy.service.discovery.v3.AggregatedDiscoveryService";

/// State of the world: `stream DiscoveryRequest` to `stream DiscoveryResponse`.
pub const STREAM: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

/// Delta: `stream DeltaDiscoveryRequest` to `stream DeltaDiscoveryResponse`.
pub const DELTA: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

/// A message of a type that is named.
#[derive(Clone, PartialEq, Message)]
pub struct Any {
    /// See [`Kind::type_url`](crate::Kind::type_url).
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// Encoded.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

impl Any {
    /// What a resource calls itself: in all types of resources that is the first field, so that even one that can't be
    /// decoded has a name.
    pub fn name(&self) -> Option<String> {
        #[derive(Clone, PartialEq, Message)]
        struct Named {
            #[prost(string, tag = "1")]
            name: String,
        }
        let named = Named::decode(self.value.clone()).ok()?;
        Some(named.name).filter(|name| !name.is_empty())
    }
}

/// Asks for all resources of a type, acknowledges them, or refuses them.
#[derive(Clone, PartialEq, Message)]
pub struct DiscoveryRequest {
    /// That was applied last; empty before any was.
    #[prost(string, tag = "1")]
    pub version_info: String,
    /// Who asks. Only the first request of a stream has to say it.
    #[prost(message, optional, tag = "2")]
    pub node: Option<Node>,
    /// What is asked for; empty, in the first request for clusters or listeners: everything.
    #[prost(string, repeated, tag = "3")]
    pub resource_names: Vec<String>,
    /// Of what.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// Of the response that this answers; empty if it answers none.
    #[prost(string, tag = "5")]
    pub response_nonce: String,
    /// Why the response was refused, if it was.
    #[prost(message, optional, tag = "6")]
    pub error_detail: Option<Status>,
}

/// All that was asked for, of a type.
#[derive(Clone, PartialEq, Message)]
pub struct DiscoveryResponse {
    /// Of the whole.
    #[prost(string, tag = "1")]
    pub version_info: String,
    /// The resources.
    #[prost(message, repeated, tag = "2")]
    pub resources: Vec<Any>,
    /// Of what.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// Names this response on this stream.
    #[prost(string, tag = "5")]
    pub nonce: String,
    /// Who says so.
    #[prost(message, optional, tag = "6")]
    pub control_plane: Option<ControlPlane>,
}

/// Asks for more or fewer resources of a type, acknowledges changes, or refuses them.
#[derive(Clone, PartialEq, Message)]
pub struct DeltaDiscoveryRequest {
    /// Who asks. Only the first request of a stream has to say it.
    #[prost(message, optional, tag = "1")]
    pub node: Option<Node>,
    /// Of what.
    #[prost(string, tag = "2")]
    pub type_url: String,
    /// Asked for from now on.
    #[prost(string, repeated, tag = "3")]
    pub resource_names_subscribe: Vec<String>,
    /// No longer asked for.
    #[prost(string, repeated, tag = "4")]
    pub resource_names_unsubscribe: Vec<String>,
    /// What the client has from a stream before, by name.
    #[prost(btree_map = "string, string", tag = "5")]
    pub initial_resource_versions: std::collections::BTreeMap<String, String>,
    /// Of the response that this answers; empty if it answers none.
    #[prost(string, tag = "6")]
    pub response_nonce: String,
    /// Why the response was refused, if it was.
    #[prost(message, optional, tag = "7")]
    pub error_detail: Option<Status>,
}

/// What has changed, of a type.
#[derive(Clone, PartialEq, Message)]
pub struct DeltaDiscoveryResponse {
    /// Of the whole, for people.
    #[prost(string, tag = "1")]
    pub system_version_info: String,
    /// New or changed.
    #[prost(message, repeated, tag = "2")]
    pub resources: Vec<DeltaResource>,
    /// Of what.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// Names this response on this stream.
    #[prost(string, tag = "5")]
    pub nonce: String,
    /// Gone, or never there.
    #[prost(string, repeated, tag = "6")]
    pub removed_resources: Vec<String>,
    /// Who says so.
    #[prost(message, optional, tag = "7")]
    pub control_plane: Option<ControlPlane>,
}

/// A resource of a [`DeltaDiscoveryResponse`].
#[derive(Clone, PartialEq, Message)]
pub struct DeltaResource {
    /// Of its own.
    #[prost(string, tag = "1")]
    pub version: String,
    /// The resource.
    #[prost(message, optional, tag = "2")]
    pub resource: Option<Any>,
    /// Its name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Other names.
    #[prost(string, repeated, tag = "4")]
    pub aliases: Vec<String>,
}

/// A control plane.
#[derive(Clone, PartialEq, Message)]
pub struct ControlPlane {
    /// Which one.
    #[prost(string, tag = "1")]
    pub identifier: String,
}
