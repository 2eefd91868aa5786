//! The ports that are not for traffic: who gets in at the control plane and at the admin server, and who does not.

mod admin;
mod taken_away;

use http::{Request, StatusCode};
use outrigger_tests::{
    Authority, Client, Control, Dial, Endpoint, Proxy, body, eventually, free_address, get,
    outrigger_control,
};
use tempfile::TempDir;

const FLAG: &str = "--insecure-open-ports-i-know-what-this-means";
const EDGE: &str = "spiffe://example.org/ns/mesh/sa/edge";
const WEB: &str = "spiffe://example.org/ns/shop/sa/web";
const OPERATOR: &str = "spiffe://example.org/ops/ann";
const PROXY_TOKEN: &str = "proxies-0123456789abcdef";
const OPERATOR_TOKEN: &str = "operators-fedcba9876543210";

/// An authority, a certificate of its for this machine, and two files of tokens.
struct Keys {
    authority: Authority,
    directory: TempDir,
}

impl Keys {
    fn new() -> Self {
        let keys = Self {
            authority: Authority::new(),
            directory: TempDir::new().unwrap(),
        };
        keys.authority
            .issue("server", &["localhost", "127.0.0.1", "control.mesh"]);
        keys.put("proxies.token", PROXY_TOKEN);
        keys.put("operators.token", OPERATOR_TOKEN);
        keys
    }

    fn put(&self, name: &str, text: &str) {
        let new = self.directory.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.directory.path().join(name)).unwrap();
    }

    fn file(&self, name: &str) -> String {
        let path = match name.contains("token") {
            true => self.directory.path().join(name),
            false => self.authority.path(name),
        };
        path.to_str().unwrap().to_owned()
    }

    fn tls(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        for (flag, file) in [
            ("--tls-cert", "server.crt"),
            ("--tls-key", "server.key"),
            ("--client-ca", "ca.crt"),
        ] {
            arguments.extend([flag.to_owned(), self.file(file)]);
        }
        arguments
    }

    fn dial(&self) -> Dial {
        // As curl does.
        self.authority.dial().alpn(&["h2", "http/1.1"])
    }

    fn dial_as(&self, stem: &str, id: &str) -> Dial {
        let shown = self.authority.issue(stem, &[id]);
        self.dial().show(&shown)
    }
}

async fn start(tables: &[(&str, &str)], arguments: &[String]) -> Control {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let control = Control::spawn(tables, &arguments);
    eventually("it serves", async || control.output().contains(" serving ")).await;
    control
}

