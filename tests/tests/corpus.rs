//! The corpus of HTTP/1 (`tests/corpus/http1`): each message does what its case says, and none becomes two.

use outrigger_tests::{
    Proxy,
    corpus::{self, FORBIDDEN, Stage},
    patience,
};

/// One listener with a rule, before one endpoint.
fn table(stage: &Stage) -> String {
    format!(
        "admin: {{ address: $ADMIN }}
listeners:
  - address: $LISTEN
    routes:
      - match: {{ path: {{ prefix: {FORBIDDEN} }} }}
        filters: [respond: {{ status: 403 }}]
      - cluster: web
clusters:
  web: {{ endpoints: [{}] }}
",
        stage.endpoint()
    )
}

#[tokio::test]
async fn every_message_of_the_corpus_does_what_its_case_says() {
    let cases = corpus::all();
    let stage = Stage::open().await;
    let proxy = Proxy::start_with(table(&stage), &["--workers", "1"]).await;
    let mut outcomes = Vec::new();
    for case in &cases {
        outcomes.push(stage.play(proxy.address, case, patience() / 5).await);
    }
    // Judged in the end: what comes late counts as well.
    let mut wrong = Vec::new();
    for (case, outcome) in cases.iter().zip(&outcomes) {
        let faults = corpus::judge(case, outcome, &stage.seen(outcome.number));
        wrong.extend(
            faults
                .iter()
                .map(|fault| format!("{}: {fault}", case.title())),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_corpus_is_large_and_names_each_case_once() {
    let cases = corpus::all();
    assert!(cases.len() >= 150, "{}", cases.len());
    let mut titles: Vec<String> = cases.iter().map(corpus::Case::title).collect();
    titles.sort();
    titles.dedup();
    assert_eq!(titles.len(), cases.len());
}
