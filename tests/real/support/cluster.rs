//! A real Kubernetes control plane: runs `tests/cluster` and breaks and repairs its components.

use std::fs::File;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use serde::Deserialize;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Variable with the program that `scripts/build-kube` builds.
const KUBE_VARIABLE: &str = "KUBE_TEST_BINARY";
/// Time that `kube up` takes at most to exit after its input is closed.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// A cluster uses a gigabyte and, while it starts, all cores.
static MAX_PARALLEL_CLUSTERS: Semaphore = Semaphore::const_new(2);

/// A running control plane. Dropping it kills it and removes its files.
pub(crate) struct Cluster {
    program: PathBuf,
    process: Child,
    info: Info,
    directory: TempDir,
    _turn: SemaphorePermit<'static>,
}

/// Output of `kube up` when it is ready.
#[derive(Deserialize)]
struct Info {
    servers: Vec<ApiServer>,
    kubeconfig: PathBuf,
    control: PathBuf,
}

/// One of the API servers that share the etcd.
#[derive(Deserialize)]
pub(crate) struct ApiServer {
    /// Component name, for [`Cluster::pause`] and similar.
    pub(crate) name: String,
    /// Address; the port is [`ApiServer::PORT`].
    pub(crate) host: IpAddr,
}

/// Certificate of an API server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Certificate {
    Valid,
    /// Expired an hour ago.
    Expired,
    /// Signed by a CA that pods do not trust.
    ForeignCa,
    /// Valid, but issued for another name.
    OtherName(&'static str),
}

/// A service account and the credentials of its pods.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) token: Token,
    pub(crate) grants: &'a [Grant],
}

/// Token of a pod.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Token {
    /// Valid for ten minutes, issued by a `TokenRequest`.
    Valid,
    /// Signed by the right key, expired an hour ago.
    Expired,
}

/// A permission bound to an account of the same name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Grant {
    /// Get namespaces, by a `ClusterRoleBinding`.
    Namespaces,
    /// List the `EndpointSlices` of `default`, by a `RoleBinding` there.
    EndpointSlices,
}

/// An error of the control plane under test.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    /// The program was not built.
    #[error(
        "{KUBE_VARIABLE} is not a program; run `make test`, or: export {KUBE_VARIABLE}=\"$(scripts/build-kube)\""
    )]
    NotInstalled,
    /// The program rejected a request.
    #[error("kube {request}: {answer}")]
    Refused { request: String, answer: String },
    /// The program could not be reached.
    #[error("kube: {0}")]
    Io(#[from] io::Error),
}

impl Cluster {
    /// Starts API servers with an etcd and waits until they are ready, about four seconds.
    pub(crate) async fn start(api_servers: usize) -> Result<Self, ClusterError> {
        Self::up(&["--apiservers", &api_servers.to_string()]).await
    }

    /// Starts one API server with these arguments for components, each as `NAME=--flag=value`.
    pub(crate) async fn start_with(arguments: &[&str]) -> Result<Self, ClusterError> {
        Self::start_servers_with(1, arguments).await
    }

    /// Starts API servers with these arguments for components.
    pub(crate) async fn start_servers_with(
        api_servers: usize,
        arguments: &[&str],
    ) -> Result<Self, ClusterError> {
        let count = api_servers.to_string();
        let mut all = vec!["--apiservers", &count];
        for argument in arguments {
            all.extend(["--arg", argument]);
        }
        Self::up(&all).await
    }

    /// Starts an API server and a real node and waits until pods run and names resolve, about nine
    /// seconds. Needs root.
    pub(crate) async fn start_with_node() -> Result<Self, ClusterError> {
        Self::up(&["--node"]).await
    }

