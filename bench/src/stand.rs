//! A test stand: sample endpoints, and one proxy in front of them doing one job.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::sleep,
};

use crate::{
    job::{Handshakes, Job, Transport, Way},
    load::{Fleet, Pace, Plan, Target},
    peer::{Peer, Setup, Wire},
    process::{Process, free_address},
    tls::{Certificates, Dial},
};

/// How long a proxy may take to its first 200; under callgrind it starts fifty times slower.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Between two attempts at the first 200: the resolution of the start time. Shorter would take the core away
/// from the proxy that starts on it.
const START_POLL: Duration = Duration::from_millis(1);

/// Sample endpoints, each a process.
pub struct Endpoints {
    processes: Vec<Process>,
    /// Where they listen.
    pub addresses: Vec<SocketAddr>,
}

impl Endpoints {
    /// Starts one endpoint for each list of flags (see `outrigger-bench endpoint --help`).
    pub async fn start(flags: &[&[&str]]) -> Result<Self> {
        let program = std::env::current_exe()?.display().to_string();
        let mut endpoints = Self {
            processes: Vec::new(),
            addresses: Vec::new(),
        };
        for flags in flags {
            let mut command = vec![program.clone(), "endpoint".to_owned()];
            command.extend(flags.iter().map(|&flag| flag.to_owned()));
            let mut process = Process::piped(&command)?;
            let stdout = process.stdout().context("no pipe")?;
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).await?;
            let address = line.trim().strip_prefix("listening on ");
            let address = address.with_context(|| format!("an endpoint said `{line}`"))?;
            endpoints.addresses.push(address.parse()?);
            endpoints.processes.push(process);
        }
        Ok(endpoints)
    }

    /// Their process ids, in order.
    pub fn ids(&self) -> Result<Vec<u32>> {
        self.processes.iter().map(Process::id).collect()
    }
}

/// A directory for the files of one run, removed when dropped.
pub fn scratch() -> Result<TempDir> {
    let directory = tempfile::Builder::new()
        .prefix("outrigger-bench-")
        .tempdir();
    directory.context("creating a temporary directory")
}

/// A proxy that serves, or the bare endpoint that `Peer::Direct` stands for.
pub struct Stand {
    peer: Peer,
    proxy: Option<Process>,
    /// The proxy behind it, of a pair.
    second: Option<Process>,
    job: Job,
    setup: Setup,
    directory: TempDir,
    /// Where to send requests.
    pub address: SocketAddr,
    /// Where the proxy's metrics are.
    pub admin: SocketAddr,
    /// The proxy's configuration.
    pub config: PathBuf,
    /// From its start to its first answer of status 200.
    pub start_time: Duration,
}

impl Stand {
    /// Starts `peer`, its command behind `wrapper` (empty, or valgrind and its flags), and waits until it serves.
    pub async fn start(
        peer: Peer,
        job: &Job,
        endpoints: &[SocketAddr],
        wrapper: &[String],
    ) -> Result<Self> {
        let directory = scratch()?;
        let secure = job.transport != Transport::Cleartext || job.way == Way::Pair;
        let certificates = secure.then(Certificates::new).transpose()?.map(Rc::new);
        let mut setup = Setup {
            address: free_address()?,
            admin: free_address()?,
            endpoints: endpoints.to_vec(),
            downstream: job.downstream,
            upstream: job.upstream,
            bytes: job.way == Way::Bytes,
            door: job.door,
            connections: job.connections,
            workers: job.workers,
            front: match job.transport {
                Transport::Cleartext => Wire::Cleartext,
                Transport::Tls(_) => Wire::Tls,
            },
            back: Wire::Cleartext,
            certificates,
            policy: job.policy,
            forbidden: job.forbidden,
            directory: directory.path().to_owned(),
        };
        let second = match job.way {
            Way::Pair => Self::start_second(peer, &mut setup)?,
            Way::Proxy | Way::Bytes => None,
        };
        let mut stand = Self {
            peer,
            proxy: None,
            second,
            job: *job,
            directory,
            address: setup.address,
            admin: setup.admin,
            config: setup.directory.join(peer.config_file()),
            setup,
            start_time: Duration::ZERO,
        };
        match peer.prepare(&stand.setup)? {
            None => stand.address = *endpoints.first().context("no endpoint")?,
            Some(command) => {
                let command = [wrapper, &command].concat();
                let started = Instant::now();
                let start = match peer.is_master(&stand.setup) {
                    true => Process::start_master,
                    false => Process::start,
                };
                stand.proxy = Some(start(&command, &stand.log())?);
                stand.until_it_serves(started).await?;
            }
        }
        Ok(stand)
    }

