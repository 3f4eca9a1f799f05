//! The servers of the demo, and the files that a pod mounts.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use lab::apiserver::workload;
use lab::{
    Agent, ApiServer, CastAi, Dns, Pki, Proxy, apiserver, castai, proxy, service_account_token,
};
use tokio::task::AbortHandle;

use super::clouds::{Clouds, Provider};

/// Fake servers for the exporter; healthy until a fault is injected.
pub(crate) struct TestBed {
    /// CA of the public servers.
    pub(crate) public_ca: Pki,
    pub(crate) apiserver: ApiServer,
    pub(crate) castai: CastAi,
    pub(crate) dns: Dns,
    pub(crate) clouds: Clouds,
    pub(crate) proxy: Proxy,
    pub(crate) agent: Agent,
    lease_renewal: AbortHandle,
    /// Whether the exporter uses the proxy.
    pub(crate) behind_proxy: bool,
    /// Whether a line was appended to the agent's log, which the exporter remembers.
    pub(crate) agent_logged: bool,
    files: TempDir,
}

/// A temporary directory, removed when dropped.
struct TempDir(PathBuf);

pub(crate) const CASTAI_NAME: &str = "api.cast.lab";
pub(crate) const PROXY_NAME: &str = "proxy.lab";
pub(crate) const SERVICE_NAME: &str = "kubernetes.default.svc";

// === impl TestBed ===

impl TestBed {
    pub(crate) fn start() -> io::Result<Self> {
        Self::with_endpoints(2)
    }

    /// Starts the servers with a cluster at this provider.
    pub(crate) fn with_provider(provider: Provider) -> io::Result<Self> {
        Self::build(2, provider)
    }

    /// Starts the servers with this number of API-server endpoints.
    pub(crate) fn with_endpoints(count: u8) -> io::Result<Self> {
        Self::build(count, Provider::default())
    }

    fn build(count: u8, provider: Provider) -> io::Result<Self> {
        let (cluster_ca, public_ca) = (Pki::new("kubernetes"), Pki::new("Lab Public CA"));
        let token = service_account_token(SystemTime::now() + Duration::from_hours(8));
        let options = apiserver::Options {
            tokens: vec![token.clone()],
            endpoints: (1..=count)
                .map(|last| SocketAddr::from(([127, 0, 10, last], 0)))
                .collect(),
            ..apiserver::Options::default()
        };
        let apiserver = ApiServer::start(&cluster_ca, options)?;
        let castai = CastAi::start(&public_ca, castai::Options::default())?;
        let proxy = Proxy::start(&public_ca, proxy::Options::default())?;
        proxy.add_host(CASTAI_NAME, castai.addr().ip());
        let clouds = Clouds::start(&public_ca, provider)?;
        let zone = [
            (CASTAI_NAME, castai.addr().ip()),
            (PROXY_NAME, proxy.addr().ip()),
            (SERVICE_NAME, apiserver.addr().ip()),
            (
                "kubernetes.default.svc.cluster.local",
                apiserver.addr().ip(),
            ),
        ];
        let dns = Dns::start(
            IpAddr::from([127, 0, 40, 1]),
            zone.into_iter().chain(clouds.dns_records()),
        )?;

        let agent = Agent::start(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let lease_renewal =
            tokio::spawn(workload::renew_leases(apiserver.objects().clone())).abort_handle();

        let files = TempDir::create()?;
        let service_account = files.0.join("serviceaccount");
        std::fs::create_dir(&service_account)?;
        std::fs::write(service_account.join("token"), token)?;
        std::fs::write(service_account.join("ca.crt"), cluster_ca.ca_pem())?;
        std::fs::write(service_account.join("namespace"), "castai-agent")?;
        std::fs::write(files.0.join("public.crt"), public_ca.ca_pem())?;
        std::fs::write(files.0.join("hosts"), "127.0.0.1 localhost\n")?;
        Ok(Self {
            public_ca,
            apiserver,
            castai,
            dns,
            clouds,
            proxy,
            agent,
            lease_renewal,
            behind_proxy: false,
            agent_logged: false,
            files,
        })
    }

    /// Returns the directory of the pod's files.
    pub(crate) fn directory(&self) -> &Path {
        &self.files.0
    }

    /// Describes the addresses of the servers.
    pub(crate) fn description(&self) -> String {
        let mut text = format!(
            "apiserver     https://{}  as {SERVICE_NAME}",
            self.apiserver.addr()
        );
        let lines = self
            .apiserver
            .endpoints()
            .iter()
            .enumerate()
            .map(|(i, endpoint)| format!("  endpoint-{}  https://{}", i + 1, endpoint.addr()));
        let rest = [
            format!(
                "castai        https://{}  as {CASTAI_NAME}",
                self.castai.addr()
            ),
            format!("dns           {}", self.dns.addr()),
            format!(
                "agent         http://127.0.0.1:{}",
                self.agent.health_port()
            ),
            format!(
                "proxy         http://{}  as {PROXY_NAME}  (unused until a proxy command)",
                self.proxy.addr()
            ),
            format!("files         {}", self.directory().display()),
        ];
        for line in lines.chain(self.clouds.description()).chain(rest) {
            write!(text, "\n{line}").expect("writing to a String never fails");
        }
        text
    }

    /// Removes all faults.
    pub(crate) async fn heal(&self) {
        self.apiserver.heal().await;
        self.castai.heal().await;
        self.castai.reset_fields();
        self.agent.heal().await;
        self.apiserver.logs().clear();
        self.apiserver.objects().replace(workload::healthy());
        self.dns.heal();
        self.clouds.heal().await;
        self.proxy.heal().await;
    }
}

impl Drop for TestBed {
    fn drop(&mut self) {
        self.lease_renewal.abort();
    }
}

// === impl TempDir ===

impl TempDir {
    fn create() -> io::Result<Self> {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos());
        let path = std::env::temp_dir().join(format!("castai-lab-{}-{now}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // Best effort: it is a temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
