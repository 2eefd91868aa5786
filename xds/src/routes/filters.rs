//! Filters that are configured for some requests only: by a host, a route, or one of its clusters.
//!
//! A filter that is off at the listener, or idle there, may be switched on by these. There are none of them here, so that a
//! route of which it is said who may come in would be open to everybody: what is not off is refused.

use std::collections::HashMap;

use crate::{
    Refused, any,
    pb::{
        envoy::config::route::v3::{FilterConfig, RouteConfiguration},
        google::protobuf::Any,
    },
    refused::Within,
};

/// Whether all filters are off or optional that a configuration names outside its routes.
pub(super) fn of_hosts(message: &RouteConfiguration) -> Result<(), Refused> {
    of(&message.typed_per_filter_config)?;
    for (index, host) in message.virtual_hosts.iter().enumerate() {
        let checked = of(&host.typed_per_filter_config);
        let checked = checked.and_then(|()| match &host.cors {
            Some(_) => Err(Refused::new("not supported")).within("cors"),
            None => Ok(()),
        });
        checked.within(format_args!("virtual_hosts[{index}]"))?;
    }
    Ok(())
}

/// Whether all of these are off or optional.
pub(super) fn of(configs: &HashMap<String, Any>) -> Result<(), Refused> {
    // The first by name, so that a refusal says the same each time.
    let on = configs.iter().filter(|(_, config)| !is_off(config));
    match on.map(|(name, _)| name).min() {
        None => Ok(()),
        Some(name) => {
            let reason = format!("the filter `{name}` is not supported, and not off or optional");
            Err(Refused::new(reason)).within("typed_per_filter_config")
        }
    }
}

fn is_off(config: &Any) -> bool {
    let config = any::unpack::<FilterConfig>(config);
    config.is_ok_and(|config| config.disabled || config.is_optional)
}
