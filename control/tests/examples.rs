//! The examples are what users begin with: they go together.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use outrigger_control::{
    app::Stop,
    history::History,
    registry::{Labels, Registry},
    source::file::FileSource,
};

#[tokio::test]
async fn the_examples_are_tables_for_an_edge_and_for_sidecars() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let source = FileSource::open(&directory).unwrap();
    let (_stopping, stop) = Stop::pair();
    let started = Registry::start(source, History::default(), stop).await;
    let (registry, _keeper) = started.unwrap_or_else(|problems| panic!("{}", problems[0]));
    let tables = registry.feed().borrow().clone();
    let listeners = |labels: &[(&str, &str)]| {
        let labels: Labels = labels.iter().copied().collect();
        let (listeners, clusters) = tables.view(&tables.for_node(&labels));
        assert_eq!(clusters.len(), 3);
        let names = listeners.iter().map(|listener| listener.name.to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(listeners(&[("role", "edge")]), ["public"]);
    assert_eq!(
        listeners(&[("role", "sidecar"), ("zone", "b")]),
        ["outbound"]
    );
    assert!(listeners(&[("role", "sidecar"), ("zone", "c")]).is_empty());
}
