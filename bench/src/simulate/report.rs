//! The page: a table for each scenario, and its pictures.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result};

use super::{picture, policies::Policies, scenario::Scenario, total::Total};
use crate::machine;

/// Pictures lie here, beside the page.
const PICTURES: &str = "results/simulator";

/// What is above the tables.
pub(super) fn head() -> Result<String> {
    let sentence = machine::sentence()?;
    Ok(format!(
        "# The simulator\n\n{sentence}\n\n\
         The policies of the proxy, on a virtual clock: a thousand proxies that share nothing, a hundred endpoints that do \
         two requests at once (median 10 ms, log-normal) and are 56 % busy. A few proxies send most requests (Zipf). \
         Endpoints go on with what was given up. Runs have seeds from 1 up, and a seed means the same weather and demand \
         for every row. What it taught: [docs/simulator.md](../docs/simulator.md).\n\n\
         | column | |\n|---|---|\n\
         | p50, p99, p99.9 | of the requests that succeeded, in milliseconds, all attempts included |\n\
         | failed | share of the requests that did not succeed within their second |\n\
         | load, at worst | attempts at endpoints over requests; in the worst hundredth of the time |\n\
         | busiest | endpoint over the idlest, of those that are well all the time, in the worst run |\n\
         | uneven | how much they differ: deviation over mean, in the middle run |\n\
         | to the unwell | share of attempts at endpoints that have some trouble in the run |\n\
         | newcomer | how long the last endpoint that joined waited for its first request, at worst, in milliseconds |\n\
         | worst seed | the run with most failures, and its p99 |\n\n\
         The first rows are the balancers, each with retries (3 attempts, 250 ms each, default backoff and budget), every \
         detector of outliers, and a slow start of 2 s. The rows after them are `peak_ewma` with other policies.\n"
    ))
}

/// The table of a scenario.
pub(super) fn table(scenario: &Scenario, seeds: u64, rows: &[(&Policies, Total)]) -> String {
    let mut text = format!(
        "\n## {}\n\n{} {seeds} {}, {} proxies, {} endpoints, {:?}.\n\n\
         | | requests | p50 | p99 | p99.9 | failed | load | at worst | busiest | uneven | to the unwell | newcomer | worst seed |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        scenario.name,
        scenario.about,
        if seeds == 1 { "seed" } else { "seeds" },
        scenario.proxies,
        scenario.endpoints.len(),
        scenario.lasts,
    );
    for (policies, total) in rows {
        let (load, worst) = total.load();
        let (seed, p99) = total.worst();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {:.2} | {:.1} | {:.1} | {:.3} % | {load:.2} | {worst:.2} | {:.2} | {:.1} % | {:.2} % | {} | {seed}: {p99:.0} |",
            policies.name,
            total.sent,
            total.percentile(0.5),
            total.percentile(0.99),
            total.percentile(0.999),
            total.failed_share() * 100.0,
            total.unevenness(),
            total.variation() * 100.0,
            total.share_of_the_bad() * 100.0,
            total
                .newcomer()
                .map_or(String::new(), |millis| format!("{millis:.1}")),
        );
    }
    text
}

/// Writes the pictures of a scenario beside the page; what the page says to show them.
pub(super) fn pictures(
    page: &Path,
    scenario: &Scenario,
    rows: &[(&Policies, Total)],
) -> Result<String> {
    let folder = page.parent().unwrap_or(Path::new(".")).join(PICTURES);
    fs::create_dir_all(&folder).with_context(|| format!("making `{}`", folder.display()))?;
    let (balancers, others) = rows.split_at(scenario.balancers.len().min(rows.len()));
    // The default is what the others are compared with.
    let others = balancers.iter().take(1).chain(others);
    let mut text = String::new();
    for (kind, rows) in [
        ("balancers", balancers.iter().collect::<Vec<_>>()),
        ("policies", others.collect()),
    ] {
        let rows: Vec<(&str, &Total)> = rows
            .iter()
            .map(|(policies, total)| (policies.name.as_str(), total))
            .collect();
        let name = format!("{}-{kind}.svg", scenario.name);
        let path = folder.join(&name);
        fs::write(&path, picture::svg(scenario, &rows))
            .with_context(|| format!("writing `{}`", path.display()))?;
        let _ = writeln!(text, "\n![{}: {kind}]({PICTURES}/{name})", scenario.name);
    }
    Ok(text)
}
