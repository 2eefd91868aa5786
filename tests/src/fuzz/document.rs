//! Tables of a control plane as people may garble them, beside each other.

use outrigger_config::document;

/// Any bytes are a document or have problems that can be shown; so does what is wrong between a document and its like.
pub fn document(bytes: &[u8]) {
    let document = match document::read("fuzzed.yaml", bytes) {
        Ok(document) => document,
        Err(problems) => {
            assert!(problems.to_string().contains("fuzzed.yaml"), "{problems}");
            return;
        }
    };
    let twice = [&document, &document];
    let clashes = document::check(&twice);
    let said = document.listeners.len() + document.clusters.len();
    assert!(said == 0 || !clashes.is_empty(), "the same is said twice");
    for from in [None, Some(0), Some(1)] {
        let problems = document::problems(&clashes, &twice, "gone.yaml", from);
        let shown = problems.to_string();
        assert_eq!(shown.is_empty(), clashes.is_empty(), "{shown}");
        serde_json::to_string(&problems.iter().collect::<Vec<_>>()).expect("problems are JSON");
    }
}
