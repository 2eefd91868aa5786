//! Makes what a listener or a cluster speaks TLS with of what the shelf has, and notices when that is other than before.

use std::sync::Arc;

use outrigger_config::model::{
    self, Certificate, ClientCertificates, ClusterTls, Endpoints, Identity, ListenerTls, TlsVersion,
};
use rustls::{crypto::aws_lc_rs::Ticketer, server::ProducesTickets};
use rustls_pki_types::ServerName;

use super::draft::Draft;
use crate::{
    acme::Challenges,
    telemetry::metrics::TlsMetrics,
    tls::{
        self, Client, Flaw, Server,
        certificate::Pair,
        client::{self, Trust},
        flaw::Kind,
        resolver::Certificates,
        server::{self, Callers, Ready},
        source::{Revoked, Roots},
    },
};

/// What a [`Server`] was last made of.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) server: Arc<Server>,
    tls: ListenerTls,
    /// In a mesh.
    identity: Option<Identity>,
    /// Where the proxy gets certificates for itself.
    challenges: Option<Arc<Challenges>>,
    made_of: Option<(Vec<Arc<Pair>>, Option<Callers>)>,
    /// Kept when a certificate is renewed; not when others are believed, who would come in by what these were given.
    tickets: Option<Arc<dyn ProducesTickets>>,
}

/// What a [`Client`] was last made of.
#[derive(Clone)]
pub(super) struct Guest {
    pub(super) client: Arc<Client>,
    tls: ClusterTls,
    identity: Option<Identity>,
    made_of: Option<(Option<Arc<Pair>>, Option<Roots>)>,
}

/// The name of endpoints that the cluster's `tls` says nothing of.
pub(super) fn name(cluster: &model::Cluster) -> Option<String> {
    match &cluster.endpoints {
        Endpoints::Dns(dns) => Some(dns.name.trim_end_matches('.').to_owned()),
        Endpoints::Static(_) => None,
    }
}

/// What only a process with an identity can have.
fn no_identity() -> Flaw {
    Kind::Unusable("this process has none: its own file must say which".to_owned()).of("identity")
}

impl Host {
    pub(super) fn new(
        tls: &ListenerTls,
        identity: Option<&Identity>,
        challenges: &Arc<Challenges>,
        metrics: &Arc<TlsMetrics>,
    ) -> Self {
        let acme = matches!(tls, ListenerTls::Own(own) if !own.acme.is_empty());
        Self {
            challenges: acme.then(|| Arc::clone(challenges)),
            server: Arc::new(Server::new(Arc::clone(metrics))),
            tls: tls.clone(),
            identity: identity
                .filter(|_| matches!(tls, ListenerTls::Mesh(_)))
                .cloned(),
            made_of: None,
            tickets: None,
        }
    }

    /// Whether it is what this asks for.
    pub(super) fn is(&self, tls: &ListenerTls, identity: Option<&Identity>) -> bool {
        self.tls == *tls && (!self.is_mesh() || self.identity.as_ref() == identity)
    }

    fn is_mesh(&self) -> bool {
        matches!(self.tls, ListenerTls::Mesh(_))
    }

    /// Takes what it needs, and makes itself anew if that is other than before.
    pub(super) fn fill(&mut self, draft: &mut Draft) -> Result<(), Vec<Flaw>> {
        let mut flaws = Vec::new();
        let mut pairs = Vec::new();
        for certificate in self.certificates() {
            match draft.pair(certificate) {
                Ok(pair) => pairs.push(pair),
                Err(flaw) => flaws.push(flaw),
            }
        }
        let callers = self.callers(draft).unwrap_or_else(|flaw| {
            flaws.push(flaw);
            None
        });
        if self.is_mesh() && self.identity.is_none() {
            flaws.push(no_identity());
        }
        if !flaws.is_empty() {
            return Err(flaws);
        }
        self.make(pairs, callers).map_err(|flaw| vec![flaw])
    }

