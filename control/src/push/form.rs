//! The two forms of the protocol as types: which messages, which method, and what they do to a session.

use outrigger_xds::{
    Kind, Resource,
    discovery::{
        self, Any, ControlPlane, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DeltaResource,
        DiscoveryRequest, DiscoveryResponse,
    },
    pb::{envoy::config::core::v3::Node, google::rpc::Status},
};
use prost::Message;

use super::session::{Form, Response, Session, TooMuch, Verdict};

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
    /// Puts it in words.
    fn say(response: Response) -> Self::Response;
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

    fn say(response: Response) -> Self::Response {
        let resources = response.resources.iter().map(|resource| DeltaResource {
            version: resource.version.to_string(),
            resource: Some(any(resource)),
            name: resource.name.to_string(),
            aliases: Vec::new(),
        });
        let removed = response.removed.iter().map(ToString::to_string);
        DeltaDiscoveryResponse {
            system_version_info: response.version.to_string(),
            resources: resources.collect(),
            type_url: response.kind.type_url().to_owned(),
            nonce: response.nonce,
            removed_resources: removed.collect(),
            control_plane: Some(ourselves()),
        }
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

    fn say(response: Response) -> Self::Response {
        let resources = response.resources.iter().map(|resource| any(resource));
        DiscoveryResponse {
            version_info: response.version.to_string(),
            resources: resources.collect(),
            type_url: response.kind.type_url().to_owned(),
            nonce: response.nonce,
            control_plane: Some(ourselves()),
        }
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

/// The body is shared, not copied.
fn any(resource: &Resource) -> Any {
    Any {
        type_url: resource.kind.type_url().to_owned(),
        value: resource.body.clone(),
    }
}

fn ourselves() -> ControlPlane {
    ControlPlane {
        identifier: concat!("outrigger-control/", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}
