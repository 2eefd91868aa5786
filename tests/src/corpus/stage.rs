//! Between a raw client and a raw endpoint: one conversation after the other, with whatever proxy listens there.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::timeout;

use super::{Answer, Case, Message, Step, bytes::shown, read};
use crate::{Raw, RawEndpoint};

/// The endpoint, and all that it has seen.
#[derive(Debug)]
pub struct Stage {
    endpoint: RawEndpoint,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The conversations so far.
    number: usize,
    /// Those of which a part may come to the endpoint, and late.
    cut: Vec<usize>,
    /// What the next request is answered, if that is not the usual.
    answer: Option<Answer>,
    seen: Vec<(usize, Seen)>,
}

/// What an endpoint saw.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A request.
    Message(Message),
    /// The beginning of one, and the end of the connection.
    Part(String),
    /// What is none.
    Garbage(String),
}

/// What the client got.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Which conversation it was.
    pub number: usize,
    /// Responses, without those that go before one.
    pub replies: Vec<Message>,
    /// What followed them and is no response, or only the beginning of one.
    pub rest: Vec<u8>,
    /// What is wrong with that, if it is not merely incomplete.
    pub fault: Option<String>,
    /// The proxy hung up before the client did.
    pub closed: bool,
}

impl Stage {
    /// Puts an endpoint there.
    pub async fn open() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let endpoint = RawEndpoint::serve(move |raw, _| serve(raw, Arc::clone(&shared))).await;
        Self { endpoint, state }
    }

    /// Where the endpoint listens.
    pub fn endpoint(&self) -> SocketAddr {
        self.endpoint.address
    }

    /// What the endpoint saw of a conversation.
    pub fn seen(&self, number: usize) -> Vec<Seen> {
        let state = lock(&self.state);
        let from_before = |seen: &Seen| {
            matches!(seen, Seen::Part(_)) && state.cut.iter().any(|cut| cut + 1 == number)
        };
        let of_it = state
            .seen
            .iter()
            .filter(|(of, seen)| *of == number && !from_before(seen));
        of_it.map(|(_, seen)| seen.clone()).collect()
    }

    /// Has the client of `case` talk to `proxy`. A proxy that says nothing for `quiet` has nothing more to say.
    pub async fn play(&self, proxy: SocketAddr, case: &Case, quiet: Duration) -> Outcome {
        let number = {
            let mut state = lock(&self.state);
            state.number += 1;
            state.answer.clone_from(&case.answer);
            let number = state.number;
            if case.may_leave_a_part() {
                state.cut.push(number);
            }
            number
        };
        let mut raw = Raw::connect(proxy).await;
        let _ = timeout(quiet, raw.write(case.sent())).await;
        if case.ends {
            raw.finish().await;
        }
        let mut heard = Heard::of(case);
        // What is refused is waited for to its end, unless more is answered than there should be.
        let most = heard.wanted + usize::from(case.is_hostile());
        let waits = |heard: &Heard| heard.outcome.replies.len() < most;
        let mut ended = false;
        while !ended && waits(&heard) {
            match timeout(quiet, raw.read_some()).await {
                Ok(bytes) => ended = heard.take(&bytes),
                Err(_) => break,
            }
        }
        heard.outcome.closed = ended;
        raw.finish().await;
        while !ended {
            match timeout(quiet, raw.read_some()).await {
                Ok(bytes) => ended = heard.take(&bytes),
                Err(_) => break,
            }
        }
        heard.outcome.number = number;
        heard.outcome
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A client's ear.
struct Heard {
    /// The methods of its requests.
    methods: Vec<String>,
    /// How many replies there should be.
    wanted: usize,
    outcome: Outcome,
}

impl Heard {
    fn of(case: &Case) -> Self {
        let silent = |step: &&Step| matches!(step, Step::CutOff(None) | Step::BrokenOff(..));
        Self {
            methods: requests(&case.request)
                .iter()
                .map(|request| request.method().to_owned())
                .collect(),
            wanted: case.steps.len()
                + case.steps.iter().filter(silent).count() * case.request.len(),
            outcome: Outcome::default(),
        }
    }

    /// Takes in what came; true if that was the end.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let ended = bytes.is_empty();
        let outcome = &mut self.outcome;
        outcome.rest.extend_from_slice(bytes);
        while !outcome.rest.is_empty() && outcome.fault.is_none() {
            let method = self.methods.get(outcome.replies.len());
            let method = method.map_or("GET", String::as_str);
            match read::response(&outcome.rest, method, ended) {
                Ok(Some((message, length))) => {
                    outcome.rest.drain(..length);
                    if !message.is_interim() {
                        outcome.replies.push(message);
                    }
                }
                Ok(None) => break,
                Err(fault) => outcome.fault = Some(fault),
            }
        }
        ended
    }
}

/// The requests that a strict reader finds in what a client sends.
pub(super) fn requests(mut bytes: &[u8]) -> Vec<Message> {
    let mut found = Vec::new();
    while let Ok(Some((message, length))) = read::request(bytes) {
        found.push(message);
        bytes = &bytes[length..];
    }
    found
}

/// A connection to the endpoint.
async fn serve(mut raw: Raw, state: Arc<Mutex<State>>) {
    let mut bytes = Vec::new();
    let (mut number, mut hailed) = (0, false);
    loop {
        match read::request(&bytes) {
            Ok(Some((message, length))) => {
                bytes.drain(..length);
                let method = message.method().to_owned();
                note(&state, number, Seen::Message(message));
                number = lock(&state).number;
                let answer = lock(&state).answer.take();
                // What was answered early has had its answer.
                let usual = std::mem::take(&mut hailed) && answer.is_none();
                if !usual && !reply(&mut raw, answer, &method).await {
                    return;
                }
                continue;
            }
            Ok(None) if ends_a_head(&bytes) && !hailed => {
                hailed = hail(&mut raw, &bytes, &state).await;
            }
            Ok(None) => {}
            Err(fault) => {
                let garbage = format!("{fault}: {}", shown(&bytes));
                return note(&state, number, Seen::Garbage(garbage));
            }
        }
        let more = raw.read_some().await;
        if more.is_empty() {
            if !bytes.is_empty() {
                note(&state, number, Seen::Part(shown(&bytes)));
            }
            return;
        }
        if bytes.is_empty() {
            number = lock(&state).number;
        }
        bytes.extend_from_slice(&more);
    }
}

fn note(state: &Mutex<State>, number: usize, seen: Seen) {
    lock(state).seen.push((number, seen));
}

fn ends_a_head(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|window| window == b"\r\n\r\n")
}

/// Says what there is to say before a request's body has come; true: that was all.
async fn hail(raw: &mut Raw, bytes: &[u8], state: &Mutex<State>) -> bool {
    let early = lock(state).answer.take_if(|answer| answer.early);
    if let Some(early) = early {
        raw.write(&early.bytes).await;
        return true;
    }
    let head = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    if head.contains("\r\nexpect: 100-continue\r\n") {
        raw.write("HTTP/1.1 100 Continue\r\n\r\n").await;
    }
    false
}

/// Answers a request; false: and hangs up.
async fn reply(raw: &mut Raw, answer: Option<Answer>, method: &str) -> bool {
    let Some(answer) = answer else {
        let body = if method == "HEAD" { "" } else { "ok" };
        raw.write(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{body}"
        ))
        .await;
        return true;
    };
    raw.write(&answer.bytes).await;
    !answer.closes
}
