//! A simulated cluster with the exporter's checks in it, healthy until a test breaks it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use castai_health_exporter::catalogue::{CheckId, Remedy, RemedyValues};
use castai_health_exporter::checks::CheckSet;
use castai_health_exporter::config::{AgentDiscovery, Config, Flags};
use castai_health_exporter::scheduler;
use castai_health_exporter::scheduler::OnChange;
use castai_health_exporter::state::{CheckState, HealthState};
use lab::apiserver::workload;
use lab::aws::{Account, Endpoint};
use lab::cloud_api::Kind;
use lab::{
    Agent, ApiServer, AzureImds, CastAi, CloudApi, Dns, Ec2, Eks, Gce, Imds, Pki, PodIdentity,
    Proxy, Sts,
};
use tempfile::TempDir;

/// Host name of CAST AI in the lab.
pub const CASTAI: &str = "api.cast.lab";
/// Host name of STS in the lab.
pub const STS: &str = "sts.lab";
/// Host name of EC2 in the lab.
pub const EC2: &str = "ec2.lab";
/// Host name of EKS in the lab.
pub const EKS: &str = "eks.lab";
/// Host names of the GKE API, Azure Resource Manager and Azure login in the lab.
const GOOGLE_API: &str = "container.lab";
const AZURE_API: &str = "management.lab";
const AZURE_LOGIN: &str = "login.lab";
/// Host name of the proxy in the lab.
pub const PROXY: &str = "proxy.lab";
/// Host name of the API server.
pub const KUBERNETES: &str = "kubernetes.default.svc";

/// Timeouts that end a hang after a second, for all targets.
const LIMITS: &str = "timeouts: { resolve: 1s, connect: 1s, tls: 1s, response: 1s }";

/// Everything the agent depends on, and the environment and files of its pod.
pub struct LabCluster {
    pub dns: Dns,
    pub api: ApiServer,
    pub castai: CastAi,
    pub proxy: Proxy,
    pub imds: Imds,
    pub gce: Gce,
    pub azure: AzureImds,
    pub account: Account,
    pub sts: Sts,
    pub ec2: Ec2,
    pub eks: Eks,
    pub pod_identity: PodIdentity,
    /// GKE API, Azure Resource Manager and Azure login.
    pub apis: [CloudApi; 3],
    pub agent: Agent,
    /// Checks to run, together with those that may block them; `None` runs all.
    pub only: Option<&'static [CheckId]>,
    /// Agent as a companion discovers it; `None` runs in the agent's pod.
    pub seen: Option<AgentDiscovery>,
    /// Lease that is not renewed.
    pub no_leader: Option<&'static str>,
    /// The agent's environment.
    pub env: BTreeMap<String, String>,
    /// The exporter's configuration file.
    pub file: String,
    pub dir: TempDir,
    check_set: CheckSet,
    health: Arc<HealthState>,
}

