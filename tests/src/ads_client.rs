//! A client of a control plane that says what it is told to say: streams of ADS by hand, in both forms.

use std::net::SocketAddr;

use outrigger_xds::{
    Kind,
    discovery::{
        self, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
    },
    pb::{
        envoy::config::core::v3::Node,
        google::{
            protobuf::{Struct, Value, value},
            rpc::Status,
        },
    },
};
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Streaming, client::Grpc, transport::Endpoint};
use tonic_prost::ProstCodec;

use crate::within;

/// One stream.
#[derive(Debug)]
pub struct Stream<Q, R> {
    requests: mpsc::UnboundedSender<Q>,
    responses: Streaming<R>,
}

/// A delta stream.
pub type Delta = Stream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

/// A state-of-the-world stream.
pub type World = Stream<DiscoveryRequest, DiscoveryResponse>;

/// How a response is answered.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// It is in force.
    Accept,
    /// It is not, and why.
    Refuse(&'a str),
}

/// A node that calls itself `id`, with these labels.
pub fn node(id: &str, labels: &[(&str, &str)]) -> Node {
    let text = |text: &str| Value {
        kind: Some(value::Kind::StringValue(text.to_owned())),
    };
    let fields = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), text(value)));
    Node {
        id: id.to_owned(),
        user_agent_name: "test".to_owned(),
        metadata: Some(Struct {
            fields: fields.collect(),
        }),
        ..Node::default()
    }
}

impl<Q: Message + Default + 'static, R: Message + Default + 'static> Stream<Q, R> {
    /// Begins a stream of this method with this request.
    pub async fn open(address: SocketAddr, path: &'static str, first: Q) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = within("connecting", endpoint.connect()).await.unwrap();
        let mut grpc = Grpc::new(channel);
        grpc.ready().await.unwrap();
        let (requests, said) = mpsc::unbounded_channel();
        // Servers may wait for the first request before they say anything, headers included.
        requests.send(first).unwrap();
        let said = tonic::Request::new(UnboundedReceiverStream::new(said));
        let codec: ProstCodec<Q, R> = ProstCodec::default();
        let path = http::uri::PathAndQuery::from_static(path);
        let responses = within("a stream", grpc.streaming(said, path, codec)).await;
        Self {
            requests,
            responses: responses.unwrap().into_inner(),
        }
    }

    /// Says it.
    pub fn send(&self, request: Q) {
        self.requests.send(request).expect("the stream is open");
    }

    /// What comes next.
    pub async fn next(&mut self) -> R {
        let next = within("a response", self.responses.message()).await;
        next.unwrap().expect("the stream goes on")
    }

    /// Waits for the end of the stream, and says how it ended.
    pub async fn end(&mut self) -> Code {
        loop {
            match within("the end of a stream", self.responses.message()).await {
                Ok(Some(_)) => {}
                Ok(None) => return Code::Ok,
                Err(status) => return status.code(),
            }
        }
    }
}

impl Delta {
    /// Begins with a request for all of a kind.
    pub async fn all(address: SocketAddr, node: Node, kind: Kind) -> Self {
        let first = DeltaDiscoveryRequest {
            node: Some(node),
            type_url: kind.type_url().to_owned(),
            ..DeltaDiscoveryRequest::default()
        };
        Self::begin(address, first).await
    }

    /// Begins with this request.
    pub async fn begin(address: SocketAddr, first: DeltaDiscoveryRequest) -> Self {
        Self::open(address, discovery::DELTA, first).await
    }

    /// Asks for these too.
    pub fn subscribe(&self, kind: Kind, names: &[&str]) {
        self.send(DeltaDiscoveryRequest {
            type_url: kind.type_url().to_owned(),
            resource_names_subscribe: names.iter().map(ToString::to_string).collect(),
            ..DeltaDiscoveryRequest::default()
        });
    }

    /// Answers.
    pub fn answer(&self, response: &DeltaDiscoveryResponse, answer: Answer<'_>) {
        self.send(DeltaDiscoveryRequest {
            type_url: response.type_url.clone(),
            response_nonce: response.nonce.clone(),
            error_detail: answer.status(),
            ..DeltaDiscoveryRequest::default()
        });
    }

    /// Accepts what comes next; in short: `cluster a b -c`.
    pub async fn accepts(&mut self) -> String {
        let response = self.next().await;
        self.answer(&response, Answer::Accept);
        let mut text = short(&response.type_url);
        for resource in &response.resources {
            text.extend([" ", &resource.name]);
        }
        for name in &response.removed_resources {
            text.extend([" -", name]);
        }
        text
    }
}

impl World {
    /// Begins with a request for these of a kind; without names, of clusters and listeners: all.
    pub async fn begin(address: SocketAddr, node: Node, kind: Kind, names: &[&str]) -> Self {
        let first = DiscoveryRequest {
            node: Some(node),
            ..request(kind.type_url(), names)
        };
        Self::open(address, discovery::STREAM, first).await
    }

    /// Asks for these, whatever was asked for before.
    pub fn ask(&self, kind: Kind, names: &[&str]) {
        self.send(request(kind.type_url(), names));
    }

    /// Answers, and goes on asking for these.
    pub fn answer(&self, response: &DiscoveryResponse, names: &[&str], answer: Answer<'_>) {
        self.send(DiscoveryRequest {
            version_info: response.version_info.clone(),
            response_nonce: response.nonce.clone(),
            error_detail: answer.status(),
            ..request(&response.type_url, names)
        });
    }

    /// Accepts what comes next, asking on for these; in short: the kind, and how much of it.
    pub async fn accepts(&mut self, names: &[&str]) -> String {
        let response = self.next().await;
        self.answer(&response, names, Answer::Accept);
        format!("{} {}", short(&response.type_url), response.resources.len())
    }
}

impl Answer<'_> {
    fn status(self) -> Option<Status> {
        match self {
            Self::Accept => None,
            Self::Refuse(text) => Some(Status {
                code: Code::InvalidArgument as i32,
                message: text.to_owned(),
                details: Vec::new(),
            }),
        }
    }
}

fn request(type_url: &str, names: &[&str]) -> DiscoveryRequest {
    DiscoveryRequest {
        type_url: type_url.to_owned(),
        resource_names: names.iter().map(ToString::to_string).collect(),
        ..DiscoveryRequest::default()
    }
}

fn short(type_url: &str) -> String {
    let kind = Kind::of(type_url).expect("a kind that we know");
    kind.as_str().to_owned()
}
