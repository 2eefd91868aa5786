//! Defaults and their reasons.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use http::StatusCode;

use super::{
    Alpn, Challenge, FailurePercent, LogFormat, MemoryBound, OutlierDetection, RetryOn,
    SlowAnswers, StatusRange, SuccessRate,
};

/// Loopback: it shows internals. Linkerd's port.
pub const ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4191);
/// No delay: outside Kubernetes nobody waits for `/ready`.
pub const DRAIN_DELAY: Duration = Duration::ZERO;
/// Kubernetes kills after 30 s.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(25);
/// Slow heads are attacks: in this time 60 KiB come over a line of 50 kbit/s. Linkerd and Envoy have none, Apache 20 to 40 s,
/// nginx a minute.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than common clients keep connections (Envoy: 1 h, nginx: 75 s).
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// As Envoy's 60 KiB.
pub const MAX_HEADER_BYTES: usize = 60 * 1024;
/// Enough for a browser or a gRPC channel, and a bound on what one peer can hold.
pub const MAX_STREAMS: u32 = 256;
/// A connect within a data centre takes a millisecond; Linkerd's.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Shorter than the shortest common keep-alive of servers (Apache's 5 s), so that a server seldom closes under us.
pub const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// A burst's worth; what is over is closed.
pub const POOL_MAX_IDLE: usize = 256;
/// As servers commonly allow.
pub const POOL_MAX_STREAMS: u32 = 100;
/// Envoy's. Of a queue that grows longer, the last would mostly be answered too late.
pub const PENDING: u32 = 1024;
/// Enough for an endpoint of a few cores and the way to it; below, one burst of a single client would be refused.
pub const ADAPTIVE_MIN: u32 = 4;
/// Envoy's.
pub const ADAPTIVE_MAX: u32 = 1000;
/// Past this a container is about to be killed, and with it every request; below, memory is there to be used.
pub const OVERLOAD_MEMORY: MemoryBound = MemoryBound::Share(0.95);
/// A worker of a healthy proxy is late by a millisecond or two; one that is late by this has been given more than it can
/// do, and most callers' patience is not much longer.
pub const OVERLOAD_QUEUEING_DELAY: Duration = Duration::from_millis(250);
/// Finagle's.
pub const EWMA_DECAY: Duration = Duration::from_secs(10);
/// As long as Envoy keeps an idle connection (its 5 min for a stream cut quiet event streams and gRPC watches), and an end
/// to what nobody will ever move again.
pub const STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
/// Envoy's, and far longer than databases leave a connection in a pool alone.
pub const TCP_IDLE_TIMEOUT: Duration = STREAM_IDLE_TIMEOUT;
/// As for requests: first try and two more.
pub const CONNECT_ATTEMPTS: u32 = RETRY_ATTEMPTS;
/// A client that speaks first does so within a round trip of the connection; a server's greeting comes late by no more.
pub const DETECT_TIMEOUT: Duration = Duration::from_millis(100);
/// FTP, SSH, SMTP, POP3, IMAP, mail submission, MySQL.
pub const SERVER_FIRST_PORTS: [u16; 7] = [21, 22, 25, 110, 143, 587, 3306];
/// First try and two more, for what was never sent.
pub const RETRY_ATTEMPTS: u32 = 3;
/// Envoy's: long enough for a moment's trouble to pass, short beside what a person notices.
pub const BACKOFF_BASE: Duration = Duration::from_millis(25);
/// Envoy's: ten times the base.
pub const BACKOFF_MAX: Duration = Duration::from_millis(250);
/// Nobody who waits for an answer wants to wait longer for another try; whoever asked can wait on its own.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(1);
/// Linkerd's. What a worker holds at most is this times the requests that are being sent.
pub const RETRY_BODY_LIMIT: usize = 64 * 1024;
/// Finagle's: endpoints that fail altogether are asked 1.2 times as often, not three times.
pub const RETRY_BUDGET_PERCENT: f64 = 0.2;
/// Finagle's: a quiet cluster may retry whatever it likes.
pub const RETRY_BUDGET_MIN_PER_SECOND: u32 = 10;
/// Finagle's: a burst of failures may use what the calm before it has earned.
pub const RETRY_BUDGET_WINDOW: Duration = Duration::from_secs(10);
/// A record of TTL 0 is asked for once a second at most.
pub const DNS_MIN_TTL: Duration = Duration::from_secs(1);
/// A record of a day is asked for every minute: failover by DNS must work.
pub const DNS_MAX_TTL: Duration = Duration::from_secs(60);
/// Safe for any method: nothing was processed.
pub const RETRY_ON: [RetryOn; 2] = [RetryOn::ConnectFailure, RetryOn::RefusedStream];
/// An access log that somebody turns on without a word is for that somebody to read.
pub const LOG_FORMAT: LogFormat = LogFormat::Text;
/// Envoy's. Fewer would eject for a streak of bad luck: at 10 % errors three in a row come every thousand requests.
pub const CONSECUTIVE_ERRORS: u32 = 5;
/// As all errors, of which they are a part; Envoy counts them and does nothing.
pub const CONSECUTIVE_GATEWAY_ERRORS: u32 = 5;
/// A refusal is certain, but one lost packet is a connect time-out too: its repetition comes after a second. With three,
/// `peak_ewma`, which avoids what failed twice, would keep the third waiting.
pub const CONSECUTIVE_CONNECT_FAILURES: u32 = 2;
/// Chance puts one endpoint in a thousand outside of three, and we look twice a second. Envoy's 1.9 of the standard
/// deviation is more than one endpoint of four can ever reach, however bad, and what one of five always does.
pub const SUCCESS_RATE: SuccessRate = SuccessRate {
    deviations: 3.0,
    min_endpoints: 5,
    min_requests: 100,
};
/// Envoy's numbers, but for the endpoints: two are enough, since it compares with none and the last is never ejected.
pub const FAILURE_PERCENT: FailurePercent = FailurePercent {
    threshold: 0.85,
    min_endpoints: 2,
    min_requests: 50,
};
/// Five times and 20 ms slower is no busier neighbour but another state of being; with fewer than three nobody can say
/// who is the odd one.
pub const SLOW_ANSWERS: SlowAnswers = SlowAnswers {
    factor: 5.0,
    at_least: Duration::from_millis(20),
    min_endpoints: 3,
    min_requests: 50,
};
/// Long enough for 100 requests at 20 a second; a median follows a change within 0.7 of it, so that detection stays under
/// 5 s. Envoy looks every 10 s.
pub const OUTLIER_WINDOW: Duration = Duration::from_secs(5);
/// Linkerd's. The way back is a single request, so to look again soon is cheap: one error, where Envoy returns an
/// endpoint to full service and therefore waits for 30 s.
pub const BASE_EJECTION_TIME: Duration = Duration::from_secs(1);
/// Linkerd's: how late a recovery is noticed at worst, at one failed request a minute until then. Envoy: 300 s.
pub const MAX_EJECTION_TIME: Duration = Duration::from_secs(60);
/// Half can usually bear the load for a while. Envoy's 10 % ejects nothing of nine endpoints or fewer.
pub const MAX_EJECTION_PERCENT: f64 = 0.5;
/// On where the file says nothing: a connection that cannot be made is a fact, whoever asks and whatever for, and to eject
/// for it costs no request. Whether an error is the endpoint's doing or the request's, only the user knows.
pub const OUTLIER_DETECTION: OutlierDetection = OutlierDetection {
    consecutive_errors: None,
    consecutive_gateway_errors: None,
    consecutive_connect_failures: Some(CONSECUTIVE_CONNECT_FAILURES),
    success_rate: None,
    failure_percent: None,
    latency: None,
    window: OUTLIER_WINDOW,
    base_ejection_time: BASE_EJECTION_TIME,
    max_ejection_time: MAX_EJECTION_TIME,
    max_ejection_percent: MAX_EJECTION_PERCENT,
};
/// Endpoints that say nothing are equal.
pub const ENDPOINT_WEIGHT: u32 = 1;
/// All on one level.
pub const ENDPOINT_PRIORITY: u16 = 0;
/// When nothing is left: a request that may fail beats one that must. Above that, an operator's or a check's word counts:
/// Envoy's 50 % sends half of the requests to endpoints known to be down while the other half could take them.
pub const PANIC_THRESHOLD: f64 = 0.01;
/// For good, and with the method: what was a form must not become a GET.
pub const HTTPS_REDIRECT_STATUS: StatusCode = StatusCode::PERMANENT_REDIRECT;
/// HTTP/2 costs a client one connection in place of six.
pub const TLS_ALPN: [Alpn; 2] = [Alpn::Http2, Alpn::Http1];
/// As the Gateway API: a client asks again next time, so a mistake can be taken back.
pub const REDIRECT_STATUS: StatusCode = StatusCode::FOUND;
/// A direct response that names no trouble has none.
pub const RESPOND_STATUS: StatusCode = StatusCode::OK;
/// A body in a file is text.
pub const RESPOND_CONTENT_TYPE: &str = "text/plain; charset=utf-8";
/// What most services answer, Traefik's and Caddy's examples among them.
pub const HEALTH_PATH: &str = "/health";
/// A redirect is an answer to somebody else.
pub const HEALTH_STATUSES: [StatusRange; 1] = [StatusRange {
    first: 200,
    last: 299,
}];
/// With [`HEALTH_FALL`] and [`HEALTH_FAILING_INTERVAL`] a dead endpoint is found within 7 s by checks alone (HAProxy: 6 s,
/// Envoy's and Traefik's common 30 s or more); what it does to requests is noticed before that.
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
/// Doubt is settled quickly, and an endpoint that is back is back within 2 s.
pub const HEALTH_FAILING_INTERVAL: Duration = Duration::from_secs(1);
/// An endpoint that needs longer to say that it is well is not.
pub const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);
/// HAProxy's, and Envoy's advice.
pub const HEALTH_RISE: u32 = 2;
/// HAProxy's: one lost check takes nobody out.
pub const HEALTH_FALL: u32 = 3;
/// Enough that proxies which began together are out of step within a minute.
pub const HEALTH_JITTER: f64 = 0.1;
/// Half of all requests: an ordinary bad hour is not enough. Hystrix' and Resilience4j's.
pub const BREAKER_FAILURE_PERCENT: f64 = 0.5;
/// Far beyond what a caller waits for in good times.
pub const BREAKER_SLOW_CALL: Duration = Duration::from_secs(1);
/// As for failures.
pub const BREAKER_SLOW_PERCENT: f64 = 0.5;
/// Hystrix': long enough for a share to mean something, short enough to notice within seconds.
pub const BREAKER_WINDOW: Duration = Duration::from_secs(10);
/// Hystrix': ten failures of twenty are no accident.
pub const BREAKER_MIN_REQUESTS: u32 = 20;
/// Hystrix': a restart takes about as long.
pub const BREAKER_OPEN_TIME: Duration = Duration::from_secs(5);
/// A cluster that is back is found within a minute.
pub const BREAKER_MAX_OPEN_TIME: Duration = Duration::from_secs(60);
/// One success may be luck; three cost a broken cluster little.
pub const BREAKER_PROBES: u32 = 3;
/// A fault that says no share is for every request: so it is seen at once in a test.
pub const FAULT_SHARE: f64 = 1.0;
/// Let's Encrypt's: what everybody's browser believes, for nothing.
pub const ACME_DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// Where state of services belongs (FHS 5.8).
pub const ACME_STORAGE: &str = "/var/lib/outrigger/acme";
/// First what needs no port but that of the listener itself.
pub const ACME_CHALLENGES: [Challenge; 2] = [Challenge::TlsAlpn01, Challenge::Http01];
