//! The real control plane as a process, over a directory of tables of its own.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use tempfile::TempDir;

use crate::{
    Client, Finished, Reply, body, eventually, free_address,
    proxy::{binary, gather, without_settings},
};

/// A running control plane; killed when dropped, and its output is shown if the test fails.
#[derive(Debug)]
pub struct Control {
    /// Where proxies connect to.
    pub xds: SocketAddr,
    /// Where its HTTP API is.
    pub http: SocketAddr,
    directory: TempDir,
    arguments: Vec<String>,
    child: Child,
    output: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Control {
    /// Starts over these tables, each a name and a text, and waits until it serves.
    pub async fn start(tables: &[(&str, &str)]) -> Self {
        Self::start_with(tables, &[]).await
    }

    /// As [`Control::start`], with more arguments.
    pub async fn start_with(tables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut control = Self::spawn(tables, arguments);
        control.serves().await;
        control
    }

    /// Starts the process and waits for nothing.
    pub fn spawn(tables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join("tables")).unwrap();
        for (name, text) in tables {
            let file = format!("tables/{name}.yaml");
            fs::write(directory.path().join(file), text).unwrap();
        }
        let (xds, http) = (free_address(), free_address());
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let output = Arc::default();
        let (child, readers) = launch(&directory, xds, http, &arguments, &output);
        Self {
            xds,
            http,
            directory,
            arguments,
            child,
            output,
            readers,
        }
    }

    /// Kills it, with no time for a word.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it, so that it neither answers nor ends; or lets it go on.
    pub fn stop(&self, stop: bool) {
        let signal = match stop {
            true => rustix::process::Signal::STOP,
            false => rustix::process::Signal::CONT,
        };
        crate::proxy::signal(self.child.id(), signal);
    }

    /// Starts it again after it was killed, over the same tables at the same addresses, and waits for nothing.
    pub fn start_again(&mut self) {
        let (child, readers) = launch(
            &self.directory,
            self.xds,
            self.http,
            &self.arguments,
            &self.output,
        );
        self.child = child;
        self.readers.extend(readers);
    }

    /// Waits until its API says that it is ready; fails at once if the process ends.
    pub async fn serves(&mut self) {
        let http = self.http;
        eventually("the control plane is ready", async || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the control plane ended: {status}\n{}", self.output());
            }
            if tokio::net::TcpStream::connect(http).await.is_err() {
                return false;
            }
            self.get("/ready").await.status == StatusCode::OK
        })
        .await;
    }

    /// GETs a path of its API.
    pub async fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, path, &[], "").await
    }

    /// Asks its API, with these headers.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        text: impl Into<Bytes>,
    ) -> Reply {
        let request = Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let request = match headers.iter().any(|(name, _)| *name == "host") {
            true => request,
            false => request.header("host", self.http.to_string()),
        };
        let mut client = Client::http1(self.http).await;
        client
            .request(request.body(body::full(text)).unwrap())
            .await
    }

    /// Runs a command of `outrigger-control` against it, in its directory.
    pub async fn command(&self, arguments: &[&str]) -> Finished {
        let mut command = outrigger_control();
        command
            .current_dir(&self.directory)
            .env("OUTRIGGER_SERVER", format!("http://{}", self.http))
            .args(arguments);
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        run.await.unwrap().into()
    }

    /// Writes a file beside its tables, `next/shop.yaml` say, and gives its path.
    pub fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let new = path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, &path).unwrap();
        path
    }

    /// What a file of its directory says.
    pub fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.directory.path().join(file)).ok()
    }

    /// The files of its tables, in order.
    pub fn tables(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path().join("tables")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// Waits until it has written this: a log is written beside everything else.
    pub async fn says(&self, text: &str) {
        eventually(text, async || self.output().contains(text)).await;
    }

    /// What it has written so far, standard output and standard error.
    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end.
    pub fn sigterm(&self) {
        crate::proxy::signal(self.child.id(), rustix::process::Signal::TERM);
    }

    /// Waits for its end.
    pub async fn finished(mut self) -> Finished {
        let mut status = None;
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

impl Drop for Control {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the control plane wrote:\n{}---", self.output());
        }
    }
}

fn launch(
    directory: &TempDir,
    xds: SocketAddr,
    http: SocketAddr,
    arguments: &[String],
    output: &Arc<Mutex<String>>,
) -> (Child, Vec<JoinHandle<()>>) {
    let mut command = outrigger_control();
    command
        .current_dir(directory)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let (xds, http) = (xds.to_string(), http.to_string());
    for (flag, value) in [
        ("--xds", xds.as_str()),
        ("--http", http.as_str()),
        ("--config", "tables"),
    ] {
        if !arguments.iter().any(|it| it == flag) {
            command.args([flag, value]);
        }
    }
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let readers = vec![
        gather(child.stdout.take().expect("piped"), output),
        gather(child.stderr.take().expect("piped"), output),
    ];
    (child, readers)
}

/// The binary under test: `OUTRIGGER_CONTROL_BIN`, or the one that cargo built beside this test.
pub fn outrigger_control() -> Command {
    let mut command = Command::new(binary("outrigger-control", "OUTRIGGER_CONTROL_BIN"));
    without_settings(&mut command);
    command
}
