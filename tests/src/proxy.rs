//! The real binary as a process, in a directory of its own.

use std::{
    fs,
    io::Read,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use http::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{Client, Metrics, Reply, eventually, free_address};

/// A running proxy; killed when dropped, and its output is shown if the test fails.
#[derive(Debug)]
pub struct Proxy {
    /// Where the table's `$LISTEN` listens.
    pub address: SocketAddr,
    /// Where its admin server listens.
    pub admin: SocketAddr,
    directory: TempDir,
    child: Child,
    output: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; `None`: ended by a signal.
    pub code: Option<i32>,
    /// Standard output and standard error as they came.
    pub output: String,
}

impl Proxy {
    /// Starts with this table and waits until `/ready` says 200.
    pub async fn start(table: impl Into<String>) -> Self {
        Self::start_with(table, &[]).await
    }

    /// As [`Proxy::start`], with more arguments.
    pub async fn start_with(table: impl Into<String>, arguments: &[&str]) -> Self {
        let mut proxy = Self::spawn(table, arguments, &[]);
        proxy.becomes_ready().await;
        proxy
    }

    /// Starts the process and waits for nothing.
    pub fn spawn(
        table: impl Into<String>,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let directory = TempDir::new().unwrap();
        let (address, admin) = (free_address(), free_address());
        fs::write(
            directory.path().join("outrigger.yaml"),
            filled(&table.into(), address, admin),
        )
        .unwrap();
        let mut command = outrigger();
        command
            .current_dir(&directory)
            .args(["--config", "outrigger.yaml"])
            .args(arguments);
        command.envs(environment.iter().copied());
        Self::launch(command, directory, address, admin)
    }

    /// Starts another process for the same addresses, with a directory of its own, and waits for nothing.
    pub fn beside(&self, table: impl Into<String>, arguments: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let table = filled(&table.into(), self.address, self.admin);
        fs::write(directory.path().join("outrigger.yaml"), table).unwrap();
        let mut command = outrigger();
        command
            .current_dir(&directory)
            .args(["--config", "outrigger.yaml"])
            .args(arguments);
        Self::launch(command, directory, self.address, self.admin)
    }

    /// Starts the process without a file, under these control planes, and waits for nothing. Where it listens is theirs to
    /// say: an address to say is reserved.
    pub fn controlled(servers: &[SocketAddr], arguments: &[&str]) -> Self {
        Self::controlled_at(free_address(), servers, arguments)
    }

    /// The same, with an address that was reserved before.
    pub fn controlled_at(address: SocketAddr, servers: &[SocketAddr], arguments: &[&str]) -> Self {
        let admin = free_address();
        let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
        let directory = TempDir::new().unwrap();
        let mut command = outrigger();
        command
            .current_dir(&directory)
            .args(["--control", &servers.join(","), "--node", "test"])
            .args(["--admin", &admin.to_string()])
            .args(arguments);
        Self::launch(command, directory, address, admin)
    }

    /// Starts with the file `data/outrigger.yaml` behind the two symbolic links that Kubernetes makes for a ConfigMap.
    pub async fn start_from_config_map(table: impl Into<String>) -> Self {
        let directory = TempDir::new().unwrap();
        let (address, admin) = (free_address(), free_address());
        swap_config_map(directory.path(), &filled(&table.into(), address, admin));
        let mut command = outrigger();
        command
            .current_dir(&directory)
            .args(["--config", "outrigger.yaml"]);
        let mut proxy = Self::launch(command, directory, address, admin);
        proxy.becomes_ready().await;
        proxy
    }

    fn launch(
        mut command: Command,
        directory: TempDir,
        address: SocketAddr,
        admin: SocketAddr,
    ) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let output = Arc::default();
        let readers = vec![
            gather(child.stdout.take().expect("piped"), &output),
            gather(child.stderr.take().expect("piped"), &output),
        ];
        Self {
            address,
            admin,
            directory,
            child,
            output,
            readers,
        }
    }

    /// Waits until `/ready` says 200; fails at once if the process ends.
    pub async fn becomes_ready(&mut self) {
        let admin = self.admin;
        eventually("the proxy is ready", async || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the proxy ended: {status}\n{}", self.output());
            }
            matches!(try_get(admin, "/ready").await, Some(reply) if reply.status == StatusCode::OK)
        })
        .await;
    }

    /// GETs a path of the admin server.
    pub async fn admin_get(&self, path: &str) -> Reply {
        let host = self.admin.to_string();
        let request = crate::get_with(path, &[("host", &host)]);
        Client::http1(self.admin).await.request(request).await
    }

    /// As [`Proxy::admin_get`], or `None` if nobody answers there.
    pub async fn try_admin_get(&self, path: &str) -> Option<Reply> {
        try_get(self.admin, path).await
    }

    /// Scrapes `/metrics`.
    pub async fn metrics(&self) -> Metrics {
        Metrics::parse(self.admin_get("/metrics").await.text())
    }

    /// Writes a new table (by renaming a new file over the old) and waits until `/config` shows another one than before.
    pub async fn reload(&self, table: impl Into<String>) {
        let before = self.admin_get("/config").await.body;
        self.write_table(table);
        eventually("the new table is in force", async || {
            self.admin_get("/config").await.body != before
        })
        .await;
    }

    /// Writes a new table and waits for nothing.
    pub fn write_table(&self, table: impl Into<String>) {
        let new = self.directory.path().join("new");
        fs::write(&new, filled(&table.into(), self.address, self.admin)).unwrap();
        fs::rename(new, self.table_path()).unwrap();
    }

    /// Replaces the directory behind the `..data` link, as Kubernetes does.
    pub fn swap_config_map(&self, table: impl Into<String>) {
        swap_config_map(
            self.directory.path(),
            &filled(&table.into(), self.address, self.admin),
        );
    }

    /// Where its table lies.
    pub fn table_path(&self) -> PathBuf {
        self.directory.path().join("outrigger.yaml")
    }

    /// Waits until it has written this: a log is written beside everything else.
    pub async fn says(&self, text: &str) {
        eventually(text, async || self.output().contains(text)).await;
    }

    /// What it has written so far, standard output and standard error.
    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in bytes that it allocated: without pages of the binary, which come in as code first runs.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        kib.and_then(|kib| kib.parse::<u64>().ok())
            .expect("RssAnon in KiB")
            * 1024
    }

    /// Asks it to drain.
    pub fn sigterm(&self) {
        self.signal(Signal::TERM);
    }

    /// Asks it to read its table again.
    pub fn sighup(&self) {
        self.signal(Signal::HUP);
    }

    /// Ends it at once.
    pub fn sigkill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        self::signal(self.pid(), signal);
    }

    /// Whether the process has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    pub async fn finished(mut self) -> Finished {
        let mut status: Option<ExitStatus> = None;
        eventually("the process ends", async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        Finished {
            code: status.and_then(|status| status.code()),
            output: self.output(),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the proxy wrote:\n{}---", self.output());
        }
    }
}

