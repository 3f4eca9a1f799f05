//! A real Kubernetes control plane: `tests/cluster`, started, broken and mended by a test.

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

/// Names the program that `scripts/build-kube` builds.
const PROGRAM: &str = "KUBE_TEST_BINARY";
/// How long `kube up` takes to end once its input has ended, at most.
const END: Duration = Duration::from_secs(5);
/// Each takes a gigabyte and, while it starts, all cores.
static TWO_AT_A_TIME: Semaphore = Semaphore::const_new(2);

/// A running control plane. Dropping it ends it and removes its files.
pub(crate) struct Cluster {
    program: PathBuf,
    process: Child,
    info: Info,
    directory: TempDir,
    _turn: SemaphorePermit<'static>,
}

/// What `kube up` says when it is ready.
#[derive(Deserialize)]
struct Info {
    servers: Vec<ApiServer>,
    kubeconfig: PathBuf,
    control: PathBuf,
}

/// One of the API servers that share the etcd.
#[derive(Deserialize)]
pub(crate) struct ApiServer {
    /// The component, for [`Cluster::pause`] and its like.
    pub(crate) name: String,
    /// Its address; the port is [`ApiServer::PORT`].
    pub(crate) host: IpAddr,
}

/// What an API server shows at the handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Certificate {
    /// The right one.
    Valid,
    /// Ended an hour ago.
    Expired,
    /// Signed by an authority that no pod knows.
    ForeignCa,
    /// Right but for its one name.
    OtherName(&'static str),
}

/// A service account, and what a pod of it is to be given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) token: Token,
    pub(crate) grants: &'a [Grant],
}

/// The token of a pod.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Token {
    /// For ten minutes, by a `TokenRequest`.
    Valid,
    /// Signed by the right key, ended an hour ago.
    Expired,
}

/// A right that is bound to an account of its own name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Grant {
    /// Get namespaces, by a `ClusterRoleBinding`.
    Namespaces,
    /// List the `EndpointSlices` of `default`, by a `RoleBinding` there.
    EndpointSlices,
}

/// Why a control plane does not do what the test wants.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    /// The program was not built.
    #[error(
        "{PROGRAM} names no program; run `make test`, or: export {PROGRAM}=\"$(scripts/build-kube)\""
    )]
    NotInstalled,
    /// The program said no.
    #[error("kube {request}: {answer}")]
    Refused {
        /// What it was asked.
        request: String,
        /// What it said.
        answer: String,
    },
    /// The program could not be asked.
    #[error("kube: {0}")]
    Io(#[from] io::Error),
}

impl Cluster {
    /// Starts API servers with an etcd, and waits until they are ready: some four seconds.
    pub(crate) async fn start(api_servers: usize) -> Result<Self, ClusterError> {
        Self::up(&["--apiservers", &api_servers.to_string()]).await
    }

    /// The same with one API server, and with these arguments for components, each as `NAME=--flag=value`.
    pub(crate) async fn start_with(arguments: &[&str]) -> Result<Self, ClusterError> {
        let arguments: Vec<&str> = arguments
            .iter()
            .flat_map(|argument| ["--arg", argument])
            .collect();
        Self::up(&arguments).await
    }

    /// Starts an API server and a real node, and waits until pods can run and names resolve: some nine seconds, as root.
    pub(crate) async fn start_with_node() -> Result<Self, ClusterError> {
        Self::up(&["--node"]).await
    }

    async fn up(arguments: &[&str]) -> Result<Self, ClusterError> {
        let program = env::var_os(PROGRAM)
            .map(PathBuf::from)
            .filter(|path| path.is_file());
        let program = program.ok_or(ClusterError::NotInstalled)?;
        let turn = TWO_AT_A_TIME.acquire().await.expect("it is never closed");
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
        BufReader::new(process.stdout.take().expect("it is piped"))
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

    /// All API servers; the first is `kube-apiserver`, the second `kube-apiserver-2`.
    pub(crate) fn api_servers(&self) -> &[ApiServer] {
        &self.info.servers
    }

    /// The folder that holds all of it.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The program that holds all components, `kubectl` among them.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.info.kubeconfig
    }

    /// Stops a component where it stands: its port still accepts, nothing answers.
    pub(crate) async fn pause(&self, component: &str) -> Result<(), ClusterError> {
        self.control(&format!("pause {component}")).await.map(drop)
    }

    /// Lets a paused component go on.
    pub(crate) async fn resume(&self, component: &str) -> Result<(), ClusterError> {
        self.control(&format!("resume {component}")).await.map(drop)
    }

    /// Ends a component at once: its port refuses.
    pub(crate) async fn kill(&self, component: &str) -> Result<(), ClusterError> {
        self.control(&format!("kill {component}")).await.map(drop)
    }

    /// Starts a killed component at its old address; an API server is ready then.
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

    /// Sends one request as `kube ctl` does, and returns what was said beside `ok`.
    pub(crate) async fn control(&self, request: &str) -> Result<String, ClusterError> {
        let mut socket = UnixStream::connect(&self.info.control).await?;
        socket.write_all(format!("{request}\n").as_bytes()).await?;
        let mut answer = String::new();
        BufReader::new(socket).read_line(&mut answer).await?;
        match answer.trim().strip_prefix("ok") {
            Some(said) => Ok(said.trim().to_owned()),
            None => Err(ClusterError::Refused {
                request: request.to_owned(),
                answer,
            }),
        }
    }

    /// Gives an API server another certificate; it is shown within a quarter of a second.
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

    /// Makes what is missing of an account, and the directory with `token`, `ca.crt` and `namespace` that a pod of it
    /// is given. The next call for the account replaces them there in one step.
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

    /// Takes a right away from an account.
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

    /// Puts what stands in for CAST AI's programs into the node as an image.
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

    /// Runs kubectl as the administrator, and returns what it prints.
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
            .expect("temporary directories have plain names")
    }
}

impl ApiServer {
    /// The port of every API server.
    pub(crate) const PORT: u16 = 6443;
    /// The port by which the first one is reached through a link that has faults.
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
        while matches!(self.process.try_wait(), Ok(None)) && begin.elapsed() < END {
            thread::sleep(Duration::from_millis(10));
        }
    }
}
