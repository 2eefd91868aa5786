//! A state-of-the-world stream.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use outrigger_xds::{
    Kind,
    discovery::{Any, DiscoveryRequest, DiscoveryResponse},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::World;

type Responses = ReceiverStream<Result<DiscoveryResponse, Status>>;

/// What a client was told of a kind.
#[derive(Default)]
struct Asked {
    names: BTreeSet<String>,
    /// Name and version of all that was sent; `None`: nothing was.
    sent: Option<Vec<(String, String)>>,
}

pub(super) async fn answer(
    world: Arc<World>,
    request: Request<Streaming<DiscoveryRequest>>,
) -> Result<Response<Responses>, Status> {
    let (responses, stream) = mpsc::channel(16);
    world.state().streams += 1;
    tokio::spawn(serve(world, request.into_inner(), responses));
    Ok(Response::new(ReceiverStream::new(stream)))
}

async fn serve(
    world: Arc<World>,
    mut requests: Streaming<DiscoveryRequest>,
    responses: mpsc::Sender<Result<DiscoveryResponse, Status>>,
) {
    let mut changed = world.changed.subscribe();
    let mut asked = BTreeMap::<Kind, Asked>::new();
    loop {
        tokio::select! {
            request = requests.message() => match request {
                Ok(Some(request)) => hear(&world, &mut asked, request),
                _ => return,
            },
            _ = changed.changed() => {}
        }
        for kind in Kind::ALL {
            let Some(asked) = asked.get_mut(&kind) else {
                continue;
            };
            if let Some(response) = news(&world, kind, asked)
                && responses.send(Ok(response)).await.is_err()
            {
                return;
            }
        }
    }
}

fn hear(world: &World, asked: &mut BTreeMap<Kind, Asked>, request: DiscoveryRequest) {
    let kind = Kind::of(&request.type_url).expect("a known type");
    let mut state = world.state();
    state.nodes.extend(request.node.map(|node| node.id));
    match request.error_detail {
        Some(detail) => state.refusals.push(detail.message),
        None if !request.response_nonce.is_empty() => state.accepted += 1,
        None => {}
    }
    let names: BTreeSet<String> = request.resource_names.into_iter().collect();
    state.subscribed.insert(kind, names.clone());
    let asked = asked.entry(kind).or_default();
    if names != asked.names {
        asked.names = names;
        asked.sent = None;
    }
}

/// All of it, if it is something else than was sent.
fn news(world: &World, kind: Kind, asked: &mut Asked) -> Option<DiscoveryResponse> {
    let mut state = world.state();
    let wanted = |name: &String| asked.names.is_empty() || asked.names.contains(name);
    let known = state.resources.iter();
    let known = known.filter(|((of, name), _)| *of == kind && wanted(name));
    let (sent, resources): (Vec<_>, Vec<_>) = known
        .map(|((_, name), (version, body))| {
            let any = Any {
                type_url: kind.type_url().to_owned(),
                value: body.clone(),
            };
            ((name.clone(), version.clone()), any)
        })
        .unzip();
    let nothing = sent.is_empty() && !kind.whole();
    if nothing || asked.sent.as_ref() == Some(&sent) {
        return None;
    }
    asked.sent = Some(sent);
    state.responses += 1;
    Some(DiscoveryResponse {
        version_info: format!("v{}", state.responses),
        resources,
        type_url: kind.type_url().to_owned(),
        nonce: state.responses.to_string(),
        control_plane: None,
    })
}
