//! An endpoint whose requests wait until the test lets them go, one by one, and that knows how many it ever had at once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use http::Response;
use outrigger_tests::{Endpoint, Serve, body, eventually};
use tokio::sync::Semaphore;

/// See the module.
pub(super) struct Turnstile {
    pub(super) endpoint: Endpoint,
    open: Arc<Semaphore>,
    inside: Arc<Inside>,
}

#[derive(Default)]
struct Inside {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// Inside as long as it lives: also when its request is given up.
struct Visit(Arc<Inside>);

impl Visit {
    fn begin(inside: Arc<Inside>) -> Self {
        let now = inside.now.fetch_add(1, Relaxed) + 1;
        inside.most.fetch_max(now, Relaxed);
        Self(inside)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Relaxed);
    }
}

impl Turnstile {
    pub(super) async fn closed() -> Self {
        Self::serving(Serve::default()).await
    }

    pub(super) async fn serving(serve: Serve) -> Self {
        let (open, inside) = (Arc::new(Semaphore::new(0)), Arc::<Inside>::default());
        let (gate, visitors) = (open.clone(), inside.clone());
        let endpoint = serve
            .with(move |_| {
                let (gate, visit) = (gate.clone(), Visit::begin(visitors.clone()));
                async move {
                    gate.acquire().await.unwrap().forget();
                    drop(visit);
                    Response::new(body::full("through"))
                }
            })
            .await;
        Self {
            endpoint,
            open,
            inside,
        }
    }

    /// Lets so many through.
    pub(super) fn let_go(&self, count: usize) {
        self.open.add_permits(count);
    }

    /// Waits until so many are inside.
    pub(super) async fn holds(&self, count: usize) {
        eventually(&format!("{count} are inside"), async || {
            self.inside() == count
        })
        .await;
    }

    /// How many are inside.
    pub(super) fn inside(&self) -> usize {
        self.inside.now.load(Relaxed)
    }

    /// How many were inside at once, ever.
    pub(super) fn most(&self) -> usize {
        self.inside.most.load(Relaxed)
    }
}