fn bearer(token: &str) -> [(&'static str, String); 1] {
    [("authorization", format!("Bearer {token}"))]
}

async fn status(control: &Control, dial: &Dial, path: &str, token: Option<&str>) -> StatusCode {
    let mut client = Client::tls(control.http, dial).await.unwrap();
    let headers = token.map(bearer);
    let headers: Vec<_> = headers
        .iter()
        .flatten()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let mut headers = headers;
    let host = control.http.to_string();
    headers.push(("host", &host));
    let request = Request::get(path);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    client
        .request(request.body(body::full("")).unwrap())
        .await
        .status
}

#[tokio::test]
async fn beyond_loopback_nothing_is_opened_without_tls_and_a_credential() {
    let keys = Keys::new();
    let refused = async |arguments: &[&str], parts: &[&str]| {
        let control = Control::spawn(&[], arguments);
        let finished = control.finished().await;
        assert_eq!(finished.code, Some(78), "{}", finished.output);
        for part in parts {
            assert!(
                finished.output.contains(part),
                "no `{part}` in {}",
                finished.output
            );
        }
    };
    let everywhere = ["--xds", "--http"].map(|port| [port, "0.0.0.0:0"]);
    for (port, other) in [
        (everywhere[0], "--xds-token-file"),
        (everywhere[1], "--http-token-file"),
    ] {
        let neither = [
            "it has neither TLS nor a credential",
            "hint: give --tls-cert",
            FLAG,
        ];
        refused(&port, &neither).await;
        let token = keys.file("proxies.token");
        refused(
            &[port[0], port[1], other, &token],
            &["a credential in cleartext is soon everybody's"],
        )
        .await;
        let tls = keys.tls();
        let mut arguments: Vec<&str> = tls.iter().map(String::as_str).collect();
        arguments.extend(port);
        refused(&arguments, &["it asks for no credential"]).await;
    }
    let tls = keys.tls();
    let mut unused: Vec<&str> = tls.iter().map(String::as_str).collect();
    refused(&unused, &["--client-ca vouches", "hint: say who is"]).await;
    unused.truncate(4);
    refused(&unused, &["--tls-cert is shown by no port"]).await;
    let open = Control::spawn(&[], &["--http", "0.0.0.0:0", "--xds", "[::]:0", FLAG]);
    eventually("it serves all the same", async || {
        open.output().contains(" serving ")
    })
    .await;
}

#[tokio::test]
async fn the_api_lets_in_operators_by_certificate_or_token_and_nobody_else() {
    let keys = Keys::new();
    let mut arguments = keys.tls();
    arguments.extend([
        "--http-allow-identity".to_owned(),
        "spiffe://example.org/ops/*".to_owned(),
    ]);
    arguments.extend(["--http-token-file".to_owned(), keys.file("operators.token")]);
    let control = start(&[("shop", "clusters: {}\n")], &arguments).await;
    let (nobody, ann) = (keys.dial(), keys.dial_as("ann", OPERATOR));
    let web = keys.dial_as("web", WEB);
    for (dial, token, expected) in [
        (&nobody, None, 401),
        (&nobody, Some("operators-fedcba987654321"), 401),
        (&nobody, Some(PROXY_TOKEN), 401),
        (&nobody, Some(OPERATOR_TOKEN), 200),
        (&web, None, 403),
        (&web, Some(OPERATOR_TOKEN), 200),
        (&ann, None, 200),
    ] {
        let answer = status(&control, dial, "/tables", token).await;
        assert_eq!(answer.as_u16(), expected, "{token:?}");
    }
    // Probes have nothing to show, and learn nothing.
    assert_eq!(status(&control, &nobody, "/live", None).await, 200);
    assert_eq!(status(&control, &nobody, "/ready", None).await, 200);
    assert_eq!(status(&control, &nobody, "/metrics", None).await, 401);
    // A certificate of another authority is none; cleartext is not spoken.
    let elsewhere = Authority::new();
    let stranger = elsewhere.issue("ann", &[OPERATOR]);
    let dial = keys.dial().show(&stranger);
    let refused = match Client::tls(control.http, &dial).await {
        Ok(mut client) => client.try_request(get("/tables")).await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert!(refused.is_err());
    let mut plain = Client::http1(control.http).await;
    assert!(plain.try_request(get("/tables")).await.is_err());
    // A token that is changed is another, and the old one is nobody's.
    let new = "operators-brand-new-0123456789";
    keys.put("operators.token", new);
    assert_eq!(status(&control, &nobody, "/tables", Some(new)).await, 200);
    assert_eq!(
        status(&control, &nobody, "/tables", Some(OPERATOR_TOKEN)).await,
        401
    );
    // So is the certificate of the port, for who dials anew.
    let renewed = keys.authority.issue("server", &["localhost", "127.0.0.1"]);
    eventually("the new certificate is shown", async || {
        let stream = nobody.connect(control.http).await.unwrap();
        let shown = stream.get_ref().1.peer_certificates().unwrap();
        renewed.holds(&shown[0])
    })
    .await;
    // A bad one is told, and the one before serves on.
    std::fs::write(&renewed.cert, "nonsense").unwrap();
    eventually("the mistake is told", async || {
        let answer = status(&control, &nobody, "/tables", Some(new)).await;
        assert_eq!(answer, 200);
        control.output().contains("the old certificate serves on")
    })
    .await;
}

#[tokio::test]
async fn commands_show_a_token_or_a_certificate() {
    let keys = Keys::new();
    let mut arguments = keys.tls();
    arguments.extend(["--http-allow-identity".to_owned(), OPERATOR.to_owned()]);
    arguments.extend(["--http-token-file".to_owned(), keys.file("operators.token")]);
    let control = start(&[("shop", "clusters: {}\n")], &arguments).await;
    keys.authority.issue("ann", &[OPERATOR]);
    let run = async |arguments: &[String]| {
        let mut command = outrigger_control();
        let port = control.http.port();
        command
            .args(["versions", "--server", &format!("https://localhost:{port}")])
            .args(arguments);
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        let finished: outrigger_tests::Finished = run.await.unwrap().into();
        finished
    };
    let with = |pairs: &[(&str, &str)]| -> Vec<String> {
        let pairs = pairs.iter();
        pairs
            .flat_map(|(flag, file)| [(*flag).to_owned(), keys.file(file)])
            .collect()
    };
    let token = run(&with(&[
        ("--ca", "ca.crt"),
        ("--token-file", "operators.token"),
    ]))
    .await;
    assert_eq!(token.code, Some(0), "{}", token.output);
    let shown = [
        ("--ca", "ca.crt"),
        ("--cert", "ann.crt"),
        ("--key", "ann.key"),
    ];
    let certificate = run(&with(&shown)).await;
    assert_eq!(certificate.code, Some(0), "{}", certificate.output);
    let nothing = run(&with(&[("--ca", "ca.crt")])).await;
    assert!(
        nothing.output.contains("a credential is needed"),
        "{}",
        nothing.output
    );
    assert_ne!(nothing.code, Some(0));
    let strange = run(&with(&[("--token-file", "operators.token")])).await;
    assert_eq!(strange.code, Some(69), "{}", strange.output);
    // Not in cleartext to another machine.
    let mut far = outrigger_control();
    far.args(["versions", "--server", "http://192.0.2.1:4181"])
        .args(["--token-file", &keys.file("operators.token")]);
    let far: outrigger_tests::Finished = far.output().unwrap().into();
    assert_eq!(far.code, Some(78));
    assert!(far.output.contains("in cleartext"), "{}", far.output);
}

#[tokio::test]
async fn a_proxy_gets_the_tables_that_its_certificate_may_see_whatever_it_says() {
    let keys = Keys::new();
    let app = Endpoint::named("app").await;
    let (shared, secret) = (free_address(), free_address());
    let everybody = format!(
        "listeners: [{{ name: shared, address: {shared}, routes: [{{ filters: [{{ respond: {{ body: shared }} }}] }}] }}]\n"
    );
    let edge_only = format!(
        "proxies: {{ identity: [\"{EDGE}\"] }}\nlisteners: [{{ name: secret, address: {secret}, routes: [{{ cluster: app }}] }}]\nclusters: {{ app: {{ endpoints: [{app}] }} }}\n"
    );
    let mut arguments = keys.tls();
    arguments.extend([
        "--xds-allow-identity".to_owned(),
        "spiffe://example.org/ns/*".to_owned(),
    ]);
    let tables = [
        ("everybody", everybody.as_str()),
        ("edge", edge_only.as_str()),
    ];
    let control = start(&tables, &arguments).await;
    for (stem, id) in [("edge", EDGE), ("web", WEB), ("ann", OPERATOR)] {
        keys.authority.issue(stem, &[id]);
    }
    let proxy = |stem: &str| {
        let files = [
            ("--control-ca", "ca.crt".to_owned()),
            ("--control-cert", format!("{stem}.crt")),
            ("--control-key", format!("{stem}.key")),
        ];
        let mut arguments: Vec<String> = Vec::new();
        for (flag, file) in files {
            arguments.extend([flag.to_owned(), keys.file(&file)]);
        }
        // A lie.
        arguments.extend(["--label".to_owned(), format!("identity={EDGE}")]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Proxy::controlled(&[control.xds], &arguments)
    };
    let config = async |proxy: &Proxy| proxy.admin_get("/config").await.text().to_owned();
    let mut web = proxy("web");
    web.becomes_ready().await;
    let seen = config(&web).await;
    assert!(
        seen.contains("shared") && !seen.contains("secret"),
        "{seen}"
    );
    drop(web);
    let mut edge = proxy("edge");
    edge.becomes_ready().await;
    eventually("the table of its identity is there", async || {
        config(&edge).await.contains("secret")
    })
    .await;
    let mut client = Client::http1(secret).await;
    assert_eq!(client.get("/").await.text(), "app");
    // The operator of the API has no business here.
    let ann = proxy("ann");
    eventually("it is told why it gets nothing", async || {
        let output = ann.output();
        output.contains("PermissionDenied") && output.contains("may not come in here")
    })
    .await;
    let listed = control.get("/proxies").await.text().to_owned();
    assert!(listed.contains(EDGE), "{listed}");
}

#[tokio::test]
async fn a_proxy_shows_a_token_over_tls_and_one_without_gets_nothing() {
    let keys = Keys::new();
    let address = free_address();
    let table = format!(
        "listeners: [{{ name: edge, address: {address}, routes: [{{ filters: [{{ respond: {{ body: here }} }}] }}] }}]\n"
    );
    let mut arguments = keys.tls();
    arguments.truncate(4);
    arguments.extend(["--xds-token-file".to_owned(), keys.file("proxies.token")]);
    let control = start(&[("edge", &table)], &arguments).await;
    let ca = keys.file("ca.crt");
    let nobody = Proxy::controlled(&[control.xds], &["--control-ca", &ca]);
    eventually("it is told what is missing", async || {
        nobody.output().contains("a credential is needed: a token")
    })
    .await;
    let cleartext = Proxy::controlled(&[control.xds], &[]);
    eventually("no cleartext is spoken", async || {
        cleartext.output().contains("no control plane")
    })
    .await;
    let token = keys.file("proxies.token");
    let mut proxy = Proxy::controlled(
        &[control.xds],
        &["--control-ca", &ca, "--control-token-file", &token],
    );
    proxy.becomes_ready().await;
    assert_eq!(Client::http1(address).await.get("/").await.text(), "here");
    // A server that is not who it should be is not shown the token.
    let stranger = Authority::new();
    let other = stranger.ca();
    let other = other.to_str().unwrap();
    let careful = Proxy::controlled(
        &[control.xds],
        &["--control-ca", other, "--control-token-file", &token],
    );
    eventually("it says why", async || {
        careful.output().contains("no TLS: ")
    })
    .await;
    let far = Proxy::controlled(
        &["192.0.2.1:4180".parse().unwrap()],
        &["--control-token-file", &token],
    );
    let finished = far.finished().await;
    assert_eq!(finished.code, Some(78), "{}", finished.output);
    assert!(
        finished.output.contains("in cleartext"),
        "{}",
        finished.output
    );
}