    async fn up(arguments: &[&str]) -> Result<Self, ClusterError> {
        let program = env::var_os(KUBE_VARIABLE)
            .map(PathBuf::from)
            .filter(|path| path.is_file());
        let program = program.ok_or(ClusterError::NotInstalled)?;
        let turn = MAX_PARALLEL_CLUSTERS
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let directory = tempfile::Builder::new().prefix("kube-").tempdir()?;
        let log = directory.path().join("up.log");
        let mut process = Command::new(&program)
            .args(["up", "--until-eof"])
            .args(arguments)
            .arg("--dir")
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("stderr is piped"))
            .read_line(&mut line)
            .await?;
        let info = serde_json::from_str(&line).map_err(|_| ClusterError::Refused {
            request: "up".into(),
            answer: fs::read_to_string(&log).unwrap_or(line),
        })?;
        Ok(Self {
            program,
            process,
            info,
            directory,
            _turn: turn,
        })
    }

    /// Returns all API servers; the first is `kube-apiserver`, the second `kube-apiserver-2`.
    pub(crate) fn api_servers(&self) -> &[ApiServer] {
        &self.info.servers
    }

    /// Returns the folder with all files of the cluster.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the program that contains all components and `kubectl`.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Returns the administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.info.kubeconfig
    }

    /// Pauses a component: its port accepts connections, but nothing responds.
    pub(crate) async fn pause(&self, component: &str) -> Result<(), ClusterError> {
        self.control(&format!("pause {component}")).await.map(drop)
    }

    /// Resumes a paused component.
    pub(crate) async fn resume(&self, component: &str) -> Result<(), ClusterError> {
        self.control(&format!("resume {component}")).await.map(drop)
    }

    /// Kills a component: its port refuses connections.
    pub(crate) async fn kill(&self, component: &str) -> Result<(), ClusterError> {
        self.control(&format!("kill {component}")).await.map(drop)
    }

    /// Restarts a killed component at its old address; an API server is ready on return.
    pub(crate) async fn revive(&self, component: &str) -> Result<(), ClusterError> {
        self.control(&format!("start {component}")).await?;
        if self
            .info
            .servers
            .iter()
            .any(|server| server.name == component)
        {
            self.control(&format!("ready {component}")).await?;
        }
        Ok(())
    }

    /// Sends one request as `kube ctl` does and returns the response without `ok`.
    pub(crate) async fn control(&self, request: &str) -> Result<String, ClusterError> {
        let mut socket = UnixStream::connect(&self.info.control).await?;
        socket.write_all(format!("{request}\n").as_bytes()).await?;
        let mut answer = String::new();
        BufReader::new(socket).read_line(&mut answer).await?;
        match answer.trim().strip_prefix("ok") {
            Some(evidence) => Ok(evidence.trim().to_owned()),
            None => Err(ClusterError::Refused {
                request: request.to_owned(),
                answer,
            }),
        }
    }

    /// Replaces the certificate of an API server; it takes effect within a quarter of a second.
    pub(crate) async fn certify(
        &self,
        server: &ApiServer,
        certificate: Certificate,
    ) -> Result<(), ClusterError> {
        let mut arguments = vec!["cert", "--dir", self.directory(), "--server", &server.name];
        match certificate {
            Certificate::Valid => {}
            Certificate::Expired => arguments.push("--ttl=-1h"),
            Certificate::ForeignCa => arguments.push("--foreign-ca"),
            Certificate::OtherName(name) => arguments.extend(["--names", name]),
        }
        self.kube(&arguments).await.map(drop)
    }

    /// Creates what the account lacks, and the directory with `token`, `ca.crt` and `namespace`
    /// that its pods mount. Another call for the same account replaces the files atomically.
    pub(crate) async fn mount(&self, account: &Account<'_>) -> Result<PathBuf, ClusterError> {
        let Account {
            namespace,
            name,
            token,
            grants,
        } = account;
        let directory = self
            .directory
            .path()
            .join("mounts")
            .join(namespace)
            .join(name);
        let out = directory.to_string_lossy();
        let grants: Vec<_> = grants.iter().map(|grant| grant.name()).collect();
        let grants = format!("--grant={}", grants.join(","));
        let mut arguments = vec![
            "sa",
            "--dir",
            self.directory(),
            "--namespace",
            namespace,
            "--name",
            name,
            "--out",
            &out,
        ];
        if grants != "--grant=" {
            arguments.push(&grants);
        }
        if matches!(token, Token::Expired) {
            arguments.push("--ttl=-1h");
        }
        self.kube(&arguments).await?;
        Ok(directory)
    }

    /// Removes a permission from an account.
    pub(crate) async fn revoke(
        &self,
        account: &Account<'_>,
        grant: Grant,
    ) -> Result<(), ClusterError> {
        let binding: &[&str] = match grant {
            Grant::Namespaces => &["clusterrolebinding"],
            Grant::EndpointSlices => &["rolebinding", "--namespace=default"],
        };
        self.kubectl(&[&["delete"], binding, &[account.name]].concat())
            .await
            .map(drop)
    }

    /// Imports the stand-in for CAST AI's programs into the node as an image.
    pub(crate) async fn load_stand_in(&self, image: &str) -> Result<(), ClusterError> {
        let program = self.program.with_file_name("stand-in");
        self.kube(&[
            "image",
            "--dir",
            self.directory(),
            image,
            &program.to_string_lossy(),
        ])
        .await
        .map(drop)
    }

    /// Runs kubectl as the administrator and returns its output.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> Result<String, ClusterError> {
        let kubeconfig = format!("--kubeconfig={}", self.info.kubeconfig.display());
        self.kube(&[["kubectl", &kubeconfig].as_slice(), arguments].concat())
            .await
    }

    async fn kube(&self, arguments: &[&str]) -> Result<String, ClusterError> {
        let output = Command::new(&self.program)
            .args(arguments)
            .kill_on_drop(true)
            .output()
            .await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let answer = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(ClusterError::Refused {
            request: arguments.join(" "),
            answer,
        })
    }

    fn directory(&self) -> &str {
        self.directory
            .path()
            .to_str()
            .expect("the path is not UTF-8")
    }
}

impl ApiServer {
    /// Port of every API server.
    pub(crate) const PORT: u16 = 6443;
    /// Port of the first API server through a link with injected faults.
    pub(crate) const LINK: u16 = 7443;
}

impl Grant {
    fn name(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::EndpointSlices => "endpointslices",
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.process.stdin.take()); // its end is the cluster's
        let begin = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) && begin.elapsed() < SHUTDOWN_TIMEOUT {
            thread::sleep(Duration::from_millis(10));
        }
    }
}
