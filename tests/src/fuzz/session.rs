//! Whole connections through the proxy, within one thread: what its caller sends, and what its endpoints answer, are the
//! bytes of one input.
//!
//! The proxy's own worker, stack and pools serve them, over a pair of sockets toward the caller and loopback toward the
//! endpoints. Nobody waits for a clock: each side is done when the other has ended, and what does not end is a finding.

pub(super) mod endpoint;
pub(super) mod frames;
pub(super) mod strict;

use std::{
    cell::RefCell,
    future::pending,
    net::{Ipv4Addr, SocketAddr},
    os::fd::OwnedFd,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use outrigger::{
    acme::Challenges,
    downstream::{begin::Accepted, serve::serve},
    overload::Overload,
    snapshot::Snapshot,
    stack::{Stack, stack},
    telemetry::Telemetry,
    tls::Store,
    worker::{Shared, Worker},
};
use outrigger_config::model::LogFormat;
use tokio::{
    net::{TcpListener, TcpStream, UnixStream},
    runtime::LocalRuntime,
    task::{spawn_local, yield_now},
    time::timeout,
};

use self::endpoint::{Manner, Told};
use crate::tls::{Authority, Issued};

/// What takes so long hangs, even on a machine with much else to do.
const HANGS: Duration = Duration::from_secs(60);

/// How often others get their turn while a caller pauses: enough for a request to reach its endpoint.
const TURNS: usize = 8;

/// Splits what a caller sends from what endpoints answer.
pub(super) const ANSWERS: u8 = endpoint::NEXT;

/// Within what a caller sends: it waits a moment before it goes on.
pub(super) const PAUSE: u8 = 0x1f;

/// Listeners of the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// HTTP in cleartext.
    Http = 1,
    /// The same, to endpoints that speak HTTP/2.
    ToHttp2,
    /// HTTP over TLS.
    Tls,
    /// Bytes.
    Tcp,
    /// Bytes, said by the PROXY protocol to be somebody else's.
    Introduced,
    /// Whatever it turns out to be.
    Detect,
}

/// A proxy on this thread, and where its endpoints listen.
struct Stage {
    runtime: LocalRuntime,
    worker: Rc<Worker>,
    stack: Rc<Stack>,
    endpoints: TcpListener,
    _certificate: (Authority, Issued),
}

thread_local! {
    static STAGE: Stage = Stage::new();
}

/// Plays what a caller says at a `door`, by `caller`, to endpoints with this `script`, by their
/// `manner`; what the caller got, and what they
/// were told.
pub(super) fn play<T>(
    door: Door,
    manner: Manner,
    script: &[u8],
    caller: impl AsyncFnOnce(UnixStream) -> T,
) -> (T, Told) {
    STAGE.with(|stage| {
        let told = Rc::new(RefCell::new(Told::default()));
        let got = stage.runtime.block_on(async {
            let playing = stage.play(door, manner, script, &told, caller);
            timeout(HANGS, playing).await.expect("it hangs")
        });
        (got, told.take())
    })
}

/// What is said of `bytes`: all but each [`PAUSE`].
pub(super) fn unpaused(bytes: &[u8]) -> Vec<u8> {
    let said = bytes.iter().filter(|byte| **byte != PAUSE);
    said.copied().collect()
}

/// Says all of it, a moment later what follows a [`PAUSE`], and then no more; what comes back.
pub(super) async fn say(mut stream: UnixStream, bytes: &[u8]) -> Vec<u8> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut parts = bytes.split(|byte| *byte == PAUSE).peekable();
    while let Some(part) = parts.next() {
        // Who hung up has said enough.
        let _ = stream.write_all(part).await;
        if parts.peek().is_some() {
            turns().await;
        }
    }
    let _ = stream.shutdown().await;
    let mut got = Vec::new();
    let _ = stream.read_to_end(&mut got).await;
    got
}

/// What a caller says, and the script of its endpoints.
pub(super) fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|byte| *byte == ANSWERS);
    at.map_or((bytes, b""), |at| (&bytes[..at], &bytes[at + 1..]))
}

pub(super) async fn turns() {
    for _ in 0..TURNS {
        yield_now().await;
    }
}

