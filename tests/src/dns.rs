//! A name server small enough to misbehave on command: UDP, one question a query (RFC 1035, 4).

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::{net::UdpSocket, task::JoinSet};

const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const SERVER_FAILURE: u8 = 2;
const NO_SUCH_NAME: u8 = 3;

/// What a name is answered with.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Addresses, for A and AAAA by their kind, and their TTL in seconds.
    Addresses(Vec<IpAddr>, u32),
    /// For SRV: priority, weight, port, target of each, and the TTL in seconds.
    Services(Vec<(u16, u16, u16, String)>, u32),
    /// NXDOMAIN.
    NoSuchName,
    /// SERVFAIL.
    Failure,
    /// Nothing at all.
    Silence,
}

/// A name server on loopback; names that were not told to it do not exist.
#[derive(Debug)]
pub struct DnsServer {
    /// Where it is asked.
    pub address: SocketAddr,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    queries: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

impl DnsServer {
    /// Starts to answer.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let answers = Arc::new(Mutex::new(HashMap::new()));
        let queries = Arc::new(AtomicUsize::new(0));
        let (book, count) = (answers.clone(), queries.clone());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                count.fetch_add(1, Relaxed);
                if let Some(reply) = reply(&buffer[..length], &book) {
                    let _ = socket.send_to(&reply, from).await;
                }
            }
        });
        Self {
            address,
            answers,
            queries,
            _task: task,
        }
    }

    /// From now on `name` is answered so.
    pub fn set(&self, name: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(name.to_owned(), answer);
    }

    /// `name` has these addresses for `ttl` seconds.
    pub fn set_addresses(&self, name: &str, ttl: u32, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap());
        self.set(name, Answer::Addresses(addresses.collect(), ttl));
    }

    /// How often it was asked.
    pub fn queries(&self) -> usize {
        self.queries.load(Relaxed)
    }
}

fn reply(query: &[u8], book: &Mutex<HashMap<String, Answer>>) -> Option<Vec<u8>> {
    let (name, kind, end) = question(query)?;
    let answer = book
        .lock()
        .unwrap()
        .get(&name)
        .cloned()
        .unwrap_or(Answer::NoSuchName);
    let (code, ttl, records) = match answer {
        Answer::Addresses(addresses, ttl) => (
            0,
            ttl,
            addresses
                .iter()
                .filter_map(|ip| address_record(kind, ip))
                .collect(),
        ),
        Answer::Services(services, ttl) if kind == SRV => {
            (0, ttl, services.iter().map(service_record).collect())
        }
        Answer::Services(..) => (0, 0, Vec::new()),
        Answer::NoSuchName => (NO_SUCH_NAME, 0, Vec::new()),
        Answer::Failure => (SERVER_FAILURE, 0, Vec::new()),
        Answer::Silence => return None,
    };
    let records: Vec<Vec<u8>> = records;
    let mut reply = query[..2].to_vec();
    // A response, authoritative, recursion as desired and available.
    reply.extend([0x84 | (query[2] & 1), 0x80 | code, 0, 1]);
    reply.extend(u16::try_from(records.len()).ok()?.to_be_bytes());
    reply.extend([0; 4]);
    reply.extend(&query[12..end]);
    for record in records {
        // The name is a pointer to the question; class IN.
        reply.extend([0xc0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1]);
        reply.extend(ttl.to_be_bytes());
        reply.extend(u16::try_from(record.len()).ok()?.to_be_bytes());
        reply.extend(record);
    }
    Some(reply)
}

/// The question's name (lower case, no final dot), its type, and where it ends.
fn question(query: &[u8]) -> Option<(String, u16, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
    Some((labels.join("."), kind, at + 4))
}

fn address_record(kind: u16, address: &IpAddr) -> Option<Vec<u8>> {
    match (kind, address) {
        (A, IpAddr::V4(address)) => Some(address.octets().to_vec()),
        (AAAA, IpAddr::V6(address)) => Some(address.octets().to_vec()),
        _ => None,
    }
}

fn service_record((priority, weight, port, target): &(u16, u16, u16, String)) -> Vec<u8> {
    let mut record: Vec<u8> = [priority, weight, port]
        .iter()
        .flat_map(|part| part.to_be_bytes())
        .collect();
    for label in target.split('.') {
        record.push(u8::try_from(label.len()).expect("a label is short"));
        record.extend(label.as_bytes());
    }
    record.push(0);
    record
}
