//! The catalogue makes sense, and a whole run shows what happened, without any proxy in between.

use std::collections::BTreeSet;

use super::{contestant::Contestant, *};
use crate::peer::Balancer;

const NOBODY: Contestant = Contestant {
    peer: Peer::Direct,
    balancer: Balancer::Default,
};

#[test]
fn names_are_unique_and_events_in_order() {
    let all = catalogue::all();
    let names: BTreeSet<&str> = all.iter().map(|scenario| scenario.name).collect();
    assert_eq!(names.len(), all.len());
    for scenario in all {
        let timeline = &scenario.timeline;
        let name = scenario.name;
        assert!(timeline.events.is_sorted_by_key(|event| event.at), "{name}");
        let trouble = timeline.trouble();
        assert!(trouble.start < trouble.end, "{name}");
        // Something must be known of before, and of after.
        assert!(trouble.start.as_secs() >= 1, "{name}");
        assert!(trouble.end < timeline.lasts, "{name}");
        assert!(scenario.listed <= scenario.endpoints, "{name}");
    }
}

#[test]
fn all_of_them_take_no_more_than_a_quarter_of_an_hour() {
    let runs = catalogue::all().into_iter().map(|scenario| {
        let contestants = scenario.versus.contestants(&PEERS).len() as u32;
        // To start and to stop.
        let around = run::WARM_UP + std::time::Duration::from_millis(500);
        (scenario.timeline.lasts + around) * contestants
    });
    let whole: std::time::Duration = runs.sum();
    assert!(whole.as_secs() < 15 * 60, "{whole:?}");
}

#[test]
fn our_other_balancers_take_part_only_where_balancers_are_compared() {
    let scenario = |name: &str| {
        let mut all = catalogue::all().into_iter();
        all.find(|scenario| scenario.name == name).unwrap()
    };
    let names = |scenario: &Scenario| -> Vec<String> {
        let contestants = scenario.versus.contestants(&[Peer::Outrigger, Peer::Nginx]);
        contestants.into_iter().map(Contestant::name).collect()
    };
    assert_eq!(names(&scenario("refuse")), ["Outrigger", "nginx"]);
    assert_eq!(
        names(&scenario("ten-one-slow")),
        [
            "Outrigger",
            "Outrigger, least request",
            "Outrigger, round robin",
            "Outrigger, random",
            "nginx, least request"
        ]
    );
}

#[test]
fn the_rate_follows_the_events() {
    let overload = catalogue::all()
        .into_iter()
        .find(|scenario| scenario.name == "overload")
        .unwrap();
    let rates = overload.timeline.rates(overload.rate);
    let rates: Vec<(u64, u32)> = rates
        .iter()
        .map(|(until, rate)| (until.as_secs(), *rate))
        .collect();
    assert_eq!(rates, [(3, 300), (13, 1800), (17, 300)]);
}

#[tokio::test]
async fn a_client_without_a_proxy_sees_its_endpoint_fail_and_recover() {
    let scenario = catalogue::all()
        .into_iter()
        .find(|scenario| scenario.name == "error500")
        .unwrap()
        .scaled(0.1)
        .at_rate(500);
    let run = async { run::run(&scenario, NOBODY).await };
    let record = LocalSet::new().run_until(run).await.unwrap();
    let trouble = scenario.timeline.trouble();
    let slack = std::time::Duration::from_millis(150);
    for sent in &record.sent {
        let is_bad = sent.outcome.is_err();
        let inside = sent.due > trouble.start + slack && sent.due + slack < trouble.end;
        let outside = sent.due + slack < trouble.start || sent.due > trouble.end + slack;
        assert!(!(inside && !is_bad || outside && is_bad), "{sent:?}");
    }
    let outcome = Outcome::new(&scenario, NOBODY, &record);
    let [requests, failed] = [outcome.figures.requests, outcome.figures.failed];
    assert!((600..=700).contains(&requests), "{requests}");
    assert!((200..=500).contains(&failed), "{failed}");
    let reached = outcome.series.reached(0..3, 0..outcome.series.steps());
    assert!(reached as usize >= requests - 10, "{reached} of {requests}");

    let directory = tempfile::tempdir().unwrap();
    page::write(directory.path(), &scenario, &[outcome]).unwrap();
    let svg = fs::read_to_string(directory.path().join("error500.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    let json = fs::read_to_string(directory.path().join("error500.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["outcomes"][0]["figures"]["failed"], failed);
}
