//! The queues of new connections, where one process has more workers than the other.

use std::{fs, net::UdpSocket};

use outrigger_tests::{Client, Endpoint, Proxy, Table, eventually};

use super::Place;

/// How many workers a process has by now.
fn workers(proxy: &Proxy) -> usize {
    let tasks = fs::read_dir(format!("/proc/{}/task", proxy.pid())).unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("worker-")).count()
}

#[tokio::test]
async fn a_successor_with_more_workers_takes_no_connection_before_it_serves() {
    let endpoint = Endpoint::named("a").await;
    let place = Place::new();
    let old = Proxy::start_with(Table::to([&endpoint]), &place.arguments("2")).await;
    // It waits for a resolver that says nothing.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let resolver = silent.local_addr().unwrap();
    let nowhere = format!("dns: {{ name: web.test, port: 1, servers: [\"{resolver}\"] }}");
    let waiting = old.beside(
        Table::to::<String>([]).cluster(nowhere),
        &place.arguments("6"),
    );
    // They are started when all addresses are bound.
    eventually("it has bound", async || workers(&waiting) == 6).await;
    for _ in 0..32 {
        let reply = Client::http1(old.address).await.get("/").await;
        assert_eq!(reply.status, 200);
    }
}
