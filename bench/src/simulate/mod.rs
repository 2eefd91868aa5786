//! The simulator: the very code of the policies, on a virtual clock.
//!
//! Ten seconds of a mesh (a thousand proxies, a hundred endpoints, a hundred thousand requests) are over in a fraction of
//! one, and a seed repeats them to the last request. What real sockets cannot show (a rare tail, a herd, a storm of
//! retries that meets an ejection and a deploy) is shown here, and asserted in `tests`.

mod agenda;
mod demand;
mod outliers;
mod picture;
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

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result};

use scenario::Scenario;

/// What to simulate.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Scenarios with this in their name: a fleet's (`mesh`, `deploy`), a `sweep` over a default, or a single proxy's (`1
    /// of 7`); the fleets' alone when left out
    only: Option<String>,
    /// Runs of each row, with seeds from 1 up; some scenarios are content with fewer
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// Where the tables go, besides standard output; pictures go to results/simulator beside it
    #[arg(long)]
    output: Option<PathBuf>,
}

/// Prints a table for each scenario: a row for each balancer and set of policies.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut page = report::head()?;
    for scenario in scenario::all() {
        if !wanted(arguments, &scenario) {
            continue;
        }
        let seeds = arguments.seeds.min(scenario.most_seeds);
        let rows: Vec<_> = scenario
            .rows()
            .map(|policies| (policies, runner::run(&scenario, policies, seeds)))
            .collect();
        let table = report::table(&scenario, seeds, &rows);
        println!("{table}");
        page.push_str(&table);
        if let Some(output) = &arguments.output {
            page.push_str(&report::pictures(output, &scenario, &rows)?);
        }
    }
    let Some(output) = &arguments.output else {
        return Ok(());
    };
    fs::write(output, page).with_context(|| format!("writing `{}`", output.display()))
}

fn wanted(arguments: &Arguments, scenario: &Scenario) -> bool {
    match &arguments.only {
        Some(only) => scenario.name.contains(only.as_str()),
        None => scenario.is_fleet(),
    }
}

/// Nanoseconds: a service time of 100 us needs more digits than the policies' clock has.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