impl LabCluster {
    /// Starts a healthy lab cluster; must be called inside a runtime.
    #[expect(clippy::too_many_lines, reason = "all servers start here")]
    pub fn start() -> Self {
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let (cluster, public) = (Pki::new("kubernetes"), Pki::new("Lab Public Root"));
        let api = ApiServer::start(&cluster, lab::apiserver::Options::default()).unwrap();
        let castai = CastAi::start(&public, lab::castai::Options::default()).unwrap();
        let proxy = Proxy::start(&public, lab::proxy::Options::default()).unwrap();
        let imds = Imds::start(lab::imds::Options::default()).unwrap();
        let gce = Gce::start(lab::gce::Options::default()).unwrap();
        let azure = AzureImds::start(lab::azure_imds::Options::default()).unwrap();
        let account = Account::default();
        let sts = Sts::start(&account, Some(&public), Endpoint::sts()).unwrap();
        let ec2 = Ec2::start(&account, Some(&public), Endpoint::ec2()).unwrap();
        let eks = Eks::start(&account, Some(&public), Endpoint::eks()).unwrap();
        let pod_identity =
            PodIdentity::start(&account, lab::aws::pod_identity::Options::default()).unwrap();
        let names = [
            (CASTAI, castai.addr().ip()),
            (STS, sts.addr().ip()),
            (EC2, ec2.addr().ip()),
            (EKS, eks.addr().ip()),
            (KUBERNETES, api.addr().ip()),
            (PROXY, proxy.addr().ip()),
        ];
        for (name, address) in &names[..4] {
            proxy.add_host(name, *address);
        }
        let apis = [
            (Kind::Google, GOOGLE_API),
            (Kind::Azure, AZURE_API),
            (Kind::Login, AZURE_LOGIN),
        ]
        .map(|(kind, name)| {
            CloudApi::start(&public, lab::cloud_api::Options::new(kind, name)).unwrap()
        });
        let clouds = [GOOGLE_API, AZURE_API, AZURE_LOGIN]
            .into_iter()
            .zip(apis.iter().map(|api| api.addr().ip()));
        let names = names.into_iter().chain(clouds);
        let agent = Agent::start(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let dns = Dns::start(IpAddr::from([127, 0, 0, 53]), names).unwrap();
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("token"), lab::TOKEN).unwrap();
        fs::write(dir.path().join("public.pem"), public.ca_pem()).unwrap();
        fs::write(dir.path().join("ca.crt"), cluster.ca_pem()).unwrap();
        fs::write(dir.path().join("aws.crt"), public.ca_pem()).unwrap();
        fs::write(
            dir.path().join("resolv.conf"),
            "options ndots:1 timeout:1 attempts:1\n",
        )
        .unwrap();
        let env = [
            ("KUBERNETES_SERVICE_HOST", api.addr().ip().to_string()),
            ("KUBERNETES_SERVICE_PORT", api.addr().port().to_string()),
            (
                "API_URL",
                format!("https://{CASTAI}:{}", castai.addr().port()),
            ),
            ("API_KEY", lab::API_KEY.to_owned()),
            ("STATIC_CLUSTER_ID", lab::CLUSTER_ID.to_owned()),
            ("PROVIDER", "eks".to_owned()),
            ("EKS_ACCOUNT_ID", "123456789012".to_owned()),
            ("EKS_REGION", "eu-central-1".to_owned()),
            ("EKS_CLUSTER_NAME", "lab".to_owned()),
            (
                "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                format!("http://{}", imds.addr()),
            ),
            ("GCE_METADATA_HOST", gce.addr().to_string()),
            (
                "AWS_ENDPOINT_URL_STS",
                format!("https://{STS}:{}", sts.addr().port()),
            ),
            (
                "AWS_ENDPOINT_URL_EC2",
                format!("https://{EC2}:{}", ec2.addr().port()),
            ),
            (
                "AWS_ENDPOINT_URL_EKS",
                format!("https://{EKS}:{}", eks.addr().port()),
            ),
            (
                "AWS_CA_BUNDLE",
                dir.path().join("aws.crt").display().to_string(),
            ),
            ("HEALTHZ_PORT", agent.health_port().to_string()),
            ("METRICS_PORT", agent.metrics_port().to_string()),
            ("TLS_CA_CERT_FILE", public.ca_pem()),
        ];
        let file = format!(
            "apiserver:\n  service_account_dir: {dir}\n  dns_name: {KUBERNETES}:{port}\n\
             dns:\n  nameservers: ['{dns}']\n  resolv_conf: {dir}/resolv.conf\n  hosts_file: /dev/null\n\
             checks:\n  dns: {{ timeouts: {{ resolve: 1s }} }}\n  apiserver: {{ {LIMITS} }}\n  castai_api: {{ {LIMITS} }}\n  \
             sts_identity: {{ {LIMITS} }}\n  ec2_api: {{ {LIMITS} }}\n  \
             imds: {{ timeouts: {{ connect: 500ms, response: 500ms }} }}\n  \
             aws_credentials: {{ timeouts: {{ connect: 500ms, response: 500ms }} }}\n  \
             gce_metadata: {{ timeouts: {{ connect: 500ms, response: 500ms }} }}\n  \
             azure_imds: {{ timeouts: {{ connect: 500ms, response: 500ms }} }}\n\
             azure:\n  metadata_address: '{azure}'\n\
             control_plane:\n  ca_file: {dir}/public.pem\n  google_api: https://{GOOGLE_API}:{google}\n  \
             azure_api: https://{AZURE_API}:{manager}\n  azure_login: https://{AZURE_LOGIN}:{login}\n\
             agent:\n  latest_version: v0.123.0\n",
            dir = dir.path().display(),
            port = api.addr().port(),
            dns = dns.addr(),
            azure = azure.addr(),
            google = apis[0].addr().port(),
            manager = apis[1].addr().port(),
            login = apis[2].addr().port(),
        );
        let env = env
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let (check_set, health) = (
            CheckSet {
                checks: Vec::new(),
                relations: &[],
                watch_tasks: Vec::new(),
                remedy_values: RemedyValues::default(),
            },
            Arc::new(HealthState::new(&[])),
        );
        let (only, seen, no_leader) = (None, None, None);
        let mut world = Self {
            dns,
            api,
            castai,
            proxy,
            imds,
            gce,
            azure,
            account,
            sts,
            ec2,
            eks,
            pod_identity,
            apis,
            agent,
            only,
            seen,
            no_leader,
            env,
            file,
            dir,
            check_set,
            health,
        };
        world.configure();
        world
    }

