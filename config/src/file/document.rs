//! A control plane's file: what a proxy's file says, for some proxies, without what belongs to each process.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    cluster::clusters, distinct_addresses, distinct_names, listener::listener, name::name, tls,
};
use crate::{
    model::{Cluster, Listener, Selector},
    problem::Fault,
    reader::Reader,
    shape::{Shape, absent, default, keys, list, map, parsed, refused, split},
    yaml::{Content, Node},
};

/// Read from the text of one document, linked to nothing.
pub(crate) struct Parts {
    pub(crate) proxies: Selector,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) clusters: Vec<Cluster>,
}

struct Keys {
    proxies: Selector,
    listeners: Vec<Listener>,
    clusters: Vec<Cluster>,
    admin: (),
    access_log: (),
    drain: (),
    overload: (),
    zone: (),
    identity: (),
    acme: (),
}

pub(crate) fn document() -> Shape<Parts> {
    let process = |what| refused(what, "it belongs to each proxy's own file");
    let keys = keys!(Keys {
        /// Labels of the proxies that it is for, all of which must match; a list means any of. `id`, `cluster`, `zone` and
        /// `region` are what a proxy says of itself, others what its `--label` says; `identity` is what its certificate says,
        /// whatever it says itself. Every proxy when left out.
        proxies: absent(selector(), Selector::default()),
        /// Addresses that accept connections, with their routes.
        listeners: default(list(listener()), Vec::new()),
        /// Sets of endpoints, by name.
        clusters: default(clusters(), Vec::new()),
        /// Belongs to each proxy's own file.
        admin: process("a control plane does not set where a proxy's admin server is"),
        /// Belongs to each proxy's own file.
        access_log: process("a control plane does not set a proxy's access log"),
        /// Belongs to each proxy's own file.
        drain: process("a control plane does not set how a proxy says goodbye"),
        /// Belongs to each proxy's own file.
        overload: process("a control plane does not set a proxy's bounds of overload"),
        /// Belongs to each proxy's own file.
        zone: process("a control plane does not set a proxy's zone"),
        /// Belongs to each proxy's own file.
        identity: process("a control plane does not set who a proxy is"),
        /// Belongs to each proxy's own file.
        acme: process("a control plane does not set where a proxy gets its certificates"),
    });
    keys.rule(distinct_names)
        .rule(distinct_addresses)
        .convert(from_keys, to_keys)
}

fn from_keys(keys: Keys) -> Parts {
    Parts {
        proxies: keys.proxies,
        listeners: keys.listeners,
        clusters: keys.clusters,
    }
}

fn to_keys(parts: &Parts) -> Keys {
    Keys {
        proxies: parts.proxies.clone(),
        listeners: parts.listeners.clone(),
        clusters: parts.clusters.clone(),
        admin: (),
        access_log: (),
        drain: (),
        overload: (),
        zone: (),
        identity: (),
        acme: (),
    }
}

/// Labels with the values that will do.
pub(crate) fn selector() -> Shape<Selector> {
    let one = name().convert(
        |value| BTreeSet::from([value]),
        |values: &BTreeSet<Arc<str>>| values.first().cloned().unwrap_or_default(),
    );
    let several = list(name()).refine(
        |values| match values.is_empty() {
            true => Err(Fault::new("no value is named: no proxy would get this")
                .hint("leave the label out if any value will do")),
            false => Ok(values.into_iter().collect()),
        },
        |values: &BTreeSet<Arc<str>>| values.iter().cloned().collect(),
    );
    let is_list = |node: &Node| matches!(node.content, Content::List(_));
    let values = split(is_list, several, one, |values| values.len() != 1);
    let labels = map(label(), values).rule(whole_identities);
    labels.convert(Selector::new, |selector: &Selector| {
        let labels = selector.labels();
        labels
            .map(|(label, values)| (Arc::clone(label), values.clone()))
            .collect()
    })
}

/// A pattern would be taken for a value that no proxy has.
fn whole_identities(node: &Node, reader: &mut Reader) {
    let Some(identity) = node.get(Selector::IDENTITY) else {
        return;
    };
    let single = std::slice::from_ref(identity);
    let (several, values) = match &identity.content {
        Content::List(values) => (true, values.as_slice()),
        _ => (false, single),
    };
    for (index, value) in values.iter().enumerate() {
        let mut steps = vec![Selector::IDENTITY.into()];
        steps.extend(several.then(|| index.into()));
        reader.within(&steps, |reader| _ = tls::spiffe_id().read(value, reader));
    }
}

/// The name of a label.
fn label() -> Shape<Arc<str>> {
    let schema = serde_json::json!({"type": "string", "pattern": "^[0-9A-Za-z_.:/-]+$"});
    let parse = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.:/-".contains(c);
        match !text.is_empty() && text.chars().all(plain) {
            true => Ok(text.into()),
            false => Err(Fault::new(format!(
                "{} is not the name of a label",
                crate::problem::quote(text)
            ))
            .cause("letters, digits, `_`, `-`, `.`, `:` and `/`")),
        }
    };
    parsed("the name of a label", schema, parse, |label| {
        label.to_string()
    })
}
