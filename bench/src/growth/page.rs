//! The page of figures.

use std::fmt::Write as _;

use super::{
    footprint::{Footprint, Table},
    request::Request,
    table::Of,
    update::{Among, By, Update},
};

/// The whole page.
pub(super) fn text(
    requests: &[Request],
    updates: &[Update],
    footprint: &[Footprint],
    machine: &str,
) -> String {
    let mut text =
        "# Growth\n\nWhat requests and updates cost as the table gets larger. Written by `outrigger-bench growth --page`.\n\n\
         ![Instructions a request and CPU time an update, by the size of the table](results/growth.svg)\n\n\
         ## A request\n\nUser instructions of the worker's thread, counted by callgrind: HTTP/1.1, one at a time. *Endpoints*: of \
         one cluster, by the default balancer; no connection to them is kept, so that each request makes one whatever their \
         number. *Routes*: of one listener, told apart by their hosts. *Clusters*: of a listener that finds them by the host.\n\n"
        .to_owned();
    table_of_requests(requests, &mut text);
    text.push_str(
        "\n## An update\n\nOne endpoint moves: its cluster lists another address. CPU time of the control thread, all of \
         it: a file is read and checked whole, a push has the endpoints of its cluster. CPU time of the worker: what its \
         requests wait for. That of a pause of the same length without a change is taken off; *at rest* is the most of \
         such pauses, which nothing but the machine adds.\n\n\
         | by | endpoints | in | control us | worker us | at most | at rest |\n|---|--:|---|--:|--:|--:|--:|\n",
    );
    for update in updates {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.0} | {:.1} | {:.1} | {:.1} |",
            update.by.name(),
            update.size,
            update.among.name(),
            update.control,
            update.worker.mean.max(0.0),
            update.worker.most.max(0.0),
            update.worker.most_at_rest.max(0.0)
        );
    }
    text.push_str(
        "\n## A large table\n\nResident memory two seconds after the first request, and the time from the start of the process \
         to the first 200.\n\n| table | resident KiB | over the small one | start, median ms | most |\n|---|--:|--:|--:|--:|\n",
    );
    let small = footprint.iter().find(|it| it.table == Table::Small);
    for Footprint {
        table,
        resident,
        starts,
    } in footprint
    {
        let over = small.map_or(0, |small| resident.saturating_sub(small.resident));
        let at = |place: usize| {
            starts
                .get(place)
                .map_or(f64::NAN, |it| it.as_secs_f64() * 1e3)
        };
        let _ = writeln!(
            text,
            "| {} | {resident} | {over} | {:.1} | {:.1} |",
            table.name(),
            at(starts.len() / 2),
            at(starts.len().saturating_sub(1))
        );
    }
    let _ = writeln!(text, "\n{machine}");
    text
}

fn table_of_requests(requests: &[Request], text: &mut String) {
    let mut sizes: Vec<usize> = requests.iter().map(|it| it.size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    text.push_str("| |");
    sizes.iter().for_each(|size| _ = write!(text, " {size} |"));
    text.push_str("\n|---|");
    sizes.iter().for_each(|_| text.push_str("--:|"));
    text.push('\n');
    for of in Of::ALL {
        let _ = write!(text, "| {} |", of.name());
        for size in &sizes {
            let found = requests.iter().find(|it| it.of == of && it.size == *size);
            let _ = write!(
                text,
                " {:.0} |",
                found.map_or(f64::NAN, |it| it.instructions)
            );
        }
        text.push('\n');
    }
}

/// What a curve of updates is called.
pub(super) fn name(by: By, among: Among) -> String {
    format!("update by {}, in {}", by.name(), among.name())
}
