//! What is encoded is decoded to the same, whatever the standard fields can hold.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod table;

use std::{fs, path::PathBuf};

use outrigger_config::{
    Config,
    model::{Cluster, Endpoints, Listener},
};
use outrigger_xds::{decode, encode};
use proptest::prelude::*;

fn examples() -> impl Iterator<Item = (PathBuf, Config)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/examples");
    let files = fs::read_dir(folder).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let yaml = paths.filter(|path| path.extension().is_some_and(|it| it == "yaml"));
    yaml.map(|path| {
        let config = outrigger_config::load(&path).unwrap();
        (path, config)
    })
}

fn cluster_back(cluster: &Cluster) -> Cluster {
    let resource = encode::cluster(cluster);
    assert_eq!(resource.name, cluster.name);
    let decode::Cluster {
        mut model,
        endpoints,
    } = decode::cluster(&resource.body).unwrap();
    let separate = encode::endpoints(cluster);
    assert_eq!(endpoints.is_some(), separate.is_some());
    if let Some(resource) = separate {
        assert_eq!(endpoints, Some(resource.name.clone()));
        let (name, listed) = decode::endpoints(resource.body).unwrap();
        assert_eq!(name, cluster.name);
        model.endpoints = Endpoints::Static(listed);
    }
    model
}

fn listener_back(listener: &Listener) -> Listener {
    let resource = encode::listener(listener);
    assert_eq!(resource.name, listener.name);
    let decode::Listener { mut model, routes } = decode::listener(&resource.body).unwrap();
    if !listener.speaks.http() {
        assert_eq!(routes, decode::Routes::Inline(Vec::new()));
        return model;
    }
    let separate = encode::routes(listener);
    assert_eq!(routes, decode::Routes::Named(separate.name.clone()));
    model.routes = decode::routes(&separate.name, &separate.body).unwrap();
    model
}

#[test]
fn every_example_survives_the_wire() {
    for (path, config) in examples() {
        for cluster in &config.clusters {
            assert_eq!(&cluster_back(cluster), cluster, "{}", path.display());
        }
        for listener in &config.listeners {
            assert_eq!(&listener_back(listener), listener, "{}", path.display());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn every_table_survives_the_wire(table in table::table()) {
        let parsed = outrigger_config::parse("random", &table.to_string());
        prop_assume!(parsed.is_ok());
        let config = parsed.unwrap();
        for cluster in &config.clusters {
            prop_assert_eq!(&cluster_back(cluster), cluster);
        }
        for listener in &config.listeners {
            prop_assert_eq!(&listener_back(listener), listener);
        }
    }
}
