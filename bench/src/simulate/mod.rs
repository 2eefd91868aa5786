//! The balancer simulator: the very code that picks endpoints, on a virtual clock.
//!
//! A minute of traffic over a thousand endpoints is over in a second, and a seed repeats it to the last request. What
//! real sockets cannot show (a rare tail, evenness under every seed, a herd) is shown here, and asserted in `tests`.

mod fleet;
mod report;
mod result;
mod scenario;
mod world;

use std::time::Duration;

use http::HeaderName;
use outrigger_config::model::{Balancer, HashKey, default};

use report::Row;
use scenario::Scenario;
use world::World;

/// What to simulate.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only scenarios with this in their name
    #[arg(default_value = "")]
    only: String,
    /// Runs of each scenario and balancer, with seeds from 1 up
    #[arg(long, default_value_t = 5)]
    seeds: u64,
}

/// Prints a table for each scenario: a row a balancer.
pub fn run(arguments: &Arguments) {
    let wanted = |scenario: &Scenario| scenario.name.contains(&arguments.only);
    for scenario in scenario::all().iter().filter(|scenario| wanted(scenario)) {
        println!("{}\n{}", scenario.name, report::HEAD);
        for (name, balancer) in balancers() {
            let runs = (1..=arguments.seeds).map(|seed| World::run(scenario, &balancer, seed));
            println!("{}", Row::new(name, runs));
        }
        println!();
    }
}

fn balancers() -> [(&'static str, Balancer); 6] {
    let key = || HashKey::Header(HeaderName::from_static("x-user"));
    [
        ("peak_ewma", peak_ewma()),
        ("least_request", Balancer::LeastRequest),
        ("round_robin", Balancer::RoundRobin),
        ("random", Balancer::Random),
        ("ring_hash", Balancer::RingHash { key: key() }),
        ("maglev", Balancer::Maglev { key: key() }),
    ]
}

fn peak_ewma() -> Balancer {
    Balancer::PeakEwma {
        decay: default::EWMA_DECAY,
    }
}

/// Nanoseconds: a service time of 100 us needs more digits than the balancer's clock has.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
