//! The two forms of the protocol as types: which messages, which method, what they do to a session, and how a resource is
//! wrapped in them.

use bytes::BytesMut;
use outrigger_xds::{
    Kind, Resource,
    discovery::{
        self, ControlPlane, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest,
        DiscoveryResponse,
    },
    pb::{envoy::config::core::v3::Node, google::rpc::Status},
};
use prost::Message;

use super::{
    message::{begin, begin_resource, field, text},
    session::{Form, Response, Session, TooMuch, Verdict},
};

/// One of the two.
pub trait Speech: Clone + Send + Sync + 'static {
    /// What clients send.
    type Request: Message + Default + Send + 'static;
    /// What they get.
    type Response: Message + Send + 'static;
    /// Which one it is.
    const FORM: Form;

    /// Who asks, if the request says so.
    fn node(request: &Self::Request) -> Option<&Node>;
    /// What is asked for.
    fn type_url(request: &Self::Request) -> &str;
    /// Why a response is refused, if it is.
    fn refusal(request: &Self::Request) -> Option<&Status>;
    /// Lets the session take it in.
    fn hear(
        session: &mut Session,
        kind: Kind,
        request: &Self::Request,
    ) -> Result<Option<Verdict>, TooMuch>;
    /// A response without its resources.
    fn rest(response: Response) -> Self::Response;
    /// How many bytes a resource takes within a response.
    fn length(resource: &Resource) -> usize;
    /// Writes what comes before the body of a resource within a response; nothing comes after it.
    fn open(resource: &Resource, buffer: &mut BytesMut);
}

/// Only what changes is said.
#[derive(Clone, Copy, Debug)]
pub struct Delta;

/// State of the world.
#[derive(Clone, Copy, Debug)]
pub struct World;

impl Speech for Delta {
    type Request = DeltaDiscoveryRequest;
    type Response = DeltaDiscoveryResponse;
    const FORM: Form = Form::Delta;

    fn node(request: &Self::Request) -> Option<&Node> {
        request.node.as_ref()
    }

    fn type_url(request: &Self::Request) -> &str {
        &request.type_url
    }

    fn refusal(request: &Self::Request) -> Option<&Status> {
        request.error_detail.as_ref()
    }

    fn hear(
        session: &mut Session,
        kind: Kind,
        request: &Self::Request,
    ) -> Result<Option<Verdict>, TooMuch> {
        session.change(kind, request)
    }

    fn rest(response: Response) -> Self::Response {
        let removed = response.removed.iter().map(ToString::to_string);
        DeltaDiscoveryResponse {
            system_version_info: response.version.to_string(),
            resources: Vec::new(),
            type_url: response.kind.type_url().to_owned(),
            nonce: response.nonce,
            removed_resources: removed.collect(),
            control_plane: Some(ourselves()),
        }
    }

    fn length(resource: &Resource) -> usize {
        field(named(resource))
    }

    /// A `DeltaResource`. The order of its fields is free, and its body comes last.
    fn open(resource: &Resource, buffer: &mut BytesMut) {
        begin_resource(named(resource), buffer);
        text(3, &resource.name, buffer);
        text(1, &resource.version, buffer);
        begin(2, any(resource), buffer);
        open_any(resource, buffer);
    }
}

impl Speech for World {
    type Request = DiscoveryRequest;
    type Response = DiscoveryResponse;
    const FORM: Form = Form::World;

    fn node(request: &Self::Request) -> Option<&Node> {
        request.node.as_ref()
    }

    fn type_url(request: &Self::Request) -> &str {
        &request.type_url
    }

    fn refusal(request: &Self::Request) -> Option<&Status> {
        request.error_detail.as_ref()
    }

    fn hear(
        session: &mut Session,
        kind: Kind,
        request: &Self::Request,
    ) -> Result<Option<Verdict>, TooMuch> {
        session.replace(kind, request)
    }

    fn rest(response: Response) -> Self::Response {
        DiscoveryResponse {
            version_info: response.version.to_string(),
            resources: Vec::new(),
            type_url: response.kind.type_url().to_owned(),
            nonce: response.nonce,
            control_plane: Some(ourselves()),
        }
    }

    fn length(resource: &Resource) -> usize {
        field(any(resource))
    }

    /// An `Any`.
    fn open(resource: &Resource, buffer: &mut BytesMut) {
        begin_resource(any(resource), buffer);
        open_any(resource, buffer);
    }
}

impl Form {
    /// The method, as HTTP/2 sees it.
    pub fn path(self) -> &'static str {
        match self {
            Self::Delta => discovery::DELTA,
            Self::World => discovery::STREAM,
        }
    }
}

/// The length of a `DeltaResource`, as it is written here.
fn named(resource: &Resource) -> usize {
    field(resource.name.len()) + field(resource.version.len()) + field(any(resource))
}

/// The length of the `Any` that holds a resource.
fn any(resource: &Resource) -> usize {
    field(resource.kind.type_url().len()) + field(resource.body.len())
}

fn open_any(resource: &Resource, buffer: &mut BytesMut) {
    text(1, resource.kind.type_url(), buffer);
    begin(2, resource.body.len(), buffer);
}

fn ourselves() -> ControlPlane {
    ControlPlane {
        identifier: concat!("outrigger-control/", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}
