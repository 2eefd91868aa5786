//! `balancer`, and what steers it: `slow_start`, `zones`, `panic_threshold`.
//!
//! Said twice. `load_balancing_policy` is a list from which a client takes the first that it knows: Envoy takes
//! `least_request` for our `peak_ewma`, a gRPC client that does not know it the `round_robin` after it. The old `lb_policy`,
//! which all look at first, therefore says only what every gRPC client accepts: ROUND_ROBIN or RING_HASH (grpc-go refuses a
//! cluster for any other before it looks at the list).

mod policy;

use outrigger_config::model::{Balancer, Cluster, Zones};
use serde_json::{Value, json};

use crate::{
    Refused,
    pb::envoy::{
        config::cluster::v3::{
            self as wire,
            cluster::{
                CommonLbConfig, LbConfig, LbPolicy, common_lb_config::LocalityConfigSpecifier,
            },
        },
        r#type::v3::Percent,
    },
    refused::Within,
    remainder::Keys,
    scalar::{percent, written_percent, written_time},
};

pub(super) fn to_wire(cluster: &Cluster, message: &mut wire::Cluster) {
    let hashed = matches!(
        cluster.balancer,
        Balancer::RingHash { .. } | Balancer::Maglev { .. }
    );
    let old = if hashed {
        LbPolicy::RingHash
    } else {
        LbPolicy::RoundRobin
    };
    message.lb_policy = old.into();
    message.load_balancing_policy = Some(policy::to_wire(cluster));
    message.common_lb_config = Some(CommonLbConfig {
        healthy_panic_threshold: Some(percent(cluster.panic_threshold)),
        ..CommonLbConfig::default()
    });
}

/// What a policy says, in the words of the file.
struct Said {
    balancer: Value,
    slow_start: Option<Value>,
    zones: Option<Zones>,
}

impl Said {
    fn balancer(balancer: Value) -> Self {
        Self {
            balancer,
            slow_start: None,
            zones: None,
        }
    }
}

pub(super) fn from_wire(message: &wire::Cluster, keys: &mut Keys) -> Result<(), Refused> {
    let said = match &message.load_balancing_policy {
        Some(policy) => policy::from_wire(policy).within("load_balancing_policy")?,
        None => from_old(message)?,
    };
    keys.insert("balancer".to_owned(), said.balancer);
    if let Some(window) = said.slow_start {
        keys.insert("slow_start".to_owned(), window);
    }
    let mut zones = said.zones;
    if let Some(common) = &message.common_lb_config {
        if let Some(Percent { value }) = common.healthy_panic_threshold {
            keys.insert("panic_threshold".to_owned(), json!(written_percent(value)));
        }
        if let Some(LocalityConfigSpecifier::ZoneAwareLbConfig(config)) =
            &common.locality_config_specifier
        {
            zones = zones.or(Some(aware(config.routing_enabled)));
        }
    }
    if let Some(zones) = zones {
        let zones = match zones {
            Zones::PreferLocal => "prefer_local",
            Zones::Ignore => "ignore",
        };
        keys.insert("zones".to_owned(), json!(zones));
    }
    Ok(())
}

/// Routing by zone is on as long as nobody turns it off.
fn aware(enabled: Option<Percent>) -> Zones {
    match enabled {
        Some(Percent { value: 0.0 }) => Zones::Ignore,
        _ => Zones::PreferLocal,
    }
}

fn from_old(message: &wire::Cluster) -> Result<Said, Refused> {
    let source = json!({"key": "source_address"});
    let balancer = match LbPolicy::try_from(message.lb_policy) {
        Ok(LbPolicy::RoundRobin) => json!("round_robin"),
        Ok(LbPolicy::LeastRequest) => json!("least_request"),
        Ok(LbPolicy::Random) => json!("random"),
        Ok(LbPolicy::RingHash) => json!({"ring_hash": source}),
        Ok(LbPolicy::Maglev) => json!({"maglev": source}),
        Ok(other) => {
            let reason = format!("{} is not supported", other.as_str_name());
            return Err(Refused::new(reason)).within("lb_policy");
        }
        Err(_) => {
            let reason = format!("unknown policy {}", message.lb_policy);
            return Err(Refused::new(reason)).within("lb_policy");
        }
    };
    let slow_start = match &message.lb_config {
        Some(LbConfig::RoundRobinLbConfig(config)) => config.slow_start_config.as_ref(),
        Some(LbConfig::LeastRequestLbConfig(config)) => config.slow_start_config.as_ref(),
        _ => None,
    };
    let window = slow_start.and_then(|config| config.slow_start_window.as_ref());
    let slow_start = window
        .map(written_time)
        .transpose()
        .within("slow_start_window")?;
    Ok(Said {
        slow_start: slow_start.map(Value::from),
        ..Said::balancer(balancer)
    })
}