impl Stage {
    fn new() -> Self {
        let runtime = LocalRuntime::new().unwrap();
        let endpoints = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let authority = Authority::new();
        let certificate = authority.issue("server", &["a.test"]);
        let table = table(endpoints.local_addr().unwrap(), &certificate);
        let config = outrigger_config::parse("table.yaml", &table)
            .unwrap_or_else(|problems| panic!("{problems}"));
        let telemetry = Telemetry::start(LogFormat::Text, None).unwrap();
        let mut store = Store::new(Arc::<Challenges>::default(), Arc::clone(&telemetry.tls));
        let material = store.take(&config, |_| false).unwrap();
        let overload = Overload::new(1, &config.overload, &telemetry.registry);
        let snapshot = Snapshot::compile(config, &material, None, &telemetry.registry);
        let shared = Arc::new(Shared {
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            overload,
            on_demand: None,
            telemetry,
        });
        let worker = Worker::new(0, shared);
        Self {
            runtime,
            stack: Rc::new(stack(&worker)),
            worker,
            endpoints,
            _certificate: (authority, certificate),
        }
    }

    async fn play<T>(
        &self,
        door: Door,
        manner: Manner,
        script: &[u8],
        told: &Rc<RefCell<Told>>,
        caller: impl AsyncFnOnce(UnixStream) -> T,
    ) -> T {
        let (ours, theirs) = pair();
        let accepted = Box::new(Accepted {
            stream: theirs,
            peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 5000)),
            address: address(door),
        });
        let serving = spawn_local(serve(
            accepted,
            None,
            Rc::clone(&self.worker),
            Rc::clone(&self.stack),
        ));
        let served = async {
            let got = caller(ours).await;
            serving.await.unwrap();
            // What was sent on the last moment is still to be heard.
            turns().await;
            got
        };
        let endpoints = async {
            endpoint::serve(&self.endpoints, script, manner, told).await;
            pending().await
        };
        let got = tokio::select! {
            got = served => got,
            () = endpoints => unreachable!("it takes connections for ever"),
        };
        // What is kept for later must not meet the next script: those who kept it hear that its other end is gone.
        turns().await;
        self.worker.pools.sweep(outrigger::clock::now());
        got
    }
}

/// Where a door is, as the table has it. Nobody listens there.
fn address(door: Door) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, door as u16))
}

/// Nothing that time or luck decides.
fn table(endpoints: SocketAddr, certificate: &Issued) -> String {
    let doors = [
        Door::Http,
        Door::ToHttp2,
        Door::Tls,
        Door::Tcp,
        Door::Introduced,
        Door::Detect,
    ];
    let [http, to_http2, tls, tcp, introduced, detect] = doors.map(address);
    format!(
        r#"
overload: {{ memory: off, queueing_delay: off }}
listeners:
  - {{ name: http, address: "{http}", routes: [{{ cluster: web }}] }}
  - {{ name: to_http2, address: "{to_http2}", routes: [{{ cluster: frames, retry: {{ attempts: 1 }} }}] }}
  - {{ name: tls, address: "{tls}", tls: {{ certificates: [{certificate}] }}, routes: [{{ cluster: web }}] }}
  - {{ name: tcp, address: "{tcp}", protocol: tcp, cluster: bytes }}
  - {{ name: introduced, address: "{introduced}", protocol: tcp, cluster: bytes, proxy_protocol: {{ trusted: [127.0.0.0/8] }} }}
  - {{ name: detect, address: "{detect}", protocol: detect, cluster: bytes, routes: [{{ cluster: web }}], detect: {{ timeout: 1s }} }}
clusters:
  web: {{ endpoints: ["{endpoints}"], protocol: http1, connect_timeout: 60s, outlier_detection: off, retry_budget: {{ percent: 100%, min_per_second: 1000000 }} }}
  frames: {{ endpoints: ["{endpoints}"], protocol: http2, connect_timeout: 60s, outlier_detection: off }}
  bytes: {{ endpoints: ["{endpoints}"], connect_timeout: 60s, outlier_detection: off }}
"#
    )
}

/// Both ends of a connection that takes no port, the second as the proxy would have accepted it: to tokio a socket is a
/// socket.
fn pair() -> (UnixStream, TcpStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let theirs = OwnedFd::from(theirs.into_std().unwrap());
    let theirs = TcpStream::from_std(theirs.into()).unwrap();
    (ours, theirs)
}
