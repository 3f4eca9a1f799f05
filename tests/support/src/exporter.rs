//! The exporter's binary, running as a daemon.

use std::collections::BTreeMap;
use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Returns the path of the binary, which Cargo builds one folder above the test's own.
pub fn program() -> PathBuf {
    let test = env::current_exe().expect("the path of the test is unknown");
    let folder = test.parent().and_then(Path::parent);
    folder
        .expect("the test is not in target/PROFILE/deps")
        .join("castai-health-exporter")
}

const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Capacity of a pipe on Linux.
const PIPE_BYTES: usize = 64 * 1024;

/// A running daemon. Dropping it kills it.
pub struct Exporter {
    process: Child,
    address: String,
    log: watch::Receiver<String>,
    /// The other end of a log that is not read.
    _unread: Option<std::io::PipeReader>,
}

impl Exporter {
    /// Starts the daemon with exactly this environment and waits until it listens.
    pub async fn start(env: &BTreeMap<String, String>, file: &Path) -> Self {
        Self::run(Command::new(program()), env, file).await
    }

    /// Starts this build of the daemon.
    pub async fn start_build(build: &Path, env: &BTreeMap<String, String>, file: &Path) -> Self {
        Self::run(Command::new(build), env, file).await
    }

    /// Starts this build of the daemon with a log that is not read and is full already.
    pub async fn start_with_unread_log(
        build: &Path,
        env: &BTreeMap<String, String>,
        file: &Path,
    ) -> Self {
        let (unread, mut pipe) = std::io::pipe().unwrap();
        pipe.write_all(&vec![b'x'; PIPE_BYTES]).unwrap();
        // Without its log, the address that the kernel chose would be unknown.
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let process = command(Command::new(build), &address, env, file)
            .stderr(Stdio::from(pipe))
            .spawn()
            .unwrap();
        while TcpStream::connect(&address).await.is_err() {
            sleep(POLL_INTERVAL).await;
        }
        let (_, log) = watch::channel(String::new());
        Self {
            process,
            address,
            log,
            _unread: Some(unread),
        }
    }

    /// Starts the daemon in the network namespace of a process; see [`Exporter::with_address`].
    pub async fn start_in_network_of(
        process: &str,
        env: &BTreeMap<String, String>,
        file: &Path,
    ) -> Self {
        let mut command = Command::new("nsenter");
        command.args(["--target", process, "--net"]).arg(program());
        Self::run(command, env, file).await
    }

    /// Sets the address at which the test reaches the daemon.
    #[must_use]
    pub fn with_address(self, address: String) -> Self {
        Self { address, ..self }
    }

    async fn run(program: Command, env: &BTreeMap<String, String>, file: &Path) -> Self {
        let mut process = command(program, "127.0.0.1:0", env, file)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (writer, mut log) = watch::channel(String::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                writer.send_modify(|log| {
                    log.push_str(&line);
                    log.push('\n');
                });
            }
        });
        let listening_log = log.wait_for(|log| listen_address(log).is_some()).await;
        let address =
            listen_address(&listening_log.expect("the daemon exited before it logged its address"))
                .unwrap();
        Self {
            process,
            address,
            log,
            _unread: None,
        }
    }

    /// Returns the address of the HTTP server.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the process ID.
    pub fn pid(&self) -> u32 {
        self.process.id().expect("the daemon exited")
    }

    /// Returns the log so far.
    pub fn log(&self) -> String {
        self.log.borrow().clone()
    }

    /// Returns the text of `/metrics`.
    pub async fn metrics(&self) -> String {
        fetch(&self.address, "/metrics").await.unwrap()
    }

    /// Waits until `/metrics` has all these lines and returns the time that took.
    pub async fn wait_for_metrics(&self, lines: &[&str], within: Duration) -> Duration {
        let began = Instant::now();
        loop {
            let metrics = self.metrics().await;
            if lines
                .iter()
                .all(|wanted| metrics.lines().any(|line| line == *wanted))
            {
                return began.elapsed();
            }
            assert!(
                began.elapsed() < within,
                "{lines:?} not exposed within {within:?}; {}\n{}",
                metrics
                    .lines()
                    .filter(|line| line.contains("health_failure{"))
                    .collect::<Vec<_>>()
                    .join("\n"),
                self.log()
            );
            sleep(POLL_INTERVAL).await;
        }
    }
}

/// Returns the command that starts the daemon on an address with exactly this environment.
fn command(
    mut program: Command,
    address: &str,
    env: &BTreeMap<String, String>,
    file: &Path,
) -> Command {
    program
        .args(["--web.listen-address", address, "--config.file"])
        .arg(file)
        .env_clear()
        .envs(env)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    program
}

/// Returns the body of an HTTP response.
pub async fn fetch(address: &str, path: &str) -> Result<String, Box<dyn std::error::Error>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = hyper::Request::builder().uri(path).header("host", address);
    let response = sender
        .send_request(request.body(Empty::<bytes::Bytes>::new())?)
        .await?;
    let body = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Runs `check` with exactly this environment and returns the JSON.
pub async fn check(env: &BTreeMap<String, String>, file: &Path) -> serde_json::Value {
    let output = Command::new(program())
        .args(["check", "--output", "json", "--config.file"])
        .arg(file)
        .env_clear()
        .envs(env)
        .kill_on_drop(true)
        .output();
    let output = output.await.unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {complaint}"))
}

/// Returns the listen address once the log has it.
fn listen_address(log: &str) -> Option<String> {
    let line = log
        .lines()
        .find(|line| line.contains("castai-health-exporter starts"))?;
    let start = line.find("127.0.0.1:")?;
    let address: String = line[start..]
        .chars()
        .take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':'))
        .collect();
    Some(address)
}