    fn certificates(&self) -> &[Certificate] {
        match (&self.tls, &self.identity) {
            (ListenerTls::Own(own), _) => &own.certificates,
            (ListenerTls::Mesh(_), Some(identity)) => std::slice::from_ref(&identity.certificate),
            (ListenerTls::Mesh(_), None) => &[],
        }
    }

    fn callers(&self, draft: &mut Draft) -> Result<Option<Callers>, Flaw> {
        let (ca, optional) = match &self.tls {
            ListenerTls::Mesh(_) => {
                let Some(identity) = &self.identity else {
                    return Ok(None);
                };
                return Ok(Some(Callers {
                    roots: draft.roots(&identity.ca)?,
                    revoked: None,
                    optional: false,
                }));
            }
            ListenerTls::Own(own) => match &own.clients {
                ClientCertificates::Off => return Ok(None),
                ClientCertificates::Optional(ca) => (ca, true),
                ClientCertificates::Required(ca) => (ca, false),
            },
        };
        let revoked: Option<Revoked> = match ca.crl.is_empty() {
            true => None,
            false => Some(draft.revoked(&ca.crl)?),
        };
        Ok(Some(Callers {
            roots: draft.roots(&ca.ca)?,
            revoked,
            optional,
        }))
    }

    fn make(&mut self, pairs: Vec<Arc<Pair>>, callers: Option<Callers>) -> Result<(), Flaw> {
        if let Some((shown, believed)) = &self.made_of {
            let same_callers = same_callers(believed.as_ref(), callers.as_ref());
            if same_callers && same(shown, &pairs) {
                return Ok(());
            }
            if !same_callers {
                self.tickets = None;
            }
        }
        let unusable = |why: String| {
            let file = self.certificates().first().map(|pair| pair.cert.clone());
            Kind::Unusable(why).of(file.unwrap_or_default())
        };
        let tickets = match &self.tickets {
            Some(tickets) => Arc::clone(tickets),
            None => Ticketer::new().map_err(|error| unusable(error.to_string()))?,
        };
        let own = match self.tls {
            ListenerTls::Mesh(_) => Some(member(&pairs, unusable)?),
            ListenerTls::Own(_) => None,
        };
        let (min_version, alpn) = match &self.tls {
            ListenerTls::Mesh(_) => (TlsVersion::Tls13, model::default::TLS_ALPN.to_vec()),
            ListenerTls::Own(tls) => (tls.min_version, tls.alpn.clone()),
        };
        let ready = Ready::new(server::Parts {
            certificates: Arc::new(Certificates::new(pairs.clone(), self.challenges.clone())),
            acme: self.challenges.is_some(),
            callers: callers.clone(),
            min_version,
            alpn,
            tickets: Arc::clone(&tickets),
            own,
        });
        self.server.put(ready.map_err(unusable)?);
        self.made_of = Some((pairs, callers));
        self.tickets = Some(tickets);
        Ok(())
    }
}

/// Who a process is by its certificate.
fn member(pairs: &[Arc<Pair>], unusable: impl Fn(String) -> Flaw) -> Result<model::SpiffeId, Flaw> {
    let identity = pairs.first().and_then(|pair| pair.facts.identity());
    identity.ok_or_else(|| unusable(Kind::NoIdentity.to_string()))
}

fn same<T>(before: &[Arc<T>], now: &[Arc<T>]) -> bool {
    before.len() == now.len() && before.iter().zip(now).all(|(a, b)| Arc::ptr_eq(a, b))
}

fn same_callers(before: Option<&Callers>, now: Option<&Callers>) -> bool {
    match (before, now) {
        (Some(before), Some(now)) => {
            tls::same(before.revoked.as_ref(), now.revoked.as_ref())
                && Arc::ptr_eq(&before.roots, &now.roots)
        }
        (None, None) => true,
        _ => false,
    }
}

