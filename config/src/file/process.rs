//! What concerns the whole process: admin address, access log, drain.

use super::{
    address::bind_address,
    duration::{duration_or_zero, parse},
};
use crate::{
    model::{AccessLog, Admin, Drain, LogFormat, default as defaults},
    problem::Fault,
    reader::Reader,
    shape::{Shape, choice, default, keys, word},
    yaml::Node,
};

pub(super) fn admin() -> Shape<Admin> {
    keys!(Admin {
        /// Where `/metrics`, `/ready` and the rest are served, as IP:port. Loopback by default: it shows internals.
        address: default(bind_address(), defaults::ADMIN),
    })
}

pub(super) fn access_log() -> Shape<AccessLog> {
    let text = word("text", "For people.", LogFormat::Text);
    let json = word("json", "For machines.", LogFormat::Json);
    keys!(AccessLog {
        /// How a line looks.
        format: default(choice("a format", [text, json]), defaults::LOG_FORMAT),
    })
}

pub(super) fn drain() -> Shape<Drain> {
    let keys = keys!(Drain {
        /// From `/ready` turning 503 to refusing new connections: load balancers notice in this time.
        delay: default(duration_or_zero(), defaults::DRAIN_DELAY),
        /// From the signal to the hard end.
        timeout: default(duration_or_zero(), defaults::DRAIN_TIMEOUT),
    });
    keys.rule(delay_within_timeout)
}

fn delay_within_timeout(node: &Node, reader: &mut Reader) {
    let time = |key, absent| match node.get(key) {
        Some(node) => parse(node.text()?).ok(),
        None => Some(absent),
    };
    let delay = time("delay", defaults::DRAIN_DELAY);
    let timeout = time("timeout", defaults::DRAIN_TIMEOUT);
    if let (Some(delay), Some(timeout), Some(place)) = (delay, timeout, node.entry("delay"))
        && delay > timeout
    {
        let fault = Fault::new("the delay outlasts the whole drain")
            .hint("`timeout` counts from the signal too: make it the longer one");
        reader.within(&["delay".into()], |reader| {
            reader.report(&place.value.span, fault)
        });
    }
}
