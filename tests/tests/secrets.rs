//! Keys and tokens stay where they are: whatever is asked and whatever goes wrong, nobody is told one.

use std::{fs, path::Path};

use http::{Method, Request};
use outrigger_tests::{Authority, Client, Control, Proxy, body, eventually, free_address};
use tempfile::TempDir;

/// What is planted: a token of each kind, one that is shown though nobody knows it, and two lines of each key.
struct Planted(Vec<String>);

const PROXIES: &str = "planted-token-of-proxies-7f3a";
const OPERATORS: &str = "planted-token-of-operators-91bc";
const ADMIN: &str = "planted-token-of-the-admin-55de";
const UNKNOWN: &str = "planted-token-that-nobody-knows-aa01";

impl Planted {
    fn with_keys(keys: &[&Path]) -> Self {
        let mut planted = [PROXIES, OPERATORS, ADMIN, UNKNOWN]
            .map(String::from)
            .to_vec();
        for key in keys {
            let text = fs::read_to_string(key).unwrap();
            let lines = text.lines().filter(|line| !line.contains("-----"));
            planted.extend(lines.filter(|line| line.len() > 20).map(String::from));
        }
        Self(planted)
    }

    fn absent(&self, place: &str, text: impl AsRef<[u8]>) {
        for secret in &self.0 {
            let found = text
                .as_ref()
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "`{secret}` is in {place}");
        }
    }
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.display().to_string(), fs::read(&path).unwrap())),
        }
    }
    found
}

#[tokio::test]
async fn nothing_that_is_secret_is_ever_said() {
    let authority = Authority::new();
    let server = authority.issue("server", &["localhost", "127.0.0.1"]);
    let edge = authority.issue("edge", &["spiffe://example.org/edge"]);
    let planted = Planted::with_keys(&[&server.key, &edge.key]);
    let directory = TempDir::new().unwrap();
    let put = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let proxies = put("proxies", PROXIES);
    let operators = put("operators", OPERATORS);
    let admin = put("admin", ADMIN);
    let (cache, history) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (cert, key, ca) = (
        server.cert.to_str().unwrap(),
        server.key.to_str().unwrap(),
        authority.ca().to_str().unwrap().to_owned(),
    );
    let address = free_address();
    let table = format!(
        "listeners: [{{ name: edge, address: {address}, tls: {{ certificates: [{{ cert: {cert}, key: {key} }}] }}, routes: [{{ filters: [{{ respond: {{ body: here }} }}] }}] }}]\n"
    );
    // All that there is to be logged is.
    let control = Control::spawn(
        &[("edge", &table)],
        &[
            "--tls-cert",
            cert,
            "--tls-key",
            key,
            "--xds-token-file",
            &proxies,
            "--http-token-file",
            &operators,
            "--history",
            history.path().to_str().unwrap(),
        ],
    );
    eventually("it serves", async || control.output().contains(" serving ")).await;
    let own = format!(
        "admin: {{ address: $ADMIN, token_file: {admin} }}\naccess_log: {{ format: json }}\n\
         identity: {{ cert: {}, key: {}, ca: {ca} }}\nlisteners: []\n",
        edge.cert.display(),
        edge.key.display()
    );
    let xds = format!("https://{}", control.xds);
    let proxy = Proxy::spawn(
        own,
        &[
            "--control",
            &xds,
            "--control-ca",
            &ca,
            "--control-token-file",
            &proxies,
            "--cache-dir",
            cache.path().to_str().unwrap(),
        ],
        &[("OUTRIGGER_LOG", "debug")],
    );
    let ask = async |path: &str, token: &str, method: Method| {
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header("host", proxy.admin.to_string())
            .header("authorization", format!("Bearer {token}"));
        let mut client = Client::try_http1(proxy.admin).await?;
        let reply = client
            .try_request(request.body(body::full("")).unwrap())
            .await
            .ok()?;
        planted.absent(path, &reply.body);
        planted.absent(path, format!("{:?}", reply.headers));
        Some(reply.status.as_u16())
    };
    eventually("it is ready", async || {
        ask("/ready", "", Method::GET).await == Some(200)
    })
    .await;
    for path in [
        "/",
        "/metrics",
        "/config",
        "/clusters",
        "/nowhere",
        "/drain",
    ] {
        assert_eq!(ask(path, UNKNOWN, Method::GET).await, Some(401));
        assert!(ask(path, ADMIN, Method::GET).await.is_some());
    }
    let dial = authority.dial().alpn(&["http/1.1"]);
    for path in [
        "/",
        "/metrics",
        "/tables",
        "/tables/edge",
        "/versions",
        "/proxies",
        "/endpoints",
        "/diff?from=1",
        "/nowhere",
    ] {
        for token in [OPERATORS, UNKNOWN] {
            let mut client = Client::tls(control.http, &dial).await.unwrap();
            let request = Request::get(path)
                .header("host", control.http.to_string())
                .header("authorization", format!("Bearer {token}"));
            let reply = client.request(request.body(body::full("")).unwrap()).await;
            assert_eq!(reply.status == 401, token == UNKNOWN, "{path}");
            planted.absent(path, &reply.body);
            planted.absent(path, format!("{:?}", reply.headers));
        }
    }
    // The files turn into what they should not be: each says so, and not what is in them.
    for name in ["proxies", "operators", "admin"] {
        put(name, &format!("{UNKNOWN} and more on the line"));
    }
    let swapped = fs::read(&server.key).unwrap();
    fs::write(&server.cert, &swapped).unwrap();
    fs::write(&edge.cert, &swapped).unwrap();
    eventually("all of it is noticed", async || {
        let _ = Client::tls(control.http, &dial).await;
        let _ = ask("/config", ADMIN, Method::GET).await;
        let told = control.output().contains("the old certificate serves on");
        told && proxy.output().contains("no token is known any more")
    })
    .await;
    eventually("the table is kept on the disk", async || {
        !files(cache.path()).is_empty()
    })
    .await;
    for (path, bytes) in files(cache.path()).into_iter().chain(files(history.path())) {
        planted.absent(&path, bytes);
    }
    // What any process of the machine sees of ours, which is also what a core file may be named after.
    for pid in [proxy.pid(), control.pid()] {
        for file in ["cmdline", "comm", "environ"] {
            planted.absent(file, fs::read(format!("/proc/{pid}/{file}")).unwrap());
        }
    }
    planted.absent("the proxy's output", proxy.output());
    planted.absent("the control plane's output", control.output());
}

#[tokio::test]
async fn a_secret_in_the_wrong_place_is_not_repeated() {
    let authority = Authority::new();
    let issued = authority.issue("server", &["localhost"]);
    let planted = Planted::with_keys(&[&issued.key]);
    let key = issued.key.to_str().unwrap();
    let text = fs::read_to_string(&issued.key)
        .unwrap()
        .replace('\n', "\\n");
    for table in [
        format!("admin: {{ address: $ADMIN, token: {ADMIN} }}\nlisteners: []\n"),
        format!("admin: {{ address: $ADMIN, token_file: {key} }}\nlisteners: []\n"),
        format!(
            "admin: {{ address: $ADMIN, tls: {{ cert: {key}, key: {key} }} }}\nlisteners: []\n"
        ),
        format!(
            "admin: {{ address: $ADMIN, tls: {{ cert: a, key: \"{text}\" }} }}\nlisteners: []\n"
        ),
    ] {
        let refused = Proxy::spawn(table, &[], &[]).finished().await;
        assert_eq!(refused.code, Some(78), "{}", refused.output);
        planted.absent("what it says", &refused.output);
    }
}
