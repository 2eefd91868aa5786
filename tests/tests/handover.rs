//! A new process takes the place of a running one, and nobody notices.

mod pushed;
mod queues;

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::{
        fd::OwnedFd,
        unix::{fs::PermissionsExt, net::UnixDatagram},
    },
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use outrigger_tests::{
    Client, Endpoint, Load, Proxy, Table, eventually, get, outrigger, terminate,
};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// A path for the hand-over, in a directory that goes when the test is over.
struct Place {
    _directory: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("handover.sock");
        Self {
            _directory: directory,
            path,
        }
    }

    /// The arguments of a process of so many workers.
    fn arguments(&self, workers: &'static str) -> [&str; 4] {
        [
            "--handover",
            self.path.to_str().unwrap(),
            "--workers",
            workers,
        ]
    }
}

/// How long upgrades go on; longer by hand.
fn seconds() -> u64 {
    let asked = std::env::var("OUTRIGGER_TESTS_HANDOVER_SECONDS");
    asked.map_or(10, |seconds| seconds.parse().unwrap())
}

/// Requests that go on until they are told to stop; how many there were.
struct Flow(Arc<AtomicBool>, JoinHandle<usize>);

impl Flow {
    /// A connection each.
    fn of_new_connections(address: SocketAddr) -> Self {
        let go_on = Arc::new(AtomicBool::new(true));
        let on = Arc::clone(&go_on);
        let task = tokio::spawn(async move {
            let mut answered = 0;
            while on.load(Relaxed) {
                let reply = Client::http1(address).await.get("/").await;
                assert_eq!(reply.status, 200);
                answered += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            answered
        });
        Self(go_on, task)
    }

    /// On one HTTP/2 connection, until that says goodbye.
    fn of_http2(address: SocketAddr) -> Self {
        let go_on = Arc::new(AtomicBool::new(true));
        let on = Arc::clone(&go_on);
        let task = tokio::spawn(async move {
            let mut answered = 0;
            let mut client = Client::http2(address).await;
            while on.load(Relaxed) {
                match client.send(get("/")).await {
                    Ok(response) => {
                        assert_eq!(response.status(), 200);
                        answered += 1;
                    }
                    // What was not sent is sent again, as every client does.
                    Err(error) if error.is_canceled() || error.is_closed() => {
                        client = Client::http2(address).await;
                    }
                    Err(error) => panic!("{error:?}"),
                }
                tokio::task::yield_now().await;
            }
            answered
        });
        Self(go_on, task)
    }

    async fn stop(self) -> usize {
        self.0.store(false, Relaxed);
        self.1.await.unwrap()
    }
}

/// Waits until the old one has ended, and says that it did so well.
async fn gone(old: Proxy) {
    let finished = old.finished().await;
    assert_eq!(finished.code, Some(0), "{}", finished.output);
}

#[tokio::test]
async fn an_upgrade_every_second_under_load_fails_no_request() {
    let endpoint = Endpoint::named("a").await;
    let place = Place::new();
    let mut proxy = Proxy::start_with(Table::to([&endpoint]), &place.arguments("2")).await;
    let address = proxy.address;
    let keep_alive = Load::start(address, 8);
    let http2 = Flow::of_http2(address);
    let new = Flow::of_new_connections(address);
    let end = Instant::now() + Duration::from_secs(seconds());
    let mut upgrades = 0;
    // Fewer workers than queues, and more.
    for workers in ["1", "3", "2", "2"].into_iter().cycle() {
        if Instant::now() > end {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let next = proxy.beside(Table::to([&endpoint]), &place.arguments(workers));
        gone(std::mem::replace(&mut proxy, next)).await;
        upgrades += 1;
    }
    assert!(upgrades >= 3, "{upgrades}");
    keep_alive.stop().await.none_failed("keep-alive");
    assert!(http2.stop().await > 100, "HTTP/2 went on");
    assert!(new.stop().await > 100, "new connections went on");
    eventually("the last one shows that it took over", async || {
        proxy
            .metrics()
            .await
            .sum("outrigger_handovers_total", &[("outcome", "taken")])
            == 1.0
    })
    .await;
}

#[tokio::test]
async fn a_new_process_with_a_bad_table_leaves_the_old_one_serving() {
    let endpoint = Endpoint::named("a").await;
    let place = Place::new();
    let old = Proxy::start_with(Table::to([&endpoint]), &place.arguments("1")).await;
    let load = Load::start(old.address, 4);
    let new = old.beside("listeners: 5", &place.arguments("1"));
    assert_eq!(new.finished().await.code, Some(78));
    // Its table is good, but another's address can't be had: found when the sockets are on their way.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listener = format!(
        "{{ name: b, address: {}, routes: [{{ cluster: web }}] }}",
        taken.local_addr().unwrap()
    );
    let table = String::from(Table::to([&endpoint]))
        .replace("listeners:\n", &format!("listeners:\n  - {listener}\n"));
    let new = old.beside(table, &place.arguments("1"));
    assert_eq!(new.finished().await.code, Some(1));
    eventually("the failure is counted", async || {
        old.metrics()
            .await
            .sum("outrigger_handovers_total", &[("outcome", "failed")])
            == 1.0
    })
    .await;
    load.stop().await.none_failed("beside bad tables");
}

#[tokio::test]
async fn a_new_process_that_dies_before_it_is_ready_leaves_the_old_one_serving() {
    let endpoint = Endpoint::named("a").await;
    let place = Place::new();
    let old = Proxy::start_with(Table::to([&endpoint]), &place.arguments("2")).await;
    let load = Load::start(old.address, 4);
    // It waits for a resolver that nobody is behind.
    let nowhere = "dns: { name: web.test, port: 1, servers: [\"127.0.0.1:9\"] }";
    let stuck = old.beside(
        Table::to::<String>([]).cluster(nowhere),
        &place.arguments("2"),
    );
    eventually("it has the sockets", async || {
        old.output()
            .contains("a new process has asked for the sockets")
    })
    .await;
    stuck.sigkill();
    assert_eq!(stuck.finished().await.code, None);
    eventually("the old one notices", async || {
        old.output().contains("no hand-over, serving on")
    })
    .await;
    assert_eq!(Client::http1(old.address).await.get("/").await.status, 200);
    let next = old.beside(Table::to([&endpoint]), &place.arguments("2"));
    gone(old).await;
    load.stop().await.none_failed("beside one that was killed");
    drop(next);
}

#[tokio::test]
async fn the_door_is_its_users_own_and_goes_with_the_last() {
    let endpoint = Endpoint::named("a").await;
    let place = Place::new();
    // What a process has left behind that was killed is in nobody's way.
    let killed = Proxy::start_with(Table::to([&endpoint]), &place.arguments("1")).await;
    killed.sigkill();
    let _ = killed.finished().await;
    assert!(place.path.exists());
    let proxy = Proxy::start_with(Table::to([&endpoint]), &place.arguments("1")).await;
    let mode = fs::metadata(&place.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    proxy.sigterm();
    gone(proxy).await;
    assert!(!place.path.exists());
}

#[tokio::test]
async fn a_path_that_is_no_socket_is_left_alone() {
    let endpoint = Endpoint::named("a").await;
    let place = Place::new();
    fs::write(&place.path, "precious").unwrap();
    let proxy = Proxy::spawn(Table::to([&endpoint]), &place.arguments("1"), &[]);
    let finished = proxy.finished().await;
    assert_eq!(finished.code, Some(1));
    assert!(finished.output.contains("hint: "), "{}", finished.output);
    assert_eq!(fs::read_to_string(&place.path).unwrap(), "precious");
}

/// As systemd would start it: with a socket as descriptor 3, which here comes as standard input.
fn activated(proxy: &Proxy, table: Table, socket: &TcpListener, notify: &Path) -> Child {
    let file = proxy.table_path().with_file_name("activated.yaml");
    let table = String::from(table).replace("$LISTEN", &socket.local_addr().unwrap().to_string());
    fs::write(&file, table.replace("$ADMIN", "127.0.0.1:0")).unwrap();
    let shell = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", shell]).arg(outrigger().get_program());
    command.arg("--config").arg(file).args(["--workers", "2"]);
    command.env("NOTIFY_SOCKET", notify);
    command.stdin(OwnedFd::from(socket.try_clone().unwrap()));
    command.spawn().unwrap()
}

fn told(socket: &UnixDatagram) -> String {
    let mut said = [0; 64];
    let length = socket.recv(&mut said).unwrap();
    String::from_utf8_lossy(&said[..length]).into_owned()
}

#[tokio::test]
async fn sockets_of_systemd_keep_who_calls_between_two_processes() {
    let endpoint = Endpoint::named("a").await;
    let other = Proxy::start(Table::to([&endpoint])).await;
    let directory = TempDir::new().unwrap();
    let notify = directory.path().join("notify");
    let notified = UnixDatagram::bind(&notify).unwrap();
    notified
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    // No address is bound by the process itself: that would fail.
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    for _ in 0..2 {
        // Called while nobody is there.
        let early = tokio::spawn(async move { Client::http1(address).await.get("/").await.status });
        let mut child = activated(&other, Table::to([&endpoint]), &socket, &notify);
        assert_eq!(told(&notified), "READY=1");
        assert_eq!(early.await.unwrap(), 200);
        let flow = Flow::of_new_connections(address);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(flow.stop().await > 10);
        terminate(child.id());
        assert_eq!(told(&notified), "STOPPING=1");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}
