//! The kinds of resources, in the order in which they have to be pushed.

/// What a resource is.
///
/// Ordered make-before-break: a cluster is known before its endpoints, both before the listener and the routes that send
/// requests there. What goes away goes in the opposite order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// CDS
    Cluster,
    /// EDS: a `ClusterLoadAssignment`.
    Endpoints,
    /// LDS
    Listener,
    /// RDS: the routes of a listener.
    Routes,
}

impl Kind {
    /// All, in the order of pushing.
    pub const ALL: [Self; 4] = [Self::Cluster, Self::Endpoints, Self::Listener, Self::Routes];

    /// As requests and responses name it.
    pub fn type_url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoints => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Routes => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        }
    }

    /// The kind of that type, if it is one of these.
    pub fn of(type_url: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.type_url() == type_url)
    }

    /// Whether a request without names means all of this kind, and a state-of-the-world response holds all there is, so that
    /// what is missing is gone (CDS and LDS).
    pub fn whole(self) -> bool {
        matches!(self, Self::Cluster | Self::Listener)
    }

    /// As people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Endpoints => "endpoints",
            Self::Listener => "listener",
            Self::Routes => "routes",
        }
    }
}
