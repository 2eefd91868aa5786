//! Whatever happens, in any order.

use proptest::prelude::*;

use super::*;

/// What may happen to a cluster.
#[derive(Clone, Copy, Debug)]
enum Event {
    Ends(usize, Verdict),
    Probe,
    ProbeEnds(Verdict),
    Down(usize, bool),
    Passes(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let verdict = prop_oneof![
        4 => Just(Verdict::Failure(Failure::Connect)),
        4 => Just(Verdict::Failure(Failure::ServerError)),
        1 => Just(Verdict::Success),
        1 => Just(Verdict::Abandoned),
    ];
    prop_oneof![
        8 => (0usize..10, verdict.clone()).prop_map(|(index, verdict)| Event::Ends(index, verdict)),
        2 => Just(Event::Probe),
        2 => verdict.prop_map(Event::ProbeEnds),
        1 => (0usize..10, any::<bool>()).prop_map(|(index, down)| Event::Down(index, down)),
        2 => (0u64..20).prop_map(Event::Passes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_happens_the_bound_holds_and_every_ejected_endpoint_is_on_record(
        endpoints in 1usize..10, events in prop::collection::vec(event(), 1..300),
    ) {
        let stage = stage(endpoints, EVERYTHING);
        let (mut now, mut probing) = (0, None);
        for event in events {
            match event {
                Event::Ends(index, verdict) => stage.judge(index % endpoints, now, verdict, false),
                Event::Probe => {
                    let mut rng = fastrand::Rng::with_seed(1);
                    let picked = stage.cluster.endpoints.pick(now, None, &[], &mut rng);
                    if let Some(Picked { endpoint, probe: true, .. }) = picked {
                        probing = Some(endpoint);
                    }
                }
                Event::ProbeEnds(verdict) => {
                    if let Some(endpoint) = probing.take() {
                        let judgement = Judgement { verdict, took: None, probe: true };
                        stage.cluster.judge(&endpoint, now, judgement);
                    }
                }
                Event::Down(index, down) => {
                    stage.endpoint(index % endpoints).condition.set_down(down, now);
                }
                Event::Passes(seconds) => {
                    now += seconds * SECOND;
                    stage.cluster.tend(now);
                }
            }
            let ejected = stage.ejected();
            prop_assert!(ejected.len() <= (endpoints / 2).max(1).min(endpoints - 1));
            for index in 0..endpoints {
                let recorded = stage.cluster.outliers.ejection(stage.endpoint(index).id).is_some();
                prop_assert_eq!(recorded, ejected.contains(&index));
            }
        }
        // Nothing is out for ever: with all well, all return.
        for index in 0..endpoints {
            stage.endpoint(index).condition.set_down(false, now);
        }
        for _ in 0..endpoints * 2 {
            now += 120 * SECOND;
            stage.cluster.tend(now);
            let picked = stage.pick(now);
            if picked.probe {
                let judgement = Judgement { verdict: Verdict::Success, took: None, probe: true };
                stage.cluster.judge(&picked.endpoint, now, judgement);
            }
        }
        prop_assert_eq!(stage.ejected(), [0usize; 0]);
    }
}
