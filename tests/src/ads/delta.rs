//! A delta stream.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use outrigger_xds::{
    Kind,
    discovery::{Any, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DeltaResource},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::World;

type Responses = ReceiverStream<Result<DeltaDiscoveryResponse, Status>>;

/// What a client has of a kind.
#[derive(Default)]
struct Asked {
    names: BTreeSet<String>,
    /// Asked for since the last response: these are answered even if there is no such thing.
    new: BTreeSet<String>,
    versions: BTreeMap<String, String>,
}

pub(super) async fn answer(
    world: Arc<World>,
    request: Request<Streaming<DeltaDiscoveryRequest>>,
) -> Result<Response<Responses>, Status> {
    let (responses, stream) = mpsc::channel(16);
    world.state().streams += 1;
    tokio::spawn(serve(world, request.into_inner(), responses));
    Ok(Response::new(ReceiverStream::new(stream)))
}

async fn serve(
    world: Arc<World>,
    mut requests: Streaming<DeltaDiscoveryRequest>,
    responses: mpsc::Sender<Result<DeltaDiscoveryResponse, Status>>,
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

fn hear(world: &World, asked: &mut BTreeMap<Kind, Asked>, request: DeltaDiscoveryRequest) {
    let kind = Kind::of(&request.type_url).expect("a known type");
    let mut state = world.state();
    state.nodes.extend(request.node.map(|node| node.id));
    match request.error_detail {
        Some(detail) => state.refusals.push(detail.message),
        None if !request.response_nonce.is_empty() => state.accepted += 1,
        None => {}
    }
    let asked = asked.entry(kind).or_default();
    asked.versions.extend(request.initial_resource_versions);
    for name in request.resource_names_subscribe {
        asked.new.insert(name.clone());
        asked.names.insert(name);
    }
    for name in request.resource_names_unsubscribe {
        asked.names.remove(&name);
        asked.versions.remove(&name);
    }
    state.subscribed.insert(kind, asked.names.clone());
}

/// What the client does not have yet.
fn news(world: &World, kind: Kind, asked: &mut Asked) -> Option<DeltaDiscoveryResponse> {
    let mut state = world.state();
    let all = asked.names.contains("*");
    let mut resources = Vec::new();
    let known = state.resources.iter().filter(|((of, _), _)| *of == kind);
    let mut there = BTreeSet::new();
    for ((_, name), (version, body)) in known {
        if !all && !asked.names.contains(name) {
            continue;
        }
        there.insert(name.clone());
        if asked
            .versions
            .insert(name.clone(), version.clone())
            .as_ref()
            != Some(version)
        {
            resources.push(DeltaResource {
                version: version.clone(),
                resource: Some(Any {
                    type_url: kind.type_url().to_owned(),
                    value: body.clone(),
                }),
                name: name.clone(),
                aliases: Vec::new(),
            });
        }
    }
    let mut removed: BTreeSet<String> = asked.versions.keys().cloned().collect();
    removed.extend(std::mem::take(&mut asked.new));
    removed.retain(|name| name != "*" && !there.contains(name));
    asked.versions.retain(|name, _| there.contains(name));
    if resources.is_empty() && removed.is_empty() {
        return None;
    }
    state.responses += 1;
    Some(DeltaDiscoveryResponse {
        system_version_info: format!("v{}", state.responses),
        resources,
        type_url: kind.type_url().to_owned(),
        nonce: state.responses.to_string(),
        removed_resources: removed.into_iter().collect(),
        control_plane: None,
    })
}
