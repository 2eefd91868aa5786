//! `transparent` of a listener, and at which addresses a cluster is called.

use super::tls::is_mesh;
use crate::{
    model::{Capture, Inbound, Listening, Outbound, Source, Transparent, Unknown},
    problem::{Fault, Step},
    reader::Reader,
    shape::{Shape, choice, default, keys, list, optional, variant, whole, word},
    yaml::{Content, Node},
};

pub(super) fn transparent() -> Shape<Transparent> {
    const INBOUND: &str =
        "Connections that were meant for the application beside the proxy: they go there.";
    const OUTBOUND: &str = "Connections of the application: they go to the cluster that has the address that was called, \
        else by the host, else to that address.";
    choice(
        "`inbound` or `outbound`",
        [
            word("inbound", INBOUND, Transparent::Inbound(Inbound::default())),
            word(
                "outbound",
                OUTBOUND,
                Transparent::Outbound(Outbound::default()),
            ),
            variant!("inbound", INBOUND, inbound(), Transparent::Inbound),
            variant!("outbound", OUTBOUND, outbound(), Transparent::Outbound),
        ],
    )
}

fn inbound() -> Shape<Inbound> {
    let keys = keys!(Inbound {
        /// How connections come here.
        by: default(capture(), Capture::default()),
        /// The ports that may be called. All that the rules send here when left out.
        ports: optional(list(whole(1..=65_535))),
        /// Where the application listens.
        to: default(listening(), Listening::default()),
        /// Whose address the application sees its callers come from.
        source: default(source(), Source::default()),
    });
    keys.rule(some_port)
        .rule(loopback_by_port)
        .rule(source_as_it_is)
}

fn outbound() -> Shape<Outbound> {
    keys!(Outbound {
        /// How connections come here.
        by: default(capture(), Capture::default()),
        /// What becomes of those that no cluster is meant by.
        unknown: default(unknown(), Unknown::default()),
    })
}

fn capture() -> Shape<Capture> {
    choice(
        "`redirect` or `tproxy`",
        [
            word(
                "redirect",
                "By rules that translate the address: `outrigger init` sets them.",
                Capture::Redirect,
            ),
            word(
                "tproxy",
                "By rules that leave it as it is: the process needs CAP_NET_ADMIN.",
                Capture::Tproxy,
            ),
        ],
    )
}

fn listening() -> Shape<Listening> {
    choice(
        "`address` or `loopback`",
        [
            word(
                "address",
                "At the address that was called, or at all of them.",
                Listening::Address,
            ),
            word(
                "loopback",
                "At 127.0.0.1 or ::1 alone.",
                Listening::Loopback,
            ),
        ],
    )
}

fn source() -> Shape<Source> {
    choice(
        "`loopback` or `caller`",
        [
            word("loopback", "127.0.0.1 or ::1.", Source::Loopback),
            word(
                "caller",
                "Their own. HTTP/2 is shared by callers, and comes from loopback.",
                Source::Caller,
            ),
        ],
    )
}

fn unknown() -> Shape<Unknown> {
    choice(
        "`allow` or `refuse`",
        [
            word(
                "allow",
                "They go where they were meant to go.",
                Unknown::Allow,
            ),
            word("refuse", "They are refused.", Unknown::Refuse),
        ],
    )
}

fn some_port(node: &Node, reader: &mut Reader) {
    if let Some(ports) = node.get("ports")
        && matches!(&ports.content, Content::List(list) if list.is_empty())
    {
        let fault = Fault::new("no port may be called: nobody would be served")
            .hint("name the application's ports, or leave `ports` out");
        reader.within(&["ports".into()], |reader| {
            reader.report(&ports.span, fault);
        });
    }
}

/// What listens there alone was not meant for others.
fn loopback_by_port(node: &Node, reader: &mut Reader) {
    let to = node.entry("to");
    let to = to.filter(|to| to.value.text() == Some("loopback"));
    if let (Some(to), None) = (to, node.get("ports")) {
        let fault = Fault::new("this shows callers everything that listens for this machine alone")
            .hint("name what they may call: `ports: [8080]`");
        reader.within(&["to".into()], |reader| {
            reader.report(&to.value.span, fault);
        });
    }
}

/// Foreign addresses take other rules, and find no way to a loopback address.
fn source_as_it_is(node: &Node, reader: &mut Reader) {
    let said = |key: &str, word: &str| {
        let entry = node.entry(key);
        entry.filter(|entry| entry.value.text() == Some(word))
    };
    let Some(source) = said("source", "caller") else {
        return;
    };
    if said("by", "tproxy").is_none() {
        let fault = Fault::new("callers keep their address by `tproxy` alone").hint(
            "say `by: tproxy`, and `outrigger init --inbound-by tproxy --inbound-source caller`",
        );
        reader.within(&["source".into()], |reader| {
            reader.report(&source.value.span, fault);
        });
    }
    if let Some(to) = said("to", "loopback") {
        let fault = Fault::new("nothing comes to a loopback address from elsewhere")
            .hint("leave `to` out: the application has to listen at the address that is called");
        reader.clash(&to.key_span, fault, &source.key_span, "from elsewhere");
    }
}

/// Rule of a listener: what is redirected comes as it is, and callers who are not of the mesh can be told from others.
pub(super) fn redirected(listener: &Node, reader: &mut Reader) {
    let Some(transparent) = listener.entry("transparent") else {
        return;
    };
    if let Some(redirect) = listener.entry("redirect_to_https")
        && redirect.value.text() != Some("false")
    {
        let fault = Fault::new("`transparent` and `redirect_to_https` exclude each other")
            .hint("whoever is redirected by the kernel has not asked for this proxy");
        reader.clash(
            &redirect.key_span,
            fault,
            &transparent.key_span,
            "takes what was meant for others",
        );
    }
    let outbound =
        transparent.value.text() == Some("outbound") || transparent.value.get("outbound").is_some();
    if let Some(tls) = listener.entry("tls")
        && outbound
        && is_mesh(&tls.value)
    {
        let fault = Fault::new("the application itself calls here, and knows of no mesh")
            .hint("say `tls: mesh` of the clusters that it calls");
        reader.clash(
            &tls.key_span,
            fault,
            &transparent.key_span,
            "the application's",
        );
    }
}

/// Rule of clusters: an address means one of them.
pub(super) fn called_once(clusters: &Node, reader: &mut Reader) {
    let places = clusters.entries().iter().flat_map(|cluster| {
        let addresses = cluster.value.get("addresses");
        let addresses = addresses.map(Node::items).unwrap_or_default();
        addresses
            .iter()
            .enumerate()
            .filter_map(move |(index, address)| {
                let steps: Vec<Step> = vec![
                    cluster.key.as_str().into(),
                    "addresses".into(),
                    index.into(),
                ];
                Some((steps, address, address.text()?))
            })
    });
    reader.distinct(places, |address| format!("{address} is called already"));
}
