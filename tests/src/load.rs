//! Traffic in quantity: a fixed number of requests to see where they went, or a steady flow to see that none fails.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::task::JoinSet;

use crate::{Client, Reply, get};

/// What became of a flow of requests.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Answered with 200.
    pub ok: usize,
    /// What went wrong with the others.
    pub failures: Vec<String>,
    /// 200s by the `x-endpoint` that gave them.
    pub by_endpoint: BTreeMap<String, usize>,
}

impl Tally {
    /// How many an endpoint answered.
    pub fn of(&self, endpoint: &str) -> usize {
        self.by_endpoint.get(endpoint).copied().unwrap_or(0)
    }

    /// Fails the test, naming `what`, if any request failed.
    #[track_caller]
    pub fn none_failed(&self, what: &str) {
        assert!(
            self.failures.is_empty(),
            "{what}: {} failed, {} did not: {:?}",
            self.failures.len(),
            self.ok,
            self.failures.first()
        );
    }

    /// Busiest over idlest of the endpoints that answered.
    pub fn unevenness(&self) -> f64 {
        let busiest = self.by_endpoint.values().max().copied().unwrap_or(0);
        let idlest = self.by_endpoint.values().min().copied().unwrap_or(0);
        busiest as f64 / idlest as f64
    }

    fn note(&mut self, outcome: Result<Reply, String>) {
        match outcome {
            Ok(reply) if reply.status == 200 => {
                self.ok += 1;
                *self
                    .by_endpoint
                    .entry(reply.header("x-endpoint").to_owned())
                    .or_default() += 1;
            }
            Ok(reply) => self.failures.push(format!(
                "{} {} {}",
                reply.status,
                reply.header("proxy-status"),
                String::from_utf8_lossy(&reply.body)
            )),
            Err(error) => self.failures.push(error),
        }
    }
}

/// Sends `requests` GETs over `connections` keep-alive connections, each as fast as the answers come.
pub async fn spread(address: SocketAddr, connections: usize, requests: usize) -> Tally {
    let left = Arc::new(AtomicUsize::new(requests));
    let more = move || {
        left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
            .is_ok()
    };
    Load::run(address, connections, more).finish().await
}

/// A flow of GETs that goes on until it is stopped.
#[derive(Debug)]
pub struct Load {
    tally: Arc<Mutex<Tally>>,
    go_on: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Load {
    /// Starts a flow over keep-alive connections, which are opened again when the proxy closes them.
    pub fn start(address: SocketAddr, connections: usize) -> Self {
        Self::run(address, connections, || true)
    }

    fn run(
        address: SocketAddr,
        connections: usize,
        more: impl Fn() -> bool + Clone + Send + 'static,
    ) -> Self {
        let tally = Arc::new(Mutex::new(Tally::default()));
        let go_on = Arc::new(AtomicBool::new(true));
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            let (tally, go_on, more) = (tally.clone(), go_on.clone(), more.clone());
            tasks.spawn(async move {
                let mut client = Client::http1(address).await;
                while go_on.load(Relaxed) && more() {
                    let outcome = client.try_request(get("/")).await;
                    let last = match &outcome {
                        Ok(reply) => reply.header("connection").contains("close"),
                        Err(_) => true,
                    };
                    tally.lock().unwrap().note(outcome);
                    if last {
                        client = Client::http1(address).await;
                    }
                    // Endpoints, client and test share a thread: nobody may hog it.
                    tokio::task::yield_now().await;
                }
            });
        }
        Self {
            tally,
            go_on,
            tasks,
        }
    }

    /// What has become of the flow so far.
    pub fn so_far(&self) -> Tally {
        self.tally.lock().unwrap().clone()
    }

    /// Stops the flow after the requests under way.
    pub async fn stop(self) -> Tally {
        self.go_on.store(false, Relaxed);
        self.finish().await
    }

    async fn finish(mut self) -> Tally {
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("a client of the flow does not panic");
        }
        self.so_far()
    }
}
