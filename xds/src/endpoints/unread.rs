//! An assignment whose endpoints have not been read yet. As messages all together, 10,000 take 4 MB and a millisecond to move
//! about, and nothing of them is needed when the next one's turn has come.

use bytes::Bytes;
use prost::{Message, Name};

use crate::pb::envoy::config::{
    core::v3::{Locality, Metadata},
    endpoint::v3::{ClusterLoadAssignment, locality_lb_endpoints::LbConfig},
};

/// A [`ClusterLoadAssignment`], as far as it is read.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Assignment {
    #[prost(string, tag = "1")]
    pub cluster_name: String,
    #[prost(message, repeated, tag = "2")]
    pub endpoints: Vec<LocalityEndpoints>,
}

impl Name for Assignment {
    const NAME: &'static str = ClusterLoadAssignment::NAME;
    const PACKAGE: &'static str = ClusterLoadAssignment::PACKAGE;
}

/// A `LocalityLbEndpoints`, as far as it is read.
#[derive(Clone, PartialEq, Message)]
pub(super) struct LocalityEndpoints {
    #[prost(message, optional, tag = "1")]
    pub locality: Option<Locality>,
    /// Each an `LbEndpoint`.
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub lb_endpoints: Vec<Bytes>,
    #[prost(uint32, tag = "5")]
    pub priority: u32,
    #[prost(oneof = "LbConfig", tags = "7, 8")]
    pub lb_config: Option<LbConfig>,
    #[prost(message, optional, tag = "9")]
    pub metadata: Option<Metadata>,
}
