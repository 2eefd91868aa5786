//! The golden metrics of one route on one listener.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{Method, StatusCode};

use super::{Counter, Histogram, Registry, counter_table::CounterTable, families};

/// Lives in the snapshot's route. Small until the first request: thousands of routes that nobody asks for cost no series.
#[derive(Debug)]
pub struct RouteMetrics {
    registry: Registry,
    listener: Arc<str>,
    route: Arc<str>,
    used: OnceLock<Box<Used>>,
}

#[derive(Debug)]
struct Used {
    duration: Histogram,
    requests: CounterTable<Outcome>,
}

/// What `outrigger_requests_total` tells apart within a route.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Outcome {
    status: StatusCode,
    method: KnownMethod,
    /// As in the trailers; [`NOT_GRPC`] when there is none.
    grpc_status: u8,
}

/// No gRPC status goes above 16.
const NOT_GRPC: u8 = u8::MAX;
/// What gRPC makes of a number that it doesn't know.
const GRPC_UNKNOWN: u8 = 2;
const GRPC_MAX: u8 = 16;

impl RouteMetrics {
    /// Registers nothing yet.
    pub fn new(registry: &Registry, listener: Arc<str>, route: Arc<str>) -> Self {
        Self {
            registry: registry.clone(),
            listener,
            route,
            used: OnceLock::new(),
        }
    }

    /// One request whose response has ended. `grpc_status` is the number of the trailer `grpc-status`, if it came.
    pub fn record(
        &self,
        method: &Method,
        status: StatusCode,
        grpc_status: Option<u8>,
        duration: Duration,
    ) {
        let used = self.used.get_or_init(|| Box::new(self.register()));
        let outcome = Outcome {
            status,
            method: KnownMethod::of(method),
            grpc_status: match grpc_status {
                None => NOT_GRPC,
                Some(number) if number > GRPC_MAX => GRPC_UNKNOWN,
                Some(number) => number,
            },
        };
        used.requests
            .get(outcome, || self.register_outcome(outcome))
            .increment();
        used.duration.observe(duration);
    }

    #[cold]
    fn register(&self) -> Used {
        let duration = self
            .registry
            .handle(&families::REQUEST_DURATION, [&self.listener, &self.route]);
        Used {
            duration,
            requests: CounterTable::default(),
        }
    }

    #[cold]
    fn register_outcome(&self, outcome: Outcome) -> Counter {
        let Outcome {
            status,
            method,
            grpc_status,
        } = outcome;
        let grpc_status = if grpc_status == NOT_GRPC {
            String::new()
        } else {
            grpc_status.to_string()
        };
        let labels = [
            &self.listener,
            &self.route,
            method.as_str(),
            status.as_str(),
            &grpc_status,
        ];
        self.registry.handle(&families::REQUESTS, labels)
    }
}

/// Clients choose methods freely: what is not known here is one label, lest they choose our memory, too.
#[derive(Clone, Copy, Debug, PartialEq)]
enum KnownMethod {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    Other,
}

impl KnownMethod {
    fn of(method: &Method) -> Self {
        match *method {
            Method::GET => Self::Get,
            Method::HEAD => Self::Head,
            Method::POST => Self::Post,
            Method::PUT => Self::Put,
            Method::DELETE => Self::Delete,
            Method::CONNECT => Self::Connect,
            Method::OPTIONS => Self::Options,
            Method::TRACE => Self::Trace,
            Method::PATCH => Self::Patch,
            _ => Self::Other,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Other => "OTHER",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn requests(registry: &Registry) -> String {
        let page = registry.render(Instant::now());
        let lines = page
            .lines()
            .filter_map(|line| line.strip_prefix("outrigger_requests_total"));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn requests_are_told_apart_by_method_status_and_grpc_status() {
        let registry = Registry::default();
        let route = RouteMetrics::new(&registry, "web".into(), "cart".into());
        let took = Duration::from_millis(3);
        route.record(&Method::GET, StatusCode::OK, None, took);
        route.record(&Method::GET, StatusCode::OK, None, took);
        route.record(&Method::POST, StatusCode::OK, Some(0), took);
        route.record(&Method::POST, StatusCode::OK, Some(14), took);
        route.record(&Method::POST, StatusCode::OK, Some(99), took);
        route.record(
            &Method::from_bytes(b"BREW").unwrap(),
            StatusCode::IM_A_TEAPOT,
            None,
            took,
        );
        route.record(
            &Method::from_bytes(b"PURGE").unwrap(),
            StatusCode::from_u16(999).unwrap(),
            None,
            took,
        );
        insta::assert_snapshot!(requests(&registry), @r#"
        {listener="web",route="cart",method="GET",status="200",grpc_status=""} 2
        {listener="web",route="cart",method="OTHER",status="418",grpc_status=""} 1
        {listener="web",route="cart",method="OTHER",status="999",grpc_status=""} 1
        {listener="web",route="cart",method="POST",status="200",grpc_status="0"} 1
        {listener="web",route="cart",method="POST",status="200",grpc_status="14"} 1
        {listener="web",route="cart",method="POST",status="200",grpc_status="2"} 1
        "#);
        let page = registry.render(Instant::now());
        assert!(page.contains(
            "outrigger_request_duration_seconds_count{listener=\"web\",route=\"cart\"} 7"
        ));
    }

    #[test]
    fn a_route_that_nobody_asks_for_is_no_series() {
        let registry = Registry::default();
        let _route = RouteMetrics::new(&registry, "web".into(), "cart".into());
        assert_eq!(registry.render(Instant::now()), "");
    }

    #[test]
    fn a_route_goes_on_counting_over_a_reload() {
        let registry = Registry::default();
        for _ in 0..2 {
            let route = RouteMetrics::new(&registry, "web".into(), "cart".into());
            route.record(&Method::GET, StatusCode::OK, None, Duration::ZERO);
            registry.sweep(Instant::now());
        }
        assert!(requests(&registry).ends_with(" 2"));
    }
}
