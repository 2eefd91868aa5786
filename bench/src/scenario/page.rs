//! Where the results go: pictures, numbers for other programs, and a page that shows them.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{
    catalogue::Scenario,
    outcome::{self, Outcome},
    picture,
};
use crate::{machine, peer::Peer};

/// The explanation above the first table.
const PREFACE: &str = "\
Real processes on loopback: one proxy with one worker, sample endpoints that turn bad and good again while they run, and a
client that sends at a fixed rate whatever the answers do; latency counts from when a request was due. The peers have the
nearest to each feature that they have, and the same timeouts; what is set, and why, is in `bench/src/peer/`.

- *failed*: no answer, or one of status 400 or above, as the client saw it. Latency is that of the others.
- *share of the bad*: of the requests that reached any endpoint while it was bad. *off it*: from then until it got less than
  a tenth of its fair share for good. An attempt that is refused, or dropped on the way, reaches no endpoint: no figure.
- *back*: from when it is well until it has three quarters of its fair share again. *normal*: until nothing fails and the median
  is as before. `>`: not within the time watched.
- *load*: requests that reached endpoints over those that left the client, while the trouble lasts. *goodput*: answers, of what the endpoints can do.
- *first request*, *to the last*: from the new configuration until half of the new endpoints, and all, had one. *gone*: from their removal to
  the last request to one of them.
- In the plots, the time of trouble is shaded.
";

/// Writes a scenario's picture and numbers into `directory`.
pub(super) fn write(directory: &Path, scenario: &Scenario, outcomes: &[Outcome]) -> Result<()> {
    let write = |extension: &str, text: String| {
        let path = directory.join(format!("{}.{extension}", scenario.name));
        fs::write(&path, text).with_context(|| format!("writing `{}`", path.display()))
    };
    fs::create_dir_all(directory).with_context(|| format!("creating `{}`", directory.display()))?;
    write("svg", picture::svg(scenario, outcomes))?;
    write("json", format!("{}\n", outcome::json(scenario, outcomes)))
}

/// What is above the sections.
pub(super) fn head(peers: &[(Peer, String)]) -> Result<String> {
    Ok(format!(
        "# What goes wrong, and what the proxies make of it\n\n{}\n\n{}\n{PREFACE}",
        machine::sentence()?,
        machine::versions(peers),
    ))
}

/// A scenario's part of the page; `pictures` is the directory of the pictures as seen from the page.
pub(super) fn section(scenario: &Scenario, table: &str, pictures: &str) -> String {
    let Scenario { name, rate, .. } = scenario;
    let about = scenario.about();
    format!(
        "\n## {name}\n\n{about}. {rate} requests a second.\n\n{table}\n![{name}]({pictures}/{name}.svg)\n"
    )
}
