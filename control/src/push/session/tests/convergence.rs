//! Whatever happens, in whatever order: in the end a client has what the view says, and on the way no route leads nowhere.

use proptest::prelude::*;

use super::{
    model::{Having, Model},
    *,
};

#[derive(Clone, Debug)]
enum Event {
    /// The tables change: the clusters with their versions, and where each listener's routes go, by index of cluster.
    Tables(
        Vec<Option<(u8, u8)>>,
        Vec<Option<(u8, prop::sample::Index)>>,
    ),
    /// The session speaks.
    Listen,
    /// The client accepts the oldest response.
    Accept,
    /// The stream breaks and the client comes back with what it has.
    Reconnect,
}

fn event() -> impl Strategy<Value = Event> {
    let clusters = prop::collection::vec(prop::option::of((0..2_u8, 0..3_u8)), 5);
    let listeners =
        prop::collection::vec(prop::option::of((0..2_u8, any::<prop::sample::Index>())), 3);
    prop_oneof![
        4 => (clusters, listeners).prop_map(|(clusters, listeners)| Event::Tables(clusters, listeners)),
        6 => Just(Event::Listen),
        6 => Just(Event::Accept),
        1 => Just(Event::Reconnect),
    ]
}

/// The view of some tables. The text of a listener's routes begins with the name of their cluster.
fn view_of(before: &Arc<View>, event: &Event) -> Option<Arc<View>> {
    let Event::Tables(clusters, listeners) = event else {
        return None;
    };
    let mut lines = Vec::new();
    let mut names = Vec::new();
    for (index, cluster) in clusters.iter().enumerate() {
        if let Some((version, endpoints)) = cluster {
            lines.push(format!("cluster c{index} {version}"));
            lines.push(format!("endpoints c{index} {endpoints}"));
            names.push(format!("c{index}"));
        }
    }
    for (index, listener) in listeners.iter().enumerate() {
        if let Some((version, cluster)) = listener
            && !names.is_empty()
        {
            lines.push(format!("listener l{index} {version}"));
            lines.push(format!("routes l{index} {}/{version}", cluster.get(&names)));
        }
    }
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    Some(view(Some(before), &lines))
}

fn all_of(view: &View) -> Having {
    let mut all = Having::new();
    for kind in Kind::ALL {
        for resource in view.all(kind).iter() {
            let text = String::from_utf8(resource.body.to_vec()).unwrap();
            all.insert((kind, resource.name.to_string()), text);
        }
    }
    all
}

fn play(form: Form, events: &[Event]) {
    let mut newest = view(None, &[]);
    let mut model = Model::new(form);
    model.session.see(Arc::clone(&newest));
    for event in events {
        match event {
            Event::Tables(..) => {
                newest = view_of(&newest, event).expect("tables");
                model.session.see(Arc::clone(&newest));
            }
            Event::Listen => model.listen(),
            Event::Accept => drop(model.answer(false)),
            Event::Reconnect => {
                model.connect();
                model.session.see(Arc::clone(&newest));
            }
        }
    }
    for _ in 0..1000 {
        model.listen();
        if !model.answer(false) {
            break;
        }
    }
    assert!(model.session.settled());
    assert_eq!(model.has, all_of(&newest));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_delta_client_converges(events in prop::collection::vec(event(), 0..60)) {
        play(Form::Delta, &events);
    }

    #[test]
    fn a_client_of_the_other_form_converges(events in prop::collection::vec(event(), 0..60)) {
        play(Form::World, &events);
    }

    /// Refusals stop nothing: whoever refuses now and then has, after the next change of all, all of it.
    #[test]
    fn refusals_stop_nothing(
        form in prop_oneof![Just(Form::Delta), Just(Form::World)],
        refusals in prop::collection::vec(any::<bool>(), 0..20),
    ) {
        let lines = |version: u8| {
            ["cluster a", "endpoints a", "listener l"].map(|line| format!("{line} {version}")).to_vec()
        };
        let mut newest = view(None, &[]);
        let mut model = Model::new(form);
        let mut refusals = refusals.into_iter();
        for version in 0..10 {
            let lines = lines(version);
            newest = view(Some(&newest), &lines.iter().map(String::as_str).collect::<Vec<_>>());
            model.session.see(Arc::clone(&newest));
            let mut refuse = || version < 9 && refusals.next().unwrap_or_default();
            loop {
                model.listen();
                if !model.answer(refuse()) {
                    break;
                }
            }
        }
        prop_assert!(model.session.settled());
        // Routes are asked for by name and answered though there are none.
        let mut has = model.has;
        has.retain(|(kind, _), _| *kind != Kind::Routes);
        prop_assert_eq!(has, all_of(&newest));
    }
}
