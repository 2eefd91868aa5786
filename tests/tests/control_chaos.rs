//! Proxy, control plane and endpoints, killed at random under load while tables change. `outrigger-bench control chaos` is
//! the same for minutes, and starts them in every order.

use std::{
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use outrigger_tests::{Client, Control, Endpoint, Proxy, Reply, eventually, free_address, get};
use tempfile::TempDir;
use tokio::{task::JoinSet, time::sleep};

/// How often something is killed or comes back.
const ROUNDS: usize = 24;

/// Clients that send one request after another.
const CLIENTS: usize = 4;

/// Between two requests of a client.
const PAUSE: Duration = Duration::from_millis(5);

/// A request: when it was sent, when it was over, and the endpoint that answered, or what went wrong.
type Sent = (Range<Instant>, Result<String, String>);

/// Clients that take it as it comes when there is no proxy.
#[derive(Default)]
struct Flow {
    sent: Arc<Mutex<Vec<Sent>>>,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Flow {
    fn start(address: SocketAddr) -> Self {
        let mut flow = Self::default();
        for _ in 0..CLIENTS {
            let (sent, stop) = (flow.sent.clone(), flow.stop.clone());
            flow.tasks.spawn(async move {
                let mut client = None;
                while !stop.load(Relaxed) {
                    let begun = Instant::now();
                    let outcome = exchange(&mut client, address).await;
                    if outcome.is_err() {
                        client = None;
                    }
                    sent.lock().unwrap().push((begun..Instant::now(), outcome));
                    sleep(PAUSE).await;
                }
            });
        }
        flow
    }

    /// The endpoints of the last answers.
    fn last(&self, count: usize) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        let answers = sent.iter().rev().filter_map(|(_, it)| it.clone().ok());
        answers.take(count).collect()
    }

    async fn stop(mut self) -> Vec<Sent> {
        self.stop.store(true, Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut *self.sent.lock().unwrap())
    }
}

async fn exchange(client: &mut Option<Client>, address: SocketAddr) -> Result<String, String> {
    if client.as_ref().is_none_or(Client::is_closed) {
        *client = Client::try_http1(address).await;
    }
    let client = client.as_mut().ok_or("no connection")?;
    let reply: Reply = client.try_request(get("/")).await?;
    match reply.status.as_u16() {
        200 => Ok(reply.header("x-endpoint").to_owned()),
        status => Err(format!("{status} {}", reply.header("proxy-status"))),
    }
}

/// The table after so many changes: two of the endpoints in each cluster, weights, a route that comes and goes.
fn table(listener: SocketAddr, endpoints: &[SocketAddr], change: usize) -> String {
    let two = |place: usize| {
        let (one, other) = (place % endpoints.len(), (place + 1) % endpoints.len());
        format!("[{}, {}]", endpoints[one], endpoints[other])
    };
    let share = change * 10 % 100;
    format!(
        "listeners:\n- name: edge\n  address: {listener}\n  routes:\n  - {{ match: {{ path: {{ prefix: /v{change} }} }}, cluster: canary }}\n  \
         - clusters: {{ web: {}, canary: {share} }}\nclusters:\n  web: {{ endpoints: {} }}\n  canary: {{ endpoints: {} }}\n",
        100 - share,
        two(change),
        two(change + 1)
    )
}

#[tokio::test]
async fn whatever_is_killed_no_request_fails_that_meets_a_living_proxy() {
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let names = ["a", "b", "c"];
    let addresses = names.map(|_| free_address());
    let mut endpoints = Vec::new();
    for (name, address) in names.into_iter().zip(addresses) {
        endpoints.push(Some(Endpoint::named_at(name, address).await));
    }
    let (listener, cache) = (free_address(), TempDir::new().unwrap());
    let mut control = Control::start(&[("shop", &table(listener, &addresses, 0))]).await;
    let mut control_is_up = true;
    let arguments = ["--cache-dir", cache.path().to_str().unwrap()];
    let mut proxy = Proxy::controlled_at(listener, &[control.xds], &arguments);
    proxy.becomes_ready().await;
    eventually("the table is kept", async || {
        cache.path().join("table.yaml").exists()
    })
    .await;

    let flow = Flow::start(listener);
    let mut dead: Vec<Range<Instant>> = Vec::new();
    for round in 1..=ROUNDS {
        control.write("tables/shop.yaml", &table(listener, &addresses, round));
        sleep(Duration::from_millis(rng.u64(50..500))).await;
        match round % 3 {
            0 if control_is_up => {
                control.kill();
                control_is_up = false;
            }
            0 => {
                control.start_again();
                control_is_up = true;
            }
            1 => {
                // One at a time: a table names two.
                let dead = endpoints.iter().position(Option::is_none);
                match dead {
                    Some(place) => {
                        let again = Endpoint::named_at(names[place], addresses[place]);
                        endpoints[place] = Some(again.await);
                    }
                    None => endpoints[rng.usize(..names.len())] = None,
                }
            }
            _ => {
                let killed = Instant::now();
                drop(proxy);
                sleep(Duration::from_millis(rng.u64(0..200))).await;
                proxy = Proxy::controlled_at(listener, &[control.xds], &arguments);
                eventually("the proxy serves again", async || {
                    exchange(&mut None, listener).await.is_ok()
                })
                .await;
                dead.push(killed..Instant::now());
            }
        }
    }
    if !control_is_up {
        control.start_again();
    }
    endpoints[0] = Some(match endpoints[0].take() {
        Some(living) => living,
        None => Endpoint::named_at(names[0], addresses[0]).await,
    });
    control.write(
        "tables/shop.yaml",
        &table(listener, &[addresses[0]; 2], 0).replace(&format!(", {}", addresses[0]), ""),
    );
    eventually("the last table is in force", async || {
        flow.last(20) == vec!["a"; 20]
    })
    .await;

    let sent = flow.stop().await;
    let counts = |(time, _): &&Sent| {
        let meets = |dead: &Range<Instant>| time.start <= dead.end && time.end >= dead.start;
        !dead.iter().any(meets)
    };
    let counted: Vec<&Sent> = sent.iter().filter(counts).collect();
    let failed: Vec<_> = counted.iter().filter(|(_, it)| it.is_err()).collect();
    assert!(counted.len() > sent.len() / 4, "{} counted", counted.len());
    assert!(
        failed.is_empty(),
        "{} of {} failed: {:?}",
        failed.len(),
        counted.len(),
        failed[0]
    );
}
