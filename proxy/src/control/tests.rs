//! What several tests of the client begin with.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use outrigger_config::{Config, model::Listener};
use outrigger_xds::Resource;

use super::resources::{Admit, Offer};

/// Every address can be had.
pub(super) struct Anywhere;

impl Admit for Anywhere {
    fn admit(&self, _: &Listener) -> Result<(), String> {
        Ok(())
    }
}

pub(super) fn config(text: &str) -> Config {
    outrigger_config::parse("table", text).unwrap()
}

pub(super) fn offer(resource: Resource) -> Offer {
    Offer {
        name: Some(Arc::clone(&resource.name)),
        version: resource.version,
        body: resource.body,
    }
}
