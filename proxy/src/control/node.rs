//! Who the proxy says it is: what a control plane chooses its tables by, and shows its operators.

use std::{fs, str::FromStr, sync::Arc};

use outrigger_xds::pb::{
    envoy::config::core::v3::{Locality, Node as Message, node::UserAgentVersionType},
    google::protobuf::{Struct, Value, value::Kind},
};

/// A proxy's name and labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its name; proxies should differ in it.
    pub id: String,
    /// What it serves.
    pub cluster: String,
    /// Where it runs.
    pub zone: Option<Arc<str>>,
    /// Whatever else tells it from others.
    pub labels: Vec<Label>,
}

/// `role=edge`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    key: String,
    value: String,
}

impl FromStr for Label {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self {
                key: key.to_owned(),
                value: value.to_owned(),
            }),
            _ => Err("a label is `key=value`"),
        }
    }
}

/// The machine's name: that of the pod in Kubernetes.
pub fn hostname() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname");
    let name = name.or_else(|_| fs::read_to_string("/etc/hostname"));
    let name = name.unwrap_or_default();
    match name.trim() {
        "" => "outrigger".to_owned(),
        name => name.to_owned(),
    }
}

impl Node {
    /// As it travels.
    pub fn message(&self) -> Message {
        let field = |label: &Label| {
            let kind = Some(Kind::StringValue(label.value.clone()));
            (label.key.clone(), Value { kind })
        };
        let fields = self.labels.iter().map(field).collect();
        let locality = self.zone.as_ref().map(|zone| Locality {
            zone: zone.to_string(),
            ..Locality::default()
        });
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Message {
            id: self.id.clone(),
            cluster: self.cluster.clone(),
            metadata: (!self.labels.is_empty()).then_some(Struct { fields }),
            locality,
            user_agent_name: "outrigger".to_owned(),
            user_agent_version_type: Some(UserAgentVersionType::UserAgentVersion(version)),
            ..Message::default()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn labels_zone_and_version_travel_with_the_name() {
        let node = Node {
            id: "a".to_owned(),
            cluster: "shop".to_owned(),
            zone: Some("b".into()),
            labels: vec!["role=edge".parse().unwrap()],
        };
        let message = node.message();
        let role = &message.metadata.unwrap().fields["role"];
        assert_eq!(role.kind, Some(Kind::StringValue("edge".to_owned())));
        assert_eq!(message.locality.unwrap().zone, "b");
        assert_eq!(message.user_agent_name, "outrigger");
    }

    #[test]
    fn a_label_has_a_key() {
        assert!("role".parse::<Label>().is_err());
        assert!("=edge".parse::<Label>().is_err());
        assert!("role=".parse::<Label>().is_ok());
    }
}