/// The binary under test: `OUTRIGGER_BIN`, or the one that cargo built beside this test.
pub fn outrigger() -> Command {
    let mut command = Command::new(binary("outrigger", "OUTRIGGER_BIN"));
    without_settings(&mut command);
    command
}

/// Asks a process to end.
pub fn terminate(id: u32) {
    signal(id, Signal::TERM);
}

/// What the caller's shell has set is not part of a test.
pub(crate) fn without_settings(command: &mut Command) {
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("OUTRIGGER_") {
            command.env_remove(key);
        }
    }
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        let text = [output.stdout, output.stderr].concat();
        Self {
            code: output.status.code(),
            output: String::from_utf8_lossy(&text).into_owned(),
        }
    }
}

/// The one that `variable` names; else `target/debug/deps/e2e-...` -> `target/debug/<package>`.
pub(crate) fn binary(package: &str, variable: &str) -> PathBuf {
    let built = || {
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent);
        profile.expect("a test lies in deps/").join(package)
    };
    let binary = std::env::var_os(variable).map_or_else(built, PathBuf::from);
    assert!(
        binary.exists(),
        "{} does not exist: `cargo build -p {package}` first",
        binary.display()
    );
    binary
}

fn filled(table: &str, address: SocketAddr, admin: SocketAddr) -> String {
    let table = table.replace("$LISTEN", &address.to_string());
    table.replace("$ADMIN", &admin.to_string())
}

fn swap_config_map(directory: &Path, table: &str) {
    use std::os::unix::fs::symlink;
    let version = format!("..{}", fastrand::u64(..));
    fs::create_dir(directory.join(&version)).unwrap();
    fs::write(directory.join(&version).join("outrigger.yaml"), table).unwrap();
    let old = fs::read_link(directory.join("..data"));
    symlink(&version, directory.join("..data_tmp")).unwrap();
    fs::rename(directory.join("..data_tmp"), directory.join("..data")).unwrap();
    match old {
        Ok(old) => fs::remove_dir_all(directory.join(old)).unwrap(),
        Err(_) => symlink("..data/outrigger.yaml", directory.join("outrigger.yaml")).unwrap(),
    }
}

async fn try_get(address: SocketAddr, path: &str) -> Option<Reply> {
    // A refused connection is an answer here, so it is tried before the client insists on one.
    tokio::net::TcpStream::connect(address).await.ok()?;
    Client::http1(address)
        .await
        .try_request(crate::get_with(path, &[("host", &address.to_string())]))
        .await
        .ok()
}

pub(crate) fn signal(id: u32, signal: Signal) {
    let pid = Pid::from_raw(id.cast_signed()).expect("a process id");
    kill_process(pid, signal).expect("the process is there");
}

pub(crate) fn gather(
    mut pipe: impl Read + Send + 'static,
    output: &Arc<Mutex<String>>,
) -> JoinHandle<()> {
    let output = output.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            output
                .lock()
                .unwrap()
                .push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    })
}
