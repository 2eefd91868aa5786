//! Tables of any size, as text.

use std::{fmt::Write as _, net::SocketAddr};

/// What there are many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// Endpoints of one cluster.
    Endpoints,
    /// Routes of one listener, by host and path.
    Routes,
    /// Clusters of a listener that sends each request to the one of its host's name.
    Clusters,
}

impl Of {
    pub(super) const ALL: [Self; 3] = [Self::Endpoints, Self::Routes, Self::Clusters];

    /// As in tables and plots.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Endpoints => "endpoints",
            Self::Routes => "routes",
            Self::Clusters => "clusters",
        }
    }
}

/// A proxy's whole table. The endpoints are one process, which listens on every address of loopback.
pub(super) fn whole(
    of: Of,
    size: usize,
    listens: SocketAddr,
    admin: SocketAddr,
    port: u16,
) -> String {
    let mut text = format!("admin: {{ address: {admin} }}\n");
    text.push_str(&listener(of, size, listens));
    text.push_str(&match of {
        // Else a small set would keep its connections, and a large one make new ones: that is not what is counted.
        Of::Endpoints => one_cluster(size, 0, port, "pool: { max_idle: 0 }, "),
        Of::Routes => one_cluster(1, 0, port, ""),
        Of::Clusters => clusters(size, 1, 0, port),
    });
    text
}

/// The host of the request that is counted, of those that there are.
pub(super) fn host(of: Of, size: usize) -> String {
    match of {
        Of::Endpoints => "web.test".to_owned(),
        Of::Routes | Of::Clusters => name(size / 2),
    }
}

/// A listener over what there are so many of.
pub(super) fn listener(of: Of, size: usize, listens: SocketAddr) -> String {
    let mut text = format!("listeners:\n  - name: in\n    address: {listens}\n");
    match of {
        Of::Endpoints => text.push_str("    routes: [{ cluster: web }]\n"),
        Of::Clusters => {}
        Of::Routes => {
            text.push_str("    routes:\n");
            for route in 0..size {
                // Writing to a string cannot fail.
                let _ = writeln!(
                    text,
                    "      - {{ match: {{ hosts: [{}], path: {{ prefix: / }} }}, cluster: web }}",
                    name(route)
                );
            }
        }
    }
    text
}

/// A listener with a route to each of so many clusters.
pub(super) fn routed(clusters: usize, listens: SocketAddr) -> String {
    let mut text = format!("listeners:\n  - name: in\n    address: {listens}\n    routes:\n");
    for cluster in 0..clusters {
        let name = name(cluster);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "      - {{ match: {{ hosts: [{name}] }}, cluster: {name} }}"
        );
    }
    text
}

/// One cluster of so many endpoints; the first has moved so often.
pub(super) fn one_cluster(endpoints: usize, moved: usize, port: u16, keys: &str) -> String {
    let listed: Vec<_> = (0..endpoints)
        .map(|at| endpoint(at, at == 0, moved, port))
        .collect();
    format!(
        "clusters:\n  web: {{ {keys}endpoints: [{}] }}\n",
        listed.join(", ")
    )
}

/// So many clusters of so many endpoints each; the first endpoint of the one in the middle has moved so often.
pub(super) fn clusters(clusters: usize, endpoints: usize, moved: usize, port: u16) -> String {
    let mut text = "clusters:\n".to_owned();
    for cluster in 0..clusters {
        let moves = cluster == clusters / 2;
        let listed: Vec<_> = (0..endpoints)
            .map(|at| endpoint(at, moves && at == 0, moved, port))
            .collect();
        let _ = writeln!(
            text,
            "  {}: {{ endpoints: [{}] }}",
            name(cluster),
            listed.join(", ")
        );
    }
    text
}

/// What a cluster or a host is called: as long as such names are.
fn name(number: usize) -> String {
    format!("service-{number:05}.shop.svc")
}

/// An address of loopback. One that moves has the next of its own addresses each time.
fn endpoint(number: usize, moves: bool, moved: usize, port: u16) -> String {
    let number = match moves {
        true => 60_000 + moved % 60_000,
        false => number,
    };
    let (a, b, c) = (number / 62_500, number / 250 % 250, number % 250 + 1);
    format!("127.{}.{b}.{c}:{port}", a + 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_valid_and_a_move_changes_one_endpoint() {
        let address = "127.0.0.1:1".parse().unwrap();
        for of in Of::ALL {
            let text = whole(of, 1000, address, "127.0.0.1:2".parse().unwrap(), 3);
            outrigger_config::parse("table.yaml", &text).unwrap();
            assert!(of == Of::Endpoints || text.contains(&host(of, 1000)));
        }
        let endpoints = |text: String| {
            let (_, endpoints) = text.split_once('[').unwrap();
            let all: Vec<_> = endpoints.split(", ").map(str::to_owned).collect();
            all
        };
        let (one, other) = (one_cluster(1000, 1, 3, ""), one_cluster(1000, 2, 3, ""));
        let (one, other) = (endpoints(one), endpoints(other));
        let moved = one.iter().zip(&other).filter(|(one, other)| one != other);
        assert_eq!((moved.count(), one.len()), (1, 1000));
    }
}