    /// Starts a lab cluster with CAST AI behind the proxy.
    pub fn behind_a_proxy() -> Self {
        let mut world = Self::start();
        world.use_proxy();
        world
    }

    /// Puts CAST AI behind the proxy.
    pub fn use_proxy(&mut self) {
        self.set_env(
            "HTTPS_PROXY",
            &format!("http://{PROXY}:{}", self.proxy.addr().port()),
        );
        self.set_env(
            "NO_PROXY",
            &format!("127.0.0.0/8,kubernetes.default,{KUBERNETES},{STS},{EC2},{EKS}"),
        );
    }

    /// Starts a lab cluster whose agent has to discover its cluster.
    pub fn in_discovery() -> Self {
        Self::of("eks")
    }

    /// Starts a lab cluster of this provider whose agent has to discover it.
    pub fn of(provider: &str) -> Self {
        let mut world = Self::start();
        world.set_provider(provider);
        world
    }

    /// Changes the provider of the cluster; the agent has to discover it.
    pub fn set_provider(&mut self, provider: &str) {
        self.env.retain(|name, _| !name.starts_with("EKS_"));
        self.set_env("PROVIDER", provider);
    }

    /// Sets a variable of the agent's environment and restarts the exporter.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
        self.configure();
    }

    /// Unsets a variable of the agent's environment and restarts the exporter.
    pub fn unset_env(&mut self, name: &str) {
        self.env.remove(name);
        self.configure();
    }

    /// Restores the agent's environment and restarts the exporter.
    pub fn restore_env(&mut self, env: BTreeMap<String, String>) {
        self.env = env;
        self.configure();
    }

    /// Returns the path of a file of the mounted service account.
    pub fn mounted(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Loads the configuration as the exporter does at its start.
    pub fn config(&self) -> Config {
        let path = self.mounted("exporter.yaml");
        fs::write(&path, &self.file).unwrap();
        let flags = Flags {
            config_file: Some(path),
            ..Flags::default()
        };
        let variable = |name: &str| self.env.get(name).map(OsString::from);
        match &self.seen {
            None => Config::load(&flags, &variable).unwrap(),
            Some(seen) => Config::load_beside(&flags, &variable, seen).unwrap(),
        }
    }

    /// Restarts the exporter without any cached state.
    pub fn restart_exporter(&mut self) {
        self.configure();
        self.health = Arc::new(HealthState::new(&scheduler::check_specs(&self.check_set)));
    }

    pub fn configure(&mut self) {
        let check_set = CheckSet::new(&self.config());
        self.check_set = match self.only {
            Some(checks) => check_set.only(checks),
            None => check_set,
        };
        self.health
            .replace_checks(&scheduler::check_specs(&self.check_set));
    }

    /// Runs every check once.
    pub async fn run_checks(&self) -> Vec<CheckState> {
        let quiet: OnChange = Arc::new(|_| {});
        for (name, holder) in workload::LEASES {
            if self.no_leader != Some(name) {
                self.api.objects().put(workload::lease(name, holder));
            }
        }
        scheduler::run_once(&self.check_set, &self.health, &quiet).await;
        self.health.check_states()
    }
}

/// Returns the latest evidence of a check.
pub fn evidence(check_state: &CheckState) -> String {
    check_state
        .latest
        .as_ref()
        .map(|report| report.verdict.evidence().to_string())
        .unwrap_or_default()
}

/// Returns the remedy of a check's first finding.
pub fn remedy(check_state: &CheckState) -> Remedy {
    let report = check_state.latest.as_ref().unwrap();
    report.verdict.findings()[0].remedy(check_state.check)
}

/// Returns the commands of a check's first finding.
pub fn commands(check_state: &CheckState) -> Vec<String> {
    remedy(check_state).commands().map(str::to_owned).collect()
}

/// Returns the state of a check.
pub fn state_of(check_states: &[CheckState], check: CheckId) -> &CheckState {
    check_states
        .iter()
        .find(|check_state| check_state.check == check)
        .unwrap()
}
