//! End-to-end tests, a module a subject.
//!
//! All but `stage` need the binary: `cargo build -p outrigger` first, as `make test` does.

mod balancing;
mod by_host;
mod circuit_breaker;
mod command_line;
mod control_api;
mod control_client;
mod control_commands;
mod control_tables;
mod dns;
mod downgrade;
mod drain;
mod endpoints;
mod error_table;
mod faults;
mod forwarding;
mod framing;
mod fuzz;
mod grpc;
mod grpc_health;
mod headers;
mod health_checks;
mod hedging;
mod house;
mod limits;
mod outliers;
mod outliers_return;
mod overload;
mod panic;
mod push;
mod rate_limits;
mod refusals;
mod reload;
mod retries;
mod routing;
mod seeing;
mod stage;
mod streaming;
mod timeouts;
mod tls;
mod upgrades;
mod wire;
mod zones;
