//! Balance: picks an endpoint of the call's cluster.
//!
//! Below Retry, so that each attempt picks anew and prefers an endpoint not yet tried; right above Track, which counts
//! what was picked.

use std::{rc::Rc, sync::Arc, time::Duration};

use http::{HeaderMap, Response, header};
use outrigger_config::model::{Balancer, HashKey};

use super::Handle;
use crate::{
    balance,
    body::Body,
    call::Call,
    endpoint::{Endpoint, Picked},
    error::Error,
    telemetry::trail::Step,
    worker::Worker,
};

/// See the module.
pub struct Balance<S> {
    worker: Rc<Worker>,
    next: S,
}

impl<S> Balance<S> {
    /// Above `next`.
    pub fn new(worker: Rc<Worker>, next: S) -> Self {
        Self { worker, next }
    }

    fn pick(&self, call: &mut Call) -> Result<(), Error> {
        if let Some(only) = call.only.clone().filter(|_| !call.diverted) {
            take(call, only, false);
            return Ok(());
        }
        let cluster = call.cluster.as_ref().ok_or(Error::NoEndpoint)?;
        let hash = match &cluster.config.balancer {
            Balancer::RingHash { key } | Balancer::Maglev { key } => hash(call, key),
            Balancer::PeakEwma { .. }
            | Balancer::LeastRequest
            | Balancer::RoundRobin
            | Balancer::Random => None,
        };
        let picked = cluster.endpoints.pick(
            call.now,
            hash,
            &call.tried,
            &mut self.worker.rng.borrow_mut(),
        );
        let Picked {
            endpoint,
            locality,
            panic,
            probe,
        } = picked.ok_or(Error::NoEndpoint)?;
        if let Some(locality) = locality {
            cluster.metrics.zone(locality);
        }
        if panic {
            call.note(|_| Step::Panic);
        }
        take(call, endpoint, probe);
        Ok(())
    }
}

fn take(call: &mut Call, endpoint: Arc<Endpoint>, probe: bool) {
    call.note(|_| {
        let estimate = endpoint
            .load
            .latency()
            .map(|range| Duration::from_secs_f32(range.high));
        Step::Pick {
            endpoint: endpoint.address,
            estimate,
            probe,
        }
    });
    call.endpoint = Some(endpoint);
    call.probe = probe;
    call.picked();
}

impl<S: Handle> Handle for Balance<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        self.pick(call)?;
        self.next.handle(call).await
    }
}

/// A request without the header or cookie has no hash and goes anywhere.
fn hash(call: &Call, key: &HashKey) -> Option<u64> {
    let headers = &call.head.headers;
    match key {
        HashKey::Header(name) => headers
            .get(name)
            .map(|value| balance::hash(value.as_bytes())),
        HashKey::Cookie(name) => cookie(headers, name).map(balance::hash),
        HashKey::SourceAddress => Some(balance::hash_address(call.client)),
    }
}

/// RFC 6265, 4.2.1: `name=value` pairs, separated by `; `.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let lines = headers
        .get_all(header::COOKIE)
        .iter()
        .map(|line| line.as_bytes());
    lines
        .flat_map(|line| line.split(|byte| *byte == b';'))
        .find_map(|pair| {
            pair.trim_ascii()
                .strip_prefix(name.as_bytes())?
                .strip_prefix(b"=")
        })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("xsession=1; session=2;session3=4"),
        );
        headers.append(header::COOKIE, HeaderValue::from_static("last=5"));
        assert_eq!(cookie(&headers, "session"), Some(&b"2"[..]));
        assert_eq!(cookie(&headers, "last"), Some(&b"5"[..]));
        assert_eq!(cookie(&headers, "sess"), None);
    }
}
