//! Who is at the other end of a stream, as it says itself.

use std::{collections::BTreeMap, sync::Arc};

use outrigger_config::model::{Selector, SpiffeId};
use outrigger_xds::pb::{
    envoy::config::core::v3::{Node as Wire, node::UserAgentVersionType},
    google::protobuf::value::Kind,
};

use crate::registry::Labels;

/// Longer texts of a node are cut: they are kept as long as it is connected, and shown.
const LONGEST: usize = 256;

/// Labels that a node may have in its metadata.
const MOST: usize = 64;

/// What we keep of a node. A stock proxy's says much more, such as the names of all its extensions.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// `node.id`
    pub id: Arc<str>,
    /// What kind of client: `envoy 1.40.0`.
    pub agent: String,
    /// What tables may ask for.
    pub labels: Labels,
}

impl Node {
    /// What `node` says, and its certificate, which alone says who it is.
    pub fn new(node: &Wire, identity: Option<&SpiffeId>) -> Self {
        let fields = node.metadata.iter().flat_map(|metadata| &metadata.fields);
        let texts = fields.filter_map(|(name, value)| match value.kind.as_ref()? {
            // Whatever it says itself.
            Kind::StringValue(_) if name == Selector::IDENTITY => None,
            Kind::StringValue(text) => Some((cut(name), cut(text))),
            _ => None,
        });
        // A map of protobuf has no order of its own, and which are left out should not be chance.
        let metadata: BTreeMap<_, _> = texts.collect();
        let locality = node.locality.as_ref();
        let fixed = [
            ("id", Some(&node.id)),
            ("cluster", Some(&node.cluster)),
            ("zone", locality.map(|it| &it.zone)),
            ("region", locality.map(|it| &it.region)),
        ];
        let fixed = fixed
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), cut(value?))));
        // Not cut: what is compared is all of it.
        let identity = identity.map(|id| (Selector::IDENTITY.to_owned(), id.as_str().to_owned()));
        let fixed = fixed.chain(identity);
        Self {
            id: cut(&node.id).into(),
            agent: agent(node),
            labels: metadata.into_iter().take(MOST).chain(fixed).collect(),
        }
    }

    /// Whether it is a gRPC library and not a proxy: what it asks for as listeners is what it dials.
    pub fn proxyless(&self) -> bool {
        self.agent.contains("gRPC")
    }
}

fn agent(node: &Wire) -> String {
    let name = cut(&node.user_agent_name);
    let version = match &node.user_agent_version_type {
        Some(UserAgentVersionType::UserAgentVersion(version)) => cut(version),
        Some(UserAgentVersionType::UserAgentBuildVersion(build)) => match &build.version {
            Some(it) => format!("{}.{}.{}", it.major_number, it.minor_number, it.patch),
            None => String::new(),
        },
        None => String::new(),
    };
    format!("{name} {version}").trim().to_owned()
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use outrigger_xds::pb::google::protobuf::{Struct, Value};

    use super::*;

    fn text(text: &str) -> Value {
        Value {
            kind: Some(Kind::StringValue(text.into())),
        }
    }

    #[test]
    fn labels_are_the_fixed_fields_and_the_texts_of_the_metadata() {
        let number = Value {
            kind: Some(Kind::NumberValue(1.0)),
        };
        let fields = [
            ("role", text("edge")),
            ("zone", text("forged")),
            ("n", number),
        ];
        let node = Wire {
            id: "a".into(),
            locality: Some(outrigger_xds::pb::envoy::config::core::v3::Locality {
                zone: "z".into(),
                ..Default::default()
            }),
            metadata: Some(Struct {
                fields: fields.map(|(name, value)| (name.into(), value)).into(),
            }),
            ..Wire::default()
        };
        let labels = Node::new(&node, None).labels;
        let shown: Vec<_> = labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(shown, ["id=a", "role=edge", "zone=z"]);
    }

    #[test]
    fn who_it_is_says_its_certificate_and_nothing_else() {
        let node = Wire {
            metadata: Some(Struct {
                fields: [("identity".into(), text("spiffe://a/forged"))].into(),
            }),
            ..Wire::default()
        };
        assert_eq!(Node::new(&node, None).labels.get("identity"), None);
        let id = SpiffeId::parse("spiffe://a/true");
        let node = Node::new(&node, id.as_ref());
        assert_eq!(node.labels.get("identity"), Some("spiffe://a/true"));
    }

    #[test]
    fn no_node_makes_us_keep_more_than_is_sane() {
        let fields = (0..1000).map(|name| (name.to_string(), text(&"x".repeat(10_000))));
        let node = Wire {
            id: "y".repeat(10_000),
            metadata: Some(Struct {
                fields: fields.collect(),
            }),
            ..Wire::default()
        };
        let node = Node::new(&node, None);
        assert_eq!(node.id.len(), LONGEST);
        assert_eq!(node.labels.iter().count(), MOST + 1);
    }
}
