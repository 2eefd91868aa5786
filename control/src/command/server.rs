//! A running control plane, asked over its HTTP API.

use std::{fmt, time::Duration};

use http::{HeaderValue, Method, StatusCode, header};
use outrigger_entrance::{Caller, Mistake, provider};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use ureq::{
    Agent, Body,
    http::Response,
    tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig},
};

use super::failure::Failure;

/// A control plane that does not take the connection within this is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait for an answer: validating the largest tables takes seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Largest answer in bytes: endpoints of the whole mesh, with room.
const LARGEST: u64 = 256 << 20;

/// Where it is, and how it is spoken to.
pub struct Server {
    url: String,
    agent: Agent,
    authorization: Option<HeaderValue>,
}

/// What it answered, when that was no error.
pub struct Reply {
    /// Of success.
    pub status: StatusCode,
    /// Of the table that was read, without its quotes.
    pub etag: Option<String>,
    /// The body.
    pub text: String,
}

impl Reply {
    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.text)
            .map_err(|error| Failure::unavailable(format!("the answer is not understood: {error}")))
    }
}

impl Server {
    /// At `url`, as `caller`; a bare `host:port` will do.
    ///
    /// # Errors
    /// When what it is to be shown is not there, or would be shown to others, too.
    pub fn new(url: &str, caller: &Caller) -> Result<Self, Failure> {
        let scheme = if url.contains("://") { "" } else { "http://" };
        let url = format!("{scheme}{}", url.trim_end_matches('/'));
        caller
            .keeps_its_token(&url)
            .map_err(|mistake| Failure::mistake(&mistake))?;
        let files = |mistake: Mistake| Failure::mistake(&mistake);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // A control plane is near; a proxy for the internet would not find it.
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("outrigger-control/", env!("CARGO_PKG_VERSION")));
        let config = match url.starts_with("https://") {
            true => config.tls_config(tls(caller).map_err(files)?),
            false => config,
        };
        Ok(Self {
            url,
            agent: config.build().new_agent(),
            authorization: caller.authorization().map_err(files)?,
        })
    }

    /// GETs `path`.
    ///
    /// # Errors
    /// When it can't be reached, or refuses.
    pub fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.ask(&Question::of(Method::GET, path))?.ensure_good()
    }

    /// As [`Server::get`], as people read it.
    ///
    /// # Errors
    /// When it can't be reached, or refuses.
    pub fn get_text(&self, path: &str) -> Result<Reply, Failure> {
        let question = Question::of(Method::GET, path);
        self.ask(&question.for_people())?.ensure_good()
    }

    /// As [`Server::get`], of what may not be there.
    ///
    /// # Errors
    /// When it can't be reached, or refuses.
    pub fn find(&self, path: &str) -> Result<Option<Reply>, Failure> {
        let answer = self.ask(&Question::of(Method::GET, path))?;
        match answer.0.status {
            StatusCode::NOT_FOUND => Ok(None),
            _ => answer.ensure_good().map(Some),
        }
    }

    /// POSTs to `path`, nothing.
    ///
    /// # Errors
    /// When it can't be reached, or refuses.
    pub fn post(&self, path: &str) -> Result<Reply, Failure> {
        self.ask(&Question::of(Method::POST, path))?.ensure_good()
    }

    /// As [`Server::post`], with an answer as people read it.
    ///
    /// # Errors
    /// When it can't be reached, or refuses.
    pub fn post_text(&self, path: &str) -> Result<Reply, Failure> {
        let question = Question::of(Method::POST, path);
        self.ask(&question.for_people())?.ensure_good()
    }

    /// POSTs `body` to `path`.
    ///
    /// # Errors
    /// When it can't be reached, or refuses.
    pub fn post_json(&self, path: &str, body: &impl Serialize) -> Result<Reply, Failure> {
        let question = Question {
            // Of our own types none can't be written.
            body: serde_json::to_string(body).unwrap_or_default(),
            ..Question::of(Method::POST, path)
        };
        self.ask(&question)?.ensure_good()
    }

    fn ask(&self, question: &Question<'_>) -> Result<Answer, Failure> {
        let wrong = |error: http::Error| Failure::usage(format!("`{}`: {error}", self.url));
        let unreachable = |error: ureq::Error| self.unreachable(&error);
        let request = question.request(&self.url);
        let request = match &self.authorization {
            Some(token) => request.header(header::AUTHORIZATION, token),
            None => request,
        };
        let response = match question.method {
            Method::GET => {
                let request = request.body(()).map_err(wrong)?;
                self.agent.run(request)
            }
            _ => {
                let request = request.body(question.body.as_str()).map_err(wrong)?;
                self.agent.run(request)
            }
        };
        read(response.map_err(unreachable)?).map_err(unreachable)
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let failure =
            Failure::unavailable(format!("no control plane answers at {}: {error}", self.url));
        failure.hint(
            "`outrigger-control --config FILE_OR_DIR` starts one; `--server URL` or OUTRIGGER_SERVER says where it is",
        )
    }
}

/// What is believed and shown.
fn tls(caller: &Caller) -> Result<TlsConfig, Mistake> {
    let owned = |der: &[u8]| Certificate::from_der(der).to_owned();
    let roots: Vec<_> = caller.anchors()?.iter().map(|der| owned(der)).collect();
    let shown = caller.certificate()?;
    // A key that could not be read would have been a mistake by now.
    let shown = shown.and_then(|(chain, key)| {
        let chain: Vec<_> = chain.iter().map(|der| owned(der)).collect();
        let key = PrivateKey::from_pem(&key).ok()?;
        Some(ClientCert::new_with_certs(&chain, key))
    });
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        .client_cert(shown)
        .unversioned_rustls_crypto_provider(provider())
        .build())
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// A request.
struct Question<'q> {
    method: Method,
    path: &'q str,
    accept: &'static str,
    body: String,
}

impl<'q> Question<'q> {
    fn of(method: Method, path: &'q str) -> Self {
        Self {
            method,
            path,
            accept: "application/json",
            body: String::new(),
        }
    }

    fn for_people(self) -> Self {
        let accept = "text/plain";
        Self { accept, ..self }
    }

    fn request(&self, url: &str) -> http::request::Builder {
        let request = http::Request::builder()
            .method(&self.method)
            .uri(format!("{url}{}", self.path))
            .header(header::ACCEPT, self.accept);
        match self.body.as_str() {
            "" => request,
            _ => request.header(header::CONTENT_TYPE, "application/json"),
        }
    }
}

/// A response of any status.
struct Answer(Reply);

impl Answer {
    fn ensure_good(self) -> Result<Reply, Failure> {
        let Self(reply) = self;
        if reply.status.is_success() {
            return Ok(reply);
        }
        let said: Value = serde_json::from_str(&reply.text).unwrap_or_default();
        Err(Failure::answered(reply.status, &said))
    }
}

fn read(response: Response<Body>) -> Result<Answer, ureq::Error> {
    let (head, body) = response.into_parts();
    let etag = head.headers.get(header::ETAG);
    let etag = etag.and_then(|etag| etag.to_str().ok());
    let etag = etag.map(|etag| etag.trim_matches('"').to_owned());
    let body = body.into_with_config().limit(LARGEST);
    Ok(Answer(Reply {
        status: head.status,
        etag,
        text: body.read_to_string()?,
    }))
}
