//! The list of policies from which a client takes the first that it knows.

use outrigger_config::model::{Balancer, Cluster, HashKey, Zones};
use prost::{Message, Name};
use serde_json::{Value, json};

use super::{Said, aware};
use crate::{
    Refused,
    any::{is, pack, unpack},
    hash,
    pb::{
        envoy::{
            config::{
                cluster::v3::{LoadBalancingPolicy, load_balancing_policy::Policy},
                core::v3::TypedExtensionConfig,
            },
            extensions::load_balancing_policies::{
                common::v3::{
                    ConsistentHashingLbConfig, LocalityLbConfig, SlowStartConfig,
                    locality_lb_config::{LocalityConfigSpecifier, ZoneAwareLbConfig},
                },
                least_request::v3::LeastRequest,
                maglev::v3::Maglev,
                random::v3::Random,
                ring_hash::v3::{RingHash, ring_hash::HashFunction},
                round_robin::v3::RoundRobin,
                wrr_locality::v3::WrrLocality,
            },
        },
        google::protobuf::Any,
    },
    refused::Within,
    scalar::{percent, time, written_time},
};

pub(super) fn to_wire(cluster: &Cluster) -> LoadBalancingPolicy {
    let slow_start_config = cluster.slow_start.map(|window| SlowStartConfig {
        slow_start_window: time(window),
        ..SlowStartConfig::default()
    });
    let locality_lb_config = Some(locality(cluster.zones));
    let in_turn = || {
        policy(
            "round_robin",
            &RoundRobin {
                slow_start_config: slow_start_config.clone(),
                locality_lb_config,
            },
        )
    };
    let ring = |key| {
        policy(
            "ring_hash",
            &RingHash {
                // What Envoy takes if nothing is said; gRPC clients refuse a cluster that does not say it.
                hash_function: HashFunction::XxHash.into(),
                consistent_hashing_lb_config: Some(hashing(key)),
                ..RingHash::default()
            },
        )
    };
    let policies = match &cluster.balancer {
        Balancer::PeakEwma { .. } | Balancer::LeastRequest => {
            let fewest = LeastRequest {
                slow_start_config: slow_start_config.clone(),
                locality_lb_config,
                ..LeastRequest::default()
            };
            vec![policy("least_request", &fewest), in_turn()]
        }
        Balancer::RoundRobin => vec![in_turn()],
        Balancer::Random => vec![policy("random", &Random { locality_lb_config }), in_turn()],
        Balancer::RingHash { key } => vec![ring(key)],
        Balancer::Maglev { key } => {
            let maglev = Maglev {
                consistent_hashing_lb_config: Some(hashing(key)),
                ..Maglev::default()
            };
            vec![policy("maglev", &maglev), ring(key)]
        }
    };
    LoadBalancingPolicy { policies }
}

fn policy<M: Message + Name>(name: &str, config: &M) -> Policy {
    Policy {
        typed_extension_config: Some(TypedExtensionConfig {
            name: format!("envoy.load_balancing_policies.{name}"),
            typed_config: Some(pack(config)),
        }),
    }
}

fn locality(zones: Zones) -> LocalityLbConfig {
    let enabled = match zones {
        Zones::PreferLocal => 1.0,
        Zones::Ignore => 0.0,
    };
    let aware = ZoneAwareLbConfig {
        routing_enabled: Some(percent(enabled)),
        ..ZoneAwareLbConfig::default()
    };
    LocalityLbConfig {
        locality_config_specifier: Some(LocalityConfigSpecifier::ZoneAwareLbConfig(aware)),
    }
}

fn hashing(key: &HashKey) -> ConsistentHashingLbConfig {
    ConsistentHashingLbConfig {
        hash_policy: vec![hash::to_wire(key)],
        ..ConsistentHashingLbConfig::default()
    }
}

pub(super) fn from_wire(list: &LoadBalancingPolicy) -> Result<Said, Refused> {
    let mut unknown = Vec::new();
    for (index, policy) in list.policies.iter().enumerate() {
        let config = policy.typed_extension_config.as_ref();
        let Some(config) = config.and_then(|config| config.typed_config.as_ref()) else {
            continue;
        };
        match one(config).within(format_args!("policies[{index}]"))? {
            Some(said) => return Ok(said),
            None => unknown.push(config.type_url.rsplit('/').next().unwrap_or_default()),
        }
    }
    let reason = format!("no policy of the list is supported: {}", unknown.join(", "));
    Err(Refused::new(reason))
}

fn one(config: &Any) -> Result<Option<Said>, Refused> {
    let said = if is::<LeastRequest>(config) {
        let config: LeastRequest = unpack(config)?;
        let said = Said::balancer(json!("least_request"));
        with(said, config.slow_start_config, config.locality_lb_config)?
    } else if is::<RoundRobin>(config) {
        let config: RoundRobin = unpack(config)?;
        let said = Said::balancer(json!("round_robin"));
        with(said, config.slow_start_config, config.locality_lb_config)?
    } else if is::<Random>(config) {
        let config: Random = unpack(config)?;
        let said = Said::balancer(json!("random"));
        with(said, None, config.locality_lb_config)?
    } else if is::<RingHash>(config) {
        let config: RingHash = unpack(config)?;
        let key = key(config.consistent_hashing_lb_config)?;
        Said::balancer(json!({"ring_hash": {"key": key}}))
    } else if is::<Maglev>(config) {
        let config: Maglev = unpack(config)?;
        let key = key(config.consistent_hashing_lb_config)?;
        Said::balancer(json!({"maglev": {"key": key}}))
    } else if is::<WrrLocality>(config) {
        // A way of gRPC's to say that the weights of localities count; endpoints are picked by what it holds. It cannot hold
        // itself: each level is a message that prost decodes anew, and lists within lists are refused.
        let config: WrrLocality = unpack(config)?;
        let inner = config.endpoint_picking_policy.unwrap_or_default();
        let inner = inner.policies.iter().find_map(|policy| {
            let config = policy
                .typed_extension_config
                .as_ref()?
                .typed_config
                .as_ref()?;
            (!is::<WrrLocality>(config)).then(|| one(config).transpose())?
        });
        return inner.transpose();
    } else {
        return Ok(None);
    };
    Ok(Some(said))
}

fn with(
    said: Said,
    slow_start: Option<SlowStartConfig>,
    locality: Option<LocalityLbConfig>,
) -> Result<Said, Refused> {
    let window = slow_start.and_then(|config| config.slow_start_window);
    let window = window.as_ref().map(written_time).transpose();
    let zones = locality.and_then(|config| match config.locality_config_specifier? {
        LocalityConfigSpecifier::ZoneAwareLbConfig(config) => Some(aware(config.routing_enabled)),
        LocalityConfigSpecifier::LocalityWeightedLbConfig(_) => None,
    });
    Ok(Said {
        slow_start: window.within("slow_start_window")?.map(Value::from),
        zones,
        ..said
    })
}

/// What is hashed; where nobody says it, the address of the client.
fn key(config: Option<ConsistentHashingLbConfig>) -> Result<Value, Refused> {
    let policies = config.unwrap_or_default().hash_policy;
    Ok(hash::from_wire(&policies)?.unwrap_or_else(|| json!("source_address")))
}
