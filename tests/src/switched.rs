//! An endpoint whose behaviour is switched while it serves: one side for health checks, one for all other requests.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use http::Response;

use crate::{
    Endpoint, Serve,
    body::{self, Body},
};

/// What is asked for its health, unless a table says otherwise.
const HEALTH: &str = "/health";

/// Answers with its name in the header `x-endpoint`; everything else can be switched.
#[derive(Debug)]
pub struct Switched {
    /// Where it listens.
    pub address: SocketAddr,
    /// To requests for `/health`.
    pub health: Arc<Side>,
    /// To all other requests.
    pub traffic: Arc<Side>,
    _endpoint: Endpoint,
}

/// How one kind of request is answered.
#[derive(Debug)]
pub struct Side {
    status: AtomicU16,
    /// In milliseconds.
    delay: AtomicU64,
    body: Mutex<String>,
    requests: AtomicUsize,
}

impl Switched {
    /// Answers 200 to everything, until switched.
    pub async fn start(name: &str) -> Self {
        Self::serve(name, Serve::default()).await
    }

    /// The same at this address.
    pub async fn at(address: SocketAddr, name: &str) -> Self {
        Self::serve(name, Serve::default().at(address)).await
    }

    async fn serve(name: &str, serve: Serve) -> Self {
        let (health, traffic) = (Arc::new(Side::well()), Arc::new(Side::well()));
        let (name, sides) = (name.to_owned(), (health.clone(), traffic.clone()));
        let endpoint = serve.with(move |request| {
            let side = if request.uri().path() == HEALTH {
                &sides.0
            } else {
                &sides.1
            };
            side.answer(&name)
        });
        let endpoint = endpoint.await;
        Self {
            address: endpoint.address,
            health,
            traffic,
            _endpoint: endpoint,
        }
    }
}

impl fmt::Display for Switched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl Side {
    fn well() -> Self {
        Self {
            status: AtomicU16::new(200),
            delay: AtomicU64::new(0),
            body: Mutex::default(),
            requests: AtomicUsize::new(0),
        }
    }

    /// Answers with this status from now on.
    pub fn status(&self, status: u16) {
        self.status.store(status, Relaxed);
    }

    /// Answers after this delay from now on.
    pub fn delay(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).expect("a test is shorter");
        self.delay.store(millis, Relaxed);
    }

    /// Answers with this body from now on.
    pub fn body(&self, body: &str) {
        body.clone_into(&mut self.body.lock().unwrap());
    }

    /// Requests begun.
    pub fn requests(&self) -> usize {
        self.requests.load(Relaxed)
    }

    fn answer(self: &Arc<Self>, name: &str) -> impl Future<Output = Response<Body>> + use<> {
        self.requests.fetch_add(1, Relaxed);
        let (side, name) = (self.clone(), name.to_owned());
        async move {
            let delay = Duration::from_millis(side.delay.load(Relaxed));
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            let response = Response::builder()
                .status(side.status.load(Relaxed))
                .header("x-endpoint", name);
            let body = side.body.lock().unwrap().clone();
            response.body(body::full(body)).unwrap()
        }
    }
}