    /// The proxy beside the endpoints, of a pair; from then on `setup` is that of the one before it.
    fn start_second(peer: Peer, setup: &mut Setup) -> Result<Option<Process>> {
        let directory = setup.directory.join("second");
        fs::create_dir(&directory)?;
        let between = peer.between();
        let second = Setup {
            address: free_address()?,
            admin: free_address()?,
            endpoints: setup.endpoints.clone(),
            downstream: between,
            front: Wire::Mutual,
            certificates: setup.certificates.clone(),
            policy: None,
            directory: directory.clone(),
            ..*setup
        };
        setup.endpoints = vec![second.address];
        setup.upstream = between;
        setup.back = Wire::Mutual;
        let command = peer.prepare(&second)?;
        let start = |command: Vec<String>| Process::start(&command, &directory.join("output.log"));
        command.map(start).transpose()
    }

    /// The requests of this stand's job.
    pub(crate) fn target(&self) -> Result<Target> {
        self.target_of(&self.job)
    }

    fn target_of(&self, job: &Job) -> Result<Target> {
        let target = job.target(self.address)?;
        match (job.transport, &self.setup.certificates) {
            (Transport::Tls(handshakes), Some(certificates)) => {
                Ok(target.secured(certificates.dial(job.downstream, handshakes)?))
            }
            _ => Ok(target),
        }
    }

    /// How the proxy is called where it speaks TLS: each time as if it were the first.
    pub(crate) fn dial(&self) -> Result<Option<Dial>> {
        match (self.job.transport, &self.setup.certificates) {
            (Transport::Tls(_), Some(certificates)) => {
                let dial = certificates.dial(self.job.downstream, Handshakes::Full);
                dial.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Gives the proxy another list of endpoints while it serves; its policy must have announced that.
    pub fn rewrite(&mut self, endpoints: &[SocketAddr]) -> Result<()> {
        self.setup.endpoints = endpoints.to_vec();
        let signal = self.peer.rewrite(&self.setup)?;
        match (&self.proxy, signal) {
            (Some(proxy), Some(signal)) => proxy.signal(signal),
            _ => Ok(()),
        }
    }

    async fn until_it_serves(&mut self, started: Instant) -> Result<()> {
        let probe = Job {
            downstream: self.job.downstream,
            transport: self.job.transport,
            ..crate::job::SMALL_GET
        };
        let once = Plan {
            pace: Pace::Closed,
            duration: START_LIMIT,
            requests: Some(1),
        };
        loop {
            // Endpoints refuse nothing, so any failure here is the proxy's, not serving yet.
            let missing = match Fleet::connect(self.target_of(&probe)?, 1).await {
                Err(error) => error.to_string(),
                Ok(fleet) => {
                    let report = fleet.run(once).await?;
                    if report.succeeded == 1 {
                        self.start_time = started.elapsed();
                        return Ok(());
                    }
                    format!("{:?}", report.failures)
                }
            };
            let running = self.proxy.as_mut().map_or(Ok(()), Process::ensure_running);
            if let Err(error) = running {
                bail!("{error}: {}", self.last_words());
            }
            if started.elapsed() > START_LIMIT {
                bail!("does not serve, {missing}: {}", self.last_words());
            }
            sleep(START_POLL).await;
        }
    }

    /// The process ids of the proxy, or of both; none without a proxy.
    pub fn ids(&self) -> Result<Vec<u32>> {
        let proxies = self.proxy.iter().chain(&self.second);
        proxies.map(Process::id).collect()
    }

    /// A place for files of this run; it is removed with the stand.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Ends the proxy: SIGTERM where it has something to write first, SIGKILL where it has not.
    pub async fn stop(mut self, signal: Signal) -> Result<TempDir> {
        for proxy in self.proxy.take().into_iter().chain(self.second.take()) {
            proxy.stop(signal).await?;
        }
        Ok(self.directory)
    }

    fn log(&self) -> PathBuf {
        self.file("output.log")
    }

    /// The end of what the proxy printed.
    fn last_words(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(3)..].join(" / ")
    }
}