impl Guest {
    pub(super) fn new(
        tls: &ClusterTls,
        name: Option<&str>,
        identity: Option<&Identity>,
        metrics: &Arc<TlsMetrics>,
    ) -> Self {
        let (mesh, name) = match tls {
            // Names of hosts mean nothing there.
            ClusterTls::Mesh { .. } => (true, None),
            ClusterTls::Own(own) => (false, own.server_name.as_deref().or(name)),
        };
        // A name that was checked when the file was read; of others, the address stands in.
        let name = name.and_then(|name| {
            let bare = name.trim_start_matches('[').trim_end_matches(']');
            ServerName::try_from(bare.to_owned()).ok()
        });
        if let ClusterTls::Own(own) = tls
            && own.trust == model::Trust::Nobody
        {
            tracing::warn!(
                "nothing is checked of endpoints: whoever stands in between reads and changes all"
            );
        }
        Self {
            client: Arc::new(Client::new(name, Arc::clone(metrics))),
            tls: tls.clone(),
            identity: identity.filter(|_| mesh).cloned(),
            made_of: None,
        }
    }

    /// Whether it is of this process; what is asked for it was found by.
    pub(super) fn is(&self, identity: Option<&Identity>) -> bool {
        let mesh = matches!(self.tls, ClusterTls::Mesh { .. });
        !mesh || self.identity.as_ref() == identity
    }

    /// Takes what it needs, and makes itself anew if that is other than before.
    pub(super) fn fill(&mut self, draft: &mut Draft) -> Result<(), Vec<Flaw>> {
        let mut flaws = Vec::new();
        let certificate = match (&self.tls, &self.identity) {
            (ClusterTls::Mesh { .. }, Some(identity)) => Some(&identity.certificate),
            (ClusterTls::Mesh { .. }, None) => return Err(vec![no_identity()]),
            (ClusterTls::Own(own), _) => own.certificate.as_ref(),
        };
        let pair = certificate.map(|certificate| draft.pair(certificate));
        let pair = pair.transpose().unwrap_or_else(|flaw| {
            flaws.push(flaw);
            None
        });
        let roots = self.roots(draft).unwrap_or_else(|flaw| {
            flaws.push(flaw);
            None
        });
        match flaws.is_empty() {
            true => self.make(pair, roots).map_err(|flaw| vec![flaw]),
            false => Err(flaws),
        }
    }

    fn roots(&self, draft: &mut Draft) -> Result<Option<Roots>, Flaw> {
        match (&self.tls, &self.identity) {
            (ClusterTls::Mesh { .. }, identity) => {
                let roots = identity.as_ref().map(|identity| draft.roots(&identity.ca));
                roots.transpose()
            }
            (ClusterTls::Own(own), _) => match &own.trust {
                model::Trust::System => draft.system_roots().map(Some),
                model::Trust::Files(files) => draft.roots(files).map(Some),
                model::Trust::Nobody => Ok(None),
            },
        }
    }

    fn make(&mut self, pair: Option<Arc<Pair>>, roots: Option<Roots>) -> Result<(), Flaw> {
        if let Some((shown, believed)) = &self.made_of
            && tls::same(shown.as_ref(), pair.as_ref())
            && tls::same(believed.as_ref(), roots.as_ref())
        {
            return Ok(());
        }
        let (min_version, identities) = match &self.tls {
            ClusterTls::Mesh { identities } => (TlsVersion::Tls13, Some(identities.clone())),
            ClusterTls::Own(own) => (own.min_version, None),
        };
        let trust = match (roots.clone(), identities) {
            (Some(roots), Some(identities)) => Trust::Mesh(roots, identities),
            (Some(roots), None) => Trust::Named(roots),
            (None, None) => Trust::Anybody,
            // Never: who has an identity has roots.
            (None, Some(_)) => return Err(no_identity()),
        };
        let unusable = |why| Kind::Unusable(why).of("tls");
        let config = client::config(client::Parts {
            trust,
            pair: pair.clone(),
            min_version,
        });
        self.client.put(config.map_err(unusable)?);
        self.made_of = Some((pair, roots));
        Ok(())
    }
}
