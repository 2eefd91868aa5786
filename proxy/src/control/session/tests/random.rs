//! A control plane that changes its mind, and streams that break, at random: in the end the proxy serves what is said.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use outrigger_config::{
    Config,
    model::{ClusterRef, Endpoints},
};
use outrigger_xds::{Kind, encode, pb::envoy::config::core::v3::Node};
use proptest::prelude::*;

use super::{
    super::*,
    model::{DeltaServer, World, WorldServer},
};
use crate::control::{
    assembly::Assembly,
    tests::{Anywhere, config},
};

/// A table: for each of three listeners the cluster it goes to, for each of four clusters its endpoints.
#[derive(Clone, Debug)]
struct Plan {
    listeners: [Option<usize>; 3],
    clusters: [Option<usize>; 4],
}

#[derive(Clone, Debug)]
enum Step {
    /// Another table is what is meant now.
    Change(Plan),
    /// What is to be said of a kind is said.
    Say(Kind),
    /// What is to be asked is asked.
    Ask,
    /// The stream ends, another begins.
    Break,
}

fn plan() -> impl Strategy<Value = Plan> {
    let listener = || prop::option::weighted(0.8, 0_usize..4);
    let cluster = || prop::option::weighted(0.8, 0_usize..4);
    let listeners = [listener(), listener(), listener()];
    let clusters = [cluster(), cluster(), cluster(), cluster()];
    (listeners, clusters).prop_map(|(listeners, clusters)| Plan {
        listeners,
        clusters,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => plan().prop_map(Step::Change),
        4 => prop::sample::select(&Kind::ALL[..]).prop_map(Step::Say),
        4 => Just(Step::Ask),
        1 => Just(Step::Break),
    ]
}

impl Plan {
    /// What a route names is always there to be read; whether it is said is another matter.
    fn config(&self) -> Config {
        static PARTS: OnceLock<Config> = OnceLock::new();
        let parts = PARTS.get_or_init(|| {
            config("listeners: [{ name: l, address: 127.0.0.1:1, routes: [{ cluster: c }] }]\nclusters: { c: { endpoints: [127.0.0.2:1, 127.0.0.2:2, 127.0.0.2:3] } }")
        });
        let mut config = Config::default();
        for (index, to) in self.listeners.iter().enumerate() {
            let Some(to) = to else { continue };
            let mut listener = parts.listeners[0].clone();
            listener.name = format!("l{index}").into();
            listener.address.set_port(index as u16 + 1);
            let to = ClusterRef::unlinked(format!("c{to}").into());
            listener.routes[0]
                .references()
                .for_each(|it| *it = to.clone());
            config.listeners.push(listener);
        }
        for (index, count) in self.clusters.iter().enumerate() {
            let mut cluster = parts.clusters[0].clone();
            cluster.name = format!("c{index}").into();
            if let Endpoints::Static(endpoints) = &mut cluster.endpoints {
                endpoints.truncate(count.unwrap_or_default());
            }
            config.clusters.push(cluster);
        }
        config
    }

    fn world(&self) -> World {
        let config = self.config();
        let said = config
            .clusters
            .iter()
            .zip(self.clusters)
            .filter(|(_, it)| it.is_some());
        let clusters = said.flat_map(|(cluster, _)| {
            encode::endpoints(cluster)
                .into_iter()
                .chain([encode::cluster(cluster)])
        });
        let listeners = config.listeners.iter();
        let listeners = listeners.flat_map(|it| [encode::listener(it), encode::routes(it)]);
        let all = clusters.chain(listeners);
        all.map(|resource| ((resource.kind, resource.name.to_string()), resource))
            .collect()
    }
}

/// Either dialect with its control plane.
trait Pair: Default {
    const ALL_CLUSTERS: bool;
    fn ask(&mut self, resources: &mut Resources, now: u64) -> bool;
    fn say(&mut self, world: &World, kind: Kind, resources: &mut Resources) -> bool;
}

macro_rules! pair {
    ($name:ident, $client:ty, $server:ty) => {
        struct $name($client, $server);

        impl Default for $name {
            fn default() -> Self {
                Self(<$client>::new(Node::default()), <$server>::default())
            }
        }

        impl Pair for $name {
            const ALL_CLUSTERS: bool = <$client as Dialect>::ALL_CLUSTERS;

            fn ask(&mut self, resources: &mut Resources, now: u64) -> bool {
                let requests = self.0.ask(resources, now);
                let any = !requests.is_empty();
                requests.into_iter().for_each(|it| self.1.hear(it));
                any
            }

            fn say(&mut self, world: &World, kind: Kind, resources: &mut Resources) -> bool {
                let Some(response) = self.1.say(world, kind) else {
                    return false;
                };
                let receipt = self.0.receive(response, resources, &Anywhere).unwrap();
                assert_eq!(receipt.refusals, []);
                true
            }
        }
    };
}

pair!(ByDelta, Delta, DeltaServer);
pair!(ByWorld, StateOfTheWorld, WorldServer);

type Routes = Vec<(String, String)>;
type Sizes = Vec<(String, usize)>;

struct Proxy<P> {
    pair: P,
    resources: Resources,
    assembly: Assembly,
    now: u64,
}

impl<P: Pair> Proxy<P> {
    fn new() -> Self {
        let mut resources = Resources::default();
        resources.begin(P::ALL_CLUSTERS);
        Self {
            pair: P::default(),
            resources,
            assembly: Assembly::default(),
            now: 0,
        }
    }

    fn update(&mut self) {
        let on_demand = BTreeSet::new();
        self.assembly
            .update(&mut self.resources, &on_demand, self.now);
    }

    fn step(&mut self, world: &World, step: &Step) {
        match step {
            Step::Change(_) => {}
            Step::Ask => _ = self.pair.ask(&mut self.resources, self.now),
            Step::Say(kind) => _ = self.pair.say(world, *kind, &mut self.resources),
            Step::Break => {
                self.pair = P::default();
                self.resources.begin(P::ALL_CLUSTERS);
            }
        }
        self.update();
    }

    /// Both say all they have to say.
    fn settle(&mut self, world: &World) {
        for _ in 0..100 {
            let mut busy = self.pair.ask(&mut self.resources, self.now);
            self.update();
            for kind in Kind::ALL {
                busy |= self.pair.say(world, kind, &mut self.resources);
                self.update();
            }
            if !busy {
                return;
            }
        }
        panic!("they never come to an end");
    }

    /// Which cluster each listener goes to, and how many endpoints each cluster has that one goes to.
    fn serves(&self) -> (Routes, Sizes) {
        let listeners = self.assembly.listeners();
        let routes = listeners.iter().map(|listener| {
            let to = &listener.routes[0].clusters()[0].cluster.name;
            (listener.name.to_string(), to.to_string())
        });
        let routes: Vec<_> = routes.collect();
        let clusters = self.assembly.clusters();
        let clusters = clusters.iter().filter_map(|cluster| {
            let Endpoints::Static(endpoints) = &cluster.endpoints else {
                return None;
            };
            let used = routes.iter().any(|(_, to)| **to == *cluster.name);
            used.then(|| (cluster.name.to_string(), endpoints.len()))
        });
        let clusters = clusters.collect();
        (routes, clusters)
    }
}

fn check<P: Pair>(plans: &Plan, steps: &[Step]) -> Result<(), TestCaseError> {
    let (mut meant, mut world) = (plans.clone(), plans.world());
    let mut proxy = Proxy::<P>::new();
    for step in steps {
        if let Step::Change(plan) = step {
            (meant, world) = (plan.clone(), plan.world());
        }
        proxy.step(&world, step);
    }
    proxy.settle(&world);
    // What nobody spoke of is given up.
    proxy.now += 20_000_000;
    proxy.update();
    proxy.settle(&world);
    let routes = meant.listeners.iter().enumerate();
    let routes: Vec<_> = routes
        .filter_map(|(index, to)| Some((format!("l{index}"), format!("c{}", (*to)?))))
        .collect();
    let clusters = meant.clusters.iter().enumerate();
    let clusters: Vec<_> = clusters
        .filter_map(|(index, endpoints)| Some((format!("c{index}"), (*endpoints)?)))
        .filter(|(name, _)| routes.iter().any(|(_, to)| to == name))
        .collect();
    prop_assert_eq!(proxy.serves(), (routes, clusters));
    if !P::ALL_CLUSTERS {
        let asked = proxy.resources.names(Kind::Cluster);
        let named = meant.listeners.iter().flatten();
        let named: BTreeSet<Arc<str>> = named.map(|to| format!("c{to}").into()).collect();
        prop_assert_eq!(&*asked, &named, "nothing else is asked for");
    }
    Ok(())
}

/// While the first listener changes over to another cluster, and before the second one has its routes, nobody names `c1`.
/// Its endpoints come just then.
#[test]
fn what_comes_while_nobody_wants_it_is_kept_for_who_may_want_it_again() {
    let none = Plan {
        listeners: [None; 3],
        clusters: [None; 4],
    };
    let first = Plan {
        listeners: [None, Some(1), None],
        ..none
    };
    let second = Plan {
        listeners: [Some(1), Some(2), None],
        clusters: [None, Some(1), None, None],
    };
    let steps = [
        Step::Change(first),
        Step::Ask,
        Step::Say(Kind::Listener),
        Step::Ask,
        Step::Say(Kind::Routes),
        Step::Ask,
        Step::Say(Kind::Cluster),
        Step::Change(second),
    ];
    check::<ByDelta>(&none, &steps).unwrap();
    check::<ByWorld>(&none, &steps).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn delta_comes_to_what_is_meant(first in plan(), steps in prop::collection::vec(step(), 0..60)) {
        check::<ByDelta>(&first, &steps)?;
    }

    #[test]
    fn the_state_of_the_world_comes_to_what_is_meant(first in plan(), steps in prop::collection::vec(step(), 0..60)) {
        check::<ByWorld>(&first, &steps)?;
    }
}
