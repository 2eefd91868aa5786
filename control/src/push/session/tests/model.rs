//! A client with a memory: it accepts, refuses, forgets and comes back, and checks what it is told as a proxy would.

use std::collections::BTreeMap;

use super::*;

/// What a client has: by kind and name, the text of each resource.
pub(super) type Having = BTreeMap<(Kind, String), String>;

/// Asks for everything that there is, as a stock proxy does: clusters and listeners whole, endpoints and routes by the
/// names of those.
pub(super) struct Model {
    pub(super) form: Form,
    pub(super) session: Session,
    pub(super) has: Having,
    /// Versions of what it has, for a delta stream that comes back.
    versions: BTreeMap<(Kind, String), String>,
    /// Heard but not answered.
    pub(super) heard: Vec<Response>,
    asked: [Vec<String>; 4],
    /// In the state-of-the-world form nobody can know what a client has that comes back: what vanished meanwhile is gone
    /// with the first answer, before its routes are.
    catching_up: bool,
}

impl Model {
    pub(super) fn new(form: Form) -> Self {
        let mut model = Self {
            form,
            session: Session::new(form, false),
            has: Having::new(),
            versions: BTreeMap::new(),
            heard: Vec::new(),
            asked: Default::default(),
            catching_up: false,
        };
        model.connect();
        model
    }

    /// Begins a stream with what it has from the last.
    pub(super) fn connect(&mut self) {
        self.session = Session::new(self.form, false);
        self.heard.clear();
        self.catching_up = self.form == Form::World;
        self.asked = Default::default();
        for kind in Kind::ALL {
            self.asked[kind as usize] = self.names(kind);
            let names = self.asked[kind as usize].clone();
            if !kind.whole() && names.is_empty() {
                continue;
            }
            let versions = self.versions.iter().filter(|((of, _), _)| *of == kind);
            match self.form {
                Form::Delta => self.session.change(
                    kind,
                    &DeltaDiscoveryRequest {
                        resource_names_subscribe: names,
                        initial_resource_versions: versions
                            .map(|((_, name), version)| (name.clone(), version.clone()))
                            .collect(),
                        ..DeltaDiscoveryRequest::default()
                    },
                ),
                Form::World => self.session.replace(
                    kind,
                    &DiscoveryRequest {
                        resource_names: names,
                        ..DiscoveryRequest::default()
                    },
                ),
            }
            .unwrap();
        }
    }

    /// What it asks for by name: endpoints of its clusters, routes of its listeners.
    fn names(&self, kind: Kind) -> Vec<String> {
        let parent = match kind {
            Kind::Endpoints => Kind::Cluster,
            Kind::Routes => Kind::Listener,
            _ => return Vec::new(),
        };
        let names = self.has.keys().filter(|(of, _)| *of == parent);
        names.map(|(_, name)| name.clone()).collect()
    }

    /// Takes what the session has to say.
    pub(super) fn listen(&mut self) {
        while let Some(response) = self.session.respond() {
            let again = self.heard.iter().any(|heard| heard.kind == response.kind);
            assert!(!again, "two under way: {response:?}");
            self.heard.push(response);
        }
        self.catching_up &= !self.session.settled();
    }

    /// Answers the oldest response; asks first for what it needs because of it.
    pub(super) fn answer(&mut self, refuse: bool) -> bool {
        if self.heard.is_empty() {
            return false;
        }
        let response = self.heard.remove(0);
        if !refuse {
            self.apply(&response);
        }
        match response.kind {
            Kind::Cluster => self.follow(Kind::Endpoints),
            Kind::Listener => self.follow(Kind::Routes),
            _ => {}
        }
        self.say(response.kind, &response.nonce, refuse);
        true
    }

    fn apply(&mut self, response: &Response) {
        let kind = response.kind;
        let mut names: Vec<_> = response
            .resources
            .iter()
            .map(|it| it.name.to_string())
            .collect();
        if self.form == Form::World && kind.whole() {
            self.has
                .retain(|(of, name), _| *of != kind || names.contains(name));
        }
        for resource in &response.resources {
            let key = (kind, resource.name.to_string());
            // What it has dropped while this was under way is not its business any more.
            if !kind.whole() && !self.asked[kind as usize].contains(&key.1) {
                continue;
            }
            let text = String::from_utf8(resource.body.to_vec()).unwrap();
            self.versions
                .insert(key.clone(), resource.version.to_string());
            self.has.insert(key, text);
        }
        for name in &response.removed {
            self.has.remove(&(kind, name.to_string()));
            self.versions.remove(&(kind, name.to_string()));
        }
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "a name twice in one response");
        self.check();
    }

    /// No route may name a cluster that is not there.
    fn check(&self) {
        for ((kind, name), text) in &self.has {
            let cluster = (
                Kind::Cluster,
                text.split('/').next().unwrap_or_default().to_owned(),
            );
            let dangling = *kind == Kind::Routes && !self.has.contains_key(&cluster);
            assert!(
                !dangling || self.catching_up,
                "routes of {name} to {text}: {:?}",
                self.has
            );
        }
    }

    /// Asks for what is new below, and drops what is gone.
    fn follow(&mut self, kind: Kind) {
        let names = self.names(kind);
        let old = std::mem::replace(&mut self.asked[kind as usize], names.clone());
        let gone: Vec<_> = old
            .iter()
            .filter(|name| !names.contains(name))
            .cloned()
            .collect();
        for name in &gone {
            self.has.remove(&(kind, name.clone()));
            self.versions.remove(&(kind, name.clone()));
        }
        let new: Vec<_> = names
            .iter()
            .filter(|name| !old.contains(name))
            .cloned()
            .collect();
        if new.is_empty() && gone.is_empty() {
            return;
        }
        match self.form {
            Form::Delta => {
                let request = DeltaDiscoveryRequest {
                    resource_names_subscribe: new,
                    resource_names_unsubscribe: gone,
                    ..DeltaDiscoveryRequest::default()
                };
                self.session.change(kind, &request).unwrap();
            }
            Form::World => self.say(kind, "", false),
        }
    }

    fn say(&mut self, kind: Kind, nonce: &str, refuse: bool) {
        let error_detail = refusal(if refuse { "no" } else { "" });
        match self.form {
            Form::Delta => self.session.change(
                kind,
                &DeltaDiscoveryRequest {
                    response_nonce: nonce.to_owned(),
                    error_detail,
                    ..DeltaDiscoveryRequest::default()
                },
            ),
            Form::World => self.session.replace(
                kind,
                &DiscoveryRequest {
                    resource_names: self.asked[kind as usize].clone(),
                    response_nonce: nonce.to_owned(),
                    error_detail,
                    ..DiscoveryRequest::default()
                },
            ),
        }
        .unwrap();
    }
}
