//! Streams played by hand: what is said to a session, and what it says then.

mod convergence;
mod delta;
mod limit;
mod model;
mod order;
mod world;

use std::{sync::Arc, time::Instant};

use outrigger_xds::{
    Kind, Resource,
    discovery::{DeltaDiscoveryRequest, DiscoveryRequest},
    pb::google::rpc::Status,
};

use super::*;
use crate::view::{Content, Targets};

/// A view of `kind name version`, each a line; the one after `before`, if there was one.
fn view(before: Option<&Arc<View>>, lines: &[&str]) -> Arc<View> {
    let mut shelves: [Vec<Arc<Resource>>; 4] = Default::default();
    for line in lines {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("three words");
        let kind = match word() {
            "cluster" => Kind::Cluster,
            "endpoints" => Kind::Endpoints,
            "listener" => Kind::Listener,
            _ => Kind::Routes,
        };
        let (name, says) = (word(), word());
        let body = says.to_owned().into_bytes().into();
        shelves[kind as usize].push(Resource::new(kind, name.into(), says, body).into());
    }
    let content = Content {
        table: "t".into(),
        seen: Instant::now(),
        shelves: shelves.map(|list| list.into_iter().collect()),
        targets: Targets::default(),
    };
    Arc::new(match before {
        None => View::first(1, content),
        Some(before) => before.next(content),
    })
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn refusal(text: &str) -> Option<Status> {
    (!text.is_empty()).then(|| Status {
        message: text.to_owned(),
        ..Status::default()
    })
}

/// A client that speaks to a session, word by word.
struct Client {
    session: Session,
}

impl Client {
    fn new(form: Form, view: &Arc<View>) -> Self {
        let mut session = Session::new(form, false);
        session.see(Arc::clone(view));
        Self { session }
    }

    fn see(&mut self, view: &Arc<View>) {
        self.session.see(Arc::clone(view));
    }

    /// Delta: asks for some and drops others.
    fn change(&mut self, kind: Kind, subscribe: &[&str], unsubscribe: &[&str]) {
        let request = DeltaDiscoveryRequest {
            resource_names_subscribe: strings(subscribe),
            resource_names_unsubscribe: strings(unsubscribe),
            ..DeltaDiscoveryRequest::default()
        };
        self.session.change(kind, &request).unwrap();
    }

    /// Delta: asks for all or for some, on a new stream, with what it has.
    fn resume(&mut self, kind: Kind, subscribe: &[&str], has: &[(&str, &str)]) {
        let versions = has
            .iter()
            .map(|(name, says)| ((*name).to_owned(), outrigger_xds::version(says).to_string()));
        let request = DeltaDiscoveryRequest {
            resource_names_subscribe: strings(subscribe),
            initial_resource_versions: versions.collect(),
            ..DeltaDiscoveryRequest::default()
        };
        self.session.change(kind, &request).unwrap();
    }

    /// State of the world: asks for these, in answer to nothing.
    fn ask(&mut self, kind: Kind, names: &[&str]) {
        self.answer_naming(kind, "", names, "");
    }

    /// State of the world: answers, with the names that are wanted now.
    fn answer_naming(
        &mut self,
        kind: Kind,
        nonce: &str,
        names: &[&str],
        text: &str,
    ) -> Option<Verdict> {
        let request = DiscoveryRequest {
            resource_names: strings(names),
            response_nonce: nonce.to_owned(),
            error_detail: refusal(text),
            ..DiscoveryRequest::default()
        };
        self.session.replace(kind, &request).unwrap()
    }

    /// Delta: accepts, or refuses with this text.
    fn answer(&mut self, response: &Response, text: &str) -> Option<Verdict> {
        let request = DeltaDiscoveryRequest {
            response_nonce: response.nonce.clone(),
            error_detail: refusal(text),
            ..DeltaDiscoveryRequest::default()
        };
        self.session.change(response.kind, &request).unwrap()
    }

    /// What comes next, in short: `cluster a b -c`.
    fn hears(&mut self) -> Option<(String, Response)> {
        let response = self.session.respond()?;
        let mut text = response.kind.as_str().to_owned();
        for resource in &response.resources {
            text.extend([" ", &resource.name]);
        }
        for name in &response.removed {
            text.extend([" -", name]);
        }
        Some((text, response))
    }

    /// What comes next must be this; it is not answered.
    fn hears_only(&mut self, expected: &str) -> Response {
        let (text, response) = self.hears().expect("something is sent");
        assert_eq!(text, expected);
        response
    }

    /// Delta: what comes, each accepted at once, until nothing comes.
    fn accepts(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some((text, response)) = self.hears() {
            texts.push(text);
            self.answer(&response, "");
        }
        texts
    }

    fn hears_nothing(&mut self) {
        assert_eq!(self.hears().map(|(text, _)| text), None);
    }
}
