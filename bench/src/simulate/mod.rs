//! The simulator: the very code of the policies, on a virtual clock.
//!
//! Ten seconds of a mesh (a thousand proxies, a hundred endpoints, a hundred thousand requests) are over in a fraction of
//! one, and a seed repeats them to the last request. What real sockets cannot show (a rare tail, a herd, a storm of
//! retries that meets an ejection and a deploy) is shown here, and asserted in `tests`.

mod agenda;
mod demand;
mod plan;
mod policies;
mod proxy;
mod report;
mod result;
mod runner;
mod scenario;
mod server;
mod slab;
mod table;
mod total;
mod weather;
mod world;

use std::time::Duration;

use scenario::Scenario;

/// What to simulate.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only scenarios with this in their name; those of a single proxy are run only if asked for
    #[arg(default_value = "")]
    only: String,
    /// Runs of each scenario and row, with seeds from 1 up
    #[arg(long, default_value_t = 5)]
    seeds: u64,
}

/// Prints a table for each scenario: a row for each balancer and set of policies.
pub fn run(arguments: &Arguments) {
    for scenario in scenario::all() {
        if !wanted(arguments, &scenario) {
            continue;
        }
        println!("{}\n{}", scenario.name, report::HEAD);
        for policies in &scenario.rows {
            let began = std::time::Instant::now();
            let total = runner::run(&scenario, policies, arguments.seeds);
            println!(
                "{}  {:?}",
                report::Row::new(&policies.name, &total),
                began.elapsed()
            );
        }
        println!();
    }
}

fn wanted(arguments: &Arguments, scenario: &Scenario) -> bool {
    if arguments.only.is_empty() {
        return scenario.is_fleet();
    }
    scenario.name.contains(&arguments.only)
}

/// Nanoseconds: a service time of 100 us needs more digits than the policies' clock has.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
